"""The media one client of a simulated camera gets: which pictures and sound, as records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.camera.cs2 import Channel
from simulator.camera.link import MAX_BACKLOG
from simulator.camera.miss_wire import MEDIA, SIZES, SOUND_CODECS, SOUND_FLAGS, Codec, Flags

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.camera.link import Link
    from simulator.camera.quirks import Quirks
    from simulator.camera.session import Camera
    from simulator.camera.streams import CodedAudio, CodedPicture


class Outlet:
    """Subscribes to a camera's streams and sends what comes to one client.

    `seal` encrypts a payload, its nonce in front.
    """

    def __init__(
        self, camera: Camera, quirks: Quirks, link: Link, seal: Callable[[bytes], bytes]
    ) -> None:
        """Send nothing yet."""
        self._camera = camera
        self._quirks = quirks
        self._link = link
        self._seal = seal
        self._watching: dict[int, tuple[int, Callable[[], None]]] = {}
        self._sequences = [0, 0]
        self._await_key = [False, False]
        self._listening: Callable[[], None] | None = None
        self._audio_sequence = 0

    @property
    def streaming(self) -> bool:
        """Whether the client is to get pictures."""
        return bool(self._watching)

    def show(self, first: int, second: int) -> None:
        """Send each lens in the wanted quality; one the camera does not have is silence."""
        spec = self._camera.spec
        self._watch(0, first)
        if spec.lenses > 1:
            self._watch(1, second if spec.interleaves or first < 0 else -1)

    def change_quality(self, quality: int) -> None:
        """Send every lens shown in another quality."""
        for lens in tuple(self._watching):
            self._watch(lens, quality)

    def _watch(self, lens: int, quality: int) -> None:
        current = self._watching.get(lens)
        if current is not None:
            if current[0] == quality:
                return
            del self._watching[lens]
            current[1]()
        if quality in self._camera.spec.qualities:
            unsubscribe = self._camera.watch(lens, quality, self._picture)
            self._watching[lens] = (quality, unsubscribe)

    def stop_video(self) -> None:
        """Send no more pictures."""
        for _, unsubscribe in self._watching.values():
            unsubscribe()
        self._watching.clear()

    def start_audio(self) -> None:
        """Send sound too."""
        if self._listening is None:
            self._listening = self._camera.listen(self._sound)

    def stop_audio(self) -> None:
        """Send no more sound."""
        if self._listening is not None:
            self._listening()
            self._listening = None

    def _media(self, codec: Codec, sequence: int, flags: int, at_ms: int, data: bytes) -> None:
        quirks = self._quirks
        if quirks.garbage_payload and quirks.random.random() < quirks.garbage_payload:
            data = quirks.random.randbytes(len(data))
        seconds = at_ms // 1000
        if quirks.timestamps_in_seconds:
            at_ms = seconds
        sealed = self._seal(data)
        head = MEDIA.pack(len(sealed), codec, sequence, flags, at_ms, seconds, 0)
        self._link.send(Channel.MEDIA, head + sealed)

    def _picture(self, picture: CodedPicture) -> None:
        lens = picture.lens
        sequence = self._sequences[lens]
        self._sequences[lens] = (sequence + 1) & 0xFFFFFFFF
        if self._link.backlog > MAX_BACKLOG:
            self._await_key[lens] = True
        if self._await_key[lens] and not picture.keyframe:
            return
        self._await_key[lens] = False
        flags = Flags.WATERMARK_TIME | SIZES.get(picture.height, Flags(0))
        if picture.keyframe:
            flags |= Flags.I_FRAME
        if lens:
            if self._quirks.lens_flags_missing > 0:
                self._quirks.lens_flags_missing -= 1
            else:
                flags |= Flags.SECOND_LENS
        codec = Codec.H264 if picture.codec == "h264" else Codec.H265
        self._camera.frames_sent += 1
        at_ms = max(0, picture.captured_ms + self._quirks.timestamp_shift_ms)
        self._media(codec, sequence, flags, at_ms, picture.data)

    def _sound(self, audio: CodedAudio) -> None:
        sequence = self._audio_sequence
        self._audio_sequence = (sequence + 1) & 0xFFFFFFFF
        if self._link.backlog > MAX_BACKLOG:
            return
        name = self._camera.spec.audio
        flags = Flags.WATERMARK_TIME | SOUND_FLAGS[name]
        at_ms = max(0, audio.captured_ms + self._quirks.timestamp_shift_ms)
        if self._quirks.audio_timestamps_zero:
            at_ms = 0
        self._media(SOUND_CODECS[name], sequence, flags, at_ms, audio.data)
