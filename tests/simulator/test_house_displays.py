"""Judging what displays have shown, by what they were to show at the time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web
import pytest

from simulator.house.casts import GRACE_MS, DisplayWatch, is_dark
from simulator.house.errors import HomeFailed
from simulator.house.home_process import Control
from simulator.house.judge import Judge
from simulator.house.pictures import now_ms

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ADDRESS = "127.0.41.4"


class Screen:
    """The control API of a home with one display."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.state = "PLAYING"
        self.card = False
        self.address = (ADDRESS, 0)

    def show(
        self,
        did: int | None,
        *,
        age: float = 500.0,
        at: float | None = None,
        card: bool = False,
    ) -> None:
        shown = now_ms() if at is None else at
        self.frames.append(
            {
                "n": len(self.frames) + 1,
                "did": did,
                "lens": 0,
                "counter": len(self.frames),
                "captured_ms": int(shown - age),
                "decoded_ms": int(shown),
                "card": card,
            }
        )


@pytest.fixture
async def screen() -> AsyncGenerator[Screen]:
    screen = Screen()

    async def frames(request: web.Request) -> web.Response:
        since = int(request.query["since"])
        return web.json_response({"frames": [f for f in screen.frames if f["n"] > since]})

    async def state(_: web.Request) -> web.Response:
        return web.json_response(
            {
                "cameras": {"7": {"media_connections": 2, "media_bytes_sent": 10}},
                "displays": {"Hall": {"state": screen.state, "card": screen.card}},
            }
        )

    app = web.Application()
    app.router.add_get("/displays/{name}/frames", frames)
    app.router.add_get("/state", state)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, ADDRESS, 0).start()
    screen.address = (ADDRESS, runner.addresses[0][1])
    yield screen
    await runner.cleanup()


@pytest.fixture
async def control(screen: Screen) -> AsyncGenerator[Control]:
    async with Control(screen.address) as control:
        yield control


async def test_counters_of_the_home(control: Control) -> None:
    assert await control.media_connections() == 2
    assert await control.media_bytes() == 10
    with pytest.raises(HomeFailed, match="control API, POST /cameras/7/power"):
        await control.power(7, on=False)


async def test_pictures_are_judged_by_what_was_expected_then(
    screen: Screen, control: Control
) -> None:
    screen.show(9)  # before anybody watched
    judge = Judge()
    watch = DisplayWatch(control, judge, "Hall")
    await watch.start()
    began = now_ms()
    watch.expect(1)
    await asyncio.sleep(0.01)
    screen.show(1)
    first = await watch.wait_camera(1, began, 3)
    assert first is not None
    assert first.tag is not None
    assert first.tag.did == 1
    assert await watch.wait_camera(2, began, 0.3) is None
    await asyncio.sleep(0.01)
    watch.expect(2)
    await asyncio.sleep(0.01)
    screen.show(2)
    screen.show(1)
    await watch.stop()
    assert watch.shown == 3
    assert judge.frames_checked == 3
    assert judge.foreign == 1


async def test_a_display_that_plays_on_after_a_kill(screen: Screen, control: Control) -> None:
    judge = Judge()
    watch = DisplayWatch(control, judge, "Hall")
    await watch.start()
    watch.expect(1)
    killed = now_ms()
    judge.killed(killed)
    screen.show(1, at=killed + GRACE_MS - 100, age=GRACE_MS)
    await watch.stop()
    assert judge.after_kill == 0, "what it still had, for a moment"
    await watch.start()
    screen.show(1, at=killed + GRACE_MS + 100, age=GRACE_MS + 200)
    await watch.stop()
    assert judge.after_kill == 1, "shown long after"
    judge.allowed(killed + GRACE_MS + 200)
    await watch.start()
    screen.show(1, at=killed + GRACE_MS + 900, age=600)
    await watch.stop()
    assert judge.after_kill == 1, "a cast may begin at once after a release"


async def test_pictures_that_go_backwards(screen: Screen, control: Control) -> None:
    watch = DisplayWatch(control, Judge(), "Hall")
    await watch.start()
    watch.expect(1)
    for _ in range(3):
        screen.show(1)
    screen.frames[-1]["counter"] = 0
    screen.show(None)
    await watch.stop()
    assert watch.backwards == 1
    assert watch.shown == 4


async def test_waiting_for_a_display_to_stop(screen: Screen, control: Control) -> None:
    watch = DisplayWatch(control, Judge(), "Hall")
    assert not await watch.wait_stopped(0.3)
    screen.state = "IDLE"
    assert await watch.wait_stopped(0.3)


async def test_the_card_is_as_good_as_nothing(screen: Screen, control: Control) -> None:
    watch = DisplayWatch(control, Judge(), "Hall")
    screen.card = True
    assert await watch.wait_stopped(0.3)
    assert not await watch.wait_idle(0.3)
    assert is_dark(await control.display("Hall"))
    screen.state, screen.card = "IDLE", False
    assert await watch.wait_idle(0.3)
    screen.state = "PAUSED"
    assert not is_dark(await control.display("Hall"))


async def test_a_card_is_no_picture_and_a_picture_without_a_tag_no_card(
    screen: Screen, control: Control
) -> None:
    judge = Judge()
    watch = DisplayWatch(control, judge, "Hall")
    await watch.start()
    watch.expect(1)
    judge.killed(now_ms() - 2 * GRACE_MS)
    screen.show(None, card=True)
    await watch.stop()
    assert (watch.shown, judge.unreadable, judge.after_kill) == (0, 0, 0)
    await watch.start()
    screen.show(None)
    await watch.stop()
    assert (watch.shown, judge.unreadable, judge.after_kill) == (1, 1, 1)


async def test_a_home_that_does_not_answer() -> None:
    async with Control((ADDRESS, 9)) as control:
        with pytest.raises(HomeFailed, match="GET /state"):
            await control.state()
