"""The judgement on pictures seen at the far end: whose, how old, and whether allowed."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.house.pictures import Picture

STILL_AGE_MS = 10_000.0
"""A still is made on request from the newest keyframe: two groups of pictures, a camera that
has to be woken, and room for a busy machine."""
HLS_AGE_MS = 15_000.0
"""Home Assistant cuts segments of about 6 s and a player may begin with the one before the
newest: 6 to 10 s behind is how its HLS works, 15 s is not."""
WEBRTC_AGE_MS = 5_000.0
"""A viewer begins with the newest group of pictures, which is up to 2 s old and catches up."""
LIMIT_MS = {
    "still": STILL_AGE_MS,
    "mjpeg": STILL_AGE_MS,
    "hls": HLS_AGE_MS,
    "display": HLS_AGE_MS,
    "browser": HLS_AGE_MS,
    "webrtc": WEBRTC_AGE_MS,
}
MAX_EXAMPLES = 20


@dataclass(slots=True)
class Judge:
    """Counts over all viewers of one run."""

    frames_checked: int = 0
    """Pictures decoded whose tag could be read."""
    foreign: int = 0
    """Pictures of another camera or lens than the one asked for."""
    stale: int = 0
    """Pictures older on arrival than the limit of their source."""
    after_kill: int = 0
    """Pictures taken, or asked for and delivered, while the switch was off."""
    unreadable: int = 0
    """Pictures without a readable tag: no evidence of anything."""
    by_source: dict[str, int] = field(default_factory=dict)
    """Checked pictures by source."""
    oldest_ms: dict[str, float] = field(default_factory=dict)
    """Greatest age seen, by source."""
    examples: list[str] = field(default_factory=list)
    _begins: list[float] = field(default_factory=list)
    _ends: list[float] = field(default_factory=list)

    @property
    def killed_ms(self) -> float | None:
        """When the last kill has returned, None before the first."""
        return self._begins[-1] if self._begins else None

    def killed(self, returned_ms: float) -> None:
        """Note that a kill has returned: from now on nothing may be seen."""
        self._begins.append(returned_ms)
        self._ends.append(math.inf)

    def allowed(self, sent_ms: float) -> None:
        """Note that streaming is about to be allowed again."""
        if self._ends and self._ends[-1] == math.inf:
            self._ends[-1] = sent_ms

    def take(self, picture: Picture, *did: int, lens: int = 0) -> None:
        """Judge one picture; ``did`` are the cameras it may show, ``lens`` the one of theirs."""
        tag = picture.tag
        if self._in_the_dark(picture.requested_ms) or (
            tag is not None and self._in_the_dark(tag.captured_ms)
        ):
            self.after_kill += 1
            self._note("after kill", picture)
        if tag is None:
            self.unreadable += 1
            return
        self.frames_checked += 1
        source = picture.source
        self.by_source[source] = self.by_source.get(source, 0) + 1
        self.oldest_ms[source] = max(self.oldest_ms.get(source, 0.0), picture.age_ms)
        if tag.did not in did or tag.lens != lens:
            self.foreign += 1
            self._note(f"foreign (expected {did}, lens {lens})", picture)
        if picture.age_ms > LIMIT_MS[source]:
            self.stale += 1
            self._note("stale", picture)

    def _in_the_dark(self, at_ms: float) -> bool:
        last = bisect_left(self._begins, at_ms) - 1
        return last >= 0 and at_ms < self._ends[last]

    def _note(self, what: str, picture: Picture) -> None:
        if len(self.examples) < MAX_EXAMPLES:
            tag = picture.tag
            whose = "unreadable" if tag is None else f"{tag.did} #{tag.counter}"
            self.examples.append(f"{what}: {picture.source} {whose} age {picture.age_ms:.0f} ms")

    @property
    def clean(self) -> bool:
        """Whether nothing forbidden was seen, and nearly everything could be read."""
        return not (self.foreign or self.stale or self.after_kill) and (
            self.unreadable <= self.frames_checked // 100
        )
