"""Command line: ``python -m simulator.house demo`` and ``soak``."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from simulator.house import demo
from simulator.house.displays.command import displays
from simulator.house.errors import HouseError
from simulator.house.matrix.command import matrix
from simulator.house.soak import soak

if TYPE_CHECKING:
    from collections.abc import Sequence

CAMERAS = 3
"""Of a soak that is not told how many."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator.house",
        description="A real Home Assistant around a simulated home.",
    )
    commands = parser.add_subparsers(dest="command", required=True)

    show = commands.add_parser(
        "demo", help="cameras, a display and a dashboard to play with, until Ctrl-C"
    )
    show.add_argument(
        "--check",
        action="store_true",
        help="verify everything end to end in a new Home Assistant; JSON on the last line",
    )
    show.add_argument(
        "--port",
        type=_port,
        help=f"of Home Assistant (default: {demo.PORT}, with --check a free one)",
    )
    show.add_argument(
        "--home",
        type=Path,
        default=demo.DESCRIPTION,
        metavar="FILE",
        help="description of the simulated home",
    )

    long = commands.add_parser(
        "soak", help="viewers of every kind, faults and kills for a while, all judged"
    )
    long.add_argument("--minutes", type=_minutes, default=1.0, help="of measurement (default: 1)")
    long.add_argument(
        "--cameras",
        type=_cameras,
        help=f"1 to 8 (default: {CAMERAS}; with --displays the first so many, default: all)",
    )
    long.add_argument(
        "--kills", type=_kills, metavar="N", help="only measure so many kills, nothing else"
    )
    long.add_argument(
        "--sessions",
        type=_sessions,
        metavar="N",
        help="only begin and end so many casts, and look what is left of them",
    )
    long.add_argument("--json", action="store_true", help="JSON on the last line of stdout")
    long.add_argument("--seed", type=int, help="of what happens when (default: by chance)")
    long.add_argument("--port", type=_port, help="of Home Assistant (default: a free one)")
    long.add_argument(
        "--matrix", action="store_true", help="instead: every way out, tried once, as a table"
    )
    long.add_argument(
        "--displays",
        action="store_true",
        help="instead: cameras of both codecs on displays of several kinds, as a table",
    )
    long.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="with --matrix or --displays: write the document there",
    )
    return parser


def _port(text: str) -> int:
    return _within(text, 1, 65535)


def _cameras(text: str) -> int:
    return _within(text, 1, 8)


def _kills(text: str) -> int:
    return _within(text, 1, 100_000)


def _sessions(text: str) -> int:
    return _within(text, 10, 1_000_000)


def _within(text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"a number from {low} to {high}")
    return int(text)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0.1 <= minutes <= 100_000:
        raise argparse.ArgumentTypeError("minutes, at least 0.1")
    return minutes


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "soak" and arguments.matrix:
            return asyncio.run(
                matrix(port=arguments.port, as_json=arguments.json, write=arguments.write)
            )
        if arguments.command == "soak" and arguments.displays:
            return asyncio.run(
                displays(
                    port=arguments.port,
                    as_json=arguments.json,
                    write=arguments.write,
                    cameras=arguments.cameras,
                )
            )
        if arguments.command == "soak":
            return asyncio.run(
                soak(
                    minutes=arguments.minutes,
                    cameras=arguments.cameras or CAMERAS,
                    seed=arguments.seed,
                    port=arguments.port,
                    as_json=arguments.json,
                    kills=arguments.kills,
                    sessions=arguments.sessions,
                )
            )
        if arguments.check:
            return asyncio.run(demo.check(arguments.home, arguments.port))
        return asyncio.run(demo.demo(arguments.home, arguments.port or demo.PORT))
    except HouseError as error:
        print(f"{arguments.command}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
