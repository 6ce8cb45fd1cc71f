"""A camera that is silent on the LAN, controlled by its account's cloud: only where wanted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.mi_camera import control_path
from custom_components.mi_camera.cloud import CloudApiError, TooManyCalls, is_offline
from custom_components.mi_camera.cloud.rpc import CALLS_PER_MINUTE, CallLimit, device_code
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.device import MiioEndpoint
from custom_components.mi_camera.diagnostics import async_get_config_entry_diagnostics
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from custom_components.mi_camera.media.clock import now as clock_now
from simulator.cloud import Outage

from .conftest import settle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.coordinator import CameraCoordinator
    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

LENS, LIGHT = "switch.porch_lens", "switch.porch_indicator_light"
OLDER_LIGHT = "switch.kitchen_indicator_light"
VIA, OLDER_VIA, CAMERA = (
    "sensor.porch_controlled_via",
    "sensor.kitchen_controlled_via",
    "camera.porch",
)
PATHS = {"/miotspec/prop/get", "/miotspec/prop/set", "/miotspec/action", "/home/rpc"}


class Clock:
    """The clock that the path goes by; how far it is ahead."""

    ahead = 0.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Make time go by as a test wants, and silence be noticed soon."""
    clock, now, request = Clock(), clock_now, MiioEndpoint.request
    monkeypatch.setattr(control_path, "now", lambda: now() + clock.ahead)
    hello = MiioEndpoint.hello
    monkeypatch.setattr(
        MiioEndpoint,
        "request",
        lambda *args, **more: request(*args, **{**more, "timeout": 0.6, "attempts": 1}),
    )
    monkeypatch.setattr(
        MiioEndpoint, "hello", lambda self, host, *_, **more: hello(self, host, 0.6, **more)
    )
    return clock


def camera(entry: MiCameraConfigEntry, name: str = "Porch") -> CameraCoordinator:
    return next(one for one in entry.runtime_data.cameras.values() if one.config.name == name)


def asked(home: Home) -> int:
    return sum(home.cloud.requests_by_path[path] for path in PATHS)


def state(hass: HomeAssistant, entity_id: str) -> str:
    found = hass.states.get(entity_id)
    assert found is not None, entity_id
    return found.state


async def choose(hass: HomeAssistant, entry: MiCameraConfigEntry, *, on: bool) -> None:
    """Switch the option by its form."""
    flow = await hass.config_entries.options.async_init(entry.entry_id)
    chosen = entry.runtime_data.options.as_dict() | {"cloud_control": on}
    await hass.config_entries.options.async_configure(flow["flow_id"], chosen)
    await settle(hass)


async def tell(hass: HomeAssistant, action: str, entity_id: str) -> None:
    await hass.services.async_call("switch", action, {"entity_id": entity_id}, blocking=True)
    await settle(hass)


async def refused(porch: CameraCoordinator) -> tuple[str | None, Mapping[str, str]]:
    """Set something, in vain; entities that are unavailable are not even asked to."""
    with pytest.raises(HomeAssistantError) as caught:
        await porch.settings.async_set("indicator-light:on", False)
    return caught.value.translation_key, caught.value.translation_placeholders or {}


async def test_a_silent_camera_is_asked_nothing_by_the_cloud_unless_wanted(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    assert state(hass, VIA) == "local"
    home.cameras[1].miio.knobs.silent = True
    await camera(entry).async_refresh()
    await settle(hass)
    assert state(hass, LIGHT) == STATE_UNAVAILABLE
    assert state(hass, VIA) == "none"
    assert asked(home) == 0


async def test_a_silent_camera_goes_on_by_the_cloud_until_the_lan_is_back(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, clock: Clock
) -> None:
    porch, sim = camera(entry), home.cameras[1]
    await choose(hass, entry, on=True)
    await tell(hass, "turn_off", LIGHT)
    assert (state(hass, VIA), asked(home)) == ("local", 0)

    sim.miio.knobs.silent = True
    await porch.async_refresh()
    await settle(hass)
    assert (state(hass, VIA), state(hass, LIGHT)) == ("cloud", STATE_OFF)
    # No picture comes that way.
    assert state(hass, CAMERA) == STATE_UNAVAILABLE
    assert porch.permit() is None

    await tell(hass, "turn_on", LIGHT)
    assert sim.state.properties["light"] is True
    assert state(hass, LIGHT) == STATE_ON
    await tell(hass, "turn_off", LENS)
    assert sim.power is False
    assert state(hass, LENS) == STATE_OFF
    await porch.settings.async_act("memory-card-management:pop-up")
    assert sim.state.properties["sdcard_status"] == 5

    # Polls are a minute apart, whatever asks for them.
    polls = home.cloud.requests_by_path["/miotspec/prop/get"]
    sim.state.properties["light"] = False
    await porch.async_refresh()
    assert home.cloud.requests_by_path["/miotspec/prop/get"] == polls
    assert state(hass, LIGHT) == STATE_ON
    clock.ahead += control_path.CLOUD_POLL_EVERY
    await porch.async_refresh()
    assert home.cloud.requests_by_path["/miotspec/prop/get"] > polls
    assert state(hass, LIGHT) == STATE_OFF

    told = (await async_get_config_entry_diagnostics(hass, entry))["cameras"]
    assert [one["control"]["via"] for one in told] == ["local", "cloud"]
    assert told[1]["control"]["requests"] == asked(home)
    assert told[0]["control"]["requests"] == 0

    sim.miio.knobs.silent = False
    before = asked(home)
    await porch.async_refresh()
    await settle(hass)
    assert (state(hass, VIA), asked(home)) == ("local", before)
    assert state(hass, CAMERA) != STATE_UNAVAILABLE


async def test_a_camera_with_the_older_commands_too(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await choose(hass, entry, on=True)
    home.cameras[0].miio.knobs.silent = True
    # The first command finds out that the LAN is silent.
    await tell(hass, "turn_off", OLDER_LIGHT)
    assert home.cameras[0].state.properties["light"] is False
    assert state(hass, OLDER_VIA) == "cloud"
    await camera(entry, "Kitchen").async_refresh()
    assert state(hass, OLDER_LIGHT) == STATE_OFF


async def test_what_is_told_when_it_fails_by_the_cloud_too(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    porch = camera(entry)
    await choose(hass, entry, on=True)
    home.cameras[1].miio.knobs.silent = True
    name = {"camera": "Porch"}

    home.devices[1].online = lambda: False
    assert await refused(porch) == ("camera_offline", name)
    assert state(hass, VIA) == "none"
    home.devices[1].online = lambda: True

    await home.cloud.set_outage(Outage.UNAVAILABLE)
    assert await refused(porch) == ("cloud_unavailable", name)
    await home.cloud.set_outage(None)

    ((_, account),) = entry.runtime_data.accounts.items()
    with pytest.raises(TooManyCalls):
        for _ in range(CALLS_PER_MINUTE + 1):
            account.call_limit.take(clock_now())
    before = asked(home)
    assert await refused(porch) == ("cloud_limit", name)
    assert asked(home) == before
    assert porch.control.stats.failures == 3
    account.call_limit = CallLimit()

    await choose(hass, entry, on=False)
    assert await refused(porch) == ("camera_no_answer", name)
    assert asked(home) == before


async def test_an_account_whose_session_has_ended_is_signed_in_again(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    porch = camera(entry)
    await choose(hass, entry, on=True)
    home.cameras[1].miio.knobs.silent = True
    home.cloud.accounts.expire_service_tokens()
    home.cloud.accounts.revoke_pass_tokens()
    assert (await refused(porch))[0] == "cloud_signed_out"
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [one["context"]["source"] for one in flows] == [SOURCE_REAUTH]


async def test_nothing_goes_to_the_cloud_while_a_gate_is_closed(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    porch, switch = camera(entry), hass.data[DATA_KILL_SWITCH]
    await choose(hass, entry, on=True)
    home.cameras[1].miio.knobs.silent = True
    await porch.async_refresh()
    assert state(hass, VIA) == "cloud"

    before = asked(home)
    await switch.async_hide(porch.config.did)
    assert state(hass, VIA) == "none"
    assert (await refused(porch))[0] == "camera_hidden"
    assert asked(home) == before
    await switch.async_show(porch.config.did)
    await settle(hass)
    await switch.async_engage()
    known = asked(home)
    assert (await refused(porch))[0] == "pictures_off"
    await porch.async_refresh()
    await settle(hass)
    assert (state(hass, VIA), porch.control.usable) == ("none", False)
    assert asked(home) == known


async def test_a_command_that_is_under_way_as_the_gate_closes_is_not_taken_to_the_cloud(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await choose(hass, entry, on=True)
    home.cameras[1].miio.knobs.silent = True
    endpoint = entry.runtime_data.miio
    sent = endpoint.counters.sent
    command = hass.async_create_task(refused(camera(entry)))
    async with asyncio.timeout(30):
        while endpoint.counters.sent == sent:
            await asyncio.sleep(0.005)
    await hass.data[DATA_KILL_SWITCH].async_engage()
    assert (await command)[0] == "camera_no_answer"
    assert asked(home) == 0


async def test_another_device_at_the_address_is_no_reason_to_ask_the_cloud(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    porch = camera(entry)
    await choose(hass, entry, on=True)
    home.cameras[1].miio._device_id ^= 1
    porch.identity.forget()
    await porch.async_refresh()
    await settle(hass)
    assert porch.identity.doubted
    assert (await refused(porch))[0] == "camera_other_device"
    assert (state(hass, VIA), asked(home)) == ("none", 0)


def test_codes_of_the_cloud() -> None:
    assert [device_code(one) for one in (0, 1, -4004, -704040003, -704030013, -704220043)] == [
        0,
        1,
        -4004,
        -4003,
        -4001,
        -4005,
    ]
    assert is_offline(CloudApiError(-704042011))
    assert is_offline(CloudApiError(-2, "device offline"))
    assert not is_offline(CloudApiError(-704040003, "no such property"))


def test_the_limit_lets_calls_through_again_after_a_minute() -> None:
    limit = CallLimit(2)
    limit.take(0.0)
    limit.take(1.0)
    with pytest.raises(TooManyCalls):
        limit.take(59.0)
    limit.take(60.0)
    with pytest.raises(TooManyCalls):
        limit.take(60.5)


async def test_a_failed_command_by_the_cloud_makes_no_camera_reachable(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, clock: Any
) -> None:
    porch = camera(entry)
    await choose(hass, entry, on=True)
    home.cameras[1].miio.knobs.silent = True
    await porch.async_refresh()
    await settle(hass)
    assert (state(hass, VIA), state(hass, CAMERA)) == ("cloud", "unavailable")
    home.devices[1].online = lambda: False
    await refused(porch)
    await settle(hass)
    assert (state(hass, CAMERA), porch.permit()) == ("unavailable", None)
    await porch.async_refresh()
    await settle(hass)
    assert (state(hass, CAMERA), porch.permit()) == ("unavailable", None)
