"""The tag: read back from any picture that is intact, from no other."""

from __future__ import annotations

import io
import zlib

import av
from hypothesis import given, settings, strategies as st
import numpy as np
from PIL import Image
import pytest

from simulator.tag import Tag, draw, read, read_frame, read_image, strip_height

tags = st.builds(
    Tag,
    did=st.integers(0, 2**64 - 1),
    lens=st.integers(0, 255),
    counter=st.integers(0, 2**32 - 1),
    captured_ms=st.integers(0, 2**48 - 1),
)
TAG = Tag(1001001001, 1, 4711, 1_795_499_279_482)


def picture(width: int, height: int, tag: Tag = TAG) -> np.ndarray:
    luma = np.random.default_rng(1).integers(0, 256, (height, width), np.uint8)
    draw(luma, tag)
    return luma


def test_layout() -> None:
    head = bytes.fromhex("a5 000000003baa1029 01 00001267 01a20c18c47a".replace(" ", ""))
    assert TAG.captured_ms == 0x01A20C18C47A
    assert TAG.pack() == head + zlib.crc32(head).to_bytes(4) + b"\0"
    luma = picture(640, 360)
    blocks = luma[8:80:16, 8::16]
    assert blocks.shape == (5, 40)
    assert set(np.unique(luma[:80])) == {16, 235}
    assert np.packbits(blocks > 128).tobytes() == TAG.pack()


@given(tag=tags)
def test_bytes_round_trip(tag: Tag) -> None:
    data = tag.pack()
    assert len(data) == 25
    assert Tag.unpack(data) == tag


@given(tag=tags, bit=st.integers(0, 199))
def test_one_wrong_bit_is_noticed(tag: Tag, bit: int) -> None:
    data = bytearray(tag.pack())
    data[bit // 8] ^= 0x80 >> bit % 8
    assert Tag.unpack(bytes(data)) is None


@given(data=st.binary(max_size=40))
def test_other_bytes_are_no_tag(data: bytes) -> None:
    assert Tag.unpack(data) is None


@settings(max_examples=40, deadline=None)
@given(tag=tags, width=st.integers(20, 480).map(lambda half: half * 4))
def test_drawn_and_read_at_any_size(tag: Tag, width: int) -> None:
    luma = picture(width, width * 9 // 16, tag)
    assert read(luma) == tag
    below = np.random.default_rng(1).integers(0, 256, luma.shape, np.uint8)
    assert (luma[strip_height(width) :] == below[strip_height(width) :]).all()


@pytest.mark.parametrize("size", [(1920, 1080), (960, 540), (854, 480), (640, 360), (426, 240)])
def test_survives_scaling(size: tuple[int, int]) -> None:
    image = Image.fromarray(picture(1280, 720)).resize(size, Image.Resampling.BILINEAR)
    assert read(np.asarray(image)) == TAG


@pytest.mark.parametrize(("kind", "quality"), [("JPEG", 30), ("JPEG", 90), ("PNG", 0)])
def test_survives_a_still(kind: str, quality: int) -> None:
    file = io.BytesIO()
    Image.fromarray(picture(640, 360)).convert("RGB").save(file, kind, quality=quality)
    assert read_image(file.getvalue()) == TAG


@pytest.mark.parametrize("pixels", ["yuv420p", "nv12", "rgb24"])
def test_read_from_a_frame(pixels: str) -> None:
    # 850 is no multiple of what libav aligns lines to.
    frame = av.VideoFrame.from_ndarray(picture(850, 480), format="gray").reformat(format=pixels)
    assert read_frame(frame) == TAG


def test_no_tag_in_other_pictures() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (360, 640), np.uint8)
    assert read(noise) is None
    assert read(np.zeros((360, 640), np.uint8)) is None
    assert read(noise[:40]) is None
    assert read(noise[:, :39]) is None
    assert read_frame(av.VideoFrame.from_ndarray(noise, format="gray")) is None


def test_a_covered_block_is_no_tag() -> None:
    luma = picture(640, 360)
    block = luma[16:32, 16:32]
    block[:] = 251 - block
    assert read(luma) is None


@pytest.mark.parametrize("keep", [0, 1, 20, 300, 2000])
def test_no_tag_in_broken_files(keep: int) -> None:
    file = io.BytesIO()
    Image.fromarray(picture(640, 360)).save(file, "JPEG")
    assert read_image(file.getvalue()[:keep]) is None


@given(data=st.binary(max_size=200))
def test_no_tag_in_rubbish(data: bytes) -> None:
    assert read_image(data) is None
