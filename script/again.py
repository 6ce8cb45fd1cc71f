"""Run again, with nothing beside them, the few tests of a run that have just failed.

Tests here wait for real sockets, processes and encoders. Where several run at once on a busy
machine, one may fail for want of time; then it passes alone, and is named. Anything else is a
failure. Usage: again.py CACHE_DIR [ARGUMENT of pytest …]
"""

from __future__ import annotations

import json
from pathlib import Path
import re
import sys

import pytest

MAX_FAILED = 5
"""More than that is no want of time."""


def main(cache: Path, *arguments: str) -> int:
    """Return what pytest returns for the tests that the run noted in `cache` has failed."""
    note = cache / "v" / "cache" / "lastfailed"
    noted: dict[str, bool] = json.loads(note.read_text("utf-8")) if note.exists() else {}
    # A group's name follows the test's.
    failed = sorted(re.sub(r"(?<=[\w\]])@[\w ]+$", "", name) for name in noted)
    if not 0 < len(failed) <= MAX_FAILED:
        return int(pytest.ExitCode.TESTS_FAILED)
    code = pytest.main(["-q", "-p", "no:cacheprovider", *arguments, *failed])
    if code == pytest.ExitCode.OK:
        sys.stdout.write("\nFailed among others and passed alone:\n")
        sys.stdout.writelines(f"  {name}\n" for name in failed)
    return int(code)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
