"""Pictures of events: of this camera as far as the cloud says so, of now, and never by chance."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from http import HTTPStatus
import io
from pathlib import Path
import time
from typing import TYPE_CHECKING

from aiohttp import ClientError
from homeassistant.components.image import async_get_image
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed, async_mock_service

from custom_components.mi_camera import camera_events, image as image_module
from custom_components.mi_camera.camera_events import Pace
from custom_components.mi_camera.cloud import EventKind, NotAPictureError, check_picture
from custom_components.mi_camera.cloud.camera_events import parse_page
from custom_components.mi_camera.cloud.event_pictures import MAX_BYTES, MAX_SIDE, open_picture
from custom_components.mi_camera.const import SUBENTRY_ACCOUNT
from custom_components.mi_camera.device import MiioWrongDevice
from custom_components.mi_camera.gate.camera_gate import Hold
from custom_components.mi_camera.image import ATTEMPTS, SHOWN_FOR, LastEventImage
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from custom_components.mi_camera.media import clock
from simulator.cloud.pictures import Trouble, picture, seal
from simulator.tag import Tag, read_image

from .conftest import settle
from .test_casting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

KITCHEN, PORCH = "image.kitchen_last_event", "image.porch_last_event"
QUICK = Pace(first=0.02, idle=0.1, active=0.1, active_for=0.5, longest=0.3, spacing=0.01)
LONG = 30.0
"""Seconds that a busy machine may take for what takes a moment."""


@pytest.fixture(autouse=True)
def _quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_events, "Pace", lambda: QUICK)
    if request.function is not test_it_is_disabled_at_first:
        monkeypatch.setattr(LastEventImage, "_attr_entity_registry_enabled_default", True)


@pytest.fixture(autouse=True)
def _named(home: Home) -> None:
    home.cloud.events.names_did = True


def did_of(home: Home, number: int = 0) -> str:
    return str(home.cameras[number].spec.did)


def entity_of(hass: HomeAssistant, entity_id: str = KITCHEN) -> LastEventImage:
    entity = hass.data["image"].get_entity(entity_id)
    assert isinstance(entity, LastEventImage)
    return entity


def is_shown(hass: HomeAssistant, entity_id: str = KITCHEN) -> bool:
    state = hass.states.get(entity_id)
    return state is not None and state.state not in {STATE_UNAVAILABLE, STATE_UNKNOWN}


async def notice(hass: HomeAssistant, home: Home, number: int = 0, *, png: bool = False) -> None:
    """Let a camera notice something, and wait until its picture may be looked at."""
    entity_id = (KITCHEN, PORCH)[number]
    before = hass.states.get(entity_id).state
    home.cloud.events.add(did_of(home, number), "PeopleMotion", png=png)
    await until(
        lambda: is_shown(hass, entity_id) and hass.states.get(entity_id).state != before, LONG
    )


async def tag_of(hass: HomeAssistant, entity_id: str = KITCHEN) -> Tag | None:
    return read_image((await async_get_image(hass, entity_id, timeout=30)).content)


async def refused(hass: HomeAssistant, entity_id: str = KITCHEN) -> bool:
    try:
        await async_get_image(hass, entity_id, timeout=30)
    except HomeAssistantError:
        return True
    return False


async def test_it_is_disabled_at_first(hass: HomeAssistant, entry: MiCameraConfigEntry) -> None:
    one = er.async_get(hass).async_get(KITCHEN)
    assert one is not None
    assert one.disabled_by is er.RegistryEntryDisabler.INTEGRATION
    assert hass.states.get(KITCHEN) is None


async def test_it_is_fetched_when_somebody_looks_and_is_this_cameras(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    pictures = home.cloud.events.pictures
    assert not is_shown(hass)
    assert await refused(hass)
    await notice(hass, home)
    await notice(hass, home, 1, png=True)
    # Nobody has looked yet.
    assert pictures.asked == []
    at = dt_util.parse_datetime(hass.states.get(KITCHEN).state)
    assert at is not None
    tag = await tag_of(hass)
    assert tag is not None
    assert str(tag.did) == did_of(home)
    assert tag.captured_ms == round(at.timestamp() * 1000)
    assert [one["did"] for one in pictures.asked] == [did_of(home)]
    both = await asyncio.gather(tag_of(hass, PORCH), tag_of(hass, PORCH), tag_of(hass))
    assert [str(one.did) for one in both if one] == [did_of(home, 1)] * 2 + [did_of(home)]
    assert len(pictures.asked) == 2
    assert (await async_get_image(hass, PORCH)).content_type == "image/png"
    client = await hass_client_no_auth()
    response = await client.get(hass.states.get(KITCHEN).attributes["entity_picture"])
    assert response.status == HTTPStatus.OK
    assert response.content_type == "image/jpeg"
    assert read_image(await response.read()) == tag

    # A newer event without one: the older picture is not shown in its place.
    home.cloud.events.names_did = False
    home.cloud.events.add(did_of(home), "PeopleMotion")
    await until(lambda: not is_shown(hass), LONG)
    assert hass.states.get(KITCHEN).state == STATE_UNKNOWN
    assert await refused(hass)
    assert is_shown(hass, PORCH)
    assert len(pictures.asked) == 2


async def test_whatever_closes_the_gate_ends_it(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_client: ClientSessionGenerator,
) -> None:
    kill_switch = hass.data[DATA_KILL_SWITCH]
    did, pictures = did_of(home), home.cloud.events.pictures
    (coordinator,) = [one for one in entry.runtime_data.cameras.values() if one.config.did == did]
    wrong = MiioWrongDevice("127.0.0.1", int(did), 7)
    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "all": (kill_switch.async_engage, kill_switch.async_release),
        "hidden": (lambda: kill_switch.async_hide(did), lambda: kill_switch.async_show(did)),
        "quarantined": (
            lambda: kill_switch.async_violation(did, "test"),
            lambda: kill_switch.async_end_quarantine(did),
        ),
        "doubted": (
            lambda: coordinator.identity.async_doubt(wrong),
            lambda: coordinator.gate.release(Hold.IDENTITY),
        ),
    }
    client = await hass_client()
    for close, release in ways.values():
        await notice(hass, home)
        entity = entity_of(hass)
        stream = await client.get(f"/api/image_proxy_stream/{KITCHEN}")
        assert stream.status == HTTPStatus.OK
        assert await stream.content.readany()
        tokens, asked = set(entity.access_tokens), len(pictures.asked)
        if asyncio.iscoroutine(work := close()):
            await work
        assert not tokens & set(entity.access_tokens)
        assert entity._shown is None
        assert await refused(hass)
        assert hass.states.is_state(KITCHEN, STATE_UNAVAILABLE)
        # The series that was open has been broken off.
        with pytest.raises(ClientError):
            await asyncio.wait_for(stream.read(), LONG)
        if asyncio.iscoroutine(work := release()):
            await work
        await until(lambda: coordinator.gate.is_open, LONG)
        # It does not come back by itself.
        assert not is_shown(hass)
        assert await refused(hass)
        assert len(pictures.asked) == asked
        await settle(hass)


async def test_the_permit_is_looked_at_even_if_nobody_was_told(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every picture asks the gate itself; what is done as it closes comes on top."""
    await notice(hass, home)
    entity = entity_of(hass)
    with monkeypatch.context() as patch:
        patch.setattr(entity, "_drop", lambda: None)
        await hass.data[DATA_KILL_SWITCH].async_engage()
        assert await refused(hass)
        await hass.data[DATA_KILL_SWITCH].async_release()
        assert entity._shown is not None
        assert await refused(hass)
    assert home.cloud.events.pictures.asked == []


async def test_an_answer_of_before_is_not_shown_after(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kill_switch, pictures = hass.data[DATA_KILL_SWITCH], home.cloud.events.pictures
    pictures.hold = asyncio.Event()
    await notice(hass, home)
    looking = asyncio.create_task(refused(hass))
    await until(lambda: len(pictures.asked) == 1, LONG)
    await kill_switch.async_engage()
    await kill_switch.async_release()
    pictures.hold.set()
    assert await looking
    assert not is_shown(hass)

    # Nor that of an event which is not the newest any more when it comes.
    pictures.hold = asyncio.Event()
    await notice(hass, home)
    looking = asyncio.create_task(refused(hass))
    await until(lambda: len(pictures.asked) == 2, LONG)
    await notice(hass, home)
    pictures.hold.set()
    assert await looking
    tag = await tag_of(hass)
    assert tag is not None
    assert tag.counter == 3


async def test_it_is_shown_for_ten_minutes_and_kept_nowhere(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await notice(hass, home)
    content = (await async_get_image(hass, KITCHEN, timeout=30)).content
    # Timers may be late, and stand still while the machine sleeps; the clock decides.
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + SHOWN_FOR + 1)
    assert await refused(hass)
    monkeypatch.setattr(clock, "now", real)
    assert is_shown(hass)
    # Home Assistant asks for a restart when nobody has confirmed its network settings by then.
    async_mock_service(hass, "homeassistant", "restart")
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=SHOWN_FOR + 1))
    assert not is_shown(hass)
    assert entity_of(hass)._shown is None

    await notice(hass, home)
    assert not await refused(hass)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert await refused(hass)
    assert not is_shown(hass)

    def on_disk() -> list[Path]:
        files = [one for one in Path(hass.config.config_dir).rglob("*") if one.is_file()]
        assert files
        return [one for one in files if content[-64:] in one.read_bytes()]

    assert await hass.async_add_executor_job(on_disk) == []


async def test_it_ends_with_the_account_the_lens_and_the_entity_id(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await notice(hass, home)
    await hass.services.async_call(
        "camera", "turn_off", {"entity_id": "camera.kitchen"}, blocking=True
    )
    await until(lambda: not is_shown(hass), LONG)
    assert await refused(hass)
    await hass.services.async_call(
        "camera", "turn_on", {"entity_id": "camera.kitchen"}, blocking=True
    )
    assert not is_shown(hass)

    await notice(hass, home)
    tokens = set(entity_of(hass).access_tokens)
    er.async_get(hass).async_update_entity(KITCHEN, new_entity_id="image.hall")
    await settle(hass)
    assert await refused(hass, "image.hall")
    assert not tokens & set(entity_of(hass, "image.hall").access_tokens)

    await notice(hass, home, 1)
    assert not await refused(hass, PORCH)
    (account,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    hass.config_entries.async_remove_subentry(entry, account.subentry_id)
    await settle(hass)
    assert await refused(hass, PORCH)
    assert hass.states.is_state(PORCH, STATE_UNAVAILABLE)
    assert [one["did"] for one in home.cloud.events.pictures.asked] == [did_of(home, 1)]


async def test_what_the_cloud_must_not_answer(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pictures = home.cloud.events.pictures
    monkeypatch.setattr(image_module, "PAUSE", 0.0)
    pictures.elsewhere = f"{home.cloud.url}/miot-spec-v2/instances"
    specs = home.cloud.specs.requests
    for trouble in Trouble:
        await notice(hass, home)
        pictures.trouble = trouble
        before = len(pictures.asked)
        for _ in range(ATTEMPTS + 2):
            assert await refused(hass), trouble
        # Whoever asks on and on asks the cloud no more.
        assert len(pictures.asked) == before + ATTEMPTS, trouble
        pictures.trouble = None
    assert home.cloud.specs.requests == specs
    # After a failure there is a pause, too.
    monkeypatch.setattr(image_module, "PAUSE", 1000.0)
    await notice(hass, home)
    pictures.trouble = Trouble.TEXT
    before = len(pictures.asked)
    assert await refused(hass)
    pictures.trouble = None
    assert await refused(hass)
    assert len(pictures.asked) == before + 1


async def test_what_nobody_can_notice(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    """The cloud's word is all there is: the threat model says so, and the user guide."""
    await notice(hass, home, 1)
    home.cloud.events.pictures.swapped[did_of(home)] = did_of(home, 1)
    await notice(hass, home)
    tag = await tag_of(hass)
    assert tag is not None
    assert str(tag.did) == did_of(home, 1)


async def test_what_the_camera_has_said_itself_gets_the_clouds_picture(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await notice(hass, home)
    before = hass.states.get(KITCHEN).state
    entity_of(hass)._watch.async_pushed(EventKind.FACE)
    home.cloud.events.add(did_of(home), "Face")
    await until(lambda: is_shown(hass) and hass.states.get(KITCHEN).state != before, LONG)
    tag = await tag_of(hass)
    assert tag is not None
    assert tag.counter == 2
    # Another camera's face is nothing to this one.
    assert not is_shown(hass, PORCH)


async def test_a_token_that_has_ended_is_renewed(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await notice(hass, home)
    home.cloud.accounts.expire_service_tokens()
    tag = await tag_of(hass)
    assert tag is not None
    assert str(tag.did) == did_of(home)


# -- without Home Assistant -----------------------------------------------------------------

SECRET, IV = bytes(range(16)), bytes(range(16, 32))


def test_only_an_item_that_names_the_camera_has_a_picture() -> None:
    unit = {"createTime": 5, "eventType": "Face", "fileId": "f" * 200, "imgStoreId": "s"}
    for changes, has_one in (
        ({"did": "7"}, True),
        ({"did": 7}, True),
        ({}, False),
        ({"did": None}, False),
        ({"did": "7", "fileId": ""}, False),
        ({"did": "7", "fileId": "f" * 513}, False),
        ({"did": "7", "imgStoreId": ""}, False),
        ({"did": "7", "imgStoreId": ["s"]}, False),
        ({"did": "7", "imgStoreId": "s" * 513}, False),
        ({"did": "7", "imgStoreId": None, "eventTypeDetail": [7, {"imgStoreId": "t"}]}, True),
        ({"imgStoreId": None, "eventTypeDetail": [{"imgStoreId": "t"}]}, False),
        ({"did": "7", "imgStoreId": None, "eventTypeDetail": {"imgStoreId": "t"}}, False),
    ):
        page = parse_page({"thirdPartPlayUnits": [unit | changes]}, "7", 1, 9)
        assert (page.events[0].picture is not None) is has_one, changes
        assert "ffff" not in repr(page)
    assert parse_page({"thirdPartPlayUnits": [unit | {"did": "8"}]}, "7", 1, 9).foreign == 1


def test_what_is_a_picture() -> None:
    jpeg = picture(Tag(7, 0, 1, int(time.time() * 1000)))
    assert open_picture(seal(jpeg, SECRET, IV), SECRET, IV) == jpeg
    assert check_picture(jpeg).content_type == "image/jpeg"
    assert repr(check_picture(jpeg)) == "EventPicture(content_type='image/jpeg')"
    whole = seal(jpeg, SECRET, IV)
    for body, secret, iv in (
        (b"", SECRET, IV),
        (whole[:-1], SECRET, IV),
        (whole[:-16], SECRET, IV),
        (whole, SECRET[::-1], IV),
        (whole, SECRET, bytes(16)),
        (whole, SECRET[:15], IV),
        (seal(b"GIF89a" + bytes(50), SECRET, IV), SECRET, IV),
    ):
        with pytest.raises(NotAPictureError):
            open_picture(body, secret, iv)
    wide = io.BytesIO()
    Image.new("1", (MAX_SIDE + 1, 1)).save(wide, "PNG")
    for data in (
        b"",
        jpeg[:200],
        b"\xff\xd8\xff" + bytes(500),
        jpeg + bytes(MAX_BYTES),
        wide.getvalue(),
    ):
        with pytest.raises(NotAPictureError):
            check_picture(data)
