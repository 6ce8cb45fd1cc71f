"""Sessions with simulated cameras: the quality ladder, keys that age, and each trouble."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from custom_components.mi_camera.media import (
    AccessUnit,
    MissUpstream,
    Source,
    Trouble,
    UpstreamError,
    upstream as upstream_module,
)
from custom_components.mi_camera.miss import MissKeys, new_client_key
from simulator.camera import SimCamera
from simulator.keys import KeyBook
from tests.home import spec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream_module, "FIRST_FRAME_TIMEOUT", 0.6)
    monkeypatch.setattr(upstream_module, "CONNECT_TIMEOUT", 1.5)


class Keys:
    """Asks the key book, as the hub asks the cloud, and counts."""

    def __init__(self, book: KeyBook, did: int) -> None:
        self.book = book
        self.did = did
        self.asked: list[bool] = []
        self._kept: MissKeys | None = None

    async def __call__(self, *, fresh: bool) -> MissKeys:
        self.asked.append(fresh)
        if self._kept is None or fresh:
            private, public = new_client_key()
            self._kept = MissKeys(
                private, public, self.book.device_public(self.did), self.book.sign(self.did, public)
            )
        return self._kept


async def start(**changes: Any) -> tuple[SimCamera, Keys, MissUpstream]:
    camera = SimCamera(spec(1, address="127.0.51.1", **changes), KeyBook())
    await camera.start()
    keys = Keys(camera.keys, camera.spec.did)
    return camera, keys, MissUpstream(Source(str(camera.spec.did)), lambda: "127.0.51.1", keys)


@pytest.fixture
async def camera_keys_upstream(
    request: pytest.FixtureRequest,
) -> AsyncGenerator[tuple[SimCamera, Keys, MissUpstream]]:
    parts = await start(**getattr(request, "param", {}))
    yield parts
    await parts[0].stop()


async def connect(upstream: MissUpstream) -> tuple[Any, list[AccessUnit]]:
    units: list[AccessUnit] = []
    return await upstream.connect(7, units.append, lambda: None), units


async def trouble_of(upstream: MissUpstream) -> Trouble:
    with pytest.raises(UpstreamError) as caught:
        await connect(upstream)
    return caught.value.trouble


@pytest.mark.parametrize(
    "camera_keys_upstream",
    [
        {"transport": transport, "codec": codec}
        for transport in ("udp", "tcp")
        for codec in ("h264", "h265")
    ],
    indirect=True,
)
async def test_units_know_where_they_come_from(
    camera_keys_upstream: tuple[SimCamera, Keys, MissUpstream],
) -> None:
    camera, _, upstream = camera_keys_upstream
    session, units = await connect(upstream)
    async with asyncio.timeout(5):
        while len(units) < 20:
            await asyncio.sleep(0.02)
    await session.close()
    assert {(unit.source, unit.epoch, unit.session) for unit in units} == {
        (Source(str(camera.spec.did), 0), 7, session.session)
    }
    sequences = [unit.sequence for unit in units]
    assert sequences == list(range(sequences[0], sequences[0] + len(units)))
    ages = [later.captured - earlier.captured for earlier, later in itertools.pairwise(units)]
    assert all(0 < age < 0.5 for age in ages)
    async with asyncio.timeout(2):
        while camera.media_connections:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("camera_keys_upstream", [{"qualities": {3: (320, 180)}}], indirect=True)
async def test_a_camera_that_is_silent_at_one_quality_is_asked_for_the_next(
    camera_keys_upstream: tuple[SimCamera, Keys, MissUpstream],
) -> None:
    _, _, upstream = camera_keys_upstream
    assert upstream.quality is None
    session, _ = await connect(upstream)
    await session.close()
    assert upstream.quality == 3
    # The answer is remembered: the second time nothing is waited for.
    async with asyncio.timeout(0.55):
        session, _ = await connect(upstream)
    await session.close()


async def test_a_sleeping_lens_is_told_apart_from_an_absent_camera(
    camera_keys_upstream: tuple[SimCamera, Keys, MissUpstream],
) -> None:
    camera, _, upstream = camera_keys_upstream
    camera.power = False
    assert await trouble_of(upstream) is Trouble.ASLEEP
    await camera.stop()
    assert await trouble_of(upstream) is Trouble.UNREACHABLE


async def test_keys_that_have_aged_are_fetched_anew_once(
    camera_keys_upstream: tuple[SimCamera, Keys, MissUpstream],
) -> None:
    camera, keys, upstream = camera_keys_upstream
    session, _ = await connect(upstream)
    await session.close()
    camera.keys.rotate(camera.spec.did)
    session, _ = await connect(upstream)
    await session.close()
    assert keys.asked == [False, False, True]
    keys.book = KeyBook()
    camera.keys.rotate(camera.spec.did)
    assert await trouble_of(upstream) is Trouble.REFUSED


@pytest.mark.parametrize("camera_keys_upstream", [{"viewers": 1}], indirect=True)
async def test_a_camera_with_enough_viewers_is_busy(
    camera_keys_upstream: tuple[SimCamera, Keys, MissUpstream],
) -> None:
    _, _, upstream = camera_keys_upstream
    session, _ = await connect(upstream)
    assert await trouble_of(upstream) is Trouble.BUSY
    await session.close()


async def test_rubbish_is_trouble_and_not_a_crash(
    camera_keys_upstream: tuple[SimCamera, Keys, MissUpstream],
) -> None:
    camera, _, upstream = camera_keys_upstream
    camera.miss.garbage = True
    assert await trouble_of(upstream) in {Trouble.UNREACHABLE, Trouble.BROKEN, Trouble.ASLEEP}


async def test_a_camera_that_hangs_up_while_starting_is_broken(
    camera_keys_upstream: tuple[SimCamera, Keys, MissUpstream],
) -> None:
    camera, _, upstream = camera_keys_upstream
    camera.power = False
    connecting = asyncio.ensure_future(trouble_of(upstream))
    async with asyncio.timeout(2):
        while not camera.media_connections:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    camera.miss.drop_clients(polite=True)
    assert await connecting in {Trouble.BROKEN, Trouble.UNREACHABLE}


async def test_cancelling_leaves_no_connection(
    camera_keys_upstream: tuple[SimCamera, Keys, MissUpstream],
) -> None:
    camera, _, upstream = camera_keys_upstream
    camera.power = False
    connecting = asyncio.ensure_future(connect(upstream))
    async with asyncio.timeout(2):
        while not camera.media_connections:
            await asyncio.sleep(0.01)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    async with asyncio.timeout(2):
        while camera.media_connections:
            await asyncio.sleep(0.01)


async def test_pictures_that_do_not_decode_are_answered_by_new_keys(
    camera_keys_upstream: tuple[SimCamera, Keys, MissUpstream],
) -> None:
    """Another device key than the camera's: nothing of what it sends is a picture."""
    camera, keys, upstream = camera_keys_upstream
    good = keys.book.device_public
    keys.book = KeyBook()
    keys.book.sign = camera.keys.sign  # type: ignore[method-assign]
    assert await trouble_of(upstream) in {Trouble.REFUSED, Trouble.ASLEEP}
    keys.book.device_public = good  # type: ignore[method-assign]
    upstream.keys_are_old = True
    session, units = await connect(upstream)
    assert not upstream.keys_are_old
    await session.close()
    assert keys.asked[-1] is True
    assert {unit.source.did for unit in units} <= {str(camera.spec.did)}
