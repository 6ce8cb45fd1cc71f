"""Speed and cost, ours and the peers': see the package `benchmark` beside this file."""

from __future__ import annotations

from pathlib import Path
import sys

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark.command import main

if __name__ == "__main__":
    sys.exit(main())
