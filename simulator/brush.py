"""Drawing of scenery in logical coordinates: the whole picture is 1280 x 720."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 1280
HEIGHT = 720

type Box = tuple[float, float, float, float]
type Point = tuple[float, float]


class Brush:
    """Draws on an image that is larger than its logical size, to be reduced afterwards."""

    def __init__(self, size: tuple[float, float], scale: float, *, opaque: bool = False) -> None:
        """Begin with an image of the logical size, `scale` pixels to the unit.

        On an opaque one, translucent colours blend with what is there; on one that starts
        transparent they replace it.
        """
        self.scale = scale
        pixels = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        self.image = Image.new("RGB" if opaque else "RGBA", pixels)
        self._draw = ImageDraw.Draw(self.image, "RGBA")

    def _scaled(self, values: Sequence[float]) -> list[float]:
        return [value * self.scale for value in values]

    def rect(self, box: Box, fill: str, *, radius: float = 0) -> None:
        """Fill a rectangle, its corners rounded."""
        self._draw.rounded_rectangle(self._scaled(box), radius * self.scale, fill=fill)

    def ellipse(self, box: Box, fill: str) -> None:
        """Fill an ellipse."""
        self._draw.ellipse(self._scaled(box), fill=fill)

    def circle(self, centre: Point, radius: float, fill: str) -> None:
        """Fill a circle."""
        x, y = centre
        self.ellipse((x - radius, y - radius, x + radius, y + radius), fill)

    def arc(self, box: Box, start: float, end: float, colour: str, width: float) -> None:
        """Draw part of an ellipse's outline; degrees clockwise from three o'clock."""
        self._draw.arc(self._scaled(box), start, end, fill=colour, width=round(width * self.scale))

    def pie(self, box: Box, start: float, end: float, fill: str) -> None:
        """Fill a slice of an ellipse."""
        self._draw.pieslice(self._scaled(box), start, end, fill=fill)

    def polygon(self, points: Sequence[Point], fill: str) -> None:
        """Fill a polygon."""
        self._draw.polygon([(x * self.scale, y * self.scale) for x, y in points], fill=fill)

    def line(self, points: Sequence[Point], colour: str, width: float) -> None:
        """Draw a line with round joints."""
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        self._draw.line(scaled, fill=colour, width=max(1, round(width * self.scale)), joint="curve")

    def text(self, where: Point, text: str, colour: str, size: float) -> float:
        """Write from the left, centred on the height of `where`; return the width."""
        font = ImageFont.load_default(size=size * self.scale)
        x, y = where[0] * self.scale, where[1] * self.scale
        self._draw.text((x, y), text, fill=colour, font=font, anchor="lm")
        return float(self._draw.textlength(text, font=font)) / self.scale

    def gradient(self, box: Box, top: str, bottom: str) -> None:
        """Fill a rectangle from one colour at the top to another at the bottom."""
        left, upper, right, lower = (round(value) for value in self._scaled(box))
        mask = Image.linear_gradient("L").resize((1, max(1, lower - upper)))
        column = Image.composite(
            Image.new("RGB", mask.size, bottom), Image.new("RGB", mask.size, top), mask
        )
        self.image.paste(column.resize((max(1, right - left), mask.height)), (left, upper))

    def glow(self, centre: Point, radius: float, colour: str, strength: float) -> None:
        """Lay soft light around a point."""
        side = max(2, round(2 * radius * self.scale))
        mask = Image.radial_gradient("L").resize((side, side))
        # The gradient is 0 in the middle and reaches 255 before the corners.
        mask = mask.point(
            [max(0, round((1 - level / 181) * strength * 255)) for level in range(256)]
        )
        left = round((centre[0] - radius) * self.scale)
        upper = round((centre[1] - radius) * self.scale)
        if self.image.mode == "RGB":
            self.image.paste(colour, (left, upper, left + side, upper + side), mask)
            return
        layer = Image.new("RGBA", self.image.size)
        light = Image.new("RGBA", (side, side), colour)
        light.putalpha(mask)
        layer.paste(light, (left, upper))
        self.image.alpha_composite(layer)

    def reduced(self, width: int, height: int) -> Image.Image:
        """Return the finished image at its final size."""
        return self.image.resize((width, height), Image.Resampling.BOX)
