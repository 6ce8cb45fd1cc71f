"""A machine-readable tag in every simulated picture: which camera, which lens, which frame, when.

A tag is 25 bytes: magic ``0xA5``, did (u64), lens (u8), frame counter (u32), capture time in
unix milliseconds (6 bytes), CRC-32 of the bytes before (u32), one spare zero; all big-endian.
Its 200 bits are 40 columns x 5 rows of black and white squares across the whole width of the
picture, origin top-left, row by row, most significant bit first. It survives encoding, scaling
at the same aspect and a JPEG; the CRC makes sure that a damaged one is no tag at all.
"""

from __future__ import annotations

from dataclasses import dataclass
import io
import struct
from typing import TYPE_CHECKING
import zlib

import numpy as np
from PIL import Image, UnidentifiedImageError

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

    type Luma = NDArray[np.uint8]

COLUMNS = 40
ROWS = 5
BLACK = 16
WHITE = 235
_MAGIC = 0xA5
_HEAD = struct.Struct(">BQBIHI")  # the 6-byte time as u16 high and u32 low
_CRC = struct.Struct(">I")
_SAMPLES = 4  # sample points per axis, in the middle half of a block
_PLANAR_LUMA = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray")


@dataclass(frozen=True, slots=True)
class Tag:
    """What a picture says about itself."""

    did: int
    """The camera's device id."""
    lens: int
    """0, or 1 for the second lens."""
    counter: int
    """Frame number of this camera and lens, rising over the camera's life."""
    captured_ms: int
    """When the picture was drawn, unix milliseconds."""

    def pack(self) -> bytes:
        """Return the 25 bytes."""
        head = _HEAD.pack(
            _MAGIC,
            self.did,
            self.lens,
            self.counter & 0xFFFFFFFF,
            self.captured_ms >> 32 & 0xFFFF,
            self.captured_ms & 0xFFFFFFFF,
        )
        return head + _CRC.pack(zlib.crc32(head)) + b"\0"

    @classmethod
    def unpack(cls, data: bytes) -> Tag | None:
        """Return the tag in 25 bytes, or None when they are not an intact one."""
        head = data[: _HEAD.size]
        if len(data) != COLUMNS * ROWS // 8 or head[0] != _MAGIC or data[-1] != 0:
            return None
        if _CRC.unpack_from(data, _HEAD.size)[0] != zlib.crc32(head):
            return None
        _, did, lens, counter, high, low = _HEAD.unpack(head)
        return cls(did, lens, counter, high << 32 | low)


def strip_height(width: int) -> int:
    """Return how many lines at the top of a picture this wide the tag takes."""
    return round(ROWS * width / COLUMNS)


def draw(luma: Luma, tag: Tag) -> None:
    """Draw the tag over the top of a luma plane (height, width), in place."""
    width = luma.shape[1]
    bits = np.unpackbits(np.frombuffer(tag.pack(), np.uint8)).reshape(ROWS, COLUMNS)
    blocks = np.where(bits, np.uint8(WHITE), np.uint8(BLACK))
    if width % COLUMNS == 0:
        side = width // COLUMNS
        strip = luma[: side * ROWS].reshape(ROWS, side, COLUMNS, side)
        strip[:] = blocks[:, None, :, None]
        return
    height = strip_height(width)
    columns = np.arange(width) * COLUMNS // width
    rows = np.minimum(np.arange(height) * COLUMNS // width, ROWS - 1)
    luma[:height] = blocks[rows[:, None], columns[None, :]]


def read(luma: Luma) -> Tag | None:
    """Return the tag of a luma plane (height, width), or None unless its CRC matches."""
    if luma.ndim != 2 or luma.shape[1] < COLUMNS:
        return None
    height, width = luma.shape
    side = width / COLUMNS
    if height < ROWS * side - 0.5:
        return None
    inside = 0.25 + (np.arange(_SAMPLES) + 0.5) / (2 * _SAMPLES)
    xs = ((np.arange(COLUMNS)[:, None] + inside) * side).astype(np.intp).ravel()
    ys = ((np.arange(ROWS)[:, None] + inside) * side).astype(np.intp).ravel()
    points = luma[np.minimum(ys, height - 1)[:, None], xs[None, :]]
    means = points.reshape(ROWS, _SAMPLES, COLUMNS, _SAMPLES).mean(axis=(1, 3))
    return Tag.unpack(np.packbits(means >= 128).tobytes())


def read_frame(frame: av.VideoFrame) -> Tag | None:
    """Return the tag of a decoded video frame, or None."""
    if frame.format.name in _PLANAR_LUMA:
        plane = frame.planes[0]
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return read(lines[: frame.height, : frame.width])
    return read(np.asarray(frame.to_ndarray(format="gray"), np.uint8))


def read_image(data: bytes) -> Tag | None:
    """Return the tag of a JPEG or PNG file, or None (also when it is no picture at all)."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return read(np.asarray(image.convert("L")))
    except UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError:
        return None
