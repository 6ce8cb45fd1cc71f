"""Command line: run for a time, or run one case again."""

from __future__ import annotations

import argparse
from dataclasses import asdict
import json
import random
import sys
import traceback
from typing import TYPE_CHECKING

from . import case
from .engine import MAX_GROWTH, Report, fuzz
from .targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .target import Target


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/fuzz",
        description="Feeds hostile bytes to every parser of bytes from outside. An exception "
        "that is not the parser's own, more memory than allowed or a hang is a failure.",
    )
    parser.add_argument("seconds", type=_seconds, nargs="?", default=60.0, help="default: 60")
    parser.add_argument(
        "--target",
        action="append",
        choices=[target.name for target in TARGETS],
        help="only this one; may be given several times",
    )
    parser.add_argument("--seed", type=int, help="of every choice; default: a new one")
    parser.add_argument("--json", action="store_true", help="JSON on the last line of stdout")
    parser.add_argument("--replay", metavar="CASE", help="run one case as a failure names it")
    return parser


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 7 * 86400:
        raise argparse.ArgumentTypeError("seconds, up to a week")
    return value


def main(arguments: Sequence[str] | None = None, targets: Sequence[Target] = TARGETS) -> int:
    """Run; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.replay is not None:
        return _replay(options.replay, targets)
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    chosen = [one for one in targets if not options.target or one.name in options.target]
    _say(f"{len(chosen)} targets, seed {seed}")
    report = fuzz(chosen, options.seconds, seed, _say)
    _tell(report)
    grown = max(0, report.rss_end - report.rss_start)
    status = int(bool(report.failures) or grown > MAX_GROWTH)
    if options.json:
        print(json.dumps(_figures(report)))
    else:
        print(
            f"fuzz: {'FAILED' if status else 'ok'}: {report.inputs:,} inputs in "
            f"{report.seconds:.0f} s ({report.inputs / report.seconds:,.0f}/s), "
            f"{len(report.failures)} failures, memory grew by {grown >> 20} MiB "
            f"(at most {MAX_GROWTH >> 20}), seed {seed}"
        )
    return status


def _replay(text: str, targets: Sequence[Target]) -> int:
    try:
        name, inputs = case.read(text)
        target = next(one for one in targets if one.name == name)
    except ValueError, StopIteration:
        _say("no such case")
        return 2
    try:
        target.run(inputs)
    except Exception:  # noqa: BLE001 - shown whole, that is what replay is for
        traceback.print_exc()
        return 1
    print("fuzz: ok: the case passes")
    return 0


def _tell(report: Report) -> None:
    for name, tally in report.tallies.items():
        rate = tally.inputs / tally.seconds if tally.seconds else 0
        _say(
            f"{name:20} {tally.inputs:>11,} inputs {rate:>9,.0f}/s "
            f"{tally.branches:>5} branches {tally.pool:>5} cases kept"
        )
    for failure in report.failures:
        _say(f"FAILURE in {failure.target} at {failure.where}: {failure.error}")
        _say(f"  script/fuzz --replay {failure.case}")


def _figures(report: Report) -> dict[str, object]:
    return {
        "seed": report.seed,
        "seconds": round(report.seconds, 1),
        "inputs": report.inputs,
        "inputs_per_second": round(report.inputs / report.seconds),
        "rss_mb": {
            "start": round(report.rss_start / 1e6, 1),
            "end": round(report.rss_end / 1e6, 1),
        },
        "targets": {
            name: {"inputs": tally.inputs, "cases": tally.cases, "branches": tally.branches}
            for name, tally in report.tallies.items()
        },
        "failures": [asdict(failure) for failure in report.failures],
    }


def _say(text: str) -> None:
    print(f"fuzz: {text}", file=sys.stderr, flush=True)
