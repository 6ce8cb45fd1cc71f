"""What already waits to be sent to a camera is not sent once the camera may not be asked.

Calls to one camera wait for each other, and are repeated: any of them may wait when pictures
are switched off.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.mi_camera import lens_sleep, relocation
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.device import MiioEndpoint, ungated
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH

from .conftest import settle
from .test_casting import until
from .test_live_or_nothing import choose

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.coordinator import CameraCoordinator
    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

NEW_ADDRESS = "127.0.85.99"
NAMES = ["Kitchen", "Porch"]
"""One that speaks as older models do, from a thread, and one that speaks MIoT."""


def coordinator_of(entry: MiCameraConfigEntry, name: str = "Kitchen") -> CameraCoordinator:
    return next(one for one in entry.runtime_data.cameras.values() if one.config.name == name)


class Occupied:
    """A device of which something else is being asked, so that whatever comes has to wait."""

    def __init__(self, miio: MiioEndpoint, peer: Any) -> None:
        self.sent = 0
        """Datagrams to this device, since then and also after it."""
        self._peer = peer
        send = miio._send

        def counted(packet: bytes, peer: Any, allowed: Callable[[], bool]) -> None:
            send(packet, peer, allowed)
            self.sent += peer.address == self._peer.address

        miio._send = counted  # type: ignore[method-assign]

    async def waited_for(self, count: int = 1) -> None:
        """Wait until so many wait."""
        await until(lambda: len(self._peer.lock._waiters or ()) >= count, 5)


@asynccontextmanager
async def occupied(miio: MiioEndpoint, host: str) -> AsyncGenerator[Occupied]:
    peer = await miio._peer(host, ungated)
    try:
        async with peer.lock:
            yield Occupied(miio, peer)
    finally:
        peer.users -= 1


async def off(hass: HomeAssistant, coordinator: CameraCoordinator) -> None:
    await hass.services.async_call(DOMAIN, "disable_all", {}, blocking=True)


async def hidden(hass: HomeAssistant, coordinator: CameraCoordinator) -> None:
    await hass.data[DATA_KILL_SWITCH].async_hide(coordinator.config.did)


ENDS = pytest.mark.parametrize("end", [off, hidden])
type End = Callable[[HomeAssistant, CameraCoordinator], Awaitable[None]]


@ENDS
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("turn", ["on", "off"])
async def test_no_command(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, name: str, turn: str, end: End
) -> None:
    coordinator, miio = coordinator_of(entry, name), entry.runtime_data.miio
    camera = home.cameras[NAMES.index(name)]
    camera.power = turn == "off"
    async with occupied(miio, coordinator.config.host) as other_call:
        turning = hass.async_create_task(
            hass.services.async_call(
                "camera",
                f"turn_{turn}",
                {"entity_id": f"camera.{name.lower()}"},
                blocking=True,
            )
        )
        await other_call.waited_for()
        await end(hass, coordinator)
        asked = camera.rpc_count
    with pytest.raises(HomeAssistantError) as caught:
        await turning
    assert caught.value.translation_key == ("pictures_off" if end is off else "camera_hidden")
    assert (other_call.sent, camera.rpc_count) == (0, asked)
    assert camera.power is (turn == "off")


@pytest.mark.parametrize("name", NAMES)
async def test_no_command_of_before_when_pictures_are_on_again(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, name: str
) -> None:
    coordinator, miio = coordinator_of(entry, name), entry.runtime_data.miio
    camera = home.cameras[NAMES.index(name)]
    camera.power = False
    async with occupied(miio, coordinator.config.host) as other_call:
        turning = hass.async_create_task(coordinator.async_set_power(on=True))
        await other_call.waited_for()
        await off(hass, coordinator)
        await hass.services.async_call(DOMAIN, "enable_all", {}, blocking=True)
    with pytest.raises(HomeAssistantError):
        await turning
    await settle(hass)
    assert camera.power is False


@ENDS
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("proof", [False, True], ids=["status", "proof"])
async def test_no_poll(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, name: str, proof: bool, end: End
) -> None:
    """Neither for its state nor for who it is, be it only by a hello."""
    coordinator, miio = coordinator_of(entry, name), entry.runtime_data.miio
    camera = home.cameras[NAMES.index(name)]
    if proof:
        coordinator.identity.forget()
    assert coordinator.identity.due is proof
    async with occupied(miio, coordinator.config.host) as other_call:
        polling = hass.async_create_task(coordinator.async_refresh())
        await other_call.waited_for()
        await end(hass, coordinator)
        asked = camera.rpc_count
    await polling
    await settle(hass)
    assert (other_call.sent, camera.rpc_count) == (0, asked)
    assert coordinator.identity.due is proof
    assert not coordinator.identity.doubted


@ENDS
async def test_no_proof_of_who_was_found_elsewhere(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    end: End,
) -> None:
    coordinator, miio = coordinator_of(entry), entry.runtime_data.miio

    async def found(*_: object, **__: object) -> tuple[str, ...]:
        return (NEW_ADDRESS,)

    monkeypatch.setattr(relocation, "find_device", found)
    async with occupied(miio, NEW_ADDRESS) as other_call:
        # Not by `async_look`: that search would be cancelled beside.
        looking = hass.async_create_task(coordinator.relocation._look())
        await other_call.waited_for()
        await end(hass, coordinator)
    await looking
    assert other_call.sent == 0


async def test_no_search(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinator = coordinator_of(entry)
    asked: list[bool] = []

    async def find(*_: object, allowed: Callable[[], bool], **__: object) -> tuple[str, ...]:
        asked.append(allowed())
        await off(hass, coordinator)
        asked.append(allowed())
        return ()

    monkeypatch.setattr(relocation, "find_device", find)
    await coordinator.relocation._look()
    assert asked == [True, False]


@pytest.mark.parametrize("name", NAMES)
async def test_no_lens_is_woken(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, name: str
) -> None:
    """One that was put to sleep while pictures were off, and is to be woken as they are on."""
    coordinator, miio = coordinator_of(entry, name), entry.runtime_data.miio
    camera = home.cameras[NAMES.index(name)]
    choose(hass, entry, sleep_lenses=True)
    await settle(hass)
    await off(hass, coordinator)
    assert not any(one.power for one in home.cameras)
    async with occupied(miio, coordinator.config.host) as other_call:
        await hass.services.async_call(DOMAIN, "enable_all", {}, blocking=True)
        await other_call.waited_for(2)  # the poll as well
        choose(hass, entry, sleep_lenses=False)
        await off(hass, coordinator)
        asked = camera.rpc_count
    await settle(hass)
    waking = entry.runtime_data.lens_sleep._waking
    assert waking is not None
    await until(waking.done, 10)
    assert camera.power is False
    assert camera.rpc_count == asked


@pytest.mark.parametrize("name", NAMES)
async def test_the_one_exception_ends_with_the_dark(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """Lenses are put to sleep only while pictures are off, and then although they are."""
    coordinator, miio = coordinator_of(entry, name), entry.runtime_data.miio
    camera = home.cameras[NAMES.index(name)]
    other = home.cameras[1 - NAMES.index(name)]
    # Nobody wakes what should not sleep.
    monkeypatch.setattr(lens_sleep, "WAKE_AGAIN", (3600.0,))
    choose(hass, entry, sleep_lenses=True)
    await settle(hass)
    async with occupied(miio, coordinator.config.host) as other_call:
        turning = hass.async_create_task(off(hass, coordinator))
        await other_call.waited_for()
        await hass.services.async_call(DOMAIN, "enable_all", {}, blocking=True)
    await turning
    await settle(hass)
    assert (camera.power, other.power) == (True, True)
    async with occupied(miio, coordinator.config.host) as other_call:
        turning = hass.async_create_task(off(hass, coordinator))
        await other_call.waited_for()
    await turning
    assert (camera.power, other.power) == (False, False)


async def test_a_removed_camera_is_not_put_to_sleep(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    coordinator, miio = coordinator_of(entry), entry.runtime_data.miio
    choose(hass, entry, sleep_lenses=True)
    await settle(hass)
    async with occupied(miio, coordinator.config.host) as other_call:
        turning = hass.async_create_task(off(hass, coordinator))
        await other_call.waited_for()
        hass.config_entries.async_remove_subentry(entry, coordinator.subentry_id)
        await until(lambda: coordinator.subentry_id not in entry.runtime_data.cameras, 5)
        asked = home.cameras[0].rpc_count
    await turning
    await settle(hass)
    assert home.cameras[0].power
    assert home.cameras[0].rpc_count == asked
