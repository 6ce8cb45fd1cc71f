"""Runs over bad networks against the simulated camera, on a clock of their own.

Everything is the real thing but the time: sockets on loopback, the simulated camera, the
integration's link and feed. The clock stands still while anybody computes and jumps while all
wait, so a run takes a fraction of the time it tells of, and the same seed gives nearly the
same run. Commands: `command`. Runs: `losses`, `blackouts`, `changes`, `two_hours`.
"""
