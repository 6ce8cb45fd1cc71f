#!/usr/bin/env python3
"""Draws the cards that a display shows when a camera's pictures have ended, one per language.

Run it with the project's Python: ``.venv/bin/python script/cards.py [DIRECTORY]``. The letters
are those of Home Assistant's frontend, which is among the project's packages. It has no Chinese
ones: these are taken from Debian's ``fonts-noto-cjk``, or from the file that
``MI_CAMERA_CJK_FONT`` names. The pictures are committed so that nobody has to run it.
"""

from __future__ import annotations

import os
from pathlib import Path
import sys

from artwork import CLOSED, INK_ON_DARK, mark
import hass_frontend
from PIL import Image, ImageDraw, ImageFont

CARDS = Path(__file__).resolve().parents[1] / "custom_components" / "mi_camera" / "cards"
SIZE = 1280, 720
"""Pixels; a Nest Hub shows 1024x600, and larger displays this or a multiple of it."""
SCALE = 4
"""How much larger letters are drawn, which smooths their edges."""
COLOURS = 128
GROUND = (13, 17, 33)
MARK = 280
MARK_TOP = 150
BASELINE = 560
LETTERS = 58.0
MAX_WIDTH = 1060

SENTENCES = {
    "en": "Stream unavailable",
    "fr": "Flux indisponible",
    "de": "Stream nicht verfügbar",
    "es": "Transmisión no disponible",
    "it": "Streaming non disponibile",
    "nl": "Stream niet beschikbaar",
    "pl": "Transmisja niedostępna",
    "pt-BR": "Transmissão indisponível",
    "ru": "Трансляция недоступна",
    "zh-Hans": "视频流不可用",
}
ROBOTO = (
    Path(hass_frontend.__file__).parent / "static" / "fonts" / "roboto" / "Roboto-Regular.woff2"
)
CJK = Path(
    os.environ.get("MI_CAMERA_CJK_FONT", "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
)
CJK_SIMPLIFIED = 2
"""Which of the fonts in that file."""


def font(language: str, size: float) -> ImageFont.FreeTypeFont:
    """Return the font of a language; OSError when it is not installed."""
    if language == "zh-Hans":
        return ImageFont.truetype(str(CJK), size, index=CJK_SIMPLIFIED)
    return ImageFont.truetype(str(ROBOTO), size)


def words(language: str) -> Image.Image:
    """Return the mask of a language's sentence, centred on its baseline."""
    width, height = SIZE[0] * SCALE, SIZE[1] * SCALE
    letters = font(language, LETTERS * SCALE)
    long = letters.getlength(SENTENCES[language]) / (MAX_WIDTH * SCALE)
    if long > 1:
        letters = font(language, LETTERS * SCALE / long)
    mask = Image.new("L", (width, height), 0)
    ImageDraw.Draw(mask).text(
        (width / 2, BASELINE * SCALE), SENTENCES[language], fill=255, font=letters, anchor="ms"
    )
    return mask.resize(SIZE, Image.Resampling.LANCZOS)


def card(language: str) -> Image.Image:
    """Return the card of a language: the closed gate, and the sentence below."""
    picture = Image.new("RGB", SIZE, GROUND)
    eye = mark(CLOSED).resize((MARK, MARK), Image.Resampling.LANCZOS)
    picture.paste(eye, ((SIZE[0] - MARK) // 2, MARK_TOP), eye)
    picture.paste(INK_ON_DARK, mask=words(language))
    return picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)


def main() -> None:
    """Draw all cards into their folder, or the one that is named."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else CARDS
    target.mkdir(parents=True, exist_ok=True)
    for language in SENTENCES:
        file = target / f"{language}.png"
        card(language).save(file, optimize=True)
        print(f"{file}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
