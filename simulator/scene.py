"""What the simulated cameras see, drawn live into YUV planes.

The background is drawn and converted once. A picture is a copy of it with a few sprites
blended in, and the camera's name and clock.
"""

from __future__ import annotations

from dataclasses import dataclass
import functools
import time
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from simulator.brush import HEIGHT, WIDTH, Brush
from simulator.places import place
from simulator.tag import strip_height

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from simulator.encoder import Plane, Planes
    from simulator.places import Mover

_OVERSAMPLING = 2
_MAX_DRAWN_WIDTH = 3840
# RGB to YUV by BT.709, TV range.
_YUV = np.array(
    [[0.1826, 0.6142, 0.0620], [-0.1006, -0.3386, 0.4392], [0.4392, -0.3989, -0.0403]],
    np.float32,
)
_OFFSET = np.array([16, 128, 128], np.float32)
_LABEL_HEIGHT = 44
_LABEL_SIZE = 25
_MARGIN = 20


def _yuv(image: Image.Image) -> tuple[Plane, Plane, Plane]:
    """Return the planes of an RGB image with even sides, chroma at half size."""
    rgb = np.asarray(image.convert("RGB"), np.float32)
    yuv = rgb @ _YUV.T + _OFFSET
    height, width = rgb.shape[:2]
    chroma = yuv[:, :, 1:].reshape(height // 2, 2, width // 2, 2, 2).mean(axis=(1, 3))
    return (
        np.rint(yuv[:, :, 0]).astype(np.uint8),
        np.rint(chroma[:, :, 0]).astype(np.uint8),
        np.rint(chroma[:, :, 1]).astype(np.uint8),
    )


@dataclass(frozen=True, slots=True)
class _Layer:
    """One plane of a sprite: what it adds, and what it leaves of the picture (of 256)."""

    adds: NDArray[np.uint16]
    leaves: NDArray[np.uint16]

    @classmethod
    def of(cls, plane: Plane, alpha: NDArray[np.uint16]) -> _Layer:
        return cls(plane * alpha, 256 - alpha)

    def blend(self, target: Plane, left: int, top: int, clip: tuple[int, int, int, int]) -> None:
        """Blend into `target` as far as it is inside `clip`: left, top, right, bottom."""
        height, width = self.adds.shape
        x0, y0 = max(clip[0], left), max(clip[1], top)
        x1 = min(clip[2], target.shape[1], left + width)
        y1 = min(clip[3], target.shape[0], top + height)
        if x0 >= x1 or y0 >= y1:
            return
        cut = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        part = target[y0:y1, x0:x1]
        mixed = part * self.leaves[cut]
        mixed += self.adds[cut]
        mixed >>= 8
        part[:] = mixed


@dataclass(frozen=True, slots=True)
class Sprite:
    """A small picture with transparency, in YUV."""

    layers: tuple[_Layer, _Layer, _Layer]

    @classmethod
    def of(cls, image: Image.Image) -> Sprite:
        """Convert an RGBA image with even sides."""
        alpha = np.asarray(image.getchannel("A"), np.uint16)
        alpha += alpha >> 7  # 255 becomes 256
        height, width = alpha.shape
        half = alpha.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)).astype(np.uint16)
        y, u, v = _yuv(image)
        return cls((_Layer.of(y, alpha), _Layer.of(u, half), _Layer.of(v, half)))

    def blend(self, planes: Planes, left: int, top: int, clip: tuple[int, int, int, int]) -> None:
        """Blend into the picture, as far as it is inside `clip`; all numbers are even."""
        self.layers[0].blend(planes[0], left, top, clip)
        half = (clip[0] // 2, clip[1] // 2, clip[2] // 2, clip[3] // 2)
        for plane, layer in zip(planes[1:], self.layers[1:], strict=True):
            layer.blend(plane, left // 2, top // 2, half)


@dataclass(frozen=True, slots=True)
class _Moving:
    mover: Mover
    poses: tuple[Sprite, ...]
    clip: tuple[int, int, int, int]


def _even(value: float) -> int:
    return int(value // 2) * 2


def _sprite(
    size: tuple[float, float],
    paint: Callable[[Brush], object],
    scale: float,
    *,
    mirrored: bool = False,
) -> Sprite:
    brush = Brush(size, scale * _OVERSAMPLING)
    paint(brush)
    image = brush.reduced(max(2, _even(size[0] * scale)), max(2, _even(size[1] * scale)))
    if mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return Sprite.of(image)


def _label(text: str, scale: float, *, dot: bool) -> tuple[Sprite, float]:
    """Return a line of text on a dark pill, and its logical width."""
    start = 44.0 if dot else 20.0
    width = start + Brush((1, 1), 1).text((0, 0), text, "#fff", _LABEL_SIZE) + 20

    def paint(brush: Brush) -> None:
        brush.rect((0, 0, width, _LABEL_HEIGHT), "#10161cc0", radius=_LABEL_HEIGHT / 2)
        if dot:
            brush.circle((24, _LABEL_HEIGHT / 2), 8, "#ff5a4f")
        brush.text((start, _LABEL_HEIGHT / 2 - 1), text, "#ffffff", _LABEL_SIZE)

    return _sprite((width, _LABEL_HEIGHT), paint, scale), width


@functools.lru_cache(maxsize=32)
def _scenery(
    name: str, width: int, height: int, *, mirrored: bool
) -> tuple[tuple[Plane, Plane, Plane], tuple[_Moving, ...]]:
    """Return the background and the sprites of a place."""
    scale = width / WIDTH
    oversampling = _OVERSAMPLING if width * _OVERSAMPLING <= _MAX_DRAWN_WIDTH else 1
    described = place(name)
    brush = Brush((WIDTH, HEIGHT), scale * oversampling, opaque=True)
    described.paint(brush)
    image = brush.reduced(width, height)
    if mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)

    def prepared(mover: Mover) -> _Moving:
        poses = (_sprite(mover.size, pose, scale, mirrored=mirrored) for pose in mover.poses)
        left, top, right, bottom = mover.within
        if mirrored:
            left, right = WIDTH - right, WIDTH - left
        upper = max(_even(top * height / HEIGHT), _even(strip_height(width) + 1))
        clip = (_even(left * scale), upper, _even(right * scale), _even(bottom * height / HEIGHT))
        return _Moving(mover, tuple(poses), clip)

    moving = tuple(prepared(mover) for mover in described.movers)
    return _yuv(image), moving


class Scene:
    """One camera's view; the second lens sees its place mirrored."""

    def __init__(self, scene: str, title: str, width: int, height: int, lens: int = 0) -> None:
        """Prepare a view of the given size, both sides even."""
        self._scale = width / WIDTH
        self._vertical = height / HEIGHT
        self._mirrored = lens > 0
        self._above = _even(strip_height(width) + 1)
        self._whole = (0, self._above, width, height)
        self._background, self._moving = _scenery(scene, width, height, mirrored=self._mirrored)
        text = f"{title} · lens {lens + 1}" if lens else title
        self._title, _ = _label(text, self._scale, dot=True)
        self._second = -1
        self._clock = self._title
        self._clock_width = 0.0

    def paint(self, planes: Planes, now_ms: int) -> None:
        """Draw the picture of this moment below the tag's strip."""
        for plane, background in zip(planes, self._background, strict=True):
            start = self._above if plane is planes[0] else self._above // 2
            plane[start:] = background[start:]
        planes[1][: self._above // 2] = 128
        planes[2][: self._above // 2] = 128
        seconds = now_ms % 86_400_000 / 1000
        for moving in self._moving:
            x, y, pose = moving.mover.where(seconds)
            if self._mirrored:
                x = WIDTH - x - moving.mover.size[0]
            self._blend(moving.poses[pose], planes, x, y, moving.clip)
        if (second := now_ms // 1000) != self._second:
            self._second = second
            clock = time.strftime("%Y-%m-%d  %H:%M:%S", time.localtime(second))
            self._clock, self._clock_width = _label(clock, self._scale, dot=False)
        line = HEIGHT - _MARGIN - _LABEL_HEIGHT
        self._blend(self._title, planes, _MARGIN, line, self._whole)
        self._blend(self._clock, planes, WIDTH - _MARGIN - self._clock_width, line, self._whole)

    def _blend(
        self,
        sprite: Sprite,
        planes: Planes,
        x: float,
        y: float,
        clip: tuple[int, int, int, int],
    ) -> None:
        sprite.blend(planes, _even(x * self._scale), _even(y * self._vertical), clip)
