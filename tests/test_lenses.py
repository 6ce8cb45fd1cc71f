"""Two lenses: an entity each, which shows its own pictures and never the other's."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from typing import TYPE_CHECKING, Any

import av
from homeassistant.components.camera import async_get_stream_source
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.diagnostics import async_get_config_entry_diagnostics
from simulator.tag import read_frame, read_image

from . import home as home_module
from .conftest import image_soon, settle
from .home import SIZE, Home, spec
from .test_casting import HALL, Player, players, until  # noqa: F401
from .test_hub import entity_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aiohttp.test_utils import TestClient
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.mi_camera.hub import MiCameraConfigEntry

LENSES = ("camera.yard", "camera.yard_lens_2")
INTERLEAVING, SEPARATE = "isa.camera.hlmax", "mxiang.camera.c500ch"


@pytest.fixture(params=[INTERLEAVING, SEPARATE])
def model(request: pytest.FixtureRequest) -> str:
    """Both kinds of camera with two lenses."""
    return str(request.param)


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch, model: str) -> AsyncGenerator[Home]:
    """A camera with two lenses and one with one, at addresses of this file's own."""
    monkeypatch.setattr(home_module, "ADDRESSES", "127.0.72")
    yard: dict[str, Any] = {
        "model": model,
        "name": "Yard",
        "scene": "garden",
        "lenses": 2,
        "interleaves": model == INTERLEAVING,
        "qualities": dict.fromkeys((1, 2, 3), SIZE),
    }
    home = await Home.start(spec(1, **yard), spec(2))
    yield home
    await home.stop()


def read_tags(url: str, count: int) -> list[tuple[int, int]]:
    """Decode pictures of the relay: did and lens of each."""
    tags: list[tuple[int, int]] = []
    with av.open(url, timeout=15) as container:
        for frame in container.decode(video=0):
            tag = read_frame(frame)
            assert tag is not None
            assert time.time() * 1000 - tag.captured_ms < 10_000
            tags.append((tag.did, tag.lens))
            if len(tags) == count:
                break
    return tags


async def tags_of_cast(client: TestClient, path: str) -> set[tuple[int, int]]:
    """Decode the first segment of a cast: did and lens of each picture."""
    base = path.rpartition("/")[0]
    assert (await client.get(path)).status == 200
    parts = [await client.get(f"{base}/{name}") for name in ("init.mp4", "0.m4s")]
    with av.open(io.BytesIO(b"".join([await one.read() for one in parts]))) as container:
        tags = [read_frame(frame) for frame in container.decode(video=0)]
    assert tags
    assert None not in tags
    return {(tag.did, tag.lens) for tag in tags if tag is not None}


async def tags_of_both(hass: HomeAssistant, count: int) -> list[set[tuple[int, int]]]:
    """Read both lenses' streams at the same time."""
    sources = [await async_get_stream_source(hass, entity_id) for entity_id in LENSES]
    assert len(set(sources)) == 2
    assert all(sources)
    read = [hass.async_add_executor_job(read_tags, str(source), count) for source in sources]
    return [set(tags) for tags in await asyncio.gather(*read)]


async def test_each_lens_has_an_entity_with_its_own_name_and_id(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    registry = er.async_get(hass)
    did = home.cameras[0].spec.did
    for number, entity_id in enumerate(LENSES):
        registered = registry.async_get(entity_id)
        assert registered is not None
        assert registered.unique_id == f"{did}-{number}"
    assert hass.states.get(LENSES[0]).name == "Yard"
    assert hass.states.get(LENSES[1]).name == "Yard Lens 2"
    assert hass.states.get("camera.porch").name == "Porch"
    assert len(hass.states.async_entity_ids("camera")) == 3


async def test_each_lens_shows_its_own_pictures_only(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, model: str
) -> None:
    camera = home.cameras[0]
    did = camera.spec.did
    assert await tags_of_both(hass, 20) == [{(did, 0)}, {(did, 1)}]
    sessions = camera.media_connections_total
    assert sessions == (1 if model == INTERLEAVING else 2)
    for number, entity_id in enumerate(LENSES):
        tag = read_image(await image_soon(hass, entity_id))
        assert tag is not None
        assert (tag.did, tag.lens) == (did, number)
    assert all(lens.feed.violations == 0 for lens in coordinator_of(entry).lenses)

    await camera.reboot()
    async with asyncio.timeout(30):
        while True:
            # Who reads the session that has just been lost is ended, and has to come again.
            with contextlib.suppress(av.error.FFmpegError):
                assert await tags_of_both(hass, 20) == [{(did, 0)}, {(did, 1)}]
                break
    for number, entity_id in enumerate(LENSES):
        tag = read_image(await image_soon(hass, entity_id))
        assert tag is not None
        assert (tag.did, tag.lens) == (did, number)
    assert all(lens.feed.violations == 0 for lens in coordinator_of(entry).lenses)


def coordinator_of(entry: MiCameraConfigEntry) -> Any:
    return next(one for one in entry.runtime_data.cameras.values() if one.config.name == "Yard")


@pytest.mark.parametrize("model", [INTERLEAVING], indirect=True)
async def test_the_end_of_one_lens_leaves_the_other(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    coordinator = coordinator_of(entry)
    permit = coordinator.permit()
    first, second = (lens.feed.view(permit) for lens in coordinator.lenses)
    async with asyncio.timeout(15):
        await anext(first)
        await anext(second)
    first.close()
    await until(lambda: not coordinator.lenses[0].live, 8)
    assert coordinator.lenses[1].live
    states = [hass.states.get(entity_id).state for entity_id in LENSES]
    assert states == ["idle", "streaming"]
    assert home.cameras[0].media_connections == 1
    second.close()


@pytest.mark.parametrize("model", [INTERLEAVING], indirect=True)
async def test_switching_off_ends_both_lenses_at_once(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    coordinator = coordinator_of(entry)
    permit = coordinator.permit()
    viewers = [lens.feed.view(permit) for lens in coordinator.lenses]
    sources = [await async_get_stream_source(hass, entity_id) for entity_id in LENSES]
    async with asyncio.timeout(15):
        for viewer in viewers:
            await anext(viewer)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert coordinator.link.clients == ()
    assert coordinator.permit() is None
    assert coordinator.control_permit() is None
    for entity_id in LENSES:
        assert hass.states.get(entity_id).state == "unavailable"
        assert await entity_of(hass, entity_id).stream_source() is None
        assert await entity_of(hass, entity_id).async_camera_image() is None
    await until(lambda: home.cameras[0].media_connections == 0, 3)
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await settle(hass)
    again = [await async_get_stream_source(hass, entity_id) for entity_id in LENSES]
    assert not set(again) & set(sources)


@pytest.mark.parametrize("model", [INTERLEAVING], indirect=True)
async def test_a_cast_shows_the_lens_it_was_asked_for(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    players: list[Player],  # noqa: F811
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    client = await hass_client_no_auth()
    for number, entity_id in enumerate(LENSES):
        answer = await hass.services.async_call(
            DOMAIN,
            "cast",
            {"entity_id": entity_id, "media_player": HALL},
            blocking=True,
            return_response=True,
        )
        assert [one["camera"] for one in answer["sessions"]] == [entity_id]
        (session,) = entry.runtime_data.casts.sessions
        assert session.lens is coordinator_of(entry).lenses[number]
        assert await tags_of_cast(client, session.pictures.path) == {
            (home.cameras[0].spec.did, number)
        }
    # To stop the other lens's casts does not end this one.
    for entity_id, ended in zip(LENSES, (0, 1), strict=True):
        answer = await hass.services.async_call(
            DOMAIN, "stop_cast", {"entity_id": entity_id}, blocking=True, return_response=True
        )
        assert len(answer["sessions"]) == ended
    assert not entry.runtime_data.casts.sessions


@pytest.mark.parametrize("model", [SEPARATE], indirect=True)
async def test_diagnostics_and_troubles_are_each_lens_s_own(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    # The owner's phone takes one of the two places that this camera has.
    home.cameras[0].spec.viewers = 1
    coordinator = coordinator_of(entry)
    permit = coordinator.permit()
    viewers = [coordinator.lenses[0].feed.view(permit)]
    async with asyncio.timeout(15):
        await anext(viewers[0])
    viewers.append(coordinator.lenses[1].feed.view(permit))
    await until(lambda: coordinator.lenses[1].trouble is not None, 10)
    assert hass.states.get(LENSES[0]).attributes.get("trouble") is None
    assert hass.states.get(LENSES[1]).attributes["trouble"] == "busy"
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    yard = next(one for one in diagnostics["cameras"] if one["model"] == SEPARATE)
    assert [lens["number"] for lens in yard["lenses"]] == [0, 1]
    assert [lens["trouble"] for lens in yard["lenses"]] == [None, "busy"]
    assert [lens["viewers"] for lens in yard["lenses"]] == [1, 1]
    for viewer in viewers:
        viewer.close()
