"""Keys that outlive a restart: used while the cloud is away, bounded, private, and forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import replace
import json
import logging
from pathlib import Path
import stat
import time
from typing import TYPE_CHECKING, Any

from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.json import json_dumps
import pytest

from custom_components.mi_camera import key_store as module
from custom_components.mi_camera.cloud import CloudUnavailable, XiaomiAccount
from custom_components.mi_camera.diagnostics import async_get_config_entry_diagnostics
from custom_components.mi_camera.gate.camera_gate import Hold
from custom_components.mi_camera.kept_keys import MAX_AGE, MAX_BYTES, MAX_CAMERAS, KeptKeys
from custom_components.mi_camera.key_store import FILE_NAME, KeyStore
from custom_components.mi_camera.media import Trouble, UpstreamError
from custom_components.mi_camera.miss import MissKeys, Vendor, dialers
from simulator.cloud import Outage
from simulator.tag import read_image

from .conftest import image_soon, settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.cloud import MissVendor
    from custom_components.mi_camera.hub import MiCameraConfigEntry
    from custom_components.mi_camera.miss.transport import Dial

    from .home import Home

KITCHEN = "camera.kitchen"
WARNING = "Stored camera keys are damaged"


def keys(number: int = 1, **changes: Any) -> MissKeys:
    return MissKeys(bytes([number]) * 32, b"p" * 32, b"d" * 32, f"signature {number}", **changes)


def file_of(hass: HomeAssistant) -> Path:
    return Path(hass.config.path(".storage", FILE_NAME))


def write(hass: HomeAssistant, data: Any, *, version: int = 1) -> None:
    file_of(hass).parent.mkdir(exist_ok=True)
    file_of(hass).write_text(json.dumps({"version": version, "key": FILE_NAME, "data": data}))


def item(number: int = 1, **changes: Any) -> dict[str, Any]:
    stored = {
        "client_private": (bytes([number]) * 32).hex(),
        "client_public": (b"p" * 32).hex(),
        "device_public": (b"d" * 32).hex(),
        "sign": "signature",
        "account": "42",
        "fetched": time.time(),
    }
    return stored | changes


async def loaded(hass: HomeAssistant) -> KeyStore:
    store = KeyStore(hass)
    await store.async_load()
    return store


# -- the file -------------------------------------------------------------------------------


async def test_what_was_put_is_there_after_a_restart_and_nobody_else_can_read_it(
    hass: HomeAssistant,
) -> None:
    store = await loaded(hass)
    store.put("1", keys(), "42")
    kept = store.get("1")
    assert kept is not None
    assert kept.source == "cloud"
    await store.async_close()
    assert stat.S_IMODE(file_of(hass).stat().st_mode) == 0o600

    again = (await loaded(hass)).get("1")
    assert again is not None
    assert again.keys == keys()
    assert (again.account, again.source) == ("42", "stored")
    assert 0 <= again.age < 10


async def test_the_transport_is_kept_with_the_keys(hass: HomeAssistant) -> None:
    store = await loaded(hass)
    store.put("1", keys(vendor=Vendor.TUTK, peer_id="UID20"), "42")
    store.put("2", keys(vendor=77), "42")
    await store.async_close()
    store = await loaded(hass)
    one, two = store.get("1"), store.get("2")
    assert one is not None
    assert two is not None
    assert (one.keys.vendor, one.keys.peer_id) == (Vendor.TUTK, "UID20")
    assert (two.keys.vendor, two.keys.peer_id) == (77, "")
    assert "UID20" not in repr(one.keys)


async def test_keys_stored_before_the_transport_was_are_of_cs2(hass: HomeAssistant) -> None:
    """As 1.x wrote them: `item` has neither vendor nor peer_id."""
    write(hass, {"1": item()})
    kept = (await loaded(hass)).get("1")
    assert kept is not None
    assert (kept.keys.vendor, kept.keys.peer_id) == (Vendor.CS2, "")


async def test_it_is_saved_soon_without_being_told(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAVE_DELAY", 0.01)
    store = await loaded(hass)
    store.put("1", keys(), "42")
    async with asyncio.timeout(5):
        while not file_of(hass).exists():
            await asyncio.sleep(0.01)
    await hass.async_block_till_done()
    assert (await loaded(hass)).get("1") is not None
    # Nothing is left to be saved.
    file_of(hass).unlink()
    await store.async_close()
    assert not file_of(hass).exists()


async def test_forgetting(hass: HomeAssistant) -> None:
    store = await loaded(hass)
    for did, account in (("1", "42"), ("2", "42"), ("3", "43"), ("4", "42")):
        store.put(did, keys(int(did)), account)
    store.forget("4")
    store.forget("9")
    store.keep_only({"1", "3"}, {"42"})
    assert [did for did in "1234" if store.get(did)] == ["1"]
    await store.async_close()
    assert set(json.loads(file_of(hass).read_text())["data"]) == {"1"}
    await store.async_remove()
    assert store.get("1") is None
    assert not file_of(hass).exists()


async def test_age_is_bounded(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    write(
        hass,
        {
            "1": item(fetched=now - MAX_AGE + 60),
            "2": item(fetched=now - MAX_AGE - 60),
            "3": item(fetched=now + 2 * 24 * 3600),
            "4": item(fetched=now + 60),
        },
    )
    store = await loaded(hass)
    assert [did for did in "1234" if store.get(did)] == ["1", "4"]
    # Keys grow old in memory as well.
    monkeypatch.setattr(time, "time", lambda: now + 120)
    assert store.get("1") is None


async def test_number_is_bounded(hass: HomeAssistant) -> None:
    store = await loaded(hass)
    for did in range(1, MAX_CAMERAS + 3):
        store.put(str(did), keys(), "42")
    assert store.get("1") is None
    assert store.get("2") is None
    assert store.get("3") is not None
    await store.async_close()
    assert len(json.loads(file_of(hass).read_text())["data"]) == MAX_CAMERAS

    write(hass, {str(did): item(fetched=did) for did in range(MAX_CAMERAS + 5)})
    store = await loaded(hass)
    assert len(store._kept) == MAX_CAMERAS


DAMAGED = {
    "cut": b'{"version": 1, "data": {"1"',
    "binary": bytes(range(256)),
    "list": b"[]",
    "deep": b"[" * 100_000,
    "text": b'{"version": 1, "data": "keys"}',
    "no data": b'{"version": 1}',
    "huge": b" " * (MAX_BYTES + 1),
    "future": json.dumps({"version": 2, "data": {"1": item()}}).encode(),
    "digits of elsewhere": json.dumps({"version": 1, "data": {"\u0663": item()}}).encode(),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
async def test_a_damaged_file_is_ignored_with_one_warning(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    file_of(hass).parent.mkdir(exist_ok=True)
    file_of(hass).write_bytes(content)
    store = await loaded(hass)
    assert store.get("1") is None
    assert caplog.text.count(WARNING) == 1
    # And it does not stand in the way of new ones.
    store.put("1", keys(), "42")
    await store.async_close()
    assert (await loaded(hass)).get("1") is not None


@pytest.mark.parametrize(
    "damaged",
    [
        item(client_private="00"),
        item(client_private="zz" * 32),
        item(device_public=None),
        item(sign="\n"),
        item(sign="x" * 2000),
        item(account=7),
        item(fetched="now"),
        item(fetched=True),
        item(fetched=-1),
        item(fetched=10**400),
        item(vendor="4"),
        item(vendor=True),
        item(vendor=None),
        item(peer_id=7),
        item(peer_id="é"),
        item(peer_id="x" * 65),
        {},
        [],
        None,
    ],
)
async def test_damaged_keys_do_not_cost_the_others(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture, damaged: object
) -> None:
    write(hass, {"1": damaged, "2": item(), "not a did": item()})
    store = await loaded(hass)
    assert store.get("1") is None
    assert store.get("2") is not None
    assert store.get("not a did") is None
    assert caplog.text.count(WARNING) == 1


async def test_a_file_that_cannot_be_read(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    file_of(hass).mkdir(parents=True)
    store = await loaded(hass)
    assert store.get("1") is None
    assert caplog.text.count(WARNING) == 1
    # Nor written: the keys are used all the same.
    store.put("1", keys(), "42")
    await store.async_close()
    assert "could not be saved" in caplog.text
    assert store.get("1") is not None


def test_secrets_are_not_shown() -> None:
    kept = KeptKeys(keys(), "42", time.time())
    assert "signature" not in repr(kept)
    assert kept.keys.client_private.hex() not in repr(kept)


# -- in Home Assistant ----------------------------------------------------------------------


async def test_video_resumes_while_the_cloud_is_away(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await image_soon(hass, KITCHEN)
    did = str(home.cameras[0].spec.did)
    private = entry.runtime_data.keys.get(did).keys.client_private.hex()
    sign = entry.runtime_data.keys.get(did).keys.sign
    caplog.set_level(logging.DEBUG)

    await hass.config_entries.async_unload(entry.entry_id)
    await home.cloud.set_outage(Outage.UNAVAILABLE)
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    tag = read_image(await image_soon(hass, KITCHEN))
    assert tag is not None
    assert tag.did == home.cameras[0].spec.did
    assert abs(time.time() * 1000 - tag.captured_ms) < 10_000

    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    kitchen, porch = diagnostics["cameras"]
    assert kitchen["keys"] == {"source": "stored", "age_days": 0}
    assert porch["keys"] is None
    shown = (
        json_dumps(diagnostics)
        + caplog.text
        + json_dumps([state.as_dict() for state in hass.states.async_all()])
    )
    for secret in (private, sign):
        assert secret in file_of(hass).read_text()
        assert secret not in shown
    assert stat.S_IMODE(file_of(hass).stat().st_mode) == 0o600
    await home.cloud.set_outage(None)


async def test_kept_keys_of_a_transport_that_is_not_supported_are_not_used(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As after a step back to a version that knows fewer transports; the cloud is away."""
    hub = entry.runtime_data
    kitchen = next(iter(hub.cameras.values()))
    hub.keys.put(kitchen.config.did, keys(vendor=Vendor.TUTK, peer_id="UID20"), "1")
    await home.cloud.set_outage(Outage.UNAVAILABLE)
    for fresh in (False, True):
        caplog.clear()
        with pytest.raises(UpstreamError) as caught:
            await hub.async_miss_keys(kitchen.config, fresh=fresh)
        assert caught.value.trouble is Trouble.NO_KEYS
        assert ("not supported yet (vendor 1)" in caplog.text) is not fresh
    assert "UID20" not in caplog.text
    assert home.cameras[0].media_connections_total == 0
    # The cloud may know better by now.
    await home.cloud.set_outage(None)
    caplog.clear()
    assert (await hub.async_miss_keys(kitchen.config, fresh=False)).vendor == Vendor.CS2
    assert "not supported" not in caplog.text


async def test_what_the_cloud_says_of_the_transport_goes_with_the_keys(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A transport is added by an entry in the table of dialers and by nothing else."""
    dialled: list[MissKeys] = []

    def added(of: MissKeys) -> Dial:
        dialled.append(of)
        return dialers.dial

    monkeypatch.setitem(dialers.DIALERS, Vendor.TUTK, added)  # type: ignore[misc]
    real = XiaomiAccount.miss_vendor

    async def tutk(
        self: XiaomiAccount, did: str, client_public: bytes, *, allowed: Callable[[], bool]
    ) -> MissVendor:
        vendor = await real(self, did, client_public, allowed=allowed)
        return replace(vendor, vendor=1, parameters={"p2p_id": "UID20"})

    monkeypatch.setattr(XiaomiAccount, "miss_vendor", tutk)
    assert await image_soon(hass, KITCHEN)
    assert {(of.vendor, of.peer_id) for of in dialled} == {(Vendor.TUTK, "UID20")}
    kept = entry.runtime_data.keys.get(str(home.cameras[0].spec.did))
    assert kept is not None
    assert kept.keys in dialled


async def test_a_camera_with_new_keys_is_refused_until_the_cloud_is_back(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    assert await image_soon(hass, KITCHEN)
    await hass.config_entries.async_unload(entry.entry_id)
    await home.cloud.set_outage(Outage.UNAVAILABLE)
    await home.cameras[0].reboot()
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    from homeassistant.components.camera import async_get_image

    with pytest.raises(HomeAssistantError):
        await async_get_image(hass, KITCHEN, timeout=3)
    assert hass.states.get(KITCHEN).attributes["trouble"] in {"refused", "no_keys"}
    await home.cloud.set_outage(None)
    assert await image_soon(hass, KITCHEN)
    assert "trouble" not in hass.states.get(KITCHEN).attributes
    (kitchen, _) = (await async_get_config_entry_diagnostics(hass, entry))["cameras"]
    assert kitchen["keys"] == {"source": "cloud", "age_days": 0}


@pytest.mark.parametrize("gone", ["camera", "account", "gate", "next account"])
async def test_keys_that_come_too_late_are_not_kept(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    gone: str,
) -> None:
    hub = entry.runtime_data
    kitchen = next(iter(hub.cameras.values()))
    (account,) = entry.get_subentries_of_type("account")
    held, release = asyncio.Event(), asyncio.Event()
    real = XiaomiAccount.miss_vendor

    async def late(
        self: XiaomiAccount, did: str, client_public: bytes, *, allowed: Callable[[], bool]
    ) -> MissVendor:
        vendor = await real(self, did, client_public, allowed=allowed)
        held.set()
        await release.wait()
        if gone == "next account":
            raise CloudUnavailable("away")
        return vendor

    monkeypatch.setattr(XiaomiAccount, "miss_vendor", late)
    if gone == "next account":
        hub.accounts["next"] = hub.accounts[account.subentry_id]
    asking = asyncio.ensure_future(hub.async_miss_keys(kitchen.config, fresh=True))
    async with asyncio.timeout(10):
        await held.wait()
    match gone:
        case "camera":
            hass.config_entries.async_remove_subentry(entry, kitchen.subentry_id)
        case "account":
            hass.config_entries.async_remove_subentry(entry, account.subentry_id)
        case "gate":
            hub.gate.close()
            hub.gate.open()
        case _:
            del hub.accounts["next"]
    await settle(hass)
    release.set()
    with pytest.raises(UpstreamError) as caught:
        await asking
    # A camera that is removed takes its gate with it.
    over = gone in {"gate", "camera"}
    assert caught.value.trouble is (Trouble.BROKEN if over else Trouble.NO_KEYS)
    did = kitchen.config.did
    assert hub.keys.get(did) is None
    await hass.config_entries.async_unload(entry.entry_id)
    assert not file_of(hass).exists() or did not in json.loads(file_of(hass).read_text())["data"]


@pytest.mark.parametrize("off", ["all", "the camera"])
async def test_the_cloud_is_not_asked_again_for_what_was_switched_off_meanwhile(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    off: str,
) -> None:
    """It refuses the token: the account would sign in again by itself, and ask once more."""
    hub = entry.runtime_data
    kitchen = next(iter(hub.cameras.values()))
    requests, logins = home.cloud.requests, home.cloud.logins
    home.cloud.accounts.expire_service_tokens()
    real = home.cloud.accounts.session

    def refuse(*cookies: str) -> Any:
        if off == "all":
            hub.gate.close()
        else:
            kitchen.gate.hold(Hold.PRIVACY)
        return real(*cookies)

    with monkeypatch.context() as patched:
        patched.setattr(home.cloud.accounts, "session", refuse)
        with pytest.raises(UpstreamError) as caught:
            await hub.async_miss_keys(kitchen.config, fresh=True)
    assert caught.value.trouble is Trouble.BROKEN
    assert (home.cloud.requests - requests, home.cloud.logins - logins) == (1, 0)
    hub.gate.open()
    kitchen.gate.release(Hold.PRIVACY)
    assert await hub.async_miss_keys(kitchen.config, fresh=True)


async def test_keys_go_with_the_camera_the_account_and_the_hub(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    for entity_id in (KITCHEN, "camera.porch"):
        assert await image_soon(hass, entity_id)
    store = entry.runtime_data.keys
    dids = [str(camera.spec.did) for camera in home.cameras]
    assert all(store.get(did) for did in dids)
    kitchen = next(one for one in entry.subentries.values() if one.unique_id == dids[0])
    hass.config_entries.async_remove_subentry(entry, kitchen.subentry_id)
    await settle(hass)
    assert [did for did in dids if store.get(did)] == dids[1:]
    (account,) = entry.get_subentries_of_type("account")
    hass.config_entries.async_remove_subentry(entry, account.subentry_id)
    await settle(hass)
    assert store.get(dids[1]) is None
    await hass.config_entries.async_unload(entry.entry_id)
    assert json.loads(file_of(hass).read_text())["data"] == {}
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert not file_of(hass).exists()
