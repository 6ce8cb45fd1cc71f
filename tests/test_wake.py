"""Cameras that sleep to save their battery: woken for a viewer, and for nobody else."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, cast

from homeassistant.components.camera import async_get_image, async_get_stream_source
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.mi_camera import coordinator as coordinator_module, wake as module
from custom_components.mi_camera.cloud import CloudApiError, CloudUnavailable, XiaomiAccount
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.device import MiioDeviceError, MiioNotAllowed, MiioTimeout
from custom_components.mi_camera.diagnostics import async_get_config_entry_diagnostics
from custom_components.mi_camera.gate import Gate
from custom_components.mi_camera.gate.camera_gate import Hold
from custom_components.mi_camera.media import Trouble, UpstreamError
from custom_components.mi_camera.miss.models import Wake, WakeAction, WakeCall, WakeRewrite
from custom_components.mi_camera.polling import POLL_INTERVAL
from custom_components.mi_camera.wake import Waker
from simulator.cloud import Outage
from simulator.tag import read_image

from . import home as home_module
from .conftest import settle
from .home import SIZE, Home, spec
from .test_asked_no_more import occupied
from .test_casting import until
from .test_lenses import read_tags

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry
    from simulator.camera import SimCamera

DOOR = "camera.door"


# -- the call -----------------------------------------------------------------------------------


class Ways:
    """Both ways to a camera, and what went over them."""

    def __init__(self) -> None:
        self.local: list[tuple[str, Any]] = []
        self.cloud: list[tuple[Any, ...]] = []
        self.local_error: Exception | None = MiioTimeout("127.0.0.1", answered_hello=False)
        self.cloud_error: Exception | None = None
        self.value: Any = 2
        self.hangs = False
        self.awake_after = 0
        self.gate = Gate()
        self.gate.open()
        self.closing: str | None = None
        """The way whose first call the gate closes in, and opens again after."""

    def _met(self, way: str) -> None:
        if way == self.closing:
            self.gate.close()
            self.gate.open()

    async def call(self, method: str, params: Any, allowed: Any) -> Any:
        assert allowed() == self.gate.is_open
        self.local.append((method, params))
        await asyncio.sleep(10 if self.hangs else 0)
        self._met("local")
        if self.local_error:
            raise self.local_error
        return [{"code": 0, "value": self.value}]

    async def _by_cloud(self, *what: Any) -> Any:
        self.cloud.append(what)
        await asyncio.sleep(10 if self.hangs else 0)
        self._met("cloud")
        if self.cloud_error:
            raise self.cloud_error
        return [{"code": 0, "value": self.value}]

    async def miot_action(self, did: str, siid: int, aiid: int, *, allowed: Any) -> Any:
        return await self._by_cloud("action", did, siid, aiid)

    async def rpc(self, did: str, method: str, params: Any, *, allowed: Any) -> Any:
        return await self._by_cloud(method, did, params)

    async def miot_get(self, did: str, ids: Any, *, allowed: Any) -> Any:
        return await self._by_cloud("get", did, ids)

    async def miot_set(self, did: str, values: Any, *, allowed: Any) -> Any:
        return await self._by_cloud("set", did, values)

    async def awake(self, allowed: Any) -> bool:
        assert allowed()
        self.awake_after -= 1
        return self.awake_after < 0

    def waker(self, how: Any, seconds: float = 1.0, accounts: int = 1) -> Waker:
        return Waker(
            "7",
            Wake(how, seconds=seconds),
            call=self.call,
            accounts=lambda: [cast("XiaomiAccount", self)] * accounts,
            awake=self.awake,
            permit=self.gate.permit,
        )


WAYS: list[tuple[Any, list[Any], list[Any]]] = [
    (
        WakeAction(7, 1),
        [("action", {"did": "7", "siid": 7, "aiid": 1, "in": []})],
        [("action", "7", 7, 1)],
    ),
    (
        WakeCall("wakeup", {"video": "1"}),
        [("wakeup", {"video": "1"})],
        [("wakeup", "7", {"video": "1"})],
    ),
    (
        WakeRewrite(12, 1),
        [
            ("get_properties", [{"did": "7", "siid": 12, "piid": 1}]),
            ("set_properties", [{"did": "7", "siid": 12, "piid": 1, "value": 2}]),
        ],
        [("get", "7", [(12, 1)]), ("set", "7", {(12, 1): 2})],
    ),
]


@pytest.mark.parametrize(("how", "local", "cloud"), WAYS)
async def test_either_way_wakes(how: Any, local: list[Any], cloud: list[Any]) -> None:
    ways = Ways()
    await ways.waker(how)()
    assert ways.cloud == cloud
    ways = Ways()
    ways.local_error, ways.cloud_error = None, CloudUnavailable("away")
    await ways.waker(how)()
    assert ways.local == local


@pytest.mark.parametrize(("how", "_local", "_cloud"), WAYS)
async def test_nobody_passes_the_call_on(how: Any, _local: Any, _cloud: Any) -> None:
    ways = Ways()
    ways.local_error = MiioDeviceError(-1)
    ways.cloud_error = CloudApiError(-704042011)
    for accounts in (0, 2):
        with pytest.raises(UpstreamError) as caught:
            await ways.waker(how, accounts=accounts)()
        assert caught.value.trouble is Trouble.ASLEEP


@pytest.mark.parametrize("value", [None, [], {"a": 1}, 1.5])
async def test_a_property_that_cannot_be_read_is_not_written(value: Any) -> None:
    ways = Ways()
    ways.local_error, ways.value = None, value
    with pytest.raises(UpstreamError):
        await ways.waker(WakeRewrite(12, 1))()
    assert [method for method, _ in ways.local] == ["get_properties"]
    assert [what[0] for what in ways.cloud] == ["get"]


@pytest.mark.parametrize(("how", "local", "_cloud"), WAYS)
async def test_no_step_on_this_network_after_switching_off(
    how: Any, local: list[Any], _cloud: list[Any]
) -> None:
    ways = Ways()
    ways.local_error, ways.closing = None, "local"
    with pytest.raises(UpstreamError) as caught:
        await ways.waker(how, accounts=0)()
    assert caught.value.trouble is Trouble.BROKEN
    assert ways.local == local[:1]
    assert ways.awake_after == 0


@pytest.mark.parametrize("error", [None, CloudUnavailable("away")])
@pytest.mark.parametrize(("how", "_local", "cloud"), WAYS)
async def test_no_step_by_the_cloud_after_switching_off(
    how: Any, _local: list[Any], cloud: list[Any], error: Exception | None
) -> None:
    ways = Ways()
    ways.cloud_error, ways.closing = error, "cloud"
    with pytest.raises(UpstreamError) as caught:
        await ways.waker(how, accounts=2)()
    assert caught.value.trouble is Trouble.BROKEN
    assert ways.cloud == cloud[:1]
    assert ways.awake_after == 0


async def test_nothing_is_called_while_switched_off() -> None:
    ways = Ways()
    ways.gate.close()
    with pytest.raises(UpstreamError) as caught:
        await ways.waker(WakeAction(7, 1))()
    assert caught.value.trouble is Trouble.BROKEN
    assert (ways.local, ways.cloud) == ([], [])


async def test_calling_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CALL_TIMEOUT", 0.1)
    ways = Ways()
    ways.hangs = True
    started = time.monotonic()
    with pytest.raises(UpstreamError):
        await ways.waker(WakeAction(7, 1))()
    assert time.monotonic() - started < 2


async def test_waiting_is_bounded_and_ends_with_the_first_answer() -> None:
    ways = Ways()
    ways.awake_after = 1
    started = time.monotonic()
    await ways.waker(WakeAction(7, 1), 5)()
    assert 0.4 < time.monotonic() - started < 2
    # Some answer nothing here but video.
    ways.awake_after = 1000
    started = time.monotonic()
    await ways.waker(WakeAction(7, 1), 0.7)()
    assert 0.6 < time.monotonic() - started < 3


# -- in Home Assistant -----------------------------------------------------------------------------


@pytest.fixture(params=["loock.cateye.v06", "loock.cateye.v02", "midr.camera.bw300"])
def model(request: pytest.FixtureRequest) -> str:
    """One model for each way of waking."""
    return str(request.param)


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch, model: str) -> AsyncGenerator[Home]:
    """A battery camera, at addresses of this file's own."""
    monkeypatch.setattr(home_module, "ADDRESSES", "127.0.73")
    home = await Home.start(
        spec(1, name="Door", model=model, asleep=True, qualities={1: SIZE, 2: SIZE})
    )
    yield home
    await home.stop()


@pytest.fixture
def door(home: Home) -> SimCamera:
    return home.cameras[0]


async def test_a_stream_wakes_it_and_it_sleeps_again(
    hass: HomeAssistant, entry: MiCameraConfigEntry, door: SimCamera
) -> None:
    assert door.battery.wakes == 0
    assert hass.states.get(DOOR).state == "idle"
    source = await async_get_stream_source(hass, DOOR)
    assert source is not None
    assert door.battery.wakes == 0
    tags = await hass.async_add_executor_job(read_tags, source, 10)
    assert set(tags) == {(door.spec.did, 0)}
    assert door.battery.wakes == 1
    await settle(hass)
    door.battery.sleep_after = 0.5
    await until(lambda: door.state.sleeping, 15)
    await settle(hass)
    assert hass.states.get(DOOR).state == "idle"
    # It is there to be woken again.
    tags = await hass.async_add_executor_job(read_tags, source, 3)
    assert door.battery.wakes == 2


@pytest.mark.parametrize("model", ["loock.cateye.v06"], indirect=True)
async def test_nothing_but_a_viewer_wakes_it(
    hass: HomeAssistant, entry: MiCameraConfigEntry, door: SimCamera
) -> None:
    for minutes in range(1, 4):
        async_fire_time_changed(hass, dt_util.utcnow() + minutes * 2 * POLL_INTERVAL)
        await settle(hass)
        with pytest.raises(HomeAssistantError):
            await async_get_image(hass, DOOR, timeout=1)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert hass.states.get(DOOR).state == "unavailable"
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await settle(hass)
    assert hass.states.get(DOOR).state == "idle"
    assert (door.battery.wakes, door.rpc_count, door.media_connections_total) == (0, 0, 0)


@pytest.mark.parametrize("model", ["loock.cateye.v06"], indirect=True)
async def test_while_it_is_watched_there_are_stills_and_it_is_asked_how_it_is(
    hass: HomeAssistant, entry: MiCameraConfigEntry, door: SimCamera
) -> None:
    (coordinator,) = entry.runtime_data.cameras.values()
    viewer = coordinator.feed.view(coordinator.permit())
    async with asyncio.timeout(20):
        await anext(viewer)
    await settle(hass)
    tag = read_image((await async_get_image(hass, DOOR, timeout=10)).content)
    assert tag is not None
    assert tag.did == door.spec.did
    (diagnosed,) = (await async_get_config_entry_diagnostics(hass, entry))["cameras"]
    assert diagnosed["battery"] is True
    assert diagnosed["awake"] is True
    assert diagnosed["firmware"]
    viewer.close()


@pytest.mark.parametrize("model", ["loock.cateye.v06"], indirect=True)
async def test_the_lens_is_put_to_sleep_and_woken(
    hass: HomeAssistant, entry: MiCameraConfigEntry, door: SimCamera
) -> None:
    for on in (False, True):
        await hass.services.async_call(
            "camera", "turn_on" if on else "turn_off", {"entity_id": DOOR}, blocking=True
        )
        assert door.power is on
        assert (permit_of(entry) is not None) is on


def permit_of(entry: MiCameraConfigEntry) -> Any:
    (coordinator,) = entry.runtime_data.cameras.values()
    return coordinator.permit()


@pytest.mark.parametrize("model", ["loock.cateye.v06"], indirect=True)
async def test_one_that_cannot_be_woken_says_so(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, door: SimCamera
) -> None:
    await home.cloud.set_outage(Outage.UNAVAILABLE)
    (coordinator,) = entry.runtime_data.cameras.values()
    viewer = coordinator.feed.view(coordinator.permit())
    await until(lambda: coordinator.feed.trouble is not None, 20)
    assert hass.states.get(DOOR).attributes["trouble"] == "asleep"
    with pytest.raises(HomeAssistantError) as caught:
        await hass.services.async_call("camera", "turn_off", {"entity_id": DOOR}, blocking=True)
    assert caught.value.translation_key == "camera_asleep"
    await home.cloud.set_outage(None)
    async with asyncio.timeout(40):
        await anext(viewer)
    assert "trouble" not in hass.states.get(DOOR).attributes
    viewer.close()


@pytest.mark.parametrize("model", ["loock.cateye.v06"], indirect=True)
async def test_keys_are_asked_for_again_while_it_wakes(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cloud has no keys before the camera's picture part is up, some seconds after a hello."""
    monkeypatch.setattr(coordinator_module, "KEYS_AGAIN", 0.01)
    hub = entry.runtime_data
    (coordinator,) = hub.cameras.values()
    asked: list[bool] = []

    async def after_some_time(config: Any, *, fresh: bool) -> str:
        asked.append(fresh)
        if len(asked) % 3:
            raise UpstreamError(Trouble.NO_KEYS)
        return "keys"

    monkeypatch.setattr(hub, "async_miss_keys", after_some_time)
    # Asleep: the link has to wake it first.
    with pytest.raises(UpstreamError):
        await coordinator._keys(fresh=False)
    assert len(asked) == 1
    coordinator._woken = time.monotonic()
    assert await coordinator._keys(fresh=True) == "keys"
    assert asked == [False, True, True]

    async def never(config: Any, *, fresh: bool) -> str:
        hub.gate.close()
        raise UpstreamError(Trouble.NO_KEYS)

    monkeypatch.setattr(hub, "async_miss_keys", never)
    with pytest.raises(UpstreamError) as caught:
        await coordinator._keys(fresh=True)
    assert caught.value.trouble is Trouble.BROKEN


@pytest.mark.parametrize("model", ["loock.cateye.v06"], indirect=True)
async def test_switching_off_ends_the_waking(
    hass: HomeAssistant, entry: MiCameraConfigEntry, door: SimCamera
) -> None:
    door.battery.wake_delay = 60
    call = asyncio.ensure_future(
        hass.services.async_call("camera", "turn_off", {"entity_id": DOOR}, blocking=True)
    )
    await until(lambda: door.battery._waking is not None, 10)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    with pytest.raises(HomeAssistantError) as caught:
        await call
    assert caught.value.translation_key == "pictures_off"
    assert door.power
    assert door.rpc_count == 0


@pytest.mark.parametrize("asked", ["call", "hello", "command"])
async def test_what_waits_to_be_sent_is_not_sent_after_switching_off(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    door: SimCamera,
    asked: str,
) -> None:
    """By no model's way of waking: calls to one camera wait for each other."""
    (coordinator,) = entry.runtime_data.cameras.values()
    miio = entry.runtime_data.miio
    await home.cloud.set_outage(Outage.UNAVAILABLE)
    if asked != "call":
        door.wake()
    permit = coordinator.gate.permit()
    assert permit is not None
    async with occupied(miio, coordinator.config.host) as other_call:
        work: dict[str, Any] = {
            "call": coordinator._wake,
            "hello": lambda: coordinator._is_awake(lambda: permit.valid),
            "command": lambda: coordinator.device.set_power(False, allowed=lambda: permit.valid),
        }
        task = hass.async_create_task(work[asked]())
        await other_call.waited_for()
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        wakes = door.battery.wakes
    with pytest.raises((UpstreamError, MiioNotAllowed)):
        await task
    assert other_call.sent == 0
    assert door.rpc_count == 0
    assert door.battery.wakes == wakes
    assert door.power


@pytest.mark.parametrize("model", ["midr.camera.bw300"], indirect=True)
@pytest.mark.parametrize("way", ["local", "cloud"])
async def test_switching_off_between_reading_and_writing(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    door: SimCamera,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    """Waking by a property takes two calls: switched off in the first, there is no second."""
    asked: list[str] = []
    held, release = asyncio.Event(), asyncio.Event()

    async def answer(called: str, what: str) -> Any:
        asked.append(what)
        if called != way:
            await asyncio.Event().wait()
        held.set()
        await release.wait()
        return [{"code": 0, "value": 2}]

    async def request(host: str, token: bytes, method: str, *_: Any, **__: Any) -> Any:
        return await answer("local", method)

    async def get(*_: Any, **__: Any) -> Any:
        return await answer("cloud", "get")

    async def write(*_: Any, **__: Any) -> Any:
        return await answer("cloud", "set")

    hub = entry.runtime_data
    monkeypatch.setattr(hub.miio, "request", request)
    monkeypatch.setattr(XiaomiAccount, "miot_get", get)
    monkeypatch.setattr(XiaomiAccount, "miot_set", write)
    call = asyncio.ensure_future(
        hass.services.async_call("camera", "turn_off", {"entity_id": DOOR}, blocking=True)
    )
    async with asyncio.timeout(10):
        await held.wait()
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    release.set()
    with pytest.raises(HomeAssistantError) as caught:
        await call
    assert caught.value.translation_key == "pictures_off"
    assert sorted(asked) == ["get", "get_properties"]
    assert door.battery.wakes == 0


@pytest.mark.parametrize("model", ["midr.camera.bw300"], indirect=True)
async def test_a_session_of_the_account_is_not_renewed_for_a_camera_hidden_meanwhile(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    door: SimCamera,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cloud refuses the token: the account would sign in and ask again by itself."""
    hub = entry.runtime_data
    (coordinator,) = hub.cameras.values()
    requests, logins = home.cloud.requests, home.cloud.logins
    home.cloud.accounts.expire_service_tokens()
    real = home.cloud.accounts.session

    def refuse(*cookies: str) -> Any:
        coordinator.gate.hold(Hold.PRIVACY)
        return real(*cookies)

    async def silent(*_: Any, **__: Any) -> Any:
        raise MiioTimeout("asleep", answered_hello=False)

    monkeypatch.setattr(home.cloud.accounts, "session", refuse)
    monkeypatch.setattr(hub.miio, "request", silent)
    with pytest.raises(UpstreamError) as caught:
        await coordinator._wake()
    assert caught.value.trouble is Trouble.BROKEN
    assert (home.cloud.requests - requests, home.cloud.logins - logins) == (1, 0)


@pytest.mark.parametrize("model", ["loock.cateye.v06"], indirect=True)
async def test_one_that_another_answers_for_is_asked_until_it_has_proved_itself(
    hass: HomeAssistant, entry: MiCameraConfigEntry, door: SimCamera
) -> None:
    """Otherwise nobody would ask it ever again, as nothing of it is shown meanwhile."""
    (coordinator,) = entry.runtime_data.cameras.values()
    device_id = door.miio._device_id
    door.wake()
    door.miio._device_id = 4242
    assert not await coordinator._is_awake(lambda: True)
    assert coordinator.identity.doubted
    await settle(hass)
    assert hass.states.get(DOOR).state == "unavailable"
    door.miio._device_id = device_id
    async_fire_time_changed(hass, dt_util.utcnow() + 2 * POLL_INTERVAL)
    await settle(hass)
    assert not coordinator.identity.doubted
    assert hass.states.get(DOOR).state == "idle"
    # And not any longer.
    asked = door.rpc_count
    async_fire_time_changed(hass, dt_util.utcnow() + 4 * POLL_INTERVAL)
    await settle(hass)
    assert door.rpc_count == asked
