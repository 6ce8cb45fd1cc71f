"""Runs a module of this package and notes what its functions cost while it is told to.

Arguments are where to write the profile, and the module. SIGUSR1 begins it, and a second one ends
it: what importing and connecting cost is not in it. Times are the thread's CPU time, without
waiting.
"""

from __future__ import annotations

import cProfile
import runpy
import signal
import sys
import time


def main() -> None:
    """Run the module."""
    file, module = sys.argv[1:]
    profile = cProfile.Profile(time.thread_time)
    running = False

    def switch(*_: object) -> None:
        nonlocal running
        running = not running
        if running:
            profile.enable()
        else:
            profile.disable()
            profile.dump_stats(file)

    signal.signal(signal.SIGUSR1, switch)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
