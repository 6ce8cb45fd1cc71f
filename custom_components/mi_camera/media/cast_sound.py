"""The sound of one cast: always there, unbroken, and where something can be said."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from ..miss import Codec
from .aac import FRAME, FRAME_SECONDS, silent_frame
from .access_unit import AccessUnit, Tracks
from .mux import SoundPacket
from .sound_timeline import RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .mux import Parts

__all__ = ["CastSound"]

_PATIENCE: Final = 1.0
"""How far behind the pictures a camera's sound may be before silence takes its place, seconds.
Who codes the sound of a camera is never so late: it fills in silence of its own."""
_PATIENCE_AT_FIRST: Final = 0.25
"""The same before any of it has come: no segment is to be without."""
_HOLE: Final = 1.45
"""Pictures that stay away longer leave a hole in the sound as well, in seconds: no segment is
longer, and none is to have more sound than pictures."""
# Where the grid of a camera's frames is against the one that has begun, in frames. Between
# these a frame is taken for the next one, so that no jitter makes one too many or too few.
_TOO_EARLY: Final = -0.75
_TOO_LATE: Final = 0.5


class CastSound:
    """Takes the chunks of a viewer and gives what a cast is made of.

    Some receivers play nothing without a track of sound, and all expect it to go on as it has
    begun. So frames follow each other without a gap from the first picture on: those of the
    camera at their time, to half a frame, and frames of silence where it has none. While
    something is said, its frames are given in place of them.
    """

    def __init__(self) -> None:
        """Have given nothing yet."""
        self._start: float | None = None
        self._count = 0
        self._heard = False
        self._newest = 0.0
        self._speech: deque[bytes] = deque()

    @property
    def speaking(self) -> bool:
        """Whether something is being said, or about to be."""
        return bool(self._speech)

    def say(self, speech: Sequence[bytes]) -> None:
        """Say something from the next frame on; what is being said is not finished.

        `speech` are frames of AAC as `AacEncoder` makes them.
        """
        self._speech = deque(speech)

    def end(self) -> None:
        """Forget what is being said."""
        self._speech.clear()

    def follow(self, parts: Parts) -> Parts:
        """Return pictures as they are, with the sound that goes before each of them."""
        followed: list[AccessUnit | SoundPacket] = []
        for part in parts:
            if isinstance(part, AccessUnit):
                followed += self._up_to(part)
                followed.append(part)
            elif part.codec is Codec.AAC:
                followed += self._of_camera(part)
        return tuple(followed)

    def _up_to(self, unit: AccessUnit) -> list[SoundPacket]:
        """Return silence for where no sound comes, or should long have been, up to a picture."""
        captured = unit.captured
        if self._start is None or (
            captured - self._newest > _HOLE and captured - self._end > FRAME_SECONDS
        ):
            self._begin(captured)
            self._heard = False
        self._newest = captured
        until = captured
        if unit.tracks is not Tracks.PICTURES:
            until -= _PATIENCE if self._heard else _PATIENCE_AT_FIRST
        packets: list[SoundPacket] = []
        while self._end < until:
            packets.append(self._next(silent_frame()))
        return packets

    def _of_camera(self, packet: SoundPacket) -> list[SoundPacket]:
        """Return a frame of the camera at its place, and silence up to there."""
        if self._start is None:
            return []
        # One who joins late is given sound of before the first picture as well.
        self._heard |= packet.at >= self._start
        off = (packet.at - self._end) / FRAME_SECONDS
        packets: list[SoundPacket] = []
        if off * FRAME_SECONDS > _HOLE or (not self._count and abs(off) < 1):
            # Nothing goes before it: its own grid is the one that is kept to.
            self._begin(packet.at)
        elif off < _TOO_EARLY:
            return []
        elif off > _TOO_LATE:
            packets = [self._next(silent_frame()) for _ in range(round(off))]
        packets.append(self._next(packet.data))
        return packets

    def _begin(self, at: float) -> None:
        self._start = at
        self._count = 0

    @property
    def _end(self) -> float:
        """Up to when there is sound, on the clock of the pictures in seconds."""
        assert self._start is not None
        return self._start + self._count * FRAME / RATE

    def _next(self, data: bytes) -> SoundPacket:
        if self._speech:
            data = self._speech.popleft()
        packet = SoundPacket(Codec.AAC, self._end, data)
        self._count += 1
        return packet
