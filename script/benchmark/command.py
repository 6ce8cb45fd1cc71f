"""Command line: everything once, each side in turn or both at the same time."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
from pathlib import Path
import pstats
import signal
import statistics
import sys
import tempfile
from typing import TYPE_CHECKING

from simulator.house.errors import HouseError
from simulator.house.go2rtc import find_go2rtc
from simulator.house.progress import Progress

from .casts import casts
from .first_frame import first_frame
from .home import DEVICES, STREAMS, TRANSPORTS, Home
from .quantile import quantile
from .report import (
    Figures,
    case_table,
    cast_lines,
    load_line,
    rounded,
    rpc_lines,
    scale_lines,
    table,
    target_lines,
)
from .rpc import failing_calls, rpc
from .scale import CAMERAS, IDLE_SECONDS, scale
from .sides import OURS, PEER, Peer, both
from .streams import Cost, streams
from .targets import targets
from .transcode import transcode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .home import Camera
    from .sides import Sides

type Case = tuple[str, int]
"""Transport and number of streams."""
_CALLS_PER_SECOND = 150
_FAILING = 3
"""Cameras that are asked with a wrong token."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/bench",
        description="Measures this integration and its peers side by side against simulated "
        "cameras: time to the first picture, CPU, memory and delay of streams, control calls, "
        "how soon a display shows a camera, and what converting pictures costs. "
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
    parser.add_argument(
        "--streams",
        type=_counts,
        default=STREAMS,
        metavar="N,…",
        help=f"how many streams at once (default: {','.join(map(str, STREAMS))})",
    )
    parser.add_argument(
        "--casts",
        type=_within(0, 100),
        default=5,
        metavar="N",
        help="casts of each kind, with a whole Home Assistant (default: 5; 0: leave them out)",
    )
    parser.add_argument("--casts-only", action="store_true", help="measure nothing but casts")
    parser.add_argument(
        "--cameras",
        type=_within(0, 128),
        default=CAMERAS,
        metavar="N",
        help=f"cameras on one Home Assistant (default: {CAMERAS}; 0: leave that out)",
    )
    parser.add_argument(
        "--scale",
        action="store_true",
        help="measure nothing but what many cameras add to a Home Assistant",
    )
    parser.add_argument(
        "--idle",
        type=_within(1, 3600),
        default=IDLE_SECONDS,
        metavar="SECONDS",
        help=f"their traffic at rest is counted for so long (default: {IDLE_SECONDS})",
    )
    parser.add_argument("--rpc", action="store_true", help="measure nothing but control calls")
    parser.add_argument(
        "--case",
        type=_case,
        metavar="TRANSPORT:N",
        help="measure nothing but this many streams over udp or tcp",
    )
    parser.add_argument(
        "--profile",
        type=lambda text: Path(text).absolute(),
        metavar="FILE",
        help="with --case: where our process's time goes (cProfile), to FILE, the top on stdout",
    )
    return parser


def _counts(text: str) -> tuple[int, ...]:
    number = _within(1, max(STREAMS))
    return tuple(sorted({number(part) for part in text.split(",")}))


def _case(text: str) -> Case:
    transport, _, count = text.partition(":")
    if transport not in TRANSPORTS:
        raise argparse.ArgumentTypeError("udp:N or tcp:N")
    return transport, _within(1, max(STREAMS))(count)


def _within(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"a number from {low} to {high}")
        return int(text)

    return number


async def bench(
    seconds: int, rounds: int, counts: Sequence[int], shown: int, cameras: int, idle: int
) -> Figures:
    """Measure everything; raises `HouseError`."""
    progress = Progress("bench")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-mi-camera-") as name:
        folder = Path(name)
        progress.say("starting the simulated home")
        async with (
            Home(folder) as home,
            failing_calls(home.cameras[-_FAILING:], folder) as failing,
        ):
            peer = Peer(find_go2rtc(), progress.say)
            progress.say(f"first pictures, {rounds} of each kind for each side")
            first = await first_frame(home, peer, folder, rounds)

            async def run(cameras: Sequence[Camera]) -> Mapping[str, Cost]:
                return await streams(home, peer, folder, cameras, seconds=seconds, say=progress.say)

            progress.say(f"delay, {seconds} s")
            live = await run(home.live)
            costs: dict[tuple[str, int], Mapping[str, Cost]] = {}
            # Transports by turns: cameras need ten seconds to forget those who do not sign off.
            for count, transport in itertools.product(counts, TRANSPORTS):
                progress.say(f"{count} × {transport}, {seconds} s")
                costs[transport, count] = await run(home.replaying[transport][:count])
            calls = await _calls(home, folder, seconds, progress)
            failures = await failing
        conversion = await transcode(folder, seconds, progress)
        on_displays = (await casts(folder, shown, progress)).figures() if shown else {}
        many_cameras = await scale(folder, cameras, rounds, progress, idle) if cameras else {}
    progress.say("done")
    most = max(counts)
    many = [costs[transport, most] for transport in TRANSPORTS]
    return {
        "first_frame_ms": {"cold": first.cold, "warm": first.warm},
        "cpu_percent_per_stream": _by_case(costs, lambda of: of[0].cpu_percent),
        "wakeups_per_picture": _by_case(costs, lambda of: of[0].wakeups),
        "latency_ms": {
            "p50": _sides([live], lambda of: quantile(of[0].delays_ms, 0.5)),
            "p99": _sides([live], lambda of: quantile(of[0].delays_ms, 0.99)),
        },
        "rss_mb_per_stream": _sides(
            many, lambda of: statistics.fmean(c.rss_mb - c.idle_mb for c in of) / most
        ),
        "rpc_ms": calls,
        "rpc_failure": failures,
        **on_displays,
        **conversion,
        **many_cameras,
        "run": {
            "seconds": seconds,
            "rounds": rounds,
            "key_frame_due_ms": first.due,
            "idle_rss_mb": _sides(many, lambda of: statistics.fmean(c.idle_mb for c in of)),
            "kbit_per_second": _sides(
                many, lambda of: statistics.fmean(c.kbit_per_second for c in of)
            ),
            "load": [load, os.getloadavg()[0]],
            "cpus": os.cpu_count(),
        },
    }


async def bench_casts(rounds: int) -> Figures:
    """Measure casts only. Raises `HouseError`."""
    progress = Progress("bench")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-mi-camera-") as name:
        figures = (await casts(Path(name), rounds, progress)).figures()
    return {**figures, "run": {"load": [load, os.getloadavg()[0]], "cpus": os.cpu_count()}}


async def _calls(home: Home, folder: Path, seconds: int, progress: Progress) -> Figures:
    calls: dict[str, dict[str, dict[str, float]]] = {}
    for count in (1, DEVICES):
        progress.say(f"control calls, {count} at once")
        calls[str(count)] = await rpc(home.cameras[:count], folder, seconds * _CALLS_PER_SECOND)
    return calls


async def bench_rpc(seconds: int) -> Figures:
    """Measure control calls only. Raises `HouseError`."""
    progress = Progress("bench")
    with tempfile.TemporaryDirectory(prefix="bench-mi-camera-") as name:
        folder = Path(name)
        progress.say("starting the simulated home")
        async with (
            Home(folder) as home,
            failing_calls(home.cameras[-_FAILING:], folder) as failing,
        ):
            calls = await _calls(home, folder, seconds, progress)
            progress.say("control calls that fail")
            return {"rpc_ms": calls, "rpc_failure": await failing}


async def bench_scale(cameras: int, rounds: int, idle: int) -> Figures:
    """Measure many cameras only. Raises `HouseError`."""
    progress = Progress("bench")
    with tempfile.TemporaryDirectory(prefix="bench-mi-camera-") as name:
        return await scale(Path(name), cameras, rounds, progress, idle)


async def bench_case(case: Case, seconds: int, profile: Path | None) -> Figures:
    """Measure one case's streams, and then, on request, our side once more for its profile.

    Raises `HouseError`.
    """
    progress = Progress("bench")
    transport, count = case
    with tempfile.TemporaryDirectory(prefix="bench-mi-camera-") as name:
        folder = Path(name)
        progress.say("starting the simulated home")
        async with Home(folder) as home:
            peer = Peer(find_go2rtc(), progress.say)
            cameras = home.replaying[transport]
            progress.say(f"{count} × {transport}, {seconds} s")
            costs = await streams(
                home, peer, folder, cameras[:count], seconds=seconds, say=progress.say
            )
            if profile is not None:
                progress.say("the same with a profile, ours only")
                alone = Peer(None, lambda _: None)
                await streams(
                    home,
                    alone,
                    folder,
                    cameras[-count:],
                    seconds=seconds,
                    say=progress.say,
                    profile=profile,
                )
    progress.say("done")
    return {
        "cpu_percent_per_stream": _by_case({case: costs}, lambda of: of[0].cpu_percent),
        "wakeups_per_picture": _by_case({case: costs}, lambda of: of[0].wakeups),
    }


def _by_case(
    costs: Mapping[Case, Mapping[str, Cost]], figure: Callable[[Sequence[Cost]], float]
) -> dict[str, dict[str, Sides]]:
    """Make one figure per case and side."""
    figures: dict[str, dict[str, Sides]] = {}
    for (transport, count), run in costs.items():
        figures.setdefault(transport, {})[str(count)] = _sides([run], figure)
    return figures


def _sides(runs: Sequence[Mapping[str, Cost]], figure: Callable[[Sequence[Cost]], float]) -> Sides:
    """Make one figure per side of some runs; None for a side that was not there in all."""

    def of(side: str) -> float | None:
        there = [run[side] for run in runs if side in run]
        return figure(there) if len(there) == len(runs) else None

    return both(of(OURS), of(PEER))


async def _run(arguments: argparse.Namespace) -> Figures:
    """Measure; a SIGTERM cleans up like Ctrl-C."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    if arguments.case is not None:
        return await bench_case(arguments.case, arguments.seconds, arguments.profile)
    if arguments.casts_only:
        return await bench_casts(arguments.casts)
    if arguments.rpc:
        return await bench_rpc(arguments.seconds)
    if arguments.scale:
        return await bench_scale(arguments.cameras, arguments.rounds, arguments.idle)
    return await bench(
        arguments.seconds,
        arguments.rounds,
        arguments.streams,
        arguments.casts,
        arguments.cameras,
        arguments.idle,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.casts_only and not arguments.casts:
        parser.error("--casts-only needs --casts above 0")
    if arguments.scale and not arguments.cameras:
        parser.error("--scale needs --cameras above 0")
    if arguments.profile is not None and arguments.case is None:
        parser.error("--profile needs --case")
    try:
        figures = rounded(asyncio.run(_run(arguments)))
        if reached := targets(figures):
            figures["targets"] = reached
    except (HouseError, OSError) as err:
        print(f"bench: {err}", file=sys.stderr)
        return 1
    except KeyboardInterrupt, asyncio.CancelledError:
        print("bench: stopped", file=sys.stderr)
        return 130
    if arguments.json:
        print(json.dumps(figures))
    elif arguments.casts_only:
        lines = [*cast_lines(figures), *target_lines(figures), "", load_line(figures)]
        print("\n".join(lines))
    elif arguments.rpc:
        print("\n".join(rpc_lines(figures)))
    elif arguments.scale:
        print("\n".join([*scale_lines(figures), *target_lines(figures)]))
    elif arguments.case is not None:
        print(case_table(figures))
    else:
        print(table(figures))
    if arguments.profile is not None:
        stream = sys.stderr if arguments.json else sys.stdout
        pstats.Stats(str(arguments.profile), stream=stream).sort_stats("tottime").print_stats(25)
    return 0
