"""Mutants of the promises: see the package `mutation` beside this file."""

from __future__ import annotations

from pathlib import Path
import sys

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from script.mutation.command import main

if __name__ == "__main__":
    sys.exit(main())
