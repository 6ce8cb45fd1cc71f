"""Pictures and sound of a simulated camera, shared by its viewers.

One encoder runs per lens and quality, and only while somebody watches.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
import contextlib
from dataclasses import dataclass
import functools
import itertools
import random
import time
from typing import TYPE_CHECKING

from simulator.camera.replay import record, replay
from simulator.encoder import FORMATS, PictureEncoder, sound
from simulator.scene import Scene
from simulator.tag import Tag, draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulator.camera.quirks import Quirks
    from simulator.camera.spec import CameraSpec, VideoCodec
    from simulator.camera.state import CameraState

_BEHIND = 1.0
_PITCHES = (262, 294, 330, 392, 440, 523, 587, 659)


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One access unit."""

    lens: int
    keyframe: bool
    captured_ms: int
    codec: VideoCodec
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class CodedAudio:
    """One frame of sound: 40 ms, of AAC 64."""

    captured_ms: int
    data: bytes


class Broadcast[T]:
    """A task that makes items while anybody listens."""

    def __init__(self, state: CameraState) -> None:
        """Start idle."""
        self._sinks: list[Callable[[T], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._state = state
        self._awake = asyncio.Event()
        self._unsubscribe = state.subscribe(self._power_changed)
        self._power_changed()

    def _power_changed(self) -> None:
        if self._state.power:
            self._awake.set()
        else:
            self._awake.clear()

    def subscribe(self, sink: Callable[[T], None]) -> Callable[[], None]:
        """Give every item to `sink` until the returned function is called."""
        self._sinks.append(sink)
        if self._task is None:
            self._task = asyncio.create_task(self._run())

        def unsubscribe() -> None:
            if sink in self._sinks:
                self._sinks.remove(sink)
            if not self._sinks:
                self._end()

        return unsubscribe

    def _end(self) -> None:
        if self._task is not None:
            self._ending.add(self._task)
            self._task.add_done_callback(self._ending.discard)
            self._task.cancel()
            self._task = None

    async def stop(self) -> None:
        """End, whoever listens."""
        self._unsubscribe()
        self._sinks.clear()
        self._end()
        for task in tuple(self._ending):
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _give(self, item: T) -> None:
        for sink in tuple(self._sinks):
            sink(item)

    async def _run(self) -> None:
        while True:
            await self._awake.wait()
            await self._live()

    async def _live(self) -> None:
        """Make items until the camera falls asleep."""
        raise NotImplementedError


class VideoStream(Broadcast[CodedPicture]):
    """One lens in one codec at one size."""

    def __init__(
        self,
        spec: CameraSpec,
        state: CameraState,
        quirks: Quirks,
        lens: int,
        codec: VideoCodec,
        size: tuple[int, int],
        counter: Iterator[int],
        pool: ThreadPoolExecutor,
    ) -> None:
        """Prepare; nothing is drawn before somebody watches."""
        super().__init__(state)
        self._spec = spec
        self._quirks = quirks
        self._lens = lens
        self._codec = codec
        self._size = size
        self._counter = counter
        self._pool = pool
        self._recorded: tuple[bytes, ...] = ()

    def _open(self, size: tuple[int, int]) -> tuple[Scene, PictureEncoder]:
        spec, (width, height) = self._spec, size
        scene = Scene(spec.scene, spec.name, width, height, self._lens)
        return scene, PictureEncoder(self._codec, width, height, spec.fps)

    def _picture(self, scene: Scene, encoder: PictureEncoder, *, key: bool) -> CodedPicture:
        now = time.time_ns() // 1_000_000
        scene.paint(encoder.planes, now)
        tag = Tag(self._spec.did, self._lens, next(self._counter), now)
        draw(encoder.planes[0], tag)
        height = encoder.context.height
        return CodedPicture(self._lens, key, now, self._codec, height, encoder.encode(key=key))

    async def _replay(self) -> None:
        """Send a loop of pictures until the camera falls asleep."""
        if not self._recorded:
            self._recorded = await asyncio.get_running_loop().run_in_executor(
                self._pool, record, self._spec, self._lens, self._codec, self._size, self._counter
            )

        def give(key: bool, data: bytes) -> bool:
            if self._state.power:
                now = time.time_ns() // 1_000_000
                self._give(CodedPicture(self._lens, key, now, self._codec, self._size[1], data))
            return self._state.power

        await replay(self._recorded, self._spec.fps, give)

    async def _live(self) -> None:
        if self._spec.replay:
            await self._replay()
            return
        loop = asyncio.get_running_loop()
        size = self._quirks.picture_size or self._size
        scene, encoder = await loop.run_in_executor(self._pool, self._open, size)
        period = 1 / self._spec.fps
        gop = max(2, round(self._spec.gop_seconds * self._spec.fps))
        # As if the camera had been running all along: whoever comes first is somewhere
        # within a group of pictures. The key frame it began with goes to nobody.
        next_key = random.randrange(2, gop + 1)
        due = loop.time()
        for index in itertools.count():
            key = index in {0, next_key}
            if size != (size := self._quirks.picture_size or self._size):
                scene, encoder = await loop.run_in_executor(self._pool, self._open, size)
                key, next_key = True, index
            if index == next_key:
                next_key += gop
            picture = await loop.run_in_executor(
                self._pool, functools.partial(self._picture, scene, encoder, key=key)
            )
            if not self._state.power:
                return
            if index == 0:
                continue
            self._give(picture)
            due += period
            now = loop.time()
            if now - due > _BEHIND:
                due = now
            await asyncio.sleep(due - now)


class AudioStream(Broadcast[CodedAudio]):
    """The microphone: a tone of the camera's own."""

    def __init__(self, spec: CameraSpec, state: CameraState, pool: ThreadPoolExecutor) -> None:
        """Prepare; nothing sounds before somebody listens."""
        super().__init__(state)
        self._codec = spec.audio
        self._period = FORMATS[spec.audio].frame_ms / 1000
        self._pitch = _PITCHES[spec.did % len(_PITCHES)]
        self._pool = pool

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        frames = await loop.run_in_executor(self._pool, sound, self._codec, self._pitch)
        due = loop.time()
        for data in itertools.cycle(frames):
            if not self._state.power:
                return
            self._give(CodedAudio(time.time_ns() // 1_000_000, data))
            due += self._period
            now = loop.time()
            if now - due > _BEHIND:
                due = now
            await asyncio.sleep(due - now)


class Streams:
    """All streams of one camera."""

    def __init__(self, spec: CameraSpec, state: CameraState, quirks: Quirks) -> None:
        """Prepare; frame counters go on rising for as long as this object lives."""
        self._spec = spec
        self._state = state
        self._quirks = quirks
        self._counters = [itertools.count(1) for _ in range(spec.lenses)]
        self._video: dict[tuple[int, VideoCodec, tuple[int, int]], VideoStream] = {}
        self._audio: AudioStream | None = None
        self._pool: ThreadPoolExecutor | None = None

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            name = f"camera-{self._spec.did}"
            self._pool = ThreadPoolExecutor(self._spec.lenses, thread_name_prefix=name)
        return self._pool

    def watch(
        self, lens: int, quality: int, sink: Callable[[CodedPicture], None]
    ) -> Callable[[], None]:
        """Send pictures of a lens to `sink` until the returned function is called."""
        codec, size = self._spec.codec_of(quality), self._spec.qualities[quality]
        stream = self._video.get((lens, codec, size))
        if stream is None:
            stream = self._video[lens, codec, size] = VideoStream(
                self._spec,
                self._state,
                self._quirks,
                lens,
                codec,
                size,
                self._counters[lens],
                self._threads(),
            )
        return stream.subscribe(sink)

    def listen(self, sink: Callable[[CodedAudio], None]) -> Callable[[], None]:
        """Send sound to `sink` until the returned function is called."""
        if self._audio is None:
            self._audio = AudioStream(self._spec, self._state, self._threads())
        return self._audio.subscribe(sink)

    async def stop(self) -> None:
        """End all streams and their threads."""
        for stream in self._video.values():
            await stream.stop()
        if self._audio is not None:
            await self._audio.stop()
        self._video.clear()
        self._audio = None
        if self._pool is not None:
            await asyncio.to_thread(self._pool.shutdown)
            self._pool = None
