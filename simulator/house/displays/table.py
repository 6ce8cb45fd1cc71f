"""What displays have shown, as data, and how it is written: a Markdown table, JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.house.displays.home import CODECS

if TYPE_CHECKING:
    from simulator.display.models import Model
    from simulator.house.displays.home import ShownCamera

OLD_MS = 10_000.0
"""How old the newest picture on a display may be, a conversion on a busy machine included."""
SOON_MS = 15_000.0
"""Until when the first picture must be there, a conversion on a busy machine included."""
ENOUGH = 15
"""Pictures that make a display count as playing."""
SOUND = 1.0
"""Seconds of sound that a display must have decoded meanwhile."""
UNREADABLE = 0.02
"""Share of the pictures whose tag may be lost, where pictures are coded again."""


@dataclass(frozen=True, slots=True)
class Showing:
    """What one display showed of one camera, by one action."""

    pictures: int = 0
    """Presented, with or without a readable tag."""
    unreadable: int = 0
    foreign: tuple[int, ...] = ()
    """Other cameras that were to be seen."""
    codec: str | None = None
    """FFmpeg's name of what the display decoded."""
    width: int = 0
    height: int = 0
    first_ms: float | None = None
    """From the call of the action to the first picture decoded."""
    age_ms: float | None = None
    """How old the newest picture was when it was decoded."""
    sound_seconds: float = 0.0
    """Sound that the display has decoded meanwhile."""
    error: str | None = None
    """What the action answered, or the display noted, when it did not play."""

    @property
    def plays(self) -> bool:
        """Whether there is a moving picture."""
        return self.error is None and self.pictures >= ENOUGH

    @property
    def wrong(self) -> str | None:
        """Why this is not what it must be, None when it is."""
        if self.foreign:
            return f"pictures of {', '.join(map(str, self.foreign))}"
        if not self.plays:
            return self.error or f"{self.pictures} pictures"
        if self.first_ms is None or self.first_ms > SOON_MS:
            return f"the first picture after {_seconds(self.first_ms)}"
        if self.unreadable > self.pictures * UNREADABLE:
            return f"{self.unreadable} of {self.pictures} pictures without a readable tag"
        if self.age_ms is None or self.age_ms > OLD_MS:
            return "an old picture"
        if self.sound_seconds < SOUND:
            return f"{self.sound_seconds:.1f} s of sound"
        return None

    @property
    def video(self) -> str:
        """What was decoded, in words."""
        return f"{CODECS.get(self.codec or '', self.codec)} {self.width}×{self.height}"


@dataclass(frozen=True, slots=True)
class Pair:
    """One camera on one display."""

    camera: ShownCamera
    display: str
    ours: Showing
    theirs: Showing
    """By ``camera.play_stream``."""

    @property
    def converted(self) -> bool:
        """Whether our action showed other pictures than the camera sends."""
        sent = CODECS[self.camera.codec], self.camera.width, self.camera.height
        return (CODECS.get(self.ours.codec or ""), self.ours.width, self.ours.height) != sent


@dataclass(slots=True)
class Table:
    """All pairs of one run."""

    models: dict[str, Model]
    pairs: list[Pair] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Each pair that our action did not show as it must, in words."""
        return [
            f"{pair.camera.title} on {pair.display}: {why}"
            for pair in self.pairs
            if (why := pair.ours.wrong) is not None
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "ok": not self.wrong,
            "wrong": self.wrong,
            "pairs": [
                {
                    "camera": pair.camera.title,
                    "did": pair.camera.did,
                    "display": pair.display,
                    "model": self.models[pair.display].name,
                    "converted": pair.converted,
                    "cast": _json(pair.ours),
                    "play_stream": _json(pair.theirs),
                }
                for pair in self.pairs
            ],
        }

    def markdown(self) -> str:
        """Return the table."""
        heads = ["Camera sends", "Display", "`mi_camera.cast`: decoded", "First picture"]
        heads += ["Newest picture", "Sound", "`camera.play_stream`"]
        lines = [_line(heads), _line(["---"] * len(heads))]
        before = ""
        for pair in self.pairs:
            title = "" if pair.camera.title == before else pair.camera.title
            before = pair.camera.title
            lines.append(_line([title, pair.display, *_ours(pair), _theirs(pair.theirs)]))
        return "\n".join(lines)


def _json(showing: Showing) -> dict[str, Any]:
    return {
        **asdict(showing),
        "plays": showing.plays,
        **{
            name: None if value is None else round(value)
            for name, value in (("first_ms", showing.first_ms), ("age_ms", showing.age_ms))
        },
        "sound_seconds": round(showing.sound_seconds, 2),
    }


def _ours(pair: Pair) -> list[str]:
    ours = pair.ours
    if (why := ours.wrong) is not None:
        return [f"**WRONG: {why}**", _seconds(ours.first_ms), _seconds(ours.age_ms), _sound(ours)]
    how = "converted" if pair.converted else "as it is"
    age = f"right camera, {_seconds(ours.age_ms)} old"
    return [f"{ours.video}, {how}", f"after {_seconds(ours.first_ms)}", age, _sound(ours)]


def _theirs(theirs: Showing) -> str:
    if theirs.foreign:
        return f"pictures of {', '.join(map(str, theirs.foreign))}"
    if not theirs.plays:
        return f"does not play: {theirs.error or 'no picture'}"
    return f"{theirs.video}, after {_seconds(theirs.first_ms)}; {_sound(theirs)} of sound"


def _sound(showing: Showing) -> str:
    return f"{showing.sound_seconds:.1f} s"


def _seconds(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
