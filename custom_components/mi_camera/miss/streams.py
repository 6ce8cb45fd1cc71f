"""From media records to frames: what comes out is whole, plausible, asked for and decodable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import MissProtocolError, MissWrongKey
from .frames import AudioFrame, Codec, VideoFrame
from .media import HEADER_BYTES, MediaHeader, pull_media_header
from .nal import AccessUnitInfo, inspect
from .sound import inspect_sound
from .timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .crypto import RecordCipher
    from .limits import Statistics

_CODECS: dict[int, Codec] = {int(codec): codec for codec in Codec}
# So many payloads in a row that do not decode are no accident.
_MAX_INTEGRITY_ERRORS = 5
# Parameter sets that come in records of their own are small.
_MAX_LEADING_BYTES = 64 * 1024
_SEQUENCE_MASK = 0xFFFF_FFFF


@dataclass(slots=True)
class _Lens:
    """What is known of one lens's stream."""

    quality: int
    """What was asked for."""
    codec: Codec | None = None
    waiting: bool = True
    """Nothing is let out before the next picture at which decoding can begin."""
    parameter_sets: bytes = b""
    leading: bytes = b""
    """Parameter sets and the like that came in records of their own."""
    resolution: int = 0
    """What the last key frame's header said."""
    settled_at: float = 0.0
    """Until then pictures of two qualities may follow each other without warning."""
    sequence: int = -1
    """Number of the last record."""
    counts: bool = False
    """That number was one more than the one before."""
    suspect: bool = False
    """Records were lost, maybe of this lens; the next one's number will tell."""

    def count(self, sequence: int) -> None:
        """Take the number of a record that came; notice whether one before it is missing."""
        follows = sequence == (self.sequence + 1) & _SEQUENCE_MASK
        if self.suspect:
            self.suspect = False
            if not (follows and self.counts):
                self.waiting = True
                self.leading = b""
        self.counts = follows
        self.sequence = sequence


class MediaStreams:
    """The pictures of the lenses asked for, and the sound."""

    def __init__(self, cipher: RecordCipher, statistics: Statistics) -> None:
        """Want nothing yet.

        Args:
            cipher: opens the payloads.
            statistics: where is counted what does not come out.
        """
        self.audio = False
        """Whether sound is wanted."""
        self._cipher = cipher
        self._statistics = statistics
        self._lenses: dict[int, _Lens] = {}
        self._proved = False
        self._errors_in_row = 0
        self._timeline = Timeline()

    @property
    def qualities(self) -> Mapping[int, int]:
        """Which quality is wanted, by lens."""
        return {number: lens.quality for number, lens in self._lenses.items()}

    def want(self, number: int, quality: int, settled_at: float) -> None:
        """Want a lens's pictures, or another quality of them from now to `settled_at` on."""
        lens = self._lenses.get(number)
        if lens is None:
            self._lenses[number] = _Lens(quality)
        elif lens.quality != quality:
            # The other quality is another stream, and the camera may begin it anywhere.
            lens.quality = quality
            lens.waiting = True
            lens.settled_at = settled_at

    def want_nothing(self, number: int | None = None) -> None:
        """Let nothing out any more of a lens, or of any; without a picture also no sound."""
        if number is None:
            self._lenses.clear()
        else:
            self._lenses.pop(number, None)
        if not self._lenses:
            self.audio = False

    def lose(self) -> None:
        """Go on with a key frame, in lenses of which one of the missing records may be.

        A hole between two pictures with successive numbers held none of this lens; it was
        sound that was lost, or a picture of the other one.
        """
        for lens in self._lenses.values():
            lens.suspect = True

    def receive(self, record: bytes, now: float) -> VideoFrame | AudioFrame | None:
        """Take a media record; return what comes out of it, if anything.

        Raises:
            MissWrongKey: payload after payload is rubbish.
        """
        try:
            header = pull_media_header(record)
            if (codec := _CODECS.get(header.codec)) is None:
                self._statistics.unsupported += 1
                return None
            lens = self._lenses.get(header.lens)
            if (codec.is_video and lens is None) or (not codec.is_video and not self.audio):
                self._statistics.unwanted += 1
                return None
            payload = self._cipher.decrypt(_payload(record, header))
        except MissProtocolError:
            self._statistics.malformed += 1
            self.lose()
            return None
        if codec.is_video and lens is not None:
            return self._picture(lens, header, codec, payload, now)
        return self._sound(header, codec, payload, now)

    def _picture(
        self, lens: _Lens, header: MediaHeader, codec: Codec, payload: bytes, now: float
    ) -> VideoFrame | None:
        lens.count(header.sequence)
        info = inspect(codec, payload)
        if info is not None and (not info.has_picture or lens.leading):
            payload = lens.leading + payload
            lens.leading = b""
            if not info.has_picture:
                if len(payload) <= _MAX_LEADING_BYTES:
                    lens.leading = payload
                return None
            info = inspect(codec, payload)
        if info is None:
            self._integrity_error(lens)
            return None
        self._errors_in_row = 0
        if codec is not lens.codec:
            lens.codec = codec
            lens.waiting = True
            lens.parameter_sets = b""
        if now < lens.settled_at and header.resolution != lens.resolution:
            lens.waiting = True
        keyframe = _can_start(lens, info)
        if keyframe:
            if not info.parameter_sets:
                payload = lens.parameter_sets + payload
            lens.resolution = header.resolution
            lens.waiting = False
            self._proved = True
        elif lens.waiting:
            self._statistics.skipped += 1
            return None
        stamp = self._stamp(header, now, video=True)
        return VideoFrame(header.lens, header.sequence, stamp, codec, keyframe, payload)

    def _sound(
        self, header: MediaHeader, codec: Codec, payload: bytes, now: float
    ) -> AudioFrame | None:
        if not self._proved:
            # Sound of another key is noise that looks like sound: only a picture can prove
            # that this session's key is the camera's.
            self._statistics.skipped += 1
            return None
        info = inspect_sound(codec, payload, header.sample_rate, header.channels)
        if info is None:
            self._statistics.integrity_errors += 1
            return None
        return AudioFrame(
            lens=header.lens,
            sequence=header.sequence,
            timestamp_ms=self._stamp(header, now, video=False),
            codec=codec,
            sample_rate=info[0],
            channels=info[1],
            data=payload,
        )

    def _stamp(self, header: MediaHeader, now: float, *, video: bool) -> int:
        return self._timeline.stamp(
            video=video,
            lens=header.lens,
            raw=header.timestamp_ms,
            seconds=header.timestamp_s,
            now=now,
        )

    def _integrity_error(self, lens: _Lens) -> None:
        self._statistics.integrity_errors += 1
        lens.waiting = True
        lens.leading = b""
        self._errors_in_row += 1
        if self._errors_in_row >= _MAX_INTEGRITY_ERRORS:
            raise MissWrongKey("the pictures do not decode with this session's key")


def _payload(record: bytes, header: MediaHeader) -> memoryview:
    """Return what the header counts; padding may follow it."""
    end = HEADER_BYTES + header.length
    if end > len(record):
        raise MissProtocolError("a media record is shorter than its header says")
    return memoryview(record)[HEADER_BYTES:end]


def _can_start(lens: _Lens, info: AccessUnitInfo) -> bool:
    """Whether decoding can begin at this picture, with its own parameter sets or the last."""
    if not info.random_access:
        return False
    if info.parameter_sets:
        lens.parameter_sets = info.parameter_sets
    return bool(lens.parameter_sets)
