"""The steps that begin with a camera which was found: by mDNS, by DHCP, in an account's list.

A discovery alone sends nothing to anybody, but a hello to a newcomer whose did DHCP does not
tell, and that only while pictures are allowed. It changes no address either: a camera that is
set up and said to be elsewhere is looked for, and followed when it has proved who it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self, override

from homeassistant.config_entries import DISCOVERY_SOURCES, ConfigEntryState, ConfigFlow
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_TOKEN
from homeassistant.core import DOMAIN as HOMEASSISTANT_DOMAIN, callback
from homeassistant.data_entry_flow import AbortFlow

from .const import SUBENTRY_CAMERA
from .device import MiioError
from .did import is_same_did
from .discovery import Found
from .flow_forms import ADDRESS_SCHEMA, camera_data, new_subentry, without_secrets
from .gate_issues import plain
from .known_cameras import known_cameras
from .new_cameras import async_listed, is_ignored
from .sign_in import FormError, async_probe_camera, camera_from_cloud

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigFlowResult, ConfigSubentry
    from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
    from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
    from homeassistant.helpers.typing import DiscoveryInfoType

    from .camera_config import CameraConfig
    from .hub import Hub, MiCameraConfigEntry

MAX_FLOWS: Final = 64
"""Cameras offered at a time: anybody on the network can invent more."""
HELLO_TIMEOUT: Final = 1.0
_NO_DIDS: Final = (0, 0xFFFFFFFF)
"""What a device says that has never been paired."""


class DiscoverySteps(ConfigFlow):
    """What the hub's flow does with a camera that was found."""

    _found: Found | None = None

    @override
    def is_matching(self, other_flow: Self) -> bool:
        """Whether another flow is about the same camera, by did or by MAC."""
        found, other = self._found, other_flow._found
        return found is not None and other is not None and other.is_device(found.did, found.mac)

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Begin with what is said by mDNS."""
        return await self._async_found(Found.of_zeroconf(discovery_info))

    @override
    async def async_step_dhcp(self, discovery_info: DhcpServiceInfo) -> ConfigFlowResult:
        """Begin with what is said by DHCP."""
        return await self._async_found(Found.of_dhcp(discovery_info))

    @override
    async def async_step_integration_discovery(
        self, discovery_info: DiscoveryInfoType
    ) -> ConfigFlowResult:
        """Begin with a camera that an account lists."""
        return await self._async_found(Found.parse(discovery_info))

    async def _async_found(self, found: Found | None) -> ConfigFlowResult:
        if found is None:
            return self.async_abort(reason="not_a_camera")
        if self._async_is_set_up(found):
            return self.async_abort(reason="already_configured")
        if found.model is None:
            return self.async_abort(reason="not_a_camera")
        others = [
            flow
            for flow in self._async_in_progress(include_uninitialized=True)
            if flow["context"]["source"] in DISCOVERY_SOURCES
        ]
        if len(others) >= MAX_FLOWS:
            return self.async_abort(reason="too_many_found")
        if found.did is None:
            found = await self._async_ask_did(found)
            if self._async_is_set_up(found):
                return self.async_abort(reason="already_configured")
        self._found = found
        await self.async_set_unique_id(found.did or found.mac)
        self._abort_if_unique_id_configured()
        if is_ignored(self.hass, found):
            return self.async_abort(reason="already_configured")
        if self.hass.config_entries.flow.async_has_matching_flow(self):
            raise AbortFlow("already_in_progress", translation_domain=HOMEASSISTANT_DOMAIN)
        self.context["title_placeholders"] = {"name": found.name, "model": str(found.model)}
        return await self.async_step_discovery_confirm()

    @callback
    def _async_is_set_up(self, found: Found) -> bool:
        """Whether the camera is set up; if it is said to be elsewhere, have it looked for."""
        entry = self._hub_entry()
        subentry = None if entry is None else _camera_of(entry, found)
        if entry is None or subentry is None:
            return False
        if entry.state is ConfigEntryState.LOADED:
            coordinator = entry.runtime_data.cameras.get(subentry.subentry_id)
            if coordinator is not None:
                coordinator.relocation.async_told(found.host)
        return True

    async def _async_ask_did(self, found: Found) -> Found:
        """Ask a newcomer for its did, if anybody may be asked; it proves nothing."""
        entry = self._hub_entry()
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            return found
        hub: Hub = entry.runtime_data
        if (permit := hub.gate.permit()) is None:
            return found
        try:
            hello = await hub.miio.hello(found.host, HELLO_TIMEOUT, allowed=lambda: permit.valid)
        except MiioError:
            return found
        if hello.did in _NO_DIDS:
            return found
        for subentry in entry.get_subentries_of_type(SUBENTRY_CAMERA):
            if is_same_did(str(subentry.unique_id), hello.did):
                return replace(found, did=subentry.unique_id)
        return replace(found, did=str(hello.did))

    async def async_step_discovery_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer the camera; one click adds it if an account lists it."""
        found = self._found
        assert found is not None
        errors: dict[str, str] = {}
        if user_input is not None:
            entry = self._hub_entry()
            if entry is None:
                return await self.async_step_user()
            if entry.state is not ConfigEntryState.LOADED:
                return self.async_abort(reason="hub_not_loaded")
            listed = await async_listed(entry.runtime_data, everywhere=True)
            owner = next((one for one in listed.devices if found.is_device(one.did, one.mac)), None)
            if owner is not None:
                # Its address in the list is the one it had in Xiaomi's eyes; there may be none.
                device = replace(owner, local_ip=owner.local_ip or found.host)
                if camera := camera_from_cloud(device, listed.owners[owner.did]):
                    return await self._async_add(entry, camera)
            if owner is not None or listed.problem is None:
                return await self.async_step_discovered_camera()
            errors["base"] = listed.problem
        return self.async_show_form(
            step_id="discovery_confirm",
            errors=errors,
            description_placeholders={
                "name": plain(found.name),
                "model": str(found.model),
                "host": found.host,
            },
        )

    async def async_step_discovered_camera(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the token of a camera that no account lists."""
        found, entry = self._found, self._hub_entry()
        assert found is not None
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="hub_not_loaded")
        errors: dict[str, str] = {}
        if user_input is not None:
            permit = entry.runtime_data.gate.permit()

            def allowed() -> bool:
                return permit is not None and permit.valid

            try:
                camera = await async_probe_camera(
                    user_input[CONF_HOST].strip(),
                    user_input[CONF_TOKEN].strip(),
                    name=user_input.get(CONF_NAME),
                    did=found.did,
                    allowed=allowed,
                )
            except FormError as err:
                errors["base"] = err.key
                if not allowed():
                    errors["base"] = "pictures_off"
            else:
                return await self._async_add(entry, camera)
        return self.async_show_form(
            step_id="discovered_camera",
            data_schema=self.add_suggested_values_to_schema(
                ADDRESS_SCHEMA, without_secrets(user_input) or self.found_address()
            ),
            errors=errors,
            description_placeholders={"name": plain(found.name), "model": str(found.model)},
        )

    def found_address(self) -> dict[str, Any]:
        """Return what a form for a camera's address can be filled in with."""
        return {} if self._found is None else {CONF_HOST: self._found.host}

    async def _async_add(
        self, entry: MiCameraConfigEntry, camera: CameraConfig
    ) -> ConfigFlowResult:
        if known_cameras(entry).stored(camera) is not None:
            return self.async_abort(reason="already_configured")
        # The hub ends the flows of cameras that it has; this one ends by itself.
        await self.async_set_unique_id(None)
        self.hass.config_entries.async_add_subentry(entry, new_subentry(camera_data(camera)))
        return self.async_abort(
            reason="camera_added", description_placeholders={"camera": plain(camera.name)}
        )

    @callback
    def _hub_entry(self) -> MiCameraConfigEntry | None:
        """Return the hub's entry, loaded or not."""
        entries = self._async_current_entries(include_ignore=False)
        return entries[0] if entries else None


def _camera_of(entry: MiCameraConfigEntry, found: Found) -> ConfigSubentry | None:
    cameras = entry.get_subentries_of_type(SUBENTRY_CAMERA)
    return next((one for one in cameras if found.is_camera(one)), None)
