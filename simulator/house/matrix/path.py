"""One path of the matrix, what it stands in, and the judgement on what it gave."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import aiohttp

from simulator.house.errors import HouseError
from simulator.house.matrix.table import Cell, Kind
from simulator.house.pictures import now_ms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from concurrent.futures import Executor
    from pathlib import Path as FilePath

    from simulator.house.browser import Browser
    from simulator.house.client import HassClient
    from simulator.house.house import House
    from simulator.house.pictures import Picture

STILL_MS = 10_000.0
"""How old a still may be on arrival: the newest keyframe, of a camera that may have to wake."""
HLS_MS = 15_000.0
"""How old a picture by HLS may be: Home Assistant cuts segments of about 6 s, and a player may
begin with the one before the newest."""
LIVE_MS = 5_000.0
"""How old a picture by the relay or WebRTC may be: it begins with a group of pictures of 2 s."""
PATIENCE = 5.0
"""Seconds in which a refused request for a picture that must be there is repeated."""
ENDS = 3.0
"""Seconds after the kill in which an open connection must have ended."""


class Refused(Exception):
    """There is no address to be had; the text is the answer in short."""


@dataclass(frozen=True, slots=True)
class Kill:
    """When pictures were switched off, unix milliseconds."""

    sent: float
    """The call was sent."""
    returned: float
    """It came back: from now on nothing may leave."""

    def after(self, at_ms: float) -> float:
        """Return how long after the call something was, 0 for before."""
        return max(0.0, at_ms - self.sent)


@dataclass(frozen=True, slots=True)
class Look:
    """What asking a path once gave."""

    answer: str
    """In short: an HTTP status, a refusal."""
    pictures: tuple[Picture, ...] = ()
    size: int = 0
    """Bytes that may be a picture, whether or not they could be decoded."""


@dataclass(slots=True)
class Scene:
    """What all paths stand in."""

    house: House
    executor: Executor
    """For decoding."""
    browser: Browser | None
    files: FilePath
    """A folder Home Assistant may write to."""
    kill: Kill | None = None
    """The last one."""
    at_kill: dict[int, dict[str, int]] = field(default_factory=dict)
    """What the cameras had counted when all was quiet after it."""

    @property
    def client(self) -> HassClient:
        """The signed-in client; a new one after a restart."""
        return self.house.client

    def entity(self, did: int) -> str:
        """Return the entity id of a camera."""
        return self.house.entities.cameras[did]


class Path:
    """One way a picture can leave. The methods are called in this order, each once."""

    group: ClassVar[str]
    kind: ClassVar[Kind] = Kind.CLOSED
    reason: ClassVar[str] = ""
    stage: ClassVar[int] = 0
    """Of two paths the one with the lower number begins first."""

    def __init__(self, scene: Scene, did: int, title: str) -> None:
        """Show camera ``did`` by this path."""
        self.scene = scene
        self.did = did
        self.title = title

    @property
    def entity_id(self) -> str:
        """The camera's entity."""
        return self.scene.entity(self.did)

    def right(self, pictures: Iterable[Picture], limit_ms: float, answer: str = "") -> Cell:
        """Judge pictures that must be of the camera, fresh, and taken since the last kill."""
        since = 0.0 if self.scene.kill is None else self.scene.kill.returned
        return right(pictures, self.did, limit_ms, answer, since)

    async def patiently(self, ask: Callable[[], Awaitable[Look]]) -> Look:
        """Ask until there is a picture: a camera that is just being opened may take a moment.

        That pictures come at once is for other checks; here it counts what they show.
        """
        deadline = now_ms() + PATIENCE * 1000
        look = await ask()
        while not look.pictures and now_ms() < deadline:
            await asyncio.sleep(0.3)
            look = await ask()
        return look

    async def before(self) -> Cell:
        """See the camera; leave open what stays open, remember what an outsider would have."""
        raise NotImplementedError

    async def arm(self) -> None:
        """Ask for what is to be in flight as the kill comes."""

    async def killed(self, kill: Kill) -> Cell:
        """See nothing any more."""
        raise NotImplementedError

    async def released(self) -> Cell:
        """See the camera again, and nothing by what was given out before."""
        raise NotImplementedError

    async def restarted(self) -> Cell:
        """See nothing, after another kill and a restart."""
        raise NotImplementedError

    async def again(self) -> Cell | None:
        """Look once more at everything given out so far, after the last release."""
        return None

    async def close(self) -> None:
        """Let go of everything."""


async def attempt(step: Awaitable[Cell]) -> Cell:
    """Return the cell of a step; what breaks it makes the cell wrong, not the run."""
    try:
        return await step
    except Refused as refused:
        return Cell(f"nothing to look at: {refused}", ok=False)
    except (HouseError, aiohttp.ClientError, TimeoutError) as error:
        return Cell(f"{type(error).__name__}: {error}", ok=False)


def right(
    pictures: Iterable[Picture],
    did: int,
    limit_ms: float,
    answer: str = "",
    since_ms: float = 0.0,
) -> Cell:
    """Judge pictures that must be of one camera, the newest of them fresh.

    None may have been taken before ``since_ms``: nothing is kept over a kill.
    """
    seen = list(pictures)
    if not seen:
        return Cell(f"no picture ({answer})" if answer else "no picture", ok=False)
    tags = [picture.tag for picture in seen if picture.tag is not None]
    if not tags:
        return Cell("a picture without a readable tag", ok=False)
    if foreign := {tag.did for tag in tags if tag.did != did or tag.lens != 0}:
        return Cell(f"pictures of {sorted(foreign)} instead of {did}", ok=False)
    if any(tag.captured_ms < since_ms for tag in tags):
        return Cell("a picture of before the kill", ok=False)
    age = min(picture.age_ms for picture in seen if picture.tag is not None)
    if age > limit_ms:
        return Cell(f"right camera, but {age / 1000:.1f} s old", ok=False)
    return Cell(f"right camera, {age / 1000:.1f} s old")


def dark(*looks: Look) -> Cell:
    """Judge answers that must not hold a picture, nor anything that may be one."""
    for look in looks:
        if look.pictures or look.size:
            whose = [
                f"{one.tag.did} #{one.tag.counter}, {one.age_ms / 1000:.1f} s old"
                for one in look.pictures
                if one.tag is not None
            ]
            newest = whose[-1] if whose else "undecodable"
            return Cell(f"{look.answer}, {look.size} bytes: {newest}", ok=False)
    return Cell(_list(look.answer for look in looks))


def together(*cells: tuple[str, Cell]) -> Cell:
    """Join cells under their names; one wrong makes the whole wrong."""
    last = [cell.last_ms for _, cell in cells if cell.last_ms is not None]
    return Cell(
        "; ".join(f"{name}: {cell.text}" if name else cell.text for name, cell in cells),
        all(cell.ok for _, cell in cells),
        max(last) if last else None,
    )


def _list(answers: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(answers))


def ended(
    over: bool, last_byte_ms: float, kill: Kill, pictures: Iterable[Picture], did: int
) -> Cell:
    """Judge a connection that was open as the kill came.

    Its last byte may not have been sent after the kill had returned; half a second is for
    what was on its way.
    """
    last = kill.after(last_byte_ms)
    if not over:
        return Cell(f"goes on {ENDS:.0f} s after the kill", False, last)
    for picture in pictures:
        if picture.tag is None:
            continue
        if picture.tag.did != did:
            return Cell(f"showed {picture.tag.did}", False, last)
        if picture.tag.captured_ms > kill.returned:
            late = picture.tag.captured_ms - kill.returned
            return Cell(f"shows what was taken {late:.0f} ms after the kill", False, last)
    if last_byte_ms > kill.returned + ON_ITS_WAY_MS:
        return Cell("bytes after the kill", False, last)
    return Cell("ended", True, last)


ON_ITS_WAY_MS = 500.0
"""Milliseconds in which a reader on a busy machine may still find what had been sent before."""


async def until(condition: Awaitable[object] | asyncio.Task[object], seconds: float) -> bool:
    """Wait for something to end; False when it has not by then. It is not cancelled."""
    task = asyncio.ensure_future(condition)
    done, _ = await asyncio.wait([task], timeout=max(0.05, seconds))
    return bool(done)


def remaining(kill: Kill, seconds: float = ENDS) -> float:
    """Return the seconds left until ``seconds`` after a kill."""
    return max(0.1, seconds - (now_ms() - kill.returned) / 1000)
