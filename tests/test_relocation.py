"""A camera with a new address is found again; nobody else is taken for it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from homeassistant.components.camera import async_get_stream_source
from homeassistant.const import CONF_HOST
import pytest

from custom_components.mi_camera import hub as hub_module, relocation
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.device import CameraDevice
from simulator.camera import SimCamera

from . import home as home_module
from .conftest import settle
from .home import Home, spec
from .test_camera import poll, read_tags
from .test_casting import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.coordinator import CameraCoordinator
    from custom_components.mi_camera.hub import MiCameraConfigEntry

KITCHEN = "camera.kitchen"
NEW_ADDRESS = "127.0.74.99"


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Home]:
    """The usual two cameras, at addresses of this file's own, on one network."""
    monkeypatch.setattr(home_module, "ADDRESSES", "127.0.74")
    monkeypatch.setattr(relocation, "LOOK_EVERY", 0.5)
    monkeypatch.setattr(relocation, "CameraDevice", partial(CameraDevice, timeout=0.5))

    async def loopback(_hass: HomeAssistant) -> set[str]:
        return {"127.255.255.255"}

    monkeypatch.setattr(hub_module, "async_get_ipv4_broadcast_addresses", loopback)
    # Everything on loopback hears the search, so nobody else may be these two.
    own = [{"did": 5_740_000_000 + number, "token": bytes([74, number]) * 8} for number in (1, 2)]
    home = await Home.start(spec(1, **own[0]), spec(2, **own[1]))
    yield home
    await home.stop()


def coordinator_of(entry: MiCameraConfigEntry, name: str = "Kitchen") -> CameraCoordinator:
    return next(one for one in entry.runtime_data.cameras.values() if one.config.name == name)


async def move(home: Home, number: int = 0, **changes: Any) -> SimCamera:
    """Let a camera get another address, or another camera the place it has gone to."""
    old = home.cameras[number]
    await old.stop()
    camera = SimCamera(replace(old.spec, **({"address": NEW_ADDRESS} | changes)), home.keys)
    await camera.start()
    home.cameras.append(camera)
    return camera


async def searched(hass: HomeAssistant, coordinator: CameraCoordinator) -> None:
    """Let it be missed until it is looked for, and the search end."""
    for _ in range(relocation.MISSES):
        await poll(hass)
    task = coordinator.relocation._task
    assert task is not None
    await until(task.done, 15)
    await settle(hass)


async def test_a_camera_that_moved_is_followed_without_a_reload(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    hub = entry.runtime_data
    coordinator = coordinator_of(entry)
    camera = await move(home)
    await searched(hass, coordinator)
    await until(lambda: hass.states.get(KITCHEN).state == "idle", 10)
    subentry = entry.subentries[coordinator.subentry_id]
    assert subentry.data[CONF_HOST] == NEW_ADDRESS
    assert entry.runtime_data is hub
    assert coordinator_of(entry) is coordinator
    source = await async_get_stream_source(hass, KITCHEN)
    tags = await hass.async_add_executor_job(read_tags, source, 5)
    assert {did for did, _ in tags} == {camera.spec.did}


async def test_swapped_addresses_are_sorted_out(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    for camera in home.cameras:
        await camera.stop()
    first, second = (camera.spec for camera in home.cameras)
    first.address, second.address = second.address, first.address
    home.cameras.extend(await home.restarted_cameras())
    for _ in range(2):
        await poll(hass)
        for name in ("Kitchen", "Porch"):
            task = coordinator_of(entry, name).relocation._task
            assert task is not None
            await until(task.done, 15)
        await settle(hass)
    for name, camera in (("Kitchen", first), ("Porch", second)):
        assert coordinator_of(entry, name).config.host == camera.address
        entity_id = f"camera.{name.lower()}"
        await until(lambda one=entity_id: hass.states.get(one).state == "idle", 10)  # type: ignore[misc]
        source = await async_get_stream_source(hass, entity_id)
        tags = await hass.async_add_executor_job(read_tags, source, 5)
        assert {did for did, _ in tags} == {camera.did}


@pytest.mark.parametrize(
    "changes",
    [
        {"token": b"x" * 16},
        {"model": "chuangmi.camera.046c04"},
        {"mac": "02:00:00:00:99:99"},
        {"did": 5_740_000_001 + (1 << 33)},
        {"did": 4242},
    ],
    ids=["token", "model", "mac", "did that looks alike", "did"],
)
async def test_nobody_else_is_taken_for_it(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, changes: dict[str, Any]
) -> None:
    coordinator = coordinator_of(entry)
    old = coordinator.config.host
    if changes.get("did", 0) >> 33:
        # As far as a hello goes it is the same; its token gives it away.
        changes = changes | {"token": b"y" * 16}
    await move(home, **changes)
    await coordinator.relocation._look()
    await settle(hass)
    assert coordinator.config.host == old


async def test_a_viewer_s_trouble_sets_off_the_search_too(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    coordinator = coordinator_of(entry)
    viewer = coordinator.feed.view(coordinator.permit())  # type: ignore[arg-type]
    await move(home)
    await until(lambda: coordinator.config.host == NEW_ADDRESS, 25)
    viewer.close()
    await settle(hass)


async def test_one_that_only_lost_answers_stays_where_it_is(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    coordinator = coordinator_of(entry)
    monkeypatch.setattr(relocation, "LOOK_EVERY", 60)
    cuts = coordinator.link._cuts
    coordinator.relocation.async_look()
    coordinator.relocation.async_look()
    task = coordinator.relocation._task
    assert task is not None
    await until(task.done, 10)
    await settle(hass)
    assert coordinator.config.host == home.cameras[0].spec.address
    assert coordinator.link._cuts == cuts
    # Not again at once.
    coordinator.relocation.async_look()
    assert coordinator.relocation._task is task


async def test_no_search_while_pictures_are_off(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    coordinator = coordinator_of(entry)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    await move(home)
    coordinator.relocation.async_look()
    await settle(hass)
    assert coordinator.relocation._task is not None
    await until(coordinator.relocation._task.done, 10)
    assert coordinator.config.host != NEW_ADDRESS


async def test_switched_off_or_removed_during_the_search(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kitchen, porch = coordinator_of(entry), coordinator_of(entry, "Porch")

    async def found(*_: object, **__: object) -> tuple[str, ...]:
        if kitchen.hub.gate.is_open:
            await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        return (NEW_ADDRESS,)

    await move(home)
    with monkeypatch.context() as patch:
        patch.setattr(relocation, "find_device", found)
        await kitchen.relocation._look()
    assert kitchen.config.host != NEW_ADDRESS
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await settle(hass)

    async def fails(*_: object, **__: object) -> tuple[str, ...]:
        raise OSError("no socket")

    with monkeypatch.context() as patch:
        patch.setattr(relocation, "find_device", fails)
        await porch.relocation._look()
    hass.config_entries.async_remove_subentry(entry, porch.subentry_id)
    porch.relocation._move(NEW_ADDRESS)
    await settle(hass)
    assert [one.config.name for one in entry.runtime_data.cameras.values()] == ["Kitchen"]


async def test_who_is_found_after_switching_off_is_not_asked(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def found(*_: object, **__: object) -> tuple[str, ...]:
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        return (NEW_ADDRESS,)

    kitchen, moved = coordinator_of(entry), await move(home)
    monkeypatch.setattr(relocation, "find_device", found)
    await kitchen.relocation._look()
    await settle(hass)
    assert kitchen.config.host != NEW_ADDRESS
    assert moved.rpc_count == 0


async def test_switched_off_while_the_new_address_is_tried(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kitchen = coordinator_of(entry)
    is_ours = kitchen.relocation._is_ours

    async def off_meanwhile(address: str, allowed: Callable[[], bool]) -> bool:
        ours = await is_ours(address, allowed)
        assert ours
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        return ours

    async def found(*_: object, **__: object) -> tuple[str, ...]:
        return (NEW_ADDRESS,)

    await move(home)
    monkeypatch.setattr(relocation, "find_device", found)
    monkeypatch.setattr(kitchen.relocation, "_is_ours", off_meanwhile)
    await kitchen.relocation._look()
    await settle(hass)
    assert kitchen.config.host != NEW_ADDRESS


async def test_a_search_ends_with_its_camera(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    coordinator = coordinator_of(entry)
    coordinator.relocation.async_look()
    task = coordinator.relocation._task
    assert task is not None
    hass.config_entries.async_remove_subentry(entry, coordinator.subentry_id)
    await settle(hass)
    assert task.done()
