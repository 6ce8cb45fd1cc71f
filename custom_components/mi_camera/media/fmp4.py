"""Fragmented MP4 from access units and sound: one muxer of libavformat for each segment.

Tried with PyAV 19 (libavformat 63.1): one muxer for all segments keeps packets back until
every track has one, and cannot be told to cut a fragment, so its end must be waited for. One
for each segment is closed at the segment's end, and costs 1.2 ms. It describes the pictures
by the first packet it is given, so only a segment that begins with a key frame has an
initialisation section of use.
"""

from __future__ import annotations

from fractions import Fraction
import io
from typing import TYPE_CHECKING, Final

import av

from .aac import FRAME_SECONDS
from .mux import CODEC_NAMES
from .picture_size import picture_size
from .sound_timeline import RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.stream import Stream

    from .access_unit import AccessUnit
    from .mux import SoundPacket

__all__ = ["CLOCK", "Fmp4Error", "Fmp4Writer", "codec_string"]

CLOCK: Final = 90_000
"""Ticks of pictures' time stamps in a second."""
_ADTS_HEADER: Final = 7
_OPTIONS: Final = {
    # As Home Assistant's stream has them; the tracks are described after the first packets.
    "movflags": "frag_custom+empty_moov+default_base_moof+frag_discont+skip_trailer+delay_moov",
    "use_editlist": "0",
    "avoid_negative_ts": "disabled",
    "video_track_timescale": str(CLOCK),
}
_AAC: Final = "mp4a.40.2"


class Fmp4Error(Exception):
    """Pictures that cannot be packed."""


class Fmp4Writer:
    """Packs segments of one programme.

    `init` is the initialisation section, empty before the first segment; it stays the same.
    """

    def __init__(self, first: AccessUnit, zero: float) -> None:
        """Describe a programme that begins with the key frame `first`.

        Args:
            first: tells the codec and the size.
            zero: when the clock of the programme shows nought (`clock`, s).

        Raises:
            Fmp4Error: its parameter sets tell no size.
        """
        if (size := picture_size(first.codec, first.data)) is None:
            raise Fmp4Error("a key frame that tells no size")
        self.size = size
        self.init = b""
        self._codec = first.codec
        self._zero = zero
        self._last = {CLOCK: -1, RATE: -1}

    def segment(
        self,
        number: int,
        pictures: Sequence[AccessUnit],
        sounds: Sequence[SoundPacket],
        end: float,
    ) -> bytes:
        """Return a fragment: its description (`moof`) and its media (`mdat`).

        Args:
            number: of the segment, from 0.
            pictures: at least one.
            sounds: frames of AAC; there is a track for them though there may be none.
            end: until when the last picture is shown (`clock`, s).

        Raises:
            Fmp4Error: that cannot be packed.
        """
        file = io.BytesIO()
        try:
            with av.open(
                file, "w", format="mp4", options={**_OPTIONS, "fragment_index": str(number + 1)}
            ) as container:
                width, height = self.size
                name = CODEC_NAMES[self._codec]
                video = container.add_mux_stream(name, width=width, height=height)
                video.time_base = Fraction(1, CLOCK)
                packets: list[tuple[float, av.Packet[Stream]]] = []
                for unit, until in zip(
                    pictures, [*(one.captured for one in pictures[1:]), end], strict=True
                ):
                    packet = self._packet(unit.data, unit.captured, until, CLOCK)
                    packet.is_keyframe = unit.keyframe
                    packet.stream = video
                    packets.append((unit.captured, packet))
                # Only a stream with an encoder has the description that AAC needs.
                audio = container.add_stream("aac", rate=RATE, layout="mono")
                for sound in sounds:
                    data = sound.data[_ADTS_HEADER:]
                    packet = self._packet(data, sound.at, sound.at + FRAME_SECONDS, RATE)
                    packet.stream = audio
                    packets.append((sound.at, packet))
                for _, packet in sorted(packets, key=lambda one: one[0]):
                    container.mux_one(packet)
        except (av.FFmpegError, ValueError) as err:
            raise Fmp4Error("a segment that cannot be packed") from err
        data = file.getvalue()
        fragment = data.find(b"moof") - 4
        if fragment < 0:
            raise Fmp4Error("an empty segment")
        if not self.init:
            self.init = data[:fragment]
        return data[fragment:]

    def _packet(self, data: bytes, at: float, until: float, clock: int) -> av.Packet[Stream]:
        stamp = max(round((at - self._zero) * clock), self._last[clock] + 1)
        self._last[clock] = stamp
        packet: av.Packet[Stream] = av.Packet(data)
        packet.time_base = Fraction(1, clock)
        packet.pts = packet.dts = stamp
        packet.duration = max(1, round((until - self._zero) * clock) - stamp)
        return packet


def codec_string(init: bytes) -> str:
    """Return what an initialisation section holds, as RFC 6381 has it; empty if it does not say.

    The configuration records are those of ISO/IEC 14496-15.
    """
    codecs: list[str] = []
    if (at := init.find(b"avcC")) >= 0:
        codecs.append(f"avc1.{init[at + 5 : at + 8].hex()}")
    elif (at := init.find(b"hvcC")) >= 0:
        record = init[at + 5 : at + 17]
        compatibility = int(f"{int.from_bytes(record[1:5]):032b}"[::-1], 2)
        space = ("", "A", "B", "C")[record[0] >> 6]
        tier = "H" if record[0] & 0x20 else "L"
        constraints = "".join(f".{value:X}" for value in record[5:11].rstrip(b"\0"))
        codecs.append(
            f"hev1.{space}{record[0] & 0x1F}.{compatibility:X}.{tier}{record[11]}{constraints}"
        )
    if b"esds" in init:
        codecs.append(_AAC)
    return ",".join(codecs)
