"""Switches: one lets the pictures of all cameras out, and each camera has one for its privacy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import callback

from .device import POWER
from .entity import HubEntity, MiCameraEntity
from .gate.camera_gate import Hold
from .setting_entity import SettingEntity, async_add_settings

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import CameraCoordinator
    from .device import SpecProperty
    from .hub import Hub, MiCameraConfigEntry

# Nothing may stand in a queue before the kill switch.
PARALLEL_UPDATES = 0

SETTINGS = (
    SwitchEntityDescription(key=POWER, translation_key="lens"),
    *(
        SwitchEntityDescription(
            key=key, translation_key=translation_key, entity_category=EntityCategory.CONFIG
        )
        for key, translation_key in (
            ("camera-control:glimmer-full-color", "glimmer_full_color"),
            ("camera-control:hdr", "hdr"),
            ("camera-control:hdr-mode", "hdr"),
            ("camera-control:human-tracking", "human_tracking"),
            ("camera-control:image-distortion-correction", "distortion_correction"),
            ("camera-control:motion-tracking", "motion_tracking"),
            ("camera-control:time-watermark", "time_watermark"),
            ("camera-control:wdr-mode", "wdr_mode"),
            ("indicator-light:on", "indicator_light"),
            ("motion-detection:motion-detection", "motion_detection"),
        )
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the one switch of all cameras, and one for each camera."""
    hub = entry.runtime_data
    async_add_entities([PicturesSwitch(hub)])

    @callback
    def add(coordinator: CameraCoordinator) -> None:
        async_add_entities([PrivacySwitch(coordinator)], config_subentry_id=coordinator.subentry_id)

    hub.async_on_camera(add)
    async_add_settings(entry, async_add_entities, SETTINGS, _make_setting)


def _make_setting(
    coordinator: CameraCoordinator, description: SwitchEntityDescription, prop: SpecProperty
) -> SettingSwitch | None:
    if prop.format != "bool" or not prop.writable:
        return None
    kind = LensSwitch if description.key == POWER else SettingSwitch
    return kind(coordinator, description)


class SettingSwitch(SettingEntity, SwitchEntity):
    """A setting that is on or off."""

    @property
    @override
    def is_on(self) -> bool:
        """What the camera told."""
        return self.told is True or self.told == 1

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Set it."""
        await self.async_set(value=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Unset it."""
        await self.async_set(value=False)


class LensSwitch(SettingSwitch):
    """The lens, awake or asleep."""

    @override
    async def async_set(self, value: object) -> None:
        """Wake it or put it to sleep, as the camera entity does."""
        await self.coordinator.async_set_power(on=value is True)


class PicturesSwitch(HubEntity, SwitchEntity):
    """Pictures of all cameras, on or off; always available."""

    _attr_translation_key = "streaming"

    def __init__(self, hub: Hub) -> None:
        """Belong to the hub's own device."""
        super().__init__(hub, "streaming")
        self._kill_switch = hub.kill_switch

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the gate."""
        self.async_on_remove(self._kill_switch.async_listen(self.async_write_ha_state))

    @property
    @override
    def is_on(self) -> bool:
        """Whether pictures may leave."""
        return self._kill_switch.gate.is_open

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Since when, and the reason that was given."""
        record = self._kill_switch.record
        return {
            "changed_at": record.changed_at if record else None,
            "reason": record.reason if record else None,
        }

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Stop all pictures; everybody with control may."""
        await self._kill_switch.async_engage(context=self._context)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Allow pictures again; administrators and automations may."""
        # Another call may replace the entity's context while this one waits.
        if (context := self._context) is not None:
            await self._kill_switch.async_require_admin(context)
        await self._kill_switch.async_release(context=context)


class PrivacySwitch(MiCameraEntity, SwitchEntity):
    """Privacy of one camera: while on, nothing of it leaves; always available."""

    _attr_translation_key = "privacy"

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Hide and show the coordinator's camera."""
        super().__init__(coordinator, "privacy")
        self._did = coordinator.config.did
        self._kill_switch = coordinator.hub.kill_switch

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the camera's gate."""
        await super().async_added_to_hass()
        self.async_on_remove(self._kill_switch.async_listen(self.async_write_ha_state))

    @property
    @override
    def available(self) -> bool:
        """Also a camera that is not there can be hidden."""
        return True

    @property
    @override
    def is_on(self) -> bool:
        """Whether the camera is hidden."""
        return Hold.PRIVACY in self._kill_switch.holds_of(self._did)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Hide the camera; everybody with control may."""
        await self._kill_switch.async_hide(self._did, context=self._context)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Show the camera again; administrators and automations may."""
        if (context := self._context) is not None:
            await self._kill_switch.async_require_admin(context)
        await self._kill_switch.async_show(self._did, context=context)
