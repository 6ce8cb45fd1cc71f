"""Scenes that can be told apart, and live encoders of what they show."""

from __future__ import annotations

import io
from typing import Literal

import av
import numpy as np
import pytest

from simulator.encoder import AUDIO_FRAME_MS, PictureEncoder, Planes, sound
from simulator.scene import Scene
from simulator.tag import Tag, draw, read, read_frame, strip_height

NOW = 1_795_499_279_482
Video = Literal["h264", "h265"]


def planes(width: int = 640, height: int = 360) -> Planes:
    return (
        np.zeros((height, width), np.uint8),
        np.zeros((height // 2, width // 2), np.uint8),
        np.zeros((height // 2, width // 2), np.uint8),
    )


def shown(scene: Scene, now: int = NOW, size: tuple[int, int] = (640, 360)) -> Planes:
    target = planes(*size)
    scene.paint(target, now)
    return target


def test_places_differ_and_have_colour() -> None:
    views = [
        shown(Scene(name, name, 640, 360))
        for name in ("kitchen", "nursery", "porch", "garden", "x")
    ]
    for index, view in enumerate(views):
        assert all(plane[100:].std() > 3 for plane in view)
        for other in views[:index]:
            assert np.abs(view[0].astype(int) - other[0]).mean() > 10


def test_lenses_and_names_differ() -> None:
    first = shown(Scene("porch", "Porch", 640, 360))
    assert (first[0] != shown(Scene("porch", "Porch", 640, 360, lens=1))[0]).mean() > 0.2
    assert (first[0] != shown(Scene("porch", "Front", 640, 360))[0]).any()


@pytest.mark.parametrize("name", ["kitchen", "nursery", "porch", "garden", "anything"])
@pytest.mark.parametrize("lens", [0, 1])
def test_it_moves_all_the_time(name: str, lens: int) -> None:
    scene = Scene(name, name, 640, 360, lens)
    last = shown(scene)
    moved = 0
    for step in range(1, 16):
        view = shown(scene, NOW + 66 * step)
        moved += bool((view[0][80:300] != last[0][80:300]).any())
        last = view
    assert moved >= 2


def test_painting_is_the_same_in_place_or_anew() -> None:
    scene = Scene("kitchen", "Kitchen", 640, 360)
    target = planes()
    for step in range(5):
        scene.paint(target, NOW + 400 * step)
    for plane, fresh in zip(target, shown(scene, NOW + 1600), strict=True):
        assert (plane == fresh).all()


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (854, 480), (2560, 1440)])
def test_the_strip_of_the_tag_is_left_alone(size: tuple[int, int]) -> None:
    tag = Tag(1, 0, 2, NOW)
    target = planes(*size)
    draw(target[0], tag)
    scene = Scene("nursery", "Nursery", *size)
    for step in range(30):
        scene.paint(target, NOW + 333 * step)
    assert read(target[0]) == tag
    assert (target[1][: strip_height(size[0]) // 2] == 128).all()


def nal_types(codec: Video, data: bytes) -> list[int]:
    units = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    assert units[0] == b""
    return [unit[0] & 31 if codec == "h264" else unit[0] >> 1 & 63 for unit in units[1:]]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_encoded_pictures(codec: Video) -> None:
    scene = Scene("kitchen", "Kitchen", 640, 360)
    encoder = PictureEncoder(codec, 640, 360, 15)
    decoder = av.CodecContext.create("h264" if codec == "h264" else "hevc", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.flags |= av.codec.context.Flags.low_delay
    decoder.thread_count = 1
    seen = []
    for index in range(12):
        key = index in {0, 7}
        scene.paint(encoder.planes, NOW + 66 * index)
        draw(encoder.planes[0], Tag(5, 1, index, NOW + 66 * index))
        data = encoder.encode(key=key)
        assert data.startswith((b"\0\0\0\1", b"\0\0\1"))
        kinds = nal_types(codec, data)
        if codec == "h264":
            assert (kinds[:2] == [7, 8] and 5 in kinds) if key else set(kinds) <= {1, 6}
        else:
            assert (kinds[:3] == [32, 33, 34] and kinds[-1] in {19, 20}) if key else kinds == [1]
        frames = decoder.decode(av.Packet(data))
        seen += [read_frame(frame) for frame in frames]
        if codec == "h264":
            assert len(seen) == index + 1, "an encoder without delay gives each picture at once"
            assert frames[0].colorspace == 1
    seen += [read_frame(frame) for frame in decoder.decode(None)]
    assert seen == [Tag(5, 1, index, NOW + 66 * index) for index in range(12)]


def test_every_group_of_pictures_can_be_decoded_alone() -> None:
    encoder = PictureEncoder("h264", 640, 360, 15)
    scene = Scene("porch", "Porch", 640, 360)
    units = []
    for index in range(20):
        scene.paint(encoder.planes, NOW + 66 * index)
        draw(encoder.planes[0], Tag(5, 0, index, NOW))
        units.append(encoder.encode(key=index % 10 == 0))
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = [frame for unit in units[10:] for frame in decoder.decode(av.Packet(unit))]
    frames += decoder.decode(None)
    tags = [read_frame(frame) for frame in frames]
    assert [tag.counter for tag in tags if tag] == list(range(10, 20))


def main_frequency(samples: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


@pytest.mark.parametrize("pitch", [262, 440])
@pytest.mark.parametrize(
    ("codec", "name", "size"),
    [("pcma", "pcm_alaw", 320), ("pcmu", "pcm_mulaw", 320), ("pcm", "pcm_s16le", 640)],
)
def test_sound_without_compression(
    codec: Literal["pcma", "pcmu", "pcm"], name: str, size: int, pitch: int
) -> None:
    frames = sound(codec, pitch)
    assert {len(frame) for frame in frames} == {size}
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = 8000, "mono"
    decoded = decoder.decode(av.Packet(b"".join(frames)))
    samples = np.concatenate([frame.to_ndarray().ravel() for frame in decoded])
    assert main_frequency(samples.astype(float), 8000) == pytest.approx(pitch, abs=1)


def test_opus() -> None:
    frames = sound("opus", 330)
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = 48000, "stereo"
    decoded = [frame for data in frames for frame in decoder.decode(av.Packet(data))]
    assert {frame.samples for frame in decoded[1:]} == {48000 * AUDIO_FRAME_MS // 1000}
    left = np.concatenate([frame.to_ndarray().reshape(-1, 2)[:, 0] for frame in decoded])
    assert main_frequency(left.astype(float), 48000) == pytest.approx(330, abs=1)


def test_aac() -> None:
    frames = sound("aac", 330)
    for frame in frames:
        assert frame[:2] == b"\xff\xf1"
        assert (frame[3] & 3) << 11 | frame[4] << 3 | frame[5] >> 5 == len(frame)
    with av.open(io.BytesIO(b"".join(frames * 2)), format="aac") as container:
        decoded = list(container.decode(audio=0))
    assert {(frame.sample_rate, frame.samples) for frame in decoded} == {(16000, 1024)}
    assert len(decoded) == 2 * len(frames)
    samples = np.concatenate([frame.to_ndarray().ravel() for frame in decoded]).astype(float)
    assert main_frequency(samples, 16000) == pytest.approx(330, abs=1)
    steps = np.abs(np.diff(samples[16000:-16000]))
    seam = (len(frames) - 16) * 1024
    assert (
        steps[seam - 3000 : seam + 3000].max()
        < 1.1 * np.delete(steps, slice(seam - 3000, seam + 3000)).max()
    ), "the loop is seamless"
