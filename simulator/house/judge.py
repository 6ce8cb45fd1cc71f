"""The judgement on pictures seen at the far end: whose, how old, and whether allowed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
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
LIVE_AGE_MS = 5_000.0
"""A viewer begins with the newest group of pictures, which is up to 2 s old and catches up."""
WEBRTC_AGE_MS = LIVE_AGE_MS
LIMIT_MS = {
    "still": STILL_AGE_MS,
    "mjpeg": STILL_AGE_MS,
    "hls": HLS_AGE_MS,
    "record": HLS_AGE_MS,
    "display": HLS_AGE_MS,
    "browser": HLS_AGE_MS,
    "webrtc": WEBRTC_AGE_MS,
    "relay": LIVE_AGE_MS,
    "rtsp": LIVE_AGE_MS,
}
"""By source; a source ``still_token`` is one of ``still``."""
SESSION_ENDS_MS = 1_000.0
"""How long after a kill what was under way may still arrive at a viewer of before it: no more
than a busy machine needs to notice that its connection is gone."""
MAX_EXAMPLES = 20


@dataclass(slots=True)
class _Dark:
    """When pictures were off: of everything, or of one camera."""

    begins: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    def begin(self, at_ms: float) -> None:
        if not self.ends or self.ends[-1] != math.inf:
            self.begins.append(at_ms)
            self.ends.append(math.inf)

    def end(self, at_ms: float) -> None:
        if self.ends and self.ends[-1] == math.inf:
            self.ends[-1] = at_ms

    def covers(self, at_ms: float) -> bool:
        last = bisect_left(self.begins, at_ms) - 1
        return last >= 0 and at_ms < self.ends[last]

    def between(self, first_ms: float, then_ms: float) -> bool:
        """Whether a dark time began after the one moment and not after the other."""
        last = bisect_right(self.begins, then_ms) - 1
        return last >= 0 and self.begins[last] > first_ms


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
    """Pictures taken, or asked for and delivered, while the switch was off; what reached a
    viewer of before a kill after it; what was kept over a kill and given out again."""
    unreadable: int = 0
    """Pictures without a readable tag: no evidence of anything."""
    unreadable_by: dict[str, int] = field(default_factory=dict)
    """Those by source."""
    by_source: dict[str, int] = field(default_factory=dict)
    """Checked pictures by source."""
    oldest_ms: dict[str, float] = field(default_factory=dict)
    """Greatest age seen, by source."""
    examples: list[str] = field(default_factory=list)
    _all: _Dark = field(default_factory=_Dark)
    _one: dict[int, _Dark] = field(default_factory=dict)

    @property
    def killed_ms(self) -> float | None:
        """When the last kill has returned, None before the first."""
        return self._all.begins[-1] if self._all.begins else None

    def killed(self, returned_ms: float, did: int | None = None) -> None:
        """Note that a kill has returned: from now on nothing may be seen, or not that camera."""
        self._dark(did).begin(returned_ms)

    def allowed(self, sent_ms: float, did: int | None = None) -> None:
        """Note that streaming is about to be allowed again, of all or of one camera."""
        self._dark(did).end(sent_ms)

    def _dark(self, did: int | None) -> _Dark:
        return self._all if did is None else self._one.setdefault(did, _Dark())

    def take(
        self, picture: Picture, *did: int, lens: int = 0, session_ms: float | None = None
    ) -> None:
        """Judge one picture; ``did`` are the cameras it may show, ``lens`` the one of theirs.

        ``session_ms`` is when its viewer was let in, where that counts: a moment after a kill,
        nobody of before it and nothing of before it may arrive, even when pictures are allowed
        again.
        """
        tag = picture.tag
        whose = did if tag is None else (tag.did,)
        darks = [self._all, *(self._one[one] for one in whose if one in self._one)]
        for dark in darks:
            if problem := _forbidden(dark, picture, session_ms):
                self.after_kill += 1
                self._note(f"after kill ({problem})", picture)
                break
        if tag is None:
            self.unreadable += 1
            self.unreadable_by[picture.source] = self.unreadable_by.get(picture.source, 0) + 1
            return
        self.frames_checked += 1
        source = picture.source
        self.by_source[source] = self.by_source.get(source, 0) + 1
        self.oldest_ms[source] = max(self.oldest_ms.get(source, 0.0), picture.age_ms)
        if tag.did not in did or tag.lens != lens:
            self.foreign += 1
            self._note(f"foreign (expected {did}, lens {lens})", picture)
        if picture.age_ms > LIMIT_MS[source.partition("_")[0]]:
            self.stale += 1
            self._note("stale", picture)

    def leaked(self, what: str) -> None:
        """Note that something that must be dead gave something; ``what`` without its key."""
        self.after_kill += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(f"after kill: {what}")

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


def _forbidden(dark: _Dark, picture: Picture, session_ms: float | None) -> str:
    """Return why a picture must not have been seen, "" when it may."""
    tag, asked = picture.tag, picture.requested_ms
    if dark.covers(asked):
        return "asked for in the dark"
    if tag is not None and dark.covers(tag.captured_ms):
        return "taken in the dark"
    if tag is not None and dark.between(tag.captured_ms, asked):
        return "kept over a kill"
    if session_ms is not None:
        noticed = picture.received_ms - SESSION_ENDS_MS
        if dark.between(session_ms, noticed):
            return "to a viewer of before a kill"
        if tag is not None and dark.between(tag.captured_ms, noticed):
            return "long on its way"
    return ""
