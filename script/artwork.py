#!/usr/bin/env python3
"""Draws the integration's brand images: a camera's eye behind a gate that is half open.

Run it with the project's Python: ``.venv/bin/python script/artwork.py [DIRECTORY]``. All
shapes are drawn at eight times the final size and scaled down, which smooths their edges.
The same program gives the same pictures; they are committed so that nobody has to run it.
"""

from __future__ import annotations

from functools import cache
import math
from pathlib import Path
import sys

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

BRAND = Path(__file__).resolve().parents[1] / "custom_components" / "mi_camera" / "brand"
FINAL = 512
SCALE = 8
SIZE = FINAL * SCALE

type Colour = tuple[int, int, int]

BODY = (58, 73, 122), (27, 34, 64)
RIM = (244, 247, 252), (203, 213, 232)
WELL = (17, 22, 43), (29, 38, 72)
IRIS = (94, 234, 212), (14, 129, 190)
PUPIL = (13, 42, 74), (9, 22, 46)
SLAT = (238, 243, 251), (196, 207, 229)
LAMP = (94, 234, 212)
LAMP_OFF = (83, 97, 143)
INK: Colour = (34, 42, 77)
INK_ON_DARK: Colour = (236, 241, 250)

CENTRE = 0.5, 0.5
RIM_RADIUS = 0.385
LENS_RADIUS = 0.325
IRIS_RADIUS = 0.23
PUPIL_RADIUS = 0.118
HALF_OPEN = 0.495
"""How far down the gate has come, in parts of the picture."""
CLOSED = CENTRE[1] + LENS_RADIUS
SLAT_HEIGHT = (HALF_OPEN - (CENTRE[1] - LENS_RADIUS)) / 4


def gradient(colours: tuple[Colour, Colour], angle: float = 0.0) -> Image.Image:
    """Return a full-size picture that goes from the first colour to the second."""
    ramp = Image.linear_gradient("L").resize((SIZE // 8, SIZE // 8), Image.Resampling.BICUBIC)
    if angle:
        # Rotated, a ramp has empty corners: take its middle.
        side = ramp.width
        ramp = ramp.resize((side * 2, side * 2)).rotate(angle, Image.Resampling.BICUBIC)
        ramp = ramp.crop((side // 2, side // 2, side * 3 // 2, side * 3 // 2))
    ramp = ramp.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    first, second = (Image.new("RGB", (SIZE, SIZE), colour) for colour in colours)
    return Image.composite(second, first, ramp)


def blank() -> Image.Image:
    """Return a mask with nothing in it."""
    return Image.new("L", (SIZE, SIZE), 0)


def disc(radius: float, centre: tuple[float, float] = CENTRE) -> Image.Image:
    """Return the mask of a disc."""
    mask = blank()
    x, y, r = centre[0] * SIZE, centre[1] * SIZE, radius * SIZE
    ImageDraw.Draw(mask).ellipse((x - r, y - r, x + r, y + r), fill=255)
    return mask


def superellipse(half: float, exponent: float = 4.6) -> Image.Image:
    """Return the mask of a square with continuously rounded sides."""
    points = []
    for step in range(1440):
        angle = math.tau * step / 1440
        x, y = math.cos(angle), math.sin(angle)
        scale = (abs(x) ** exponent + abs(y) ** exponent) ** (-1 / exponent)
        points.append(
            ((CENTRE[0] + half * scale * x) * SIZE, (CENTRE[1] + half * scale * y) * SIZE)
        )
    mask = blank()
    ImageDraw.Draw(mask).polygon(points, fill=255)
    return mask


def band(top: float, bottom: float) -> Image.Image:
    """Return the mask of everything between two heights."""
    mask = blank()
    ImageDraw.Draw(mask).rectangle((0, top * SIZE, SIZE, bottom * SIZE), fill=255)
    return mask


def faded(mask: Image.Image, opacity: float) -> Image.Image:
    """Return a mask made fainter."""
    return mask.point(lambda value: round(value * opacity))


def eye(picture: Image.Image) -> None:
    """Draw lens, iris, pupil and glint."""
    picture.paste(gradient(WELL), mask=disc(LENS_RADIUS))
    picture.paste(gradient(IRIS, 35), mask=disc(IRIS_RADIUS))
    picture.paste(gradient(PUPIL), mask=disc(PUPIL_RADIUS))
    picture.paste((255, 255, 255), mask=faded(disc(0.029, (0.44, 0.552)), 0.95))
    picture.paste((255, 255, 255), mask=faded(disc(0.014, (0.482, 0.585)), 0.6))


def gate(picture: Image.Image, down: float) -> None:
    """Draw the roller gate over the lens, down to a height."""
    lens = disc(LENS_RADIUS)
    top = CENTRE[1] - LENS_RADIUS
    shadow = band(0, down + 0.012).filter(ImageFilter.GaussianBlur(SIZE * 0.016))
    picture.paste((5, 8, 20), mask=ImageChops.multiply(faded(shadow, 0.75), lens))
    slats = math.ceil(round((down - top) / SLAT_HEIGHT, 3))
    metal = Image.new("RGB", (SIZE, SIZE))
    stripe = gradient(SLAT).resize((SIZE, math.ceil(SLAT_HEIGHT * SIZE)))
    for slat in range(slats):
        metal.paste(stripe, (0, round((top + slat * SLAT_HEIGHT) * SIZE)))
    picture.paste(metal, mask=ImageChops.multiply(band(top, down), lens))
    for slat in range(1, slats):
        seam = top + slat * SLAT_HEIGHT
        line = ImageChops.multiply(band(seam - 0.0035, seam + 0.0035), lens)
        picture.paste((120, 134, 170), mask=line)
    # The bar at the gate's lower edge.
    bar = ImageChops.multiply(band(down - 0.022, down), lens)
    picture.paste((118, 133, 172), mask=bar)


@cache
def mark(down: float = HALF_OPEN) -> Image.Image:
    """Draw the mark, RGBA, at the large size, with the gate down to a height."""
    body = superellipse(0.5)
    picture = gradient(BODY, 20)
    edge = ImageChops.subtract(body, superellipse(0.489))
    light = gradient(((200, 200, 200), (0, 0, 0))).convert("L").point(lambda v: max(0, v - 80))
    picture.paste((140, 158, 218), mask=ImageChops.multiply(edge, light))
    drop = disc(RIM_RADIUS, (0.5, 0.52)).filter(ImageFilter.GaussianBlur(SIZE * 0.022))
    picture.paste((8, 12, 28), mask=faded(drop, 0.55))
    picture.paste(gradient(RIM), mask=disc(RIM_RADIUS))
    picture.paste((150, 163, 195), mask=disc(LENS_RADIUS + 0.008))
    eye(picture)
    gate(picture, down)
    lamp = 0.868, 0.132
    if down < CLOSED:
        glow = disc(0.028, lamp).filter(ImageFilter.GaussianBlur(SIZE * 0.014))
        picture.paste(LAMP, mask=faded(glow, 0.8))
    picture.paste(LAMP if down < CLOSED else LAMP_OFF, mask=disc(0.02, lamp))
    result = picture.convert("RGBA")
    result.putalpha(body)
    return result


def icon(side: int) -> Image.Image:
    """Return the mark at a size in pixels."""
    return mark().resize((side, side), Image.Resampling.LANCZOS)


def logo(height: int, ink: Colour) -> Image.Image:
    """Return the mark with the name beside it, trimmed, at a height in pixels."""
    large = height * SCALE
    font = ImageFont.load_default(large * 0.5)
    text = "Mi Camera"
    stroke = round(large * 0.007)
    left, top, right, bottom = font.getbbox(text, stroke_width=stroke)
    gap = round(large * 0.2)
    canvas = Image.new("RGBA", (large * 2 + gap + math.ceil(right - left), large), (*ink, 0))
    name = Image.new("L", canvas.size, 0)
    ImageDraw.Draw(name).text(
        (large + gap - left, (large - (bottom - top)) / 2 - top),
        text,
        fill=255,
        font=font,
        stroke_width=stroke,
    )
    canvas.putalpha(name)
    canvas.paste(icon(large), (0, 0))
    small = canvas.resize((canvas.width // SCALE, height), Image.Resampling.LANCZOS)
    return small.crop(small.getchannel("A").getbbox())


def main() -> None:
    """Draw all images into the brand folder, or the one that is named."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else BRAND
    target.mkdir(parents=True, exist_ok=True)
    images = {
        "icon.png": icon(FINAL // 2),
        "icon@2x.png": icon(FINAL),
        "logo.png": logo(FINAL // 4, INK),
        "logo@2x.png": logo(FINAL // 2, INK),
        "dark_logo.png": logo(FINAL // 4, INK_ON_DARK),
        "dark_logo@2x.png": logo(FINAL // 2, INK_ON_DARK),
    }
    for name, image in images.items():
        image.save(target / name, optimize=True)
        print(f"{target / name}: {image.width}x{image.height}")


if __name__ == "__main__":
    main()
