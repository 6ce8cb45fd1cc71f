"""Sessions with simulated cameras: the quality ladder, keys that age, and each trouble."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from custom_components.mi_camera.gate import Gate
from custom_components.mi_camera.media import (
    AccessUnit,
    CameraLink,
    MissUpstream,
    SoundUnit,
    Source,
    Tracks,
    Trouble,
    UpstreamError,
    link as link_module,
)
from custom_components.mi_camera.media.stills import decode_keyframe
from custom_components.mi_camera.miss import Codec, MissKeys, new_client_key
from custom_components.mi_camera.miss.models import CameraModel
from simulator.camera import SimCamera
from simulator.keys import KeyBook
from tests.home import spec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from custom_components.mi_camera.media import Upstream


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "FIRST_FRAME_TIMEOUT", 0.6)
    monkeypatch.setattr(link_module, "CONNECT_TIMEOUT", 1.5)


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


@dataclass
class House:
    """A camera, its link and the gate."""

    camera: SimCamera
    keys: Keys
    link: CameraLink
    gate: Gate = field(default_factory=Gate)

    @classmethod
    async def start(
        cls, model: CameraModel | None = None, *, wake: Any = None, **changes: Any
    ) -> House:
        camera = SimCamera(spec(1, **{"address": "127.0.51.1"} | changes), KeyBook())
        await camera.start()
        keys = Keys(camera.keys, camera.spec.did)
        address = camera.spec.address
        model = model or CameraModel(lenses=camera.spec.lenses)
        link = CameraLink(str(camera.spec.did), lambda: address, keys, model, wake=wake)
        house = cls(camera, keys, link)
        house.gate.open()
        house.gate.on_close(link.cut)
        return house

    async def stop(self) -> None:
        await self.link.close()
        await self.camera.stop()

    def upstream(self, lens: int = 0, **changes: Any) -> MissUpstream:
        return MissUpstream(Source(str(self.camera.spec.did), lens), self.link, **changes)

    async def connect(
        self, lens: int = 0, on_closed: Callable[[], None] = lambda: None, **changes: Any
    ) -> tuple[Upstream, list[AccessUnit | SoundUnit]]:
        units: list[AccessUnit | SoundUnit] = []
        upstream = self.upstream(lens, **changes)
        return await upstream.connect(self.gate.require(), units.append, on_closed), units

    async def trouble(self, lens: int = 0) -> Trouble:
        with pytest.raises(UpstreamError) as caught:
            await self.connect(lens)
        return caught.value.trouble

    async def no_connection(self) -> None:
        await until(lambda: self.camera.media_connections == 0)


@pytest.fixture
async def house(request: pytest.FixtureRequest) -> AsyncGenerator[House]:
    house = await House.start(**getattr(request, "param", {}))
    yield house
    await house.stop()


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "house",
    [
        {"transport": transport, "codec": codec}
        for transport in ("udp", "tcp")
        for codec in ("h264", "h265")
    ],
    indirect=True,
)
async def test_units_know_where_they_come_from(house: House) -> None:
    session, units = await house.connect()
    await until(lambda: len(units) >= 20)
    await session.close()
    assert {(unit.source, unit.epoch, unit.session) for unit in units} == {
        (Source(str(house.camera.spec.did), 0), house.gate.epoch, session.session)
    }
    assert all(isinstance(unit, AccessUnit) for unit in units)
    sequences = [unit.sequence for unit in units]
    assert sequences == list(range(sequences[0], sequences[0] + len(units)))
    ages = [later.captured - earlier.captured for earlier, later in itertools.pairwise(units)]
    assert all(0 < age < 0.5 for age in ages)
    await house.no_connection()


@pytest.mark.parametrize("house", [{"qualities": {3: (320, 180)}}], indirect=True)
async def test_a_camera_that_is_silent_at_one_quality_is_asked_for_the_next(house: House) -> None:
    session, _ = await house.connect()
    await session.close()
    assert house.link.qualities == {(0, "best"): 3}
    # The answer is remembered: the second time nothing is waited for.
    async with asyncio.timeout(0.55):
        session, _ = await house.connect()
    await session.close()


@pytest.mark.parametrize("house", [{"qualities": {1: (160, 90), 2: (320, 180)}}], indirect=True)
async def test_a_low_picture_is_another_one_than_the_best(house: House) -> None:
    low, units = await house.connect(quality=lambda: "low")
    assert house.link.qualities == {(0, "low"): 1}
    await low.close()
    assert decode_keyframe(next(unit for unit in units if unit.keyframe))
    session, _ = await house.connect()
    assert house.link.qualities == {(0, "low"): 1, (0, "best"): 2}
    await session.close()


@pytest.mark.parametrize("house", [{"transport": "tcp"}], indirect=True)
async def test_the_transport_that_worked_is_tried_first(house: House) -> None:
    session, _ = await house.connect()
    assert house.link.transport == "tcp"
    await session.close()
    began = asyncio.get_running_loop().time()
    session, _ = await house.connect()
    assert asyncio.get_running_loop().time() - began < 1
    await session.close()


async def test_a_sleeping_lens_is_told_apart_from_an_absent_camera(house: House) -> None:
    house.camera.power = False
    assert await house.trouble() is Trouble.ASLEEP
    await house.camera.stop()
    assert await house.trouble() is Trouble.UNREACHABLE


async def test_keys_that_have_aged_are_fetched_anew_once(house: House) -> None:
    session, _ = await house.connect()
    await session.close()
    house.camera.keys.rotate(house.camera.spec.did)
    session, _ = await house.connect()
    await session.close()
    assert house.keys.asked == [False, False, True]
    house.keys.book = KeyBook()
    house.camera.keys.rotate(house.camera.spec.did)
    assert await house.trouble() is Trouble.REFUSED


@pytest.mark.parametrize("house", [{"viewers": 1}], indirect=True)
async def test_a_camera_with_enough_viewers_is_busy(house: House) -> None:
    session, _ = await house.connect()
    did = str(house.camera.spec.did)
    other = CameraLink(did, lambda: "127.0.51.1", house.keys, CameraModel())
    with pytest.raises(UpstreamError) as caught:
        await MissUpstream(Source(did), other).connect(
            house.gate.require(), lambda _: None, lambda: None
        )
    assert caught.value.trouble is Trouble.BUSY
    await other.close()
    await session.close()


async def test_rubbish_is_trouble_and_not_a_crash(house: House) -> None:
    house.camera.miss.garbage = True
    assert await house.trouble() in {Trouble.UNREACHABLE, Trouble.BROKEN, Trouble.ASLEEP}


async def test_a_camera_that_hangs_up_while_starting_is_broken(house: House) -> None:
    house.camera.power = False
    connecting = asyncio.ensure_future(house.trouble())
    await until(lambda: house.camera.media_connections)
    await asyncio.sleep(0.2)
    house.camera.miss.drop_clients(polite=True)
    assert await connecting in {Trouble.BROKEN, Trouble.UNREACHABLE}


async def test_cancelling_leaves_no_connection(house: House) -> None:
    house.camera.power = False
    connecting = asyncio.ensure_future(house.connect())
    await until(lambda: house.camera.media_connections)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    await house.no_connection()


async def test_pictures_that_do_not_decode_are_answered_by_new_keys(house: House) -> None:
    """Another device key than the camera's: nothing of what it sends is a picture."""
    keys = house.keys
    good = keys.book.device_public
    keys.book = KeyBook()
    keys.book.sign = house.camera.keys.sign  # type: ignore[method-assign]
    assert await house.trouble() in {Trouble.REFUSED, Trouble.ASLEEP}
    keys.book.device_public = good  # type: ignore[method-assign]
    house.link.keys_are_old = True
    session, units = await house.connect()
    assert not house.link.keys_are_old
    await session.close()
    assert keys.asked[-1] is True
    assert {unit.source.did for unit in units} <= {str(house.camera.spec.did)}


@pytest.mark.parametrize("house", [{"audio": "pcma"}, {"audio": "opus"}], indirect=True)
async def test_sound_comes_when_it_is_wanted_and_only_then(house: House) -> None:
    session, units = await house.connect(sound=lambda: True)
    await until(lambda: sum(isinstance(unit, SoundUnit) for unit in units) >= 10)
    pictures = [unit for unit in units if isinstance(unit, AccessUnit)]
    sounds = [unit for unit in units if isinstance(unit, SoundUnit)]
    # What it speaks was asked for before the first picture came.
    opus = house.camera.spec.audio == "opus"
    assert {unit.tracks for unit in pictures} == {Tracks.SOUND_AND_OPUS if opus else Tracks.SOUND}
    assert {unit.codec for unit in sounds} == {Codec.OPUS if opus else Codec.PCMA}
    assert abs(sounds[-1].captured - pictures[-1].captured) < 0.3
    gaps = [later.captured - earlier.captured for earlier, later in itertools.pairwise(sounds)]
    assert all(0 < gap < 0.2 for gap in gaps)
    await session.close()
    session, units = await house.connect()
    await until(lambda: len(units) >= 10)
    assert all(isinstance(unit, AccessUnit) for unit in units)
    await session.close()
