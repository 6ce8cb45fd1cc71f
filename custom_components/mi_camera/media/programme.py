"""The programme of one lens: its group of pictures, its sound, and both as MPEG-TS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from .access_unit import Origin, Tracks
from .mux import TsMuxer
from .parameter_sets import parameter_sets
from .sound import SoundTrack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .access_unit import AccessUnit, SoundUnit
    from .mux import Parts, SoundPacket

__all__ = ["Chunk", "Programme"]

# The sound begins so much after its first picture, in seconds, and never before it.
_SOUND_LAG: Final = 0.01


class Chunk(NamedTuple):
    """Transport packets, and what they are of."""

    data: bytes
    keyframe: bool
    """Whether they begin with a key frame."""
    sound: bool
    """Whether there is no picture in them."""
    origin: Origin
    """Of the unit they were made of; silence has that of the newest unit."""
    parts: Parts
    """What was packed: a picture, or pieces of sound."""
    captured: float
    """When the picture was (`clock`, s); sound has that of the newest one before it."""


class Programme:
    """Makes chunks of units, and keeps the current group of them for newcomers."""

    def __init__(
        self,
        zero: float,
        *,
        group_bytes: int,
        group_seconds: Callable[[], float],
        on_chunk: Callable[[Chunk], None],
        on_renewal: Callable[[], None],
    ) -> None:
        """Have nothing yet.

        Args:
            zero: when the clock of the programme shows one second (`clock`, s).
            group_bytes: room for the current group, packed; unpacked it is there as well.
            group_seconds: gives how long the group may be to be kept.
            on_chunk: takes each chunk.
            on_renewal: called when what follows is another programme.

        `keyframe` is the picture the current group begins with, None without a group.
        """
        self.keyframe: AccessUnit | None = None
        self._zero = zero
        self._room = group_bytes
        self._group_seconds = group_seconds
        self._on_chunk = on_chunk
        self._on_renewal = on_renewal
        self._muxer: TsMuxer | None = None
        self._parameters = b""
        self._group: list[Chunk] = []
        self._group_bytes = 0
        self._group_began = 0.0
        self._behind_sound = 1
        self._newest = 0.0
        self._sound: SoundTrack | None = None
        self._sound_end = 0.0
        self._origin: Origin | None = None

    def __iter__(self) -> Iterator[Chunk]:
        """Iterate over the chunks of the current group."""
        return iter(tuple(self._group))

    def picture(self, unit: AccessUnit, *, read: bool) -> bool:
        """Take a picture; returns False while one to begin with is missing.

        `read` is whether anybody reads the programme, for only then is sound coded.
        """
        self._came_from(unit)
        if unit.keyframe:
            self._begin(unit)
        if self._muxer is None or self.keyframe is None:
            return False
        self._newest = unit.captured
        self._give(self._muxer.mux(unit), (unit,), keyframe=unit.keyframe)
        if read:
            self.begin_sound()
            if self._sound is not None:
                self._give_sound(self._sound.advance(unit.captured))
        return True

    def sound(self, unit: SoundUnit) -> None:
        """Take a piece of sound."""
        if self._sound is not None:
            self._came_from(unit)
            self._give_sound(self._sound.add(unit))

    def begin_sound(self) -> None:
        """Begin the sound if there is to be any: with the group, as silence up to now."""
        muxer, keyframe = self._muxer, self.keyframe
        if self._sound is not None or muxer is None or keyframe is None or not self._group:
            return
        if muxer.tracks is Tracks.PICTURES:
            return
        start = max(keyframe.captured + _SOUND_LAG, self._sound_end)
        self._sound = SoundTrack(start, opus=muxer.tracks is Tracks.SOUND_AND_OPUS)
        packets = self._sound.begin() + self._sound.advance(self._newest)
        # A reader must find all tracks at the beginning, not behind a group of pictures.
        rest = self._group[self._behind_sound :]
        del self._group[self._behind_sound :]
        self._give_sound(packets)
        self._group += rest

    def end_sound(self) -> None:
        """Stop coding sound."""
        if self._sound is not None:
            self._sound_end = self._sound.end
            self._sound = None

    def forget_group(self) -> None:
        """Forget the pictures, not the time line its readers are on."""
        self.keyframe = None
        self._group = []
        self._group_bytes = 0
        self._behind_sound = 1

    def _begin(self, unit: AccessUnit) -> None:
        self.forget_group()
        parameters = parameter_sets(unit.codec, unit.data)
        muxer = self._muxer
        if muxer is None or parameters != self._parameters or muxer.tracks is not unit.tracks:
            # Another picture size or codec is another programme: who is watching must
            # open it anew, as a decoder set up for the old one would show rubbish.
            if muxer is not None:
                self._on_renewal()
            self.end_sound()
            self._muxer = TsMuxer(unit.codec, self._zero, unit.tracks)
            self._parameters = parameters
        self.keyframe = unit
        self._group_began = unit.captured

    def _give_sound(self, packets: list[SoundPacket]) -> None:
        if packets and self._muxer is not None:
            self._give(b"".join(map(self._muxer.mux_sound, packets)), tuple(packets), sound=True)
            self._behind_sound = max(1, len(self._group))

    def _came_from(self, unit: AccessUnit | SoundUnit) -> None:
        origin = self._origin
        if origin is None or origin.source is not unit.source or origin.epoch != unit.epoch:
            self._origin = Origin(unit.source, unit.epoch)

    def _give(
        self, data: bytes, parts: Parts, *, keyframe: bool = False, sound: bool = False
    ) -> None:
        assert self._origin is not None
        chunk = Chunk(data, keyframe, sound, self._origin, parts, self._newest)
        self._group_bytes += len(data)
        length = self._newest - self._group_began
        if self._group_bytes <= self._room and length <= self._group_seconds():
            self._group.append(chunk)
        else:
            # Half a group is worth nothing: newcomers wait for the next one.
            self._group = []
        self._on_chunk(chunk)
