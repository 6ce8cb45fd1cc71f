"""Watching through bad networks: see the package `network_runs` beside this file."""

from __future__ import annotations

from pathlib import Path
import sys

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import script.benchmark  # noqa: F401, I001 - first: makes the lower layers do without the glue

from script.network_runs.command import main

if __name__ == "__main__":
    sys.exit(main())
