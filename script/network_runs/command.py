"""Command line: every run, and whether it keeps what is promised."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from script.benchmark.quantile import quantile

from .blackouts import blackout
from .changes import another_address, reboot
from .clock import simulated
from .losses import watch
from .progress import Progress
from .report import Figures, missed, table
from .two_hours import two_hours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.camera.spec import Transport

NETWORK = "127.0.58"
LOSSES = (0.01, 0.05, 0.10)
GROUPS = (1.0, 2.0)
"""Seconds from key frame to key frame."""
TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp")
WATCHED_SECONDS = 30
_MAX_SEEDS = 1000


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/network",
        description="Watches a simulated camera through bad networks, on simulated time: what "
        "can be decoded, and how long pictures are away after a blackout, a restart, a change "
        "of address. The status is 1 when a target is missed.",
    )
    parser.add_argument(
        "--seeds",
        type=_seeds,
        default=20,
        metavar="N",
        help="blackouts of each kind; the same number gives the same run (default: 20)",
    )
    parser.add_argument("--json", action="store_true", help="JSON on the last line of stdout")
    return parser


def _seeds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_SEEDS:
        raise argparse.ArgumentTypeError(f"a number from 1 to {_MAX_SEEDS}")
    return int(text)


def runs(seeds: int, progress: Progress) -> Figures:
    """Run everything.

    Raises:
        TimeoutError: pictures did not come back at all.
        AssertionError: a picture was damaged, foreign or shown twice.
        OSError: an address of ours is taken.
    """
    decoded: dict[str, dict[str, float]] = {}
    for loss in LOSSES:
        progress.say(f"{loss:.0%} lost, {WATCHED_SECONDS} s")
        seen = simulated(watch(1, NETWORK, loss=loss, seconds=WATCHED_SECONDS))
        decoded[f"{loss:.0%}"] = {"share": seen.share, "pictures": seen.taken}
    blackouts: dict[str, dict[str, float]] = {}
    for gop in GROUPS:
        took = []
        for seed in range(seeds):
            progress.say(f"ten dark seconds, key frame every {gop:g} s, {seed + 1} of {seeds}")
            # By turns a camera that is still there for its client, and one that is not.
            patience = (8.0, 60.0)[seed % 2]
            took.append(
                simulated(blackout(seed, NETWORK, gop_seconds=gop, patience=patience)).seconds
            )
        blackouts[f"{gop:g}"] = {
            "p50": quantile(took, 0.5),
            "p95": quantile(took, 0.95),
            "max": max(took),
        }
    restarts: dict[str, float] = {}
    for transport in TRANSPORTS:
        progress.say(f"a camera that restarts, {transport}")
        restarts[transport] = simulated(reboot(NETWORK, transport=transport))[0]
    progress.say("a camera with another address")
    moved = simulated(another_address(NETWORK))[0]
    progress.say("two hours")
    long = two_hours()
    progress.end()
    return {
        "decoded": decoded,
        "blackout_s": blackouts,
        "reboot_s": restarts,
        "another_address_s": moved,
        "two_hours": {
            "pictures": long.pictures,
            "pictures_missing": long.missing_pictures,
            "sounds": long.sounds,
            "sounds_missing": long.missing_sounds,
        },
        "seeds": seeds,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return the exit status."""
    options = _parser().parse_args(arguments)
    progress = Progress("network", sys.stderr)
    try:
        figures = runs(options.seeds, progress)
    except (TimeoutError, AssertionError, OSError) as error:
        progress.end()
        print(f"network: FAILED: {str(error) or 'pictures did not come back'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        progress.end()
        print("network: stopped", file=sys.stderr)
        return 130
    failures = missed(figures)
    if options.json:
        print(json.dumps({**figures, "missed": failures}))
    else:
        print(table(figures))
    for failure in failures:
        print(f"network: MISSED: {failure}", file=sys.stderr)
    return int(bool(failures))
