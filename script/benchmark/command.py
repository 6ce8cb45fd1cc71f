"""Command line: everything once, each side in turn or both at the same time."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
import signal
import statistics
import sys
import tempfile
from typing import TYPE_CHECKING

from simulator.house.errors import HouseError
from simulator.house.progress import Progress

from .first_frame import first_frame
from .home import DEVICES, STREAMS, Home
from .processes import find_go2rtc
from .quantile import quantile
from .report import Figures, rounded, table
from .rpc import rpc
from .sides import OURS, PEER, Peer, both
from .streams import Cost, streams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .sides import Sides

_CALLS_PER_SECOND = 150


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/bench",
        description="Measures this integration and its peers side by side against simulated "
        "cameras: time to the first picture, CPU, memory and delay of streams, control calls. "
        "How, and what it means, is in docs/benchmarks.md.",
    )
    parser.add_argument("--json", action="store_true", help="JSON on the last line of stdout")
    parser.add_argument(
        "--seconds",
        type=_within(1, 600),
        default=8,
        help="each kind of stream is measured (default: 8)",
    )
    parser.add_argument(
        "--rounds",
        type=_within(1, 100),
        default=5,
        help="first pictures of each kind, for each side (default: 5)",
    )
    return parser


def _within(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"a number from {low} to {high}")
        return int(text)

    return number


async def bench(seconds: int, rounds: int) -> Figures:
    """Measure everything; raises `HouseError`."""
    progress = Progress("bench")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-mi-camera-") as name:
        folder = Path(name)
        progress.say("starting the simulated home")
        async with Home(folder) as home:
            peer = Peer(find_go2rtc(), progress.say)
            progress.say(f"first pictures, {rounds} of each kind for each side")
            first = await first_frame(home, peer, folder, rounds)
            costs: dict[tuple[str, int], dict[str, Cost]] = {}
            for transport, count in home.streaming:
                progress.say(f"{count} × {transport}, {seconds} s")
                costs[transport, count] = await streams(
                    home,
                    peer,
                    folder,
                    transport=transport,
                    count=count,
                    seconds=seconds,
                    say=progress.say,
                )
            calls: dict[str, dict[str, dict[str, float]]] = {}
            for count in (1, DEVICES):
                progress.say(f"control calls, {count} at once")
                devices = home.cameras[:count]
                calls[str(count)] = await rpc(devices, folder, seconds * _CALLS_PER_SECOND)
    progress.say("done")
    cpu: dict[str, dict[str, Sides]] = {}
    for (transport, count), run in costs.items():
        cpu.setdefault(transport, {})[str(count)] = _sides([run], lambda of: of[0].cpu_percent)
    single = [run for (_, count), run in costs.items() if count == 1]
    many = [run for (_, count), run in costs.items() if count == STREAMS]
    return {
        "first_frame_ms": {"cold": first.cold, "warm": first.warm},
        "cpu_percent_per_stream": cpu,
        "latency_ms": {
            "p50": _sides(single, lambda of: _delay(of, 0.5)),
            "p99": _sides(single, lambda of: _delay(of, 0.99)),
        },
        "rss_mb_per_stream": _sides(
            many, lambda of: statistics.fmean(c.rss_mb - c.idle_mb for c in of) / STREAMS
        ),
        "rpc_ms": calls,
        "run": {
            "seconds": seconds,
            "rounds": rounds,
            "key_frame_due_ms": first.due,
            "idle_rss_mb": _sides(many, lambda of: statistics.fmean(c.idle_mb for c in of)),
            "load": [load, os.getloadavg()[0]],
            "cpus": os.cpu_count(),
        },
    }


def _sides(runs: Sequence[Mapping[str, Cost]], figure: Callable[[Sequence[Cost]], float]) -> Sides:
    """Make one figure per side of some runs; None for a side that was not there in all."""

    def of(side: str) -> float | None:
        there = [run[side] for run in runs if side in run]
        return figure(there) if len(there) == len(runs) else None

    return both(of(OURS), of(PEER))


def _delay(costs: Sequence[Cost], share: float) -> float:
    return quantile([delay for cost in costs for delay in cost.delays_ms], share)


async def _run(seconds: int, rounds: int) -> Figures:
    """Measure; a SIGTERM cleans up like Ctrl-C."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await bench(seconds, rounds)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        figures = rounded(asyncio.run(_run(arguments.seconds, arguments.rounds)))
    except (HouseError, OSError) as err:
        print(f"bench: {err}", file=sys.stderr)
        return 1
    except KeyboardInterrupt, asyncio.CancelledError:
        print("bench: stopped", file=sys.stderr)
        return 130
    print(json.dumps(figures) if arguments.json else table(figures))
    return 0
