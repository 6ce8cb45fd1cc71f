"""What Home Assistant holds: counted from outside by the system, from inside by the probe."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
import time
from typing import TYPE_CHECKING, Final, Self

from simulator.house import probe_client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.house.house import House

TYPES: Final = (
    "CastSession",
    "SessionHls",
    "HlsSession",
    "Viewer",
    "RenditionSession",
    "Encoder",
    "LinkSession",
    "RelayReader",
    "Stream",
    "HlsStreamOutput",
)
"""Classes of the integration and of Home Assistant's stream of which none may be left over."""
TOKENS: Final = "mi_camera_cast_addresses"
STREAMS: Final = "stream.streams"
ABSOLUTE: Final = ("tokens", "sessions", "streams", "ffmpeg")
"""What must be none at all when nothing is shown; the others are compared."""
POLL_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Process:
    """What the system tells about a process."""

    sockets: int
    files: int
    """Descriptors of anything but sockets."""
    threads: int
    ffmpeg: int
    """Processes of that name among its descendants."""
    children: int
    rss_mib: float


def look(pid: int) -> Process:
    """Read what the system tells about a process; raises OSError when it has ended."""
    proc = Path("/proc") / str(pid)
    links = []
    for entry in (proc / "fd").iterdir():
        try:
            links.append(str(entry.readlink()))
        except FileNotFoundError:
            continue
    status = dict(
        line.split(":", 1) for line in (proc / "status").read_text().splitlines() if ":" in line
    )
    names = _descendants(pid)
    sockets = sum(link.startswith("socket:") for link in links)
    return Process(
        sockets,
        len(links) - sockets,
        int(status["Threads"]),
        sum(name.startswith("ffmpeg") for name in names),
        len(names),
        int(status["VmRSS"].split()[0]) / 1024,
    )


def _descendants(pid: int) -> list[str]:
    """Return the names of all processes below one, those that have ended but stay included."""
    children: dict[int, list[tuple[int, str]]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except FileNotFoundError, ProcessLookupError:
            continue
        before, _, after = text.rpartition(")")
        number, _, name = before.partition(" (")
        parent = int(after.split()[1])
        children.setdefault(parent, []).append((int(number), name))
    names: list[str] = []
    waiting = [pid]
    while waiting:
        for child, called in children.get(waiting.pop(), ()):
            names.append(called)
            waiting.append(child)
    return names


@dataclass(frozen=True, slots=True)
class Census:
    """Counts of everything that a session may leave behind."""

    counts: Mapping[str, int]
    """By the names of the result: tokens, sessions, streams, ffmpeg, …"""
    tasks: Mapping[str, int] = field(default_factory=dict)
    objects: Mapping[str, int] = field(default_factory=dict)
    rss_mib: float = 0.0

    @classmethod
    async def take(cls, house: House) -> Self:
        """Count now."""
        inside = await probe_client.ask(house.client, TYPES, (TOKENS, STREAMS))
        diagnostics = await house.client.diagnostics(house.entities.entry_id)
        outside = await asyncio.to_thread(look, house.hass.pid)
        counts = {
            "tokens": inside.lengths[TOKENS],
            "sessions": int(diagnostics["casts"]),
            "streams": inside.lengths[STREAMS],
            "ffmpeg": outside.ffmpeg,
            "children": outside.children,
            "tasks": sum(inside.tasks.values()),
            "sockets": outside.sockets,
            "files": outside.files,
            "threads": outside.threads - inside.pool,
            "listeners": inside.listeners,
            "objects": sum(inside.objects.values()),
        }
        return cls(counts, inside.tasks, inside.objects, outside.rss_mib)

    def least(self, other: Census | None) -> Census:
        """Return the smaller of each count: what is passing does not stay for two looks."""
        if other is None:
            return self
        return Census(
            {name: min(count, other.counts[name]) for name, count in self.counts.items()},
            {name: min(count, other.tasks.get(name, 0)) for name, count in self.tasks.items()},
            {name: min(count, other.objects[name]) for name, count in self.objects.items()},
            self.rss_mib,
        )

    def leaked(self, before: Census | None) -> dict[str, int]:
        """Return how much more there is than before, of each; nothing before is none."""
        return {
            name: max(0, count - (0 if name in ABSOLUTE or not before else before.counts[name]))
            for name, count in self.counts.items()
            if before is not None or name in ABSOLUTE
        }

    def details(self, before: Census) -> list[str]:
        """Return the names of tasks and classes of which there are more than before."""
        return [
            f"{count - then} more of {name}"
            for now, past in ((self.tasks, before.tasks), (self.objects, before.objects))
            for name, count in now.items()
            if count > (then := past.get(name, 0))
        ]


async def settled(
    house: House, before: Census | None, seconds: float, least: float, say: Callable[[str], None]
) -> Census:
    """Count until nothing is left over (but for `least` seconds), or until the time is up.

    What passes by itself is no leak: connections kept for a while, tasks that poll. A count
    is the smallest that was seen.
    """
    began = time.monotonic()
    found: Census | None = None
    while True:
        found = (await Census.take(house)).least(found)
        passed = time.monotonic() - began
        left = {name: count for name, count in found.leaked(before).items() if count}
        if (not left and passed >= least) or passed >= seconds:
            return found
        if left and passed > seconds / 2:
            say(f"still there: {left}")
        await asyncio.sleep(POLL_S)
