"""A camera that tells by itself what changes and what it notices: shown at once, told once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from homeassistant.const import STATE_OFF, STATE_ON
from homeassistant.core import Event, EventStateChangedData, callback
import pytest

from custom_components.mi_camera import camera_events, polling
from custom_components.mi_camera.camera_events import Pace
from custom_components.mi_camera.camera_push import kind_of, values_of
from custom_components.mi_camera.cloud import CameraEvent, EventKind
from custom_components.mi_camera.device import (
    POWER,
    EventOccurred,
    MiioEndpoint,
    MiotSpec,
    PropertiesChanged,
    SpecProperty,
)
from custom_components.mi_camera.device.miot_names import PropertyId
from custom_components.mi_camera.device.miot_spec import Access, SpecEvent
from custom_components.mi_camera.diagnostics import async_get_config_entry_diagnostics
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from simulator.camera.rpc import RpcError

from .conftest import image_soon, set_up, settle
from .home import Home, spec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.coordinator import CameraCoordinator
    from custom_components.mi_camera.hub import MiCameraConfigEntry
    from simulator.camera.miio_push import PushServer

LIGHT, LENS = "switch.porch_indicator_light", "switch.porch_lens"
DETECTION, MOTION = "event.porch_detection", "binary_sensor.porch_motion"
NEVER = Pace(first=0.05, idle=3600.0, active=3600.0, jitter=0.0, spacing=0.0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_events, "Pace", lambda: NEVER)


@pytest.fixture
async def home(request: pytest.FixtureRequest) -> AsyncGenerator[Home]:
    """Two cameras, of which the second tells by itself."""
    home = await Home.start(spec(1), spec(2, push=True))
    yield home
    await home.stop()


@pytest.fixture
async def porch(hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home) -> CameraCoordinator:
    """The camera that tells by itself, subscribed to; nobody polls it in this test."""
    porch = next(one for one in entry.runtime_data.cameras.values() if one.config.name == "Porch")
    await until(lambda: porch.push.works)
    await settle(hass)
    return porch


@pytest.fixture
def push(home: Home) -> PushServer:
    push = home.cameras[1].miio.push
    assert push is not None
    return push


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def state(hass: HomeAssistant, entity_id: str) -> str:
    found = hass.states.get(entity_id)
    assert found is not None, entity_id
    return found.state


def told(hass: HomeAssistant) -> list[str]:
    """Return the list that fills with what the porch's event entity tells."""
    found: list[str] = []

    @callback
    def changed(event: Event[EventStateChangedData]) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        if event.data["entity_id"] == DETECTION and new and old and old.state != new.state:
            found.append(str(new.attributes["event_type"]))

    hass.bus.async_listen("state_changed", changed)
    return found


async def test_a_change_at_the_camera_is_shown_without_a_poll(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, porch: CameraCoordinator
) -> None:
    sim, polls, interval = home.cameras[1], porch.polling.polls, porch.update_interval
    assert state(hass, LIGHT) == STATE_ON
    sim.state.properties["light"] = False
    await until(lambda: state(hass, LIGHT) == STATE_OFF)
    sim.power = False
    await until(lambda: state(hass, LENS) == STATE_OFF)
    assert porch.permit() is None
    assert (porch.polling.polls, porch.update_interval) == (polls, interval)
    # What it tells by itself need not be asked so often, though it has just changed.
    await porch.async_refresh()
    assert porch.update_interval is not None
    assert porch.update_interval.total_seconds() > polling.Pace().active
    # The other camera offers nothing and is polled as ever.
    kitchen = next(one for one in entry.runtime_data.cameras.values() if one is not porch)
    await kitchen.async_refresh()
    assert kitchen.update_interval is not None
    assert kitchen.update_interval.total_seconds() <= polling.Pace().active
    told = (await async_get_config_entry_diagnostics(hass, entry))["cameras"]
    assert [one["push"]["works"] for one in told] == [False, True]
    assert told[1]["push"]["told"] >= 2


async def test_what_is_told_during_a_poll_is_newer_than_its_answer(
    hass: HomeAssistant, home: Home, porch: CameraCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = porch.device.status

    async def slow(**more: Any) -> Any:
        answer = await status(**more)
        home.cameras[1].state.properties["light"] = False
        await until(lambda: state(hass, LIGHT) == STATE_OFF)
        return answer

    monkeypatch.setattr(porch.device, "status", slow)
    await porch.async_refresh()
    assert state(hass, LIGHT) == STATE_OFF


async def test_an_event_is_told_once_though_the_cloud_lists_it_too(
    hass: HomeAssistant, home: Home, porch: CameraCoordinator, push: PushServer
) -> None:
    found, watch = told(hass), porch.hub.events.watch(porch)
    listed: list[CameraEvent] = []
    stop = watch.async_listen(listed.append, lambda: None, listed=True)
    push.event(5, 1)
    await until(lambda: found == ["motion"])
    assert state(hass, MOTION) == STATE_ON
    at = time.time_ns() // 1_000_000
    for again in (at - 29_000, at, at + 20_000):
        watch._tell(CameraEvent(EventKind.MOTION, again))
    # Another kind is another event; so is the same at another time.
    watch._tell(CameraEvent(EventKind.PET, at))
    watch._tell(CameraEvent(EventKind.MOTION, at - 60_000))
    await settle(hass)
    assert found == ["motion", "pet", "motion"]
    # Who waits for pictures is told what the cloud lists, and all of it.
    assert [one.at_ms - at for one in listed] == [-29_000, 0, 20_000, 0, -60_000]
    stop()
    # What the cloud listed first is not told by the camera once more.
    watch._tell(CameraEvent(EventKind.PERSON, at))
    for _ in range(2):
        push.event(5, 2)
    answered = push.answered
    await until(lambda: push.answered == answered + 2)
    push.event(5, 7)
    await until(lambda: found[3:] == ["person", "baby_cry"])
    # What is nothing that somebody would want to be told of, and what nobody knows.
    push.event(7, 1)
    push.event(60, 60)
    await until(lambda: push.answered == answered + 5)
    assert found[5:] == []


async def test_nothing_is_taken_or_answered_while_off_and_it_is_subscribed_to_again_after(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    porch: CameraCoordinator,
    push: PushServer,
) -> None:
    switch, found, counters = hass.data[DATA_KILL_SWITCH], told(hass), porch.hub.miio.counters
    light = home.cameras[1].state.properties

    async def tell_in_vain() -> None:
        assert not porch.push.works
        answered, before = push.answered, push.sent
        push.event(5, 1)
        light["light"] = not light["light"]
        # It gives up by itself: each was sent several times.
        await until(lambda: push.sent >= before + 6)
        assert (push.answered, found) == (answered, [])

    await switch.async_hide(porch.config.did)
    await tell_in_vain()
    await switch.async_show(porch.config.did)
    await until(lambda: porch.push.works)
    await switch.async_engage()
    sent = counters.sent
    await tell_in_vain()
    assert counters.sent == sent
    await switch.async_release()
    await until(lambda: porch.push.works)
    await settle(hass)
    # One subscriber all the time, and it is told again.
    assert push.subscribers == 1
    push.event(5, 1)
    await until(lambda: found == ["motion"])


async def test_a_camera_that_has_restarted_is_subscribed_to_again(
    hass: HomeAssistant, home: Home, porch: CameraCoordinator, push: PushServer
) -> None:
    await home.cameras[1].reboot()
    assert push.subscribers == 0
    await porch.async_refresh()
    await until(lambda: push.subscribers == 1)
    home.cameras[1].state.properties["light"] = False
    await until(lambda: state(hass, LIGHT) == STATE_OFF)
    # As long as the subscription holds it is left alone.
    requests = home.cameras[1].rpc_count
    await porch.async_refresh()
    await until(lambda: porch.push._task is not None and porch.push._task.done())
    assert push.subscribers == 1
    assert home.cameras[1].rpc_count - requests <= 4


async def test_the_subscription_ends_as_the_camera_is_removed(
    hass: HomeAssistant, entry: MiCameraConfigEntry, porch: CameraCoordinator, push: PushServer
) -> None:
    # Unloading closes the gate first, so the camera is not told; and it is one subscriber after.
    assert await hass.config_entries.async_reload(entry.entry_id)
    again = entry.runtime_data.cameras[porch.subentry_id]
    await until(lambda: again.push.works)
    assert push.subscribers == 1
    hass.config_entries.async_remove_subentry(entry, porch.subentry_id)
    await until(lambda: push.subscribers == 0)
    await settle(hass)


async def test_a_camera_that_offers_nothing_or_refuses_is_polled(
    hass: HomeAssistant,
    ready: HomeAssistant,
    home: Home,
    push: PushServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(method: str, *_: object) -> None:
        if method == "miIO.sub":
            raise RpcError.method()

    monkeypatch.setattr(push, "reply", refuse)
    entry = await set_up(ready)
    porch = next(one for one in entry.runtime_data.cameras.values() if one.config.name == "Porch")
    await until(lambda: porch.push._not_before > 0)
    assert not porch.push.works
    assert state(hass, LIGHT) == STATE_ON
    home.cameras[1].state.properties["light"] = False
    await porch.async_refresh()
    assert state(hass, LIGHT) == STATE_OFF
    await ready.config_entries.async_remove(entry.entry_id)


def test_events_are_known_by_the_words_of_their_names() -> None:
    names = {
        "motion-detection:motion-detected": EventKind.MOTION,
        "motion-detection:object-motion": EventKind.MOTION,
        "ai:people-motion": EventKind.PERSON,
        "ai:baby-cry": EventKind.BABY_CRY,
        "ai:face-motion": EventKind.FACE,
        "door:doorbell-ring": EventKind.DOORBELL,
        "ai:motion-end": None,
        "ai:no-motion": None,
        "memory-card-management:low-power": None,
    }
    events = {name: SpecEvent(5, number) for number, name in enumerate(names)}
    instance = MiotSpec("urn:x", {}, {}, events)
    assert [kind_of(instance, EventOccurred(5, number)) for number in range(len(names))] == list(
        names.values()
    )
    assert kind_of(instance, EventOccurred(6, 0)) is None


def test_only_what_the_model_has_is_taken() -> None:
    read, write = frozenset({Access.READ}), frozenset({Access.WRITE})
    instance = MiotSpec(
        "urn:x",
        {
            POWER: SpecProperty(PropertyId(2, 1), "bool", read),
            "a:same": SpecProperty(PropertyId(2, 1), "bool", read),
            "a:secret": SpecProperty(PropertyId(2, 2), "uint8", write),
        },
    )

    def taken(value: Any) -> dict[str, Any]:
        pairs = ((PropertyId(2, 1), value), (PropertyId(2, 2), 1), (PropertyId(9, 9), 1))
        return values_of(instance, PropertiesChanged(pairs))

    assert taken(False) == {POWER: False, "a:same": False}
    assert taken(7) == {"a:same": 7}
    assert taken("on") == {"a:same": "on"}


async def test_a_camera_that_is_removed_shows_nothing_while_it_is_told_so(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    porch: CameraCoordinator,
    push: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await image_soon(hass, "camera.porch")
    assert porch.link.clients
    entered, request = asyncio.Event(), MiioEndpoint.request
    home.cameras[1].miio.knobs.silent = True

    async def noted(
        self: MiioEndpoint, host: str, token: bytes, method: str, *a: Any, **k: Any
    ) -> Any:
        if method == "miIO.unsub":
            assert not porch.link.clients
            entered.set()
        return await request(self, host, token, method, *a, **k)

    monkeypatch.setattr(MiioEndpoint, "request", noted)
    hass.config_entries.async_remove_subentry(entry, porch.subentry_id)
    async with asyncio.timeout(30):
        await entered.wait()
    await hass.data[DATA_KILL_SWITCH].async_engage()
    home.cameras[1].miio.knobs.silent = False
    await settle(hass)
