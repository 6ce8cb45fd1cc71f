"""What the control API of a simulated home can do to its cameras, and tells of them."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from simulator.encoder import sound
from simulator.home import DescriptionError, HomeSpec, SimHome

from .cameras import until
from .miss_peer import MissPeer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

DID = 4242
CAMERA = {
    "did": DID,
    "model": "chuangmi.camera.021a04",
    "name": "Porch",
    "address": "127.0.40.130",
    "token": "00" * 16,
}


class Api:
    """The control API."""

    def __init__(self, home: SimHome, http: aiohttp.ClientSession) -> None:
        assert home.control is not None
        self.camera = home.cameras[DID]
        self._http = http
        self._url = home.control.url

    async def get(self, path: str) -> Any:
        async with self._http.get(f"{self._url}{path}") as response:
            assert response.status == 200
            return await response.json()

    async def post(self, what: str, body: object, did: int = DID) -> int:
        async with self._http.post(
            f"{self._url}/cameras/{did}/{what}", data=json.dumps(body)
        ) as response:
            assert ("error" in await response.json()) == (response.status != 200)
            return response.status

    async def state(self) -> dict[str, Any]:
        state: dict[str, Any] = (await self.get("/state"))["cameras"][str(DID)]
        return state


@contextlib.asynccontextmanager
async def running(**changes: object) -> AsyncGenerator[Api]:
    home = SimHome(HomeSpec.parse({"cameras": [CAMERA | changes], "control": {"port": 0}}))
    await home.start()
    try:
        async with aiohttp.ClientSession() as http:
            yield Api(home, http)
    finally:
        await home.stop()


def camera(**fields: object) -> Any:
    return HomeSpec.parse({"cameras": [CAMERA | fields]}).cameras[0]


def test_description_of_a_camera() -> None:
    plain = camera()
    assert (plain.audio, plain.speaker, plain.motor) == ("pcma", "pcma", "operation")
    assert (plain.search, plain.asleep, plain.interleaves) == ("any", False, True)
    odd = camera(
        audio="aac",
        speaker=None,
        motor=None,
        search="broadcast",
        asleep=True,
        lenses=2,
        interleaves=False,
    )
    assert (odd.audio, odd.speaker, odd.motor) == ("aac", None, None)
    assert (odd.search, odd.asleep, odd.interleaves) == ("broadcast", True, False)
    other = camera(audio="opus", speaker="pcm", motor="qcy")
    assert (other.audio, other.speaker, other.motor) == ("opus", "pcm", "qcy")


@pytest.mark.parametrize(
    "fields",
    [
        {"audio": "mp3"},
        {"audio": None},
        {"audio": ["pcm"]},
        {"speaker": "mp3"},
        {"speaker": 5},
        {"motor": "yes"},
        {"search": None},
        {"asleep": 1},
        {"interleaves": "no"},
    ],
)
def test_descriptions_of_no_camera(fields: dict[str, object]) -> None:
    with pytest.raises(DescriptionError, match=rf"cameras\[0\]\.{next(iter(fields))} must be"):
        camera(**fields)


async def test_network() -> None:
    async with running() as api:
        miss, knobs = api.camera.miss, api.camera.miio.knobs
        body = {"loss": 0.5, "duplicate": 0.25, "delay": 0.1, "foreign": 3, "silent": True}
        assert await api.post("network", body) == 200
        assert (miss.loss, miss.duplicate, miss.delay, miss.foreign) == (0.5, 0.25, 0.1, 3)
        assert (knobs.drop_rate, knobs.latency) == (0.5, 0.1)
        assert miss.silent
        assert knobs.silent
        assert await api.post("network", {"loss": 0}) == 200
        assert (miss.loss, miss.duplicate, miss.silent) == (0, 0.25, True)
        mistakes: list[object] = [{"loss": 2}, {"foreign": -1}, {"delay": "x"}, {"silent": 1}, []]
        for wrong in mistakes:
            assert await api.post("network", wrong) == 400
        assert miss.silent


async def test_quirks() -> None:
    async with running() as api:
        body = {
            "both_ready": True,
            "timestamp_shift_ms": -5000,
            "lens_flags_missing": 4,
            "garbage_payload": 0.5,
            "picture_size": [640, 360],
            "slot_seconds": 3,
            "chatter": 5,
        }
        assert await api.post("quirks", body) == 200
        miss = api.camera.miss
        assert {name: getattr(miss, name) for name in body} == body | {"picture_size": (640, 360)}
        assert await api.post("quirks", {"picture_size": None}) == 200
        assert miss.picture_size is None
        for wrong in (
            {"spec": 1},
            {"chatter": True},
            {"garbage_payload": 2},
            {"lens_flags_missing": -1},
            {"picture_size": [641, 360]},
            {"picture_size": [64, 36]},
            {"picture_size": "big"},
            {"both_ready": 0},
            {"chatter": 0, "unknown": 1},
        ):
            assert await api.post("quirks", wrong) == 400
        assert miss.chatter == 5, "nothing of a wrong request is done"
        assert await api.post("quirks", {}, did=1) == 404


async def test_speaker() -> None:
    async with running() as api:
        silence: dict[str, object] = {
            "seconds": 0.0,
            "rms": 0.0,
            "dominant_hz": None,
            "refused": {},
        }
        assert await api.get(f"/cameras/{DID}/speaker") == silence
        async with MissPeer(api.camera.spec, api.camera.keys) as peer:
            await peer.open()
            await peer.authenticate()
            assert await api.post("speaker", {"busy": True}) == 200
            assert await peer.ask(0x106) != bytes(4)
            assert await api.post("speaker", {"busy": False}) == 200
            assert await peer.ask(0x106) == bytes(4)
            for frame in sound("pcma", 523)[:60]:
                peer.say(0x403, frame)
            peer.say(0x400, bytes(640))
            await until(lambda: len(api.camera.miss.speaker.frames) == 60)
            await until(lambda: api.camera.miss.speaker_refused == 1)
        heard = await api.get(f"/cameras/{DID}/speaker")
        assert heard["seconds"] == 2.4
        assert 0.05 < heard["rms"] < 0.5
        assert heard["dominant_hz"] == pytest.approx(523, abs=2)
        assert heard["refused"] == {"codec": 1}
        assert (await api.state())["speaker_seconds"] == 2.4
        assert await api.post("speaker", {"busy": "yes"}) == 400


async def test_state_and_waking() -> None:
    async with running(asleep=True) as api:
        api.camera.state.angle = 31
        state = await api.state()
        assert (state["angle"], state["elevation"], state["sleeping"]) == (31, 51, True)
        assert await api.post("wake", {}) == 200
        assert (await api.state())["sleeping"] is False
    async with running() as api:
        assert await api.post("wake", {}) == 400
