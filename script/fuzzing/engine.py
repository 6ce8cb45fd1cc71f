"""Runs cases, keeps the ones that reach something new, and reports what breaks."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
import random
import signal
import time
import traceback
from typing import TYPE_CHECKING

from .case import show
from .coverage import Branches
from .mutation import Mutator

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from .case import Case
    from .target import Target

SLICE = 0.25
"""Seconds a target runs before the next one's turn."""
HANG = 10.0
"""Seconds after which one case counts as hanging."""
MAX_GROWTH = 64 << 20
"""Bytes the process may grow after every target has had its first turns."""
MAX_POOL = 1000
MAX_POOL_BYTES = 4 << 20
MAX_FAILURES = 50
_WARM_ROUNDS = 2
_SHRINK_SECONDS = 3.0
_PACKAGE = "mi_camera"


class Hang(Exception):
    """A case takes too long."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that broke its target."""

    target: str
    error: str
    """Type and text of the exception."""
    where: str
    """The innermost place in the package: file:line."""
    case: str
    """What `script/fuzz --replay` takes, made as small as was quick."""
    seed: int


@dataclass(slots=True)
class Tally:
    """What a target has been through."""

    inputs: int = 0
    cases: int = 0
    seconds: float = 0.0
    branches: int = 0
    pool: int = 0


@dataclass(slots=True)
class Report:
    """What a run has found."""

    seed: int
    seconds: float = 0.0
    tallies: dict[str, Tally] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    rss_start: int = 0
    """Bytes, after the first turns."""
    rss_end: int = 0

    @property
    def inputs(self) -> int:
        """Inputs of all targets."""
        return sum(tally.inputs for tally in self.tallies.values())


class _Lane:
    """One target, its pool and its tally."""

    def __init__(self, target: Target, chance: random.Random, tally: Tally) -> None:
        self.target = target
        self.tally = tally
        self.seeds: tuple[Case, ...] = tuple(target.seeds())
        self.pool: list[Case] = list(self.seeds)
        self.mutator = Mutator(target, chance)
        self._bytes = 0

    def keep(self, case: Case) -> None:
        """Keep a case that reached something new, within bounds."""
        size = sum(map(len, case))
        if len(self.pool) < MAX_POOL and self._bytes + size <= MAX_POOL_BYTES:
            self._bytes += size
            self.pool.append(case)


def fuzz(
    targets: Sequence[Target],
    seconds: float,
    seed: int,
    say: Callable[[str], None] = lambda _text: None,
    *,
    package: str = _PACKAGE,
) -> Report:
    """Run all targets in turn for so long.

    Args:
        targets: what to run.
        seconds: for how long.
        seed: of every choice. How far it gets, and so what it keeps, depends on the machine:
            a failure is run again by its case, not by the seed.
        say: takes lines about the progress.
        package: part of the path of the files whose branches guide.
    """
    report = Report(seed)
    lanes = []
    for target in targets:
        report.tallies[target.name] = tally = Tally()
        lanes.append(_Lane(target, random.Random(f"{seed}/{target.name}"), tally))
    branches = Branches(package)
    watch = _Watch()
    started = time.monotonic()
    end = started + seconds
    told = started
    rounds = 0
    with branches.watched(), watch.running():
        for lane in lanes:
            _seeds(lane, branches, watch, report)
        while (now := time.monotonic()) < end:
            for lane in lanes:
                turn = min(SLICE * lane.target.weight, seconds / len(lanes), end - time.monotonic())
                if turn > 0:
                    _slice(lane, turn, branches, watch, report)
                if (now := time.monotonic()) - told >= 5:
                    told = now
                    say(_progress(report, now - started))
            rounds += 1
            if rounds <= _WARM_ROUNDS:
                report.rss_start = rss()
            if len(report.failures) >= MAX_FAILURES:
                break
    report.seconds = time.monotonic() - started
    report.rss_end = rss()
    return report


def _progress(report: Report, seconds: float) -> str:
    inputs = report.inputs
    return (
        f"{seconds:.0f} s: {inputs:,} inputs, {inputs / seconds:,.0f}/s, "
        f"{sum(tally.branches for tally in report.tallies.values())} branches, "
        f"{len(report.failures)} failures"
    )


def _seeds(lane: _Lane, branches: Branches, watch: _Watch, report: Report) -> None:
    before = branches.taken
    for case in lane.seeds:
        _run(lane, case, watch, report)
    lane.tally.branches = branches.taken - before


def _slice(lane: _Lane, seconds: float, branches: Branches, watch: _Watch, report: Report) -> None:
    tally = lane.tally
    started = time.monotonic()
    end = started + seconds
    while time.monotonic() < end:
        # Asking for the time costs as much as some parsers do.
        for _ in range(16):
            case = lane.mutator.case(lane.pool)
            before = branches.taken
            _run(lane, case, watch, report)
            if branches.taken != before:
                tally.branches += branches.taken - before
                lane.keep(case)
    tally.seconds += time.monotonic() - started
    tally.pool = len(lane.pool)


def _run(lane: _Lane, case: Case, watch: _Watch, report: Report) -> None:
    watch.case += 1
    lane.tally.cases += 1
    try:
        lane.tally.inputs += lane.target.run(case)
    except Exception as error:  # noqa: BLE001 - which is what this is about
        lane.tally.inputs += len(case)
        _note(lane.target, case, error, report)


def _note(target: Target, case: Case, error: Exception, report: Report) -> None:
    kind, where = describe(error)
    if any(
        (known.target, known.error.split(":")[0], known.where)
        == (target.name, kind.split(":")[0], where)
        for known in report.failures
    ):
        return
    small = case if isinstance(error, Hang) else shrink(target, case, type(error), where)
    report.failures.append(Failure(target.name, kind, where, show(target.name, small), report.seed))


def describe(error: Exception) -> tuple[str, str]:
    """Return an error's type and text, and the innermost place in the package."""
    frames = traceback.extract_tb(error.__traceback__)
    inner = [frame for frame in frames if _PACKAGE in frame.filename] or frames
    where = f"{Path(inner[-1].filename).name}:{inner[-1].lineno}" if inner else "?"
    return f"{type(error).__name__}: {error}"[:300], where


def shrink(target: Target, case: Case, kind: type[Exception], where: str) -> Case:
    """Make a failing case smaller, as long as it fails in the same place."""
    end = time.monotonic() + _SHRINK_SECONDS

    def fails(candidate: Case) -> bool:
        try:
            target.run(candidate)
        except Exception as error:  # noqa: BLE001
            return type(error) is kind and describe(error)[1] == where
        return False

    progress = True
    while progress and time.monotonic() < end:
        progress = False
        for candidate in _smaller(case):
            if time.monotonic() >= end:
                break
            if fails(candidate):
                case, progress = candidate, True
                break
    return case


def _smaller(case: Case) -> Generator[Case]:
    for at in range(len(case)):
        if len(case) > 1:
            yield case[:at] + case[at + 1 :]
    for at, one in enumerate(case):
        step = len(one) // 2
        while step:
            yield (*case[:at], one[:-step], *case[at + 1 :])
            for start in range(0, len(one) - step, step):
                yield (*case[:at], one[:start] + one[start + step :], *case[at + 1 :])
            step //= 2


class _Watch:
    """Breaks a case that hangs, by a signal."""

    def __init__(self) -> None:
        self.case = 0
        self._last = -1

    @contextmanager
    def running(self) -> Generator[None]:
        before = signal.signal(signal.SIGALRM, self._tick)
        signal.setitimer(signal.ITIMER_REAL, HANG, HANG)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _tick(self, *_: object) -> None:
        if self.case == self._last:
            raise Hang(f"one case takes more than {HANG:g} s")
        self._last = self.case


def rss() -> int:
    """Return the memory this process has in use, bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
