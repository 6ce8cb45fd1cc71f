"""Every way through the flows, against the simulated cloud and cameras."""

from __future__ import annotations

from datetime import time, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import SOURCE_USER, ConfigSubentry
from homeassistant.const import (
    CONF_HOST,
    CONF_NAME,
    CONF_PASSWORD,
    CONF_REGION,
    CONF_TOKEN,
    CONF_USERNAME,
)
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest

from custom_components.mi_camera import sign_in
from custom_components.mi_camera.camera_config import CONF_QUALITY, CONF_SOUND
from custom_components.mi_camera.casts.hours import CastHours
from custom_components.mi_camera.casts.policy import (
    CONF_CAST_FROM,
    CONF_CAST_MINUTES,
    CONF_CAST_PLAYERS,
    CONF_CAST_TO,
    CONF_CAST_UNTIL,
    CastPolicy,
)
from custom_components.mi_camera.cloud import CloudApiError, CloudError, SessionExpired
from custom_components.mi_camera.const import DOMAIN, SUBENTRY_ACCOUNT, SUBENTRY_CAMERA
from custom_components.mi_camera.flow_forms import CONF_CAMERAS
from simulator.camera import SimCamera
from simulator.cloud import CloudDevice, Outage

from .conftest import image_soon, set_up, settle
from .home import ADDRESSES, OTHER_USERNAME, PASSWORD, REGION, USERNAME, Home, spec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

LOGIN = {CONF_USERNAME: USERNAME, CONF_PASSWORD: PASSWORD, CONF_REGION: REGION}
OTHER = {**LOGIN, CONF_USERNAME: OTHER_USERNAME}


async def begin(hass: HomeAssistant, step: str) -> Any:
    flows = hass.config_entries.flow
    result = await flows.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert result["type"] is FlowResultType.MENU
    assert result["menu_options"] == ["qr", "account", "token", "camera"]
    result = await flows.async_configure(result["flow_id"], {"next_step_id": step})
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == step
    assert result["errors"] == {}
    return result


async def answer(hass: HomeAssistant, result: Any, data: dict[str, Any]) -> Any:
    return await hass.config_entries.flow.async_configure(result["flow_id"], data)


async def begin_subentry(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kind: str, **context: Any
) -> Any:
    return await hass.config_entries.subentries.async_init(
        (entry.entry_id, kind), context={"source": SOURCE_USER, **context}
    )


async def begin_account(hass: HomeAssistant, entry: MiCameraConfigEntry) -> Any:
    result = await begin_subentry(hass, entry, SUBENTRY_ACCOUNT)
    assert result["menu_options"] == ["qr", "account", "token"]
    return await answer_subentry(hass, result, {"next_step_id": "account"})


async def answer_subentry(hass: HomeAssistant, result: Any, data: dict[str, Any]) -> Any:
    result = await hass.config_entries.subentries.async_configure(result["flow_id"], data)
    await settle(hass)
    return result


@pytest.fixture
async def third(ready: HomeAssistant, home: Home) -> AsyncGenerator[SimCamera]:
    """A camera that the first set-up does not add."""
    camera = SimCamera(spec(3, model="chuangmi.camera.ipc019"), home.keys)
    await camera.start()
    yield camera
    await camera.stop()


async def test_signing_in_and_choosing_one_camera(ready: HomeAssistant, home: Home) -> None:
    result = await begin(ready, "account")
    result = await answer(ready, result, LOGIN)
    assert result["step_id"] == "cameras"
    did = str(home.cameras[1].spec.did)
    result = await answer(ready, result, {CONF_CAMERAS: []})
    assert result["errors"] == {CONF_CAMERAS: "choose_camera"}
    result = await answer(ready, result, {CONF_CAMERAS: [did]})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    await settle(ready)
    (account,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    (camera,) = entry.get_subentries_of_type(SUBENTRY_CAMERA)
    assert account.title == USERNAME
    assert PASSWORD not in str(account.data)
    assert camera.unique_id == did
    assert camera.data[CONF_HOST] == home.cameras[1].spec.address
    assert ready.states.get("camera.porch").state == "idle"
    assert ready.states.get("camera.kitchen") is None
    result = await ready.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"
    await ready.config_entries.async_remove(entry.entry_id)


async def test_what_can_go_wrong_when_signing_in_is_told_and_nothing_is_lost(
    ready: HomeAssistant, home: Home
) -> None:
    result = await begin(ready, "account")

    async def expect(error: str, data: dict[str, Any] = LOGIN) -> None:
        nonlocal result
        result = await answer(ready, result, data)
        assert result["type"] is FlowResultType.FORM
        assert result["errors"] == {"base": error}
        # What was typed is there again, but not the password.
        suggested = {
            str(key): (key.description or {}).get("suggested_value")
            for key in result["data_schema"].schema
        }
        assert suggested[CONF_USERNAME] == data[CONF_USERNAME]
        assert suggested[CONF_PASSWORD] is None

    await expect("invalid_auth", {**LOGIN, CONF_PASSWORD: "wrong"})
    home.cloud.accounts.block_after = 1
    await expect("blocked")
    home.cloud.accounts.unblock()
    home.cloud.garbage = True
    await expect("cannot_connect")
    home.cloud.garbage = False
    for outage in (Outage.REFUSED, Outage.UNAVAILABLE):
        await home.cloud.set_outage(outage)
        await expect("cannot_connect")
    await home.cloud.set_outage(None)
    result = await answer(ready, result, OTHER)
    assert (result["step_id"], result["errors"]) == ("region", {"base": "no_cameras"})
    ready.config_entries.flow.async_abort(result["flow_id"])
    result = await answer(ready, await begin(ready, "account"), LOGIN)
    assert result["step_id"] == "cameras"


async def test_adding_a_camera_by_address_and_token(ready: HomeAssistant, home: Home) -> None:
    camera = home.cameras[0].spec
    result = await begin(ready, "camera")
    good = {CONF_HOST: camera.address, CONF_TOKEN: camera.token.hex()}
    for bad, error in (
        ({CONF_TOKEN: "not a token"}, "invalid_token"),
        ({CONF_TOKEN: "ab" * 8}, "invalid_token"),
        ({CONF_TOKEN: "ff" * 16}, "wrong_token"),
        ({CONF_HOST: f"{ADDRESSES}.99"}, "cannot_connect_camera"),
    ):
        result = await answer(ready, result, {**good, **bad})
        assert result["errors"] == {"base": error}, bad
    result = await answer(ready, result, {**good, CONF_NAME: "By hand"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    await settle(ready)
    state = ready.states.get("camera.by_hand")
    assert state.state == "idle"
    # Without an account there are no keys for pictures, and it says so.
    from homeassistant.components.camera import async_get_image
    from homeassistant.exceptions import HomeAssistantError

    with pytest.raises(HomeAssistantError):
        await async_get_image(ready, "camera.by_hand", timeout=1.5)
    assert ready.states.get("camera.by_hand").attributes["trouble"] == "no_keys"
    await ready.config_entries.async_remove(entry.entry_id)


async def test_nothing_is_set_up_when_the_gate_cannot_be_saved(
    ready: HomeAssistant, home: Home
) -> None:
    from pathlib import Path

    path = Path(ready.config.path(".storage", "mi_camera.gate"))
    await ready.async_add_executor_job(lambda: path.mkdir(parents=True, exist_ok=True))
    try:
        camera = home.cameras[0].spec
        result = await begin(ready, "camera")
        result = await answer(
            ready, result, {CONF_HOST: camera.address, CONF_TOKEN: camera.token.hex()}
        )
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "gate_not_saved"
        assert not ready.config_entries.async_entries(DOMAIN)
    finally:
        await ready.async_add_executor_job(path.rmdir)


async def test_an_expired_account_is_signed_in_to_again(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    (account,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    before = dict(account.data)
    home.cloud.accounts.expire_service_tokens()
    home.cloud.accounts.revoke_pass_tokens()
    from homeassistant.components.camera import async_get_image
    from homeassistant.exceptions import HomeAssistantError

    with pytest.raises(HomeAssistantError):
        await async_get_image(hass, "camera.kitchen", timeout=3)
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["step_id"] == "reauth_confirm"
    result = await answer(hass, flow, {"next_step_id": "account"})
    assert shown(result) == {CONF_USERNAME: USERNAME, CONF_PASSWORD: None}
    result = await answer(hass, result, {CONF_USERNAME: USERNAME, CONF_PASSWORD: "wrong"})
    assert result["errors"] == {"base": "invalid_auth"}
    result = await answer(hass, result, {CONF_USERNAME: OTHER_USERNAME, CONF_PASSWORD: PASSWORD})
    assert result["errors"] == {"base": "other_account"}
    result = await answer(hass, result, {CONF_USERNAME: USERNAME, CONF_PASSWORD: PASSWORD})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reauth_successful"
    await settle(hass)
    assert await image_soon(hass, "camera.kitchen")
    assert entry.subentries[account.subentry_id].data != before


async def test_reauth_of_an_account_that_was_removed_meanwhile(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    entry.async_start_reauth(hass, data={"subentry_id": "gone"})
    await hass.async_block_till_done()
    assert not hass.config_entries.flow.async_progress_by_handler(DOMAIN)


async def test_another_account_can_be_added_with_its_cameras(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    home.cloud.add_device(OTHER_USERNAME, CloudDevice.camera(third.spec, third.miio.methods))
    result = await begin_account(hass, entry)
    result = await answer_subentry(hass, result, {**OTHER, CONF_PASSWORD: "wrong"})
    assert result["errors"] == {"base": "invalid_auth"}
    result = await answer_subentry(hass, result, OTHER)
    assert result["step_id"] == "cameras"
    result = await answer_subentry(hass, result, {CONF_CAMERAS: [str(third.spec.did)]})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert hass.states.get("camera.camera_3").state == "idle"
    assert len(entry.get_subentries_of_type(SUBENTRY_ACCOUNT)) == 2

    # Its cameras are all there now, and so is the account.
    result = await begin_account(hass, entry)
    result = await answer_subentry(hass, result, OTHER)
    assert result["reason"] == "already_configured"


async def test_an_account_without_new_cameras_can_be_added(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    result = await begin_account(hass, entry)
    result = await answer_subentry(hass, result, OTHER)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_cameras_can_be_added_later_from_the_account(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    async def to_list() -> Any:
        result = await begin_subentry(hass, entry, SUBENTRY_CAMERA)
        assert result["menu_options"] == ["from_account", "address"]
        return await answer_subentry(hass, result, {"next_step_id": "from_account"})

    assert (await to_list())["reason"] == "no_cameras"
    fourth = spec(4)
    home.cloud.add_device(USERNAME, CloudDevice.camera(third.spec, third.miio.methods))
    home.cloud.add_device(USERNAME, CloudDevice.camera(fourth, third.miio.methods))
    await home.cloud.set_outage(Outage.UNAVAILABLE)
    assert (await to_list())["reason"] == "cannot_connect"
    await home.cloud.set_outage(None)
    result = await to_list()
    assert result["step_id"] == "from_account"
    result = await answer_subentry(hass, result, {CONF_CAMERAS: []})
    assert result["errors"] == {CONF_CAMERAS: "choose_camera"}
    result = await answer_subentry(
        hass, result, {CONF_CAMERAS: [str(third.spec.did), str(fourth.did)]}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert hass.states.get("camera.camera_3").state == "idle"
    assert hass.states.get("camera.camera_4").state == "unavailable"

    # Removing one takes its entity and device along, and nothing else.
    (subentry,) = (
        one
        for one in entry.get_subentries_of_type(SUBENTRY_CAMERA)
        if one.unique_id == str(third.spec.did)
    )
    hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
    await settle(hass)
    assert er.async_get(hass).async_get("camera.camera_3") is None
    assert not any(
        (DOMAIN, str(third.spec.did)) in device.identifiers for device in dr.async_get(hass).devices
    )
    assert hass.states.get("camera.kitchen").state == "idle"


async def test_listing_needs_a_running_hub_and_an_account(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    (account,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    hass.config_entries.async_remove_subentry(entry, account.subentry_id)
    await settle(hass)
    for reason in ("no_account", "hub_not_loaded"):
        result = await begin_subentry(hass, entry, SUBENTRY_CAMERA)
        result = await answer_subentry(hass, result, {"next_step_id": "from_account"})
        assert result["reason"] == reason
        await hass.config_entries.async_unload(entry.entry_id)


async def test_a_camera_can_be_added_later_by_address(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    async def to_form() -> Any:
        result = await begin_subentry(hass, entry, SUBENTRY_CAMERA)
        return await answer_subentry(hass, result, {"next_step_id": "address"})

    good = {CONF_HOST: third.spec.address, CONF_TOKEN: third.spec.token.hex()}
    result = await answer_subentry(hass, await to_form(), {**good, CONF_TOKEN: "00" * 16})
    assert result["errors"] == {"base": "wrong_token"}
    result = await answer_subentry(hass, result, good)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    result = await answer_subentry(hass, await to_form(), good)
    assert result["reason"] == "already_configured"


def subentry_of(entry: MiCameraConfigEntry, camera: SimCamera) -> ConfigSubentry:
    (subentry,) = (
        one
        for one in entry.get_subentries_of_type(SUBENTRY_CAMERA)
        if one.unique_id == str(camera.spec.did)
    )
    return subentry


async def reconfigure(
    hass: HomeAssistant, entry: MiCameraConfigEntry, subentry: ConfigSubentry
) -> Any:
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_CAMERA),
        context={"source": "reconfigure", "subentry_id": subentry.subentry_id},
    )
    assert result["step_id"] == "reconfigure"
    return result


def shown(result: Any) -> dict[str, Any]:
    """Return what a form shows in its fields."""
    return {
        str(key): (key.description or {}).get("suggested_value")
        for key in result["data_schema"].schema
    }


async def test_a_camera_follows_its_new_address_but_is_not_replaced_by_another(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kitchen, porch = home.cameras
    subentry = subentry_of(entry, kitchen)
    await kitchen.stop()
    kitchen.spec.address = f"{ADDRESSES}.77"
    moved = SimCamera(kitchen.spec, home.keys)
    await moved.start()
    home.cameras[0] = moved
    result = await reconfigure(hass, entry, subentry)
    options = {
        CONF_QUALITY: "low",
        CONF_SOUND: False,
        CONF_CAST_TO: "chosen",
        CONF_CAST_PLAYERS: ["media_player.hall"],
        CONF_CAST_MINUTES: 10,
        CONF_CAST_FROM: "08:00:00",
        CONF_CAST_UNTIL: "22:00:00",
    }
    result = await answer_subentry(
        hass,
        result,
        {CONF_HOST: porch.spec.address, CONF_TOKEN: porch.spec.token.hex(), **options},
    )
    assert result["errors"] == {"base": "other_device"}
    assert shown(result) == {CONF_HOST: porch.spec.address, CONF_TOKEN: None, **options}
    # The token of before is tried if none is given, and what is typed may be in capitals.
    result = await answer_subentry(hass, result, {CONF_HOST: f"{ADDRESSES}.78", **options})
    assert result["errors"] == {"base": "cannot_connect_camera"}
    token = kitchen.spec.token.hex()
    result = await answer_subentry(
        hass,
        result,
        {CONF_HOST: f" {moved.spec.address} ", CONF_TOKEN: f" {token.upper()} ", **options},
    )
    assert result["reason"] == "reconfigure_successful"
    assert hass.states.get("camera.kitchen").state == "idle"
    data = entry.subentries[subentry.subentry_id].data
    assert data == {**subentry.data, CONF_HOST: moved.spec.address, **options}


async def test_what_a_camera_sends_can_be_changed_while_it_is_away(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kitchen = home.cameras[0]
    subentry = subentry_of(entry, kitchen)
    host = kitchen.spec.address
    # What was stored by a version before there was a choice.
    old = {key: subentry.data[key] for key in subentry.data.keys() - {CONF_QUALITY, CONF_SOUND}}
    hass.config_entries.async_update_subentry(entry, subentry, data=old)
    await settle(hass)
    coordinator = entry.runtime_data.cameras[subentry.subentry_id]
    assert (coordinator.config.quality, coordinator.config.sound) == ("best", True)
    await kitchen.stop()
    no_hours = {CONF_CAST_FROM: None, CONF_CAST_UNTIL: None}
    result = await reconfigure(hass, entry, subentry)
    assert shown(result) == {
        CONF_HOST: host,
        CONF_TOKEN: None,
        CONF_QUALITY: "best",
        CONF_SOUND: True,
        CONF_CAST_TO: "all",
        CONF_CAST_PLAYERS: [],
        CONF_CAST_MINUTES: 0,
        **no_hours,
    }
    options = {
        CONF_QUALITY: "low",
        CONF_SOUND: False,
        CONF_CAST_TO: "chosen",
        CONF_CAST_PLAYERS: [],
        CONF_CAST_MINUTES: 5,
    }
    with pytest.raises(InvalidData):
        await answer_subentry(
            hass, result, {CONF_HOST: host, CONF_QUALITY: "4K", CONF_SOUND: False}
        )
    result = await answer_subentry(hass, result, {CONF_HOST: host, **options})
    assert result["reason"] == "reconfigure_successful"
    assert entry.subentries[subentry.subentry_id].data == {**old, **options, **no_hours}
    # The camera is the same, with other settings.
    assert entry.runtime_data.cameras[subentry.subentry_id] is coordinator
    assert (coordinator.config.quality, coordinator.config.sound) == ("low", False)
    result = await reconfigure(hass, entry, subentry)
    assert shown(result) == {CONF_HOST: host, CONF_TOKEN: None, **options, **no_hours}
    # What an answer says nothing of stays; players that are left out of one that does go.
    player = "media_player.hall"
    rest = {CONF_HOST: host, CONF_QUALITY: "low", CONF_SOUND: False}
    result = await answer_subentry(hass, result, {**rest, CONF_CAST_PLAYERS: [player]})
    for answer, left in ((rest, [player]), ({**rest, CONF_CAST_TO: "chosen"}, [])):
        result = await reconfigure(hass, entry, subentry)
        result = await answer_subentry(hass, result, answer)
        assert result["reason"] == "reconfigure_successful"
        policy = entry.runtime_data.cameras[subentry.subentry_id].cast_policy
        assert policy == CastPolicy(frozenset(left), timedelta(minutes=5))


async def test_hours_of_a_camera_are_given_both_or_left_empty(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    subentry = subentry_of(entry, home.cameras[0])
    coordinator = entry.runtime_data.cameras[subentry.subentry_id]
    host = home.cameras[0].spec.address
    rest = {CONF_HOST: host, CONF_QUALITY: "best", CONF_SOUND: True}
    options = {**rest, CONF_CAST_TO: "all", CONF_CAST_MINUTES: 0}

    async def say(given: dict[str, Any]) -> Any:
        form = await reconfigure(hass, entry, subentry)
        return await answer_subentry(hass, form, given)

    for wrong, key in (
        ({CONF_CAST_FROM: "08:00:00"}, "hours_incomplete"),
        ({CONF_CAST_UNTIL: "08:00:00"}, "hours_incomplete"),
        ({CONF_CAST_FROM: "08:00", CONF_CAST_UNTIL: "08:00:00"}, "hours_equal"),
    ):
        result = await say({**options, **wrong})
        assert result["errors"] == {"base": key}
        # What was typed is still there.
        assert wrong.items() <= shown(result).items()
    result = await answer_subentry(
        hass, result, {**options, CONF_CAST_FROM: "22:00", CONF_CAST_UNTIL: "6:30:15"}
    )
    assert result["reason"] == "reconfigure_successful"
    hours = CastHours(time(22), time(6, 30, 15))
    assert coordinator.cast_policy == CastPolicy(None, None, hours)
    stored = {CONF_CAST_FROM: "22:00:00", CONF_CAST_UNTIL: "06:30:15"}
    assert stored.items() <= shown(await reconfigure(hass, entry, subentry)).items()
    # An answer that says nothing of casts leaves them, and one of them can be changed alone.
    await say(rest)
    assert coordinator.cast_policy.hours == hours
    await say({**rest, CONF_CAST_UNTIL: "07:00:00"})
    assert coordinator.cast_policy.hours == CastHours(time(22), time(7))
    await say(options)
    assert coordinator.cast_policy == CastPolicy()


async def test_damaged_subentries_are_reported_and_the_rest_works(
    hass: HomeAssistant, ready: HomeAssistant, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up(ready)
    kitchen = next(
        one
        for one in entry.get_subentries_of_type(SUBENTRY_CAMERA)
        if one.unique_id == str(home.cameras[0].spec.did)
    )
    await hass.config_entries.async_unload(entry.entry_id)
    hass.config_entries.async_update_subentry(
        entry, kitchen, data={**kitchen.data, CONF_TOKEN: "damaged"}
    )
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert "a stored camera has no valid token" in caplog.text
    assert hass.states.get("camera.porch").state == "idle"
    await hass.config_entries.async_remove(entry.entry_id)


async def test_a_camera_added_by_hand_while_its_account_is_being_added(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    home.cloud.add_device(OTHER_USERNAME, CloudDevice.camera(third.spec, third.miio.methods))
    result = await begin_account(hass, entry)
    result = await answer_subentry(hass, result, OTHER)
    assert result["step_id"] == "cameras"
    data = {
        "did": str(third.spec.did),
        "name": "Third",
        "model": third.spec.model,
        "host": third.spec.address,
        "token": third.spec.token.hex(),
    }
    hass.config_entries.async_add_subentry(
        entry,
        ConfigSubentry(
            data=MappingProxyType(data),
            subentry_type=SUBENTRY_CAMERA,
            title="Third",
            unique_id=data["did"],
        ),
    )
    await settle(hass)
    result = await answer_subentry(hass, result, {CONF_CAMERAS: [data["did"]]})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert hass.states.get("camera.third").state == "idle"


@pytest.mark.parametrize(
    ("error", "key"),
    [(SessionExpired(), "session_expired"), (CloudApiError(-8, "bad data"), "cloud_error")],
)
def test_other_cloud_errors_have_their_texts(
    error: CloudError, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert sign_in.form_key(error) == key
    assert ("answered with an error" in caplog.text) is (key == "cloud_error")


async def test_cameras_without_what_the_local_network_needs_are_not_offered(
    ready: HomeAssistant, home: Home
) -> None:
    home.devices[0].address = ""
    home.cloud.add_device(
        USERNAME,
        CloudDevice(did="blt.3.abc", model="a.camera.b", name="Odd", mac="", token=b"0" * 16),
    )
    result = await begin(ready, "account")
    result = await answer(ready, result, LOGIN)
    (field,) = result["data_schema"].schema
    assert field.default() == [str(home.cameras[1].spec.did)]


async def test_no_socket_to_ask_a_camera_with(
    ready: HomeAssistant, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_self: object) -> None:
        raise OSError("no more sockets")

    monkeypatch.setattr(sign_in.MiioEndpoint, "open", fail)
    camera = home.cameras[0].spec
    result = await begin(ready, "camera")
    result = await answer(
        ready, result, {CONF_HOST: camera.address, CONF_TOKEN: camera.token.hex()}
    )
    assert result["errors"] == {"base": "cannot_connect_camera"}
