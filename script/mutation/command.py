"""`script/mutants`: apply each mutant to a copy of the repository and run its tests there.

First the tests run on the copy as it is: they must pass. Then each mutant must make at
least one of its tests fail, by its assertions and not because they could not run.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
import contextlib
from dataclasses import dataclass
import json
import os
from pathlib import Path
from queue import SimpleQueue
import shutil
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from .mutant import Mutant, StaleMutant
from .mutants import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("custom_components", "simulator", "tests", "script", "pyproject.toml")
PASSED, FAILED = 0, 1
"""Exit statuses of pytest; any other means that the tests could not run."""
PATIENCE_S = 300
"""For the tests of one mutant; one that makes them hang has been noticed as well."""
FIRST_WORKER = 61
"""Tests take their addresses from the number of their worker; the suite's are far below."""
MAX_JOBS = 8


@dataclass(frozen=True, slots=True)
class Bench:
    """A copy of the repository, and the addresses of its tests."""

    directory: Path
    worker: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mutant. `by` is the first test that failed."""

    name: str
    caught: bool
    by: str
    seconds: float


def copy_to(directory: Path) -> None:
    """Copy what the tests need; the environment is shared."""
    ignore = shutil.ignore_patterns("__pycache__", ".*_cache", "*.pyc")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=ignore)
        else:
            shutil.copy2(source, directory / name)
    cache = ROOT / ".cache"
    if cache.exists():
        (directory / ".cache").symlink_to(cache)


@contextlib.contextmanager
def benches(count: int) -> Generator[list[Bench]]:
    """Make so many copies, each with addresses of its own."""
    with tempfile.TemporaryDirectory(prefix="mi-camera-mutants-") as name:
        made = []
        for number in range(count):
            directory = Path(name) / str(number)
            directory.mkdir()
            copy_to(directory)
            made.append(Bench(directory, f"gw{FIRST_WORKER + number}"))
        yield made


def run_tests(bench: Bench, tests: Sequence[str], *options: str) -> tuple[int, str]:
    """Run tests in a copy; return the exit status and what was printed."""
    try:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=no"),
                *("-p", "no:cacheprovider", *options, *tests),
            ],
            cwd=bench.directory,
            env=_environment(bench),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE_S,
            check=False,
            text=True,
        )
    except subprocess.TimeoutExpired:
        return FAILED, "FAILED (did not end)"
    return done.returncode, done.stdout


def _environment(bench: Bench) -> dict[str, str]:
    """Return that of this process, with what has been compiled kept for the next run."""
    environment = {
        **os.environ,
        "PYTEST_XDIST_WORKER": bench.worker,
        "PYTHONPYCACHEPREFIX": str(bench.directory.parent / "compiled"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _first_failure(output: str) -> str:
    for line in output.splitlines():
        if line.startswith("FAILED "):
            return line.removeprefix("FAILED ").split(" - ")[0]
    return ""


def _require_passing(bench: Bench, tests: Sequence[str]) -> None:
    status, output = run_tests(bench, sorted(tests))
    if status != PASSED:
        raise StaleMutant(f"the tests do not pass as it is:\n{output[-4000:]}")


def try_out(mutant: Mutant, bench: Bench) -> Outcome:
    """Let a mutant live for as long as its tests need to notice it.

    Raises:
        StaleMutant: it cannot be applied, or its tests could not run.
    """
    began = time.monotonic()
    before = mutant.apply(bench.directory)
    try:
        status, output = run_tests(bench, mutant.tests, "-x")
    finally:
        (bench.directory / mutant.path).write_text(before, "utf-8")
    by = _first_failure(output)
    if status != PASSED and not (status == FAILED and by):
        raise StaleMutant(f"{mutant.name}: its tests could not run:\n{output[-2000:]}")
    return Outcome(mutant.name, status == FAILED, by, time.monotonic() - began)


def place(test: str) -> str:
    """Return what of the tests must stay in one process, as its addresses are fixed."""
    file = Path(test.partition("::")[0])
    return str(file if file.parent.name == "tests" else file.parent)


def batches(mutants: Iterable[Mutant]) -> list[list[Mutant]]:
    """Divide mutants into those that may be tried beside each other, the longest first."""
    divided: list[tuple[set[str], list[Mutant]]] = []
    for mutant in mutants:
        places = {place(test) for test in mutant.tests}
        together = [one for one in divided if one[0] & places]
        rest = [one for one in divided if not one[0] & places]
        merged = [one for _, batch in together for one in batch]
        divided = [*rest, (places.union(*(one for one, _ in together)), [*merged, mutant])]
    return sorted((batch for _, batch in divided), key=len, reverse=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Trial:
    """All mutants, each on whichever copy is free."""

    def __init__(self, mutants: Sequence[Mutant], made: Sequence[Bench]) -> None:
        """Try nothing yet."""
        self._mutants = mutants
        self._count = len(made)
        self._free: SimpleQueue[Bench] = SimpleQueue()
        for bench in made:
            self._free.put(bench)
        self._outcomes: dict[str, Outcome] = {}
        self.stale = 0
        """How many proved nothing, as they cannot be applied or their tests did not run."""

    def run(self) -> list[Outcome]:
        """Try all, and return what became of them in their order, the stale ones left out.

        Raises:
            StaleMutant: the tests do not pass as it is.
        """
        tests = dict.fromkeys(test for mutant in self._mutants for test in mutant.tests)
        _say(f"mutants: {len(tests)} tests on the code as it is …")
        with ThreadPoolExecutor(self._count) as pool:
            list(pool.map(self._baseline, batches(self._mutants)))
            list(pool.map(self._batch, batches(self._mutants)))
        names = [mutant.name for mutant in self._mutants]
        return [self._outcomes[name] for name in names if name in self._outcomes]

    def _baseline(self, batch: Sequence[Mutant]) -> None:
        bench = self._free.get()
        try:
            _require_passing(
                bench, list(dict.fromkeys(test for mutant in batch for test in mutant.tests))
            )
        finally:
            self._free.put(bench)

    def _batch(self, batch: Sequence[Mutant]) -> None:
        bench = self._free.get()
        try:
            for mutant in batch:
                try:
                    outcome = try_out(mutant, bench)
                except StaleMutant as err:
                    self.stale += 1
                    _say(f"mutants: {err}")
                    continue
                self._outcomes[mutant.name] = outcome
                verdict = f"caught by {outcome.by}" if outcome.caught else "SURVIVED"
                _say(
                    f"mutants: {len(self._outcomes)}/{len(self._mutants)} {mutant.name}:"
                    f" {verdict} ({outcome.seconds:.1f} s)"
                )
        finally:
            self._free.put(bench)


def _chosen(names: Iterable[str]) -> list[Mutant]:
    wanted = list(names)
    unknown = set(wanted) - {mutant.name for mutant in MUTANTS}
    if unknown:
        raise SystemExit(f"no such mutant: {', '.join(sorted(unknown))}")
    return [mutant for mutant in MUTANTS if not wanted or mutant.name in wanted]


def _jobs(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MAX_JOBS:
        raise argparse.ArgumentTypeError(f"from 1 to {MAX_JOBS}")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when every mutant was caught, 1 if not, 2 if that cannot be told."""
    parser = argparse.ArgumentParser(prog="script/mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these mutants")
    parser.add_argument("--jobs", type=_jobs, default=1, help="so many at a time (default: 1)")
    parser.add_argument("--list", action="store_true", help="print what each breaks, run none")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    mutants = _chosen(options.names)
    if options.list:
        print("\n".join(f"{mutant.name:<36}{mutant.breaks}" for mutant in mutants))
        return 0
    began = time.monotonic()
    try:
        with benches(options.jobs) as made:
            trial = Trial(mutants, made)
            outcomes = trial.run()
    except StaleMutant as err:
        _say(f"mutants: {err}")
        return 2
    survivors = [outcome.name for outcome in outcomes if not outcome.caught]
    seconds = time.monotonic() - began
    if options.json:
        caught = {outcome.name: outcome.by for outcome in outcomes if outcome.caught}
        print(
            json.dumps(
                {
                    "mutants": len(outcomes),
                    "caught": caught,
                    "survived": survivors,
                    "seconds": round(seconds, 1),
                }
            )
        )
    else:
        caught_count = len(outcomes) - len(survivors)
        print(f"{len(outcomes)} mutants, {caught_count} caught, {seconds:.0f} s")
        print("\n".join(f"survived: {name}" for name in survivors), end="\n" if survivors else "")
    if trial.stale:
        return 2
    return 1 if survivors else 0
