"""One timeline for all media of a session, whatever the camera's clock does.

Some models state seconds where milliseconds belong, some state zero for sound, and any clock
may be set while it runs (public protocol notes). A stamp is believed when it grows and stays
near where the arrival times say it should be; else the arrival time stands in. Pictures and
sound are judged each for themselves, on one idea of the camera's clock.
"""

from __future__ import annotations

from dataclasses import dataclass

TOLERANCE_MS = 10_000
# Stamps that go on as before are believed though they come late: the network held them up.
_CONTINUES_MS = 2_000
_LATE_MS = 60_000
# How much one believable stamp moves the idea of the camera's clock: follows a drifting
# clock within seconds and does not follow the jitter of the network.
_ADAPTION = 0.02
# What comes late says less of the clock than of the network. One millisecond a frame still
# follows a clock that is slow by some percent.
_MAX_BACK_MS = 1.0


@dataclass(slots=True)
class _Track:
    last_raw: int = 0
    last_out: int = 0
    correction: int = 0


class Timeline:
    """Turns the stamps of a session's tracks into milliseconds that never run backwards."""

    __slots__ = ("_offset", "_tracks")

    def __init__(self) -> None:
        """Begin without an idea of the camera's clock; the first usable stamp gives it."""
        self._offset: float | None = None
        self._tracks: dict[tuple[bool, int], _Track] = {}

    def stamp(self, *, video: bool, lens: int, raw: int, seconds: int, now: float) -> int:
        """Return the time of one frame in milliseconds.

        Args:
            video: whether it is a picture; pictures and sound have stamps of their own.
            lens: whose picture or sound it is.
            raw: the stamp in the header, supposed to be milliseconds.
            seconds: the stamp in seconds in the header, 0 if the camera fills none in.
            now: arrival time, seconds on a monotonic clock.
        """
        arrival = now * 1000
        usable = raw > 0 and raw != seconds
        if self._offset is None:
            self._offset = raw - arrival if usable else 0.0
        expected = arrival + self._offset
        track = self._tracks.setdefault((video, lens), _Track())
        out = round(expected)
        if usable and raw > track.last_raw:
            out = raw + track.correction
            continues = raw - track.last_raw <= _CONTINUES_MS and track.last_raw > 0
            late = _LATE_MS if continues else TOLERANCE_MS
            if not -late <= out - expected <= TOLERANCE_MS:
                # The clock was set: from now on count from where we are.
                track.correction += round(expected) - out
                out = round(expected)
            self._offset += max((out - expected) * _ADAPTION, -_MAX_BACK_MS)
        elif usable:
            # It stands still or went back: measure anew from the next one.
            track.correction = round(expected) - raw
        track.last_raw = raw
        track.last_out = max(out, track.last_out)
        return track.last_out
