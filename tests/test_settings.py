"""What each model really has: entities from its specification, and each one does its work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import probatio as vol
import pytest

from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.device import (
    POWER,
    CameraDevice,
    MiioEndpoint,
    MiotSpec,
    SpecProperty,
)
from custom_components.mi_camera.device.miot_names import PropertyId
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from custom_components.mi_camera.model_specs import STORE_KEY
from simulator.camera.miot_families import family

from .conftest import set_up, settle
from .home import Home, spec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockUser
    from syrupy.assertion import SnapshotAssertion

    from custom_components.mi_camera.hub import MiCameraConfigEntry
    from simulator.camera import SimCamera

PROFILES = (
    "chuangmi.camera.ipc009",
    "chuangmi.camera.ipc019",
    "chuangmi.camera.021a04",
    "chuangmi.camera.029a02",
    "chuangmi.camera.046c04",
    "chuangmi.camera.069a01",
    "chuangmi.camera.72ac1",
    "chuangmi.camera.075ae1",
    "isa.camera.hlc7",
    "isa.camera.hlc8",
    "isa.camera.hlmax",
    "isa.camera.500dh",
    "isa.camera.700sa",
    "mxiang.camera.moc001",
    "mxiang.camera.c500ch",
    "midr.camera.bw300",
    "xiaomi.camera.c01a01",
    "xiaomi.camera.082ac1",
    "somebody.camera.new1",
)
"""Older and newer ones, one lens and two, on the mains and on batteries, and one nobody knows."""
BATTERY = {"midr.camera.bw300"}

type Start = Callable[[str], Awaitable[Stage]]


class Stage:
    """Home Assistant with one camera of a model."""

    def __init__(self, hass: HomeAssistant, home: Home, entry: MiCameraConfigEntry) -> None:
        self.hass = hass
        self.home = home
        self.entry = entry

    @property
    def camera(self) -> SimCamera:
        return self.home.cameras[0]

    def real(self, name: str) -> Any:
        """Return what the camera itself has for a property, by its own specification."""
        model = self.camera.spec.model
        instance = family(model)
        service, prop = name.split(":")
        for iid, one in instance.properties.items():
            if instance.services[iid[0]] == service and one.name == prop:
                params = [{"did": "x", "siid": iid[0], "piid": iid[1]}]
                reply: Any = self.camera.miio.methods.miot_reply("get_properties", params)
                return reply["result"][0]["value"]
        raise KeyError(name)

    def entities(self) -> list[er.RegistryEntry]:
        """Return the camera's entities that show settings, in order."""
        registry = er.async_get(self.hass)
        return sorted(
            (
                one
                for one in er.async_entries_for_config_entry(registry, self.entry.entry_id)
                if ":" in one.unique_id
            ),
            key=lambda one: one.entity_id,
        )

    async def call(self, domain: str, action: str, entity_id: str, **data: Any) -> None:
        await self.hass.services.async_call(
            domain, action, {"entity_id": entity_id} | data, blocking=True
        )


@pytest.fixture
async def start(hass: HomeAssistant) -> AsyncGenerator[Start]:
    stages: list[Stage] = []

    async def start(model: str) -> Stage:
        home = await Home.start(spec(1, model=model))
        hass.config.internal_url = "http://127.0.0.1:8123"
        assert await async_setup_component(hass, "http", {"http": {"server_host": ["127.0.0.1"]}})
        assert await async_setup_component(hass, DOMAIN, home.developer)
        entry = await set_up(hass)
        await settle(hass)
        stages.append(Stage(hass, home, entry))
        return stages[-1]

    yield start
    for stage in stages:
        await hass.config_entries.async_remove(stage.entry.entry_id)
        await hass.async_block_till_done()
        await stage.home.stop()


@pytest.mark.parametrize("model", PROFILES)
async def test_what_a_model_has(start: Start, snapshot: SnapshotAssertion, model: str) -> None:
    stage = await start(model)
    shown: dict[str, Any] = {}
    for one in stage.entities():
        state = stage.hass.states.get(one.entity_id)
        shown[one.entity_id] = {
            "of": one.unique_id.partition("-")[2],
            "category": one.entity_category,
            "enabled": one.disabled_by is None,
            "state": state.state if state else None,
            "options": state.attributes.get("options") if state else None,
            "unit": state.attributes.get("unit_of_measurement") if state else None,
            "range": [state.attributes[key] for key in ("min", "max", "step")]
            if state and "min" in state.attributes
            else None,
        }
        assert state is None or state.state != STATE_UNAVAILABLE
    assert shown == snapshot


@pytest.mark.parametrize("model", [one for one in PROFILES if one not in BATTERY])
async def test_each_control_changes_the_camera_and_back(start: Start, model: str) -> None:
    stage = await start(model)
    hass = stage.hass
    tried = 0
    for one in stage.entities():
        name = one.unique_id.partition("-")[2]
        state = hass.states.get(one.entity_id)
        if state is None or one.domain not in {"switch", "select", "number", "time"}:
            continue
        before = stage.real(name)
        match one.domain:
            case "switch":
                other = "off" if state.state == "on" else "on"
                await stage.call("switch", f"turn_{other}", one.entity_id)
            case "select":
                other = next(o for o in state.attributes["options"] if o != state.state)
                await stage.call("select", "select_option", one.entity_id, option=other)
            case "number":
                other = str(int(state.state) + 1)
                await stage.call("number", "set_value", one.entity_id, value=float(other))
            case _:
                other = "07:15:00"
                await stage.call("time", "set_value", one.entity_id, time=other)
        changed = hass.states.get(one.entity_id)
        assert stage.real(name) != before, name
        assert changed is not None
        assert changed.state == other
        match one.domain:
            case "switch":
                await stage.call("switch", f"turn_{state.state}", one.entity_id)
            case "select":
                await stage.call("select", "select_option", one.entity_id, option=state.state)
            case "number":
                await stage.call("number", "set_value", one.entity_id, value=float(state.state))
            case _:
                await stage.call("time", "set_value", one.entity_id, time=state.state)
        assert stage.real(name) == before, name
        await settle(hass)
        assert hass.states.get(one.entity_id) is not None
        tried += 1
    assert tried >= 5


@pytest.mark.parametrize("model", ["chuangmi.camera.ipc019", "isa.camera.hlmax"])
async def test_buttons(start: Start, model: str) -> None:
    stage = await start(model)
    await stage.call("button", "press", "button.kitchen_eject_memory_card")
    assert stage.camera.state.properties["sdcard_status"] == 5
    restarts: list[None] = []
    stage.camera.miio.methods.legacy._on_restart = lambda: restarts.append(None)
    stage.camera.miio.methods.miot._on_restart = lambda: restarts.append(None)
    await stage.call("button", "press", "button.kitchen_restart")
    assert len(restarts) == 1
    formats = er.async_get(stage.hass).async_get("button.kitchen_format_memory_card")
    assert formats is not None
    assert formats.disabled_by is not None


async def test_a_lamp_a_siren_and_a_saved_position(start: Start) -> None:
    """Some are found by their own names alone, as nobody has told what their service is called."""
    stage = await start("isa.camera.hlmax")
    hass, lamp, siren = stage.hass, "light.kitchen_light", "siren.kitchen_siren"

    def shown(entity_id: str) -> str:
        state = hass.states.get(entity_id)
        assert state is not None
        return state.state

    await stage.call("light", "turn_on", lamp, brightness=64)
    assert stage.real("whatever:hl-filllight-switch") is True
    assert stage.real("whatever:hl-filllight-lum") == 30
    state = hass.states.get(lamp)
    assert state is not None
    assert state.state == "on"
    assert state.attributes["supported_color_modes"] == ["brightness"]
    assert 55 <= state.attributes["brightness"] <= 70
    for brightness, percent in ((1, 5), (255, 100)):
        await stage.call("light", "turn_on", lamp, brightness=brightness)
        assert stage.real("whatever:hl-filllight-lum") == percent
    await stage.call("light", "turn_off", lamp)
    assert stage.real("whatever:hl-filllight-switch") is False
    assert shown(lamp) == "off"
    await stage.call("siren", "turn_on", siren)
    assert stage.real("whatever:hl-audible-alarm") is True
    assert shown(siren) == "on"
    await stage.call("number", "set_value", "number.kitchen_saved_position", value=3)
    assert stage.real("camera-fav-area:active-fav-area") == 3

    await hass.data[DATA_KILL_SWITCH].async_engage("test")
    await settle(hass)
    assert shown(lamp) == shown(siren) == STATE_UNAVAILABLE
    rpcs = stage.camera.state.rpc_count
    for domain, entity_id in (("light", lamp), ("siren", siren)):
        entity = hass.data[domain].get_entity(entity_id)
        with pytest.raises(HomeAssistantError, match="switched off"):
            await entity.async_turn_off()
    assert stage.camera.state.rpc_count == rpcs
    await hass.data[DATA_KILL_SWITCH].async_release()
    await settle(hass)
    await stage.call("siren", "turn_off", siren)
    assert stage.real("whatever:hl-audible-alarm") is False


def test_where_a_doorbell_has_its_switch() -> None:
    ids = PropertyId(2, 1)
    switch = SpecProperty(ids, "bool", frozenset())
    device = CameraDevice(MiioEndpoint(), "127.0.0.1", bytes(16), "isa.camera.hlc7")
    device.use(MiotSpec("urn", {"video-doorbell:on": switch}))
    assert device.spec.properties[POWER].ids == ids


async def test_the_specification_is_fetched_once_and_kept(
    start: Start, hass_storage: dict[str, Any]
) -> None:
    stage = await start("isa.camera.hlmax")
    pages = stage.home.cloud.specs
    assert pages.requests == 2
    pages.down = True
    before = [one.entity_id for one in stage.entities()]
    await stage.hass.config_entries.async_reload(stage.entry.entry_id)
    await settle(stage.hass)
    assert list(hass_storage[STORE_KEY]["data"]["models"]) == ["isa.camera.hlmax"]
    assert pages.requests == 2
    assert [one.entity_id for one in stage.entities()] == before
    state = stage.hass.states.get("switch.kitchen_hdr")
    assert state is not None
    assert state.state == "off"


async def test_without_the_service_there_is_what_is_known_anyway(
    hass: HomeAssistant, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Home.start

    async def down(*specs: Any) -> Home:
        home = await original(*specs)
        home.cloud.specs.down = True
        return home

    monkeypatch.setattr(Home, "start", down)
    stage = await start("chuangmi.camera.046c04")
    assert stage.home.cloud.specs.requests == 1
    state = hass.states.get("switch.kitchen_time_watermark")
    assert state is not None
    assert state.state == "on"
    # Its choices are nowhere but in the specification.
    assert hass.states.get("select.kitchen_night_vision") is None


async def test_nothing_is_fetched_or_set_while_pictures_are_off(start: Start) -> None:
    stage = await start("isa.camera.hlc7")
    hass = stage.hass
    light = "switch.kitchen_indicator_light"
    await hass.data[DATA_KILL_SWITCH].async_engage("test")
    await settle(hass)
    state = hass.states.get(light)
    assert state is not None
    assert state.state == STATE_UNAVAILABLE
    asked = stage.camera.state.rpc_count
    (coordinator,) = stage.entry.runtime_data.cameras.values()
    for work in (
        coordinator.settings.async_set("indicator-light:on", value=False),
        coordinator.settings.async_act("memory-card-management:format"),
        coordinator.settings.async_get(["indicator-light:on"]),
    ):
        with pytest.raises(HomeAssistantError, match="switched off"):
            await work
    assert await stage.entry.runtime_data.specs.async_fetch("x.camera.y", lambda: False) is None
    assert stage.camera.state.rpc_count == asked
    assert stage.home.cloud.specs.requests == 2


async def test_a_camera_that_refuses(start: Start) -> None:
    stage = await start("isa.camera.hlc7")
    await stage.camera.stop()
    (coordinator,) = stage.entry.runtime_data.cameras.values()
    coordinator.device._timeout = 0.1
    with pytest.raises(HomeAssistantError, match="Kitchen does not answer"):
        await stage.call("switch", "turn_off", "switch.kitchen_indicator_light")
    for name, value, text in (
        ("no-such:thing", 1, "no setting no-such:thing"),
        ("memory-card-management:status", 1, "no setting"),
        ("camera-control:night-shot", 77, "cannot have this value"),
    ):
        with pytest.raises(HomeAssistantError, match=text):
            await coordinator.settings.async_set(name, value)
    with pytest.raises(HomeAssistantError, match="cannot do no-such:thing"):
        await coordinator.settings.async_act("no-such:thing")


async def test_properties_without_an_entity(start: Start) -> None:
    stage = await start("isa.camera.hlc7")
    hass = stage.hass
    target = {"entity_id": "camera.kitchen"}

    async def call(name: str, /, *, answers: bool = False, **data: Any) -> Any:
        return await hass.services.async_call(
            DOMAIN, name, target | data, blocking=True, return_response=answers
        )

    async def value(name: str) -> Any:
        return (await call("get_property", answers=True, property=name))["camera.kitchen"]["value"]

    assert await value("camera-control:night-shot") == 2
    await call("set_property", property="camera-control:night-shot", value=0)
    assert await value("camera-control:night-shot") == 0
    assert await value("no-such:thing") is None
    with pytest.raises(HomeAssistantError, match="cannot have this value"):
        await call("set_property", property="camera-control:night-shot", value=9)
    answer = await call("call_action", answers=True, action="memory-card-management:pop-up")
    assert answer == {"camera.kitchen": {"outputs": []}}
    assert stage.camera.state.properties["sdcard_status"] == 5
    with pytest.raises(HomeAssistantError, match="cannot do p2p-stream:stop-stream"):
        await call("call_action", action="p2p-stream:stop-stream", inputs=[1])
    for wrong in ({"property": "x"}, {"property": "a:b\nc"}, {"property": "A:b"}):
        with pytest.raises(vol.Invalid):
            await call("get_property", answers=True, **wrong)
    with pytest.raises(vol.Invalid):
        await call("set_property", property="a:b", value=[1])


async def test_who_may_only_look_sets_nothing(start: Start, hass_read_only_user: MockUser) -> None:
    stage = await start("isa.camera.hlc7")
    for action, data in (
        ("set_property", {"property": "indicator-light:on", "value": False}),
        ("call_action", {"action": "memory-card-management:format"}),
    ):
        with pytest.raises(Unauthorized):
            await stage.hass.services.async_call(
                DOMAIN,
                action,
                {"entity_id": "camera.kitchen"} | data,
                blocking=True,
                context=Context(user_id=hass_read_only_user.id),
            )
    assert stage.real("indicator-light:on") is True
