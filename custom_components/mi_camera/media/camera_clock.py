"""The camera's clock, seen from here."""

from __future__ import annotations

__all__ = ["CameraClock"]

MAX_DRIFT = 200e-6
"""How much slower than ours a camera's clock may run; quartz is several times better."""
SET_BACK = 1.0
"""A stamp this many seconds before the last one means that the clock was set."""


class CameraClock:
    """Turns a camera's time stamps into times of this machine's `clock`.

    The two clocks have nothing in common, so the frame that was quickest to arrive gives
    the shift. It may only grow as slowly as clocks drift: a growing delay on the network
    must show as age, not be taken for a clock that lags.
    """

    def __init__(self) -> None:
        """Know nothing before the first frame."""
        self._shift: float | None = None
        self._stamp = 0.0
        self._arrival = 0.0

    @property
    def shift(self) -> float:
        """What makes a stamp a time of here, in seconds; 0 before the first frame."""
        return self._shift or 0.0

    def captured(self, stamp: float, arrival: float) -> float:
        """Return when a frame was captured (s, by `clock`), never after `arrival`.

        `stamp` is the camera's time in seconds, `arrival` that of `clock`. What was under
        way while this machine slept is as old as it is, as this clock has run on.
        """
        shift = arrival - stamp
        if self._shift is not None and stamp >= self._stamp - SET_BACK:
            drifted = self._shift + MAX_DRIFT * max(0.0, arrival - self._arrival)
            shift = min(shift, drifted)
        self._shift, self._stamp, self._arrival = shift, stamp, arrival
        return stamp + shift

    def at(self, stamp: float, arrival: float) -> float:
        """Return what a stamp means by what is known, without learning from it."""
        return min(stamp + self.shift, arrival)
