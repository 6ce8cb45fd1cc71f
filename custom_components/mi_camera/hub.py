"""The hub: what one configured Mi Camera owns while it is loaded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import DummyCookieJar
from homeassistant.components.network import async_get_ipv4_broadcast_addresses
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.aiohttp_client import async_create_clientsession

from .camera_config import AccountConfig, CameraConfig
from .camera_events import CameraEvents
from .casts.policy import CastPolicy
from .casts.sessions import CastSessions
from .cloud import (
    AccountSession,
    BackOff,
    CloudEndpoints,
    CloudError,
    DeviceCalls,
    NotAllowed,
    SessionExpired,
    XiaomiAccount,
)
from .const import DOMAIN, LOGGER, SUBENTRY_ACCOUNT, SUBENTRY_CAMERA
from .coordinator import CameraCoordinator
from .device import MiioEndpoint
from .key_store import KeyStore
from .lens_sleep import LensSleep
from .media import EncoderChoice, EncoderSlots, Relay, Trouble, UpstreamError
from .miss import MissKeys, new_client_key
from .miss.dialers import is_supported
from .model_specs import ModelSpecs
from .new_cameras import NewCameras, async_end_offers
from .options import HubOptions
from .signed_path import SignatureClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.config_entries import ConfigSubentry
    from homeassistant.core import HomeAssistant

    from .kill_switch import KillSwitch
    from .media import Source

type MiCameraConfigEntry = ConfigEntry[Hub]


class Hub:
    """Accounts, cameras, the relay and the casts, all behind the kill switch's gate."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: MiCameraConfigEntry,
        kill_switch: KillSwitch,
        endpoints: CloudEndpoints,
    ) -> None:
        """Make a hub that owns nothing running yet."""
        self.hass = hass
        self.entry = entry
        self.kill_switch = kill_switch
        self.gate = kill_switch.gate
        self.endpoints = endpoints
        self.options = HubOptions.parse(entry.options)
        self.signatures = SignatureClock()
        self.relay = Relay(lambda source: self.async_violation(source, "relay"))
        self.encoder_slots = EncoderSlots()
        self.encoder_choice = EncoderChoice()
        self.miio = MiioEndpoint()
        self.keys = KeyStore(hass)
        self.specs = ModelSpecs(hass, endpoints.specs)
        self.casts = CastSessions(self)
        self.lens_sleep = LensSleep(self)
        self.events = CameraEvents(self)
        self.new_cameras = NewCameras(self)
        self.broadcasts: tuple[str, ...] = ()
        self.accounts: dict[str, XiaomiAccount] = {}
        self.cameras: dict[str, CameraCoordinator] = {}
        self.device_id = (
            dr.async_get(hass)
            .async_get_or_create(
                config_entry_id=entry.entry_id,
                identifiers={self.device_identifier},
                entry_type=dr.DeviceEntryType.SERVICE,
                name=entry.title,
            )
            .id
        )
        self._syncing = asyncio.Lock()
        self._refused: set[str] = set()
        self._on_camera: list[Callable[[CameraCoordinator], None]] = []
        self._undo: list[Callable[[], None]] = []

    # -- life -------------------------------------------------------------------------

    async def async_start(self) -> None:
        """Open the sockets of this side and take in accounts and cameras.

        Raises:
            OSError: a loopback port or UDP socket cannot be had.
        """
        await self.miio.open()
        try:
            await self.relay.start()
        except OSError:
            await self.miio.close()
            raise
        self._undo = [
            self.gate.on_close(self._cut),
            self.kill_switch.async_on_engaged(self.casts.players.async_clean_up),
            self.kill_switch.async_listen(self._async_gate_changed),
            self.kill_switch.async_count(self._count),
            self.lens_sleep.async_follow(),
        ]
        await self.keys.async_load()
        await self.specs.async_load()
        await self.async_find_broadcasts()
        await self.async_sync()
        self.casts.players.async_start()
        self.new_cameras.async_start()

    async def async_stop(self) -> None:
        """End everything this hub has started."""
        for undo in self._undo:
            undo()
        self._undo = []
        self.relay.close()
        self._cut()
        await self.new_cameras.async_stop()
        await self.casts.async_stop()
        await self.lens_sleep.async_stop()
        await self.events.async_stop()
        for coordinator in tuple(self.cameras.values()):
            await coordinator.async_stop()
        self.cameras.clear()
        await self.encoder_choice.close()
        await self.relay.stop()
        await self.miio.close()
        await self.keys.async_close()
        await self.specs.async_save()

    async def async_find_broadcasts(self) -> None:
        """Look again at which addresses everybody on this machine's networks can be asked."""
        found = await async_get_ipv4_broadcast_addresses(self.hass)
        self.broadcasts = tuple(sorted(str(address) for address in found))

    @callback
    def _cut(self) -> None:
        """Cut every picture, synchronously: what the gate calls as it closes."""
        self.relay.cut()
        self.casts.cut()
        for coordinator in self.cameras.values():
            coordinator.cut()

    @callback
    def _async_gate_changed(self) -> None:
        for coordinator in self.cameras.values():
            coordinator.async_gate_changed()

    @callback
    def _count(self) -> dict[str, int]:
        """Count what would end if the gate closed now."""
        lenses = [lens for camera in self.cameras.values() for lens in camera.lenses]
        return {
            "viewers": self.relay.stats.connections,
            "casts": len(self.casts.sessions),
            "webrtc": sum(len(lens.webrtc) for lens in lenses),
            "cameras": len({lens.source.did for lens in lenses if lens.live}),
        }

    @callback
    def async_violation(self, source: Source, where: str) -> None:
        """Take care that a picture of elsewhere was met at an exit of a camera."""
        self.kill_switch.async_violation(source.did, f"{where} of lens {source.lens}")

    # -- accounts and cameras -------------------------------------------------------------

    @callback
    def async_on_camera(self, listener: Callable[[CameraCoordinator], None]) -> None:
        """Call `listener` for each camera there is and will be."""
        self._on_camera.append(listener)
        for coordinator in self.cameras.values():
            listener(coordinator)

    async def async_sync(self) -> None:
        """Make accounts and cameras follow the entry, touching only what differs."""
        self.options = HubOptions.parse(self.entry.options)
        for coordinator in self.cameras.values():
            for lens in coordinator.lenses:
                lens.async_limit(self.options)
        async with self._syncing:
            await self._async_sync()

    async def _async_sync(self) -> None:
        wanted = self.entry.subentries
        if gone := [key for key in self.accounts if key not in wanted]:
            for subentry_id in gone:
                del self.accounts[subentry_id]
            # What came by them is shown no more.
            for coordinator in self.cameras.values():
                coordinator.async_update_listeners()
        for subentry_id in [key for key in self.cameras if key not in wanted]:
            coordinator = self.cameras.pop(subentry_id)
            self.events.async_forget(coordinator)
            self.new_cameras.unlisted.async_forget(coordinator.config.did)
            self.casts.clock.async_wind()
            await coordinator.async_stop()
            await self.casts.async_end_camera(coordinator)
            self.kill_switch.async_forget_camera(coordinator.config.did)
        for subentry in wanted.values():
            try:
                if subentry.subentry_type == SUBENTRY_ACCOUNT:
                    self._sync_account(subentry)
                elif subentry.subentry_type == SUBENTRY_CAMERA:
                    await self._async_sync_camera(subentry)
            except ValueError as err:
                if subentry.subentry_id not in self._refused:
                    self._refused.add(subentry.subentry_id)
                    LOGGER.error("%s; remove it and add it again", err)
        async_end_offers(self.hass, self.entry)
        self.specs.keep_only({one.config.model for one in self.cameras.values()})
        self.keys.keep_only(
            {str(one.unique_id) for one in self.entry.get_subentries_of_type(SUBENTRY_CAMERA)},
            {str(one.unique_id) for one in self.entry.get_subentries_of_type(SUBENTRY_ACCOUNT)},
        )

    def _sync_account(self, subentry: ConfigSubentry) -> None:
        config = AccountConfig.parse(subentry.data)
        account = self.accounts.get(subentry.subentry_id)
        if account is not None and account.session == config.session:
            return

        @callback
        def keep(session: AccountSession | None, back_off: BackOff) -> None:
            current = self.entry.subentries.get(subentry.subentry_id)
            if current is not None and session is not None:
                data = AccountConfig(config.region, session, back_off).as_dict()
                self.hass.config_entries.async_update_subentry(self.entry, current, data=data)

        new = XiaomiAccount(
            async_create_clientsession(self.hass, cookie_jar=DummyCookieJar()),
            self.endpoints,
            config.region,
            config.session,
            lambda session: keep(session, new.back_off),
            back_off=config.back_off,
            on_back_off=lambda back_off: keep(new.session, back_off),
        )
        self.accounts[subentry.subentry_id] = new

    async def _async_sync_camera(self, subentry: ConfigSubentry) -> None:
        config = CameraConfig.parse(subentry.data)
        policy = CastPolicy.parse(subentry.data)
        if subentry.unique_id != config.did:
            raise ValueError(f"stored camera {subentry.title} is mistaken for another")
        coordinator = self.cameras.get(subentry.subentry_id)
        if any(
            one.config.did == config.did and one is not coordinator for one in self.cameras.values()
        ):
            raise ValueError(f"camera {config.did} is stored twice, and used only once")
        if coordinator is not None:
            if coordinator.cast_policy != policy:
                coordinator.cast_policy = policy
                self.casts.async_policy_changed()
            if coordinator.config != config:
                await coordinator.async_reconfigure(config)
            return
        coordinator = CameraCoordinator(self.hass, self, subentry.subentry_id, config)
        coordinator.cast_policy = policy
        self.cameras[subentry.subentry_id] = coordinator
        self.casts.clock.async_wind()
        for listener in tuple(self._on_camera):
            listener(coordinator)
        if self.gate.is_open:
            coordinator.async_start()

    # -- keys of the video sessions ---------------------------------------------------------

    async def async_miss_keys(self, config: CameraConfig, *, fresh: bool) -> MissKeys:
        """Return the keys for a session with a camera: those kept, or new ones by its account.

        Raises:
            UpstreamError: no account knows the camera, or the cloud cannot be asked, or the
                camera's transport is not supported, or pictures were switched off meanwhile.
        """
        unsupported: int | None = None
        if not fresh and (kept := self.keys.get(config.did)) is not None:
            if is_supported(kept.keys.vendor):
                return kept.keys
            unsupported = kept.keys.vendor
        cameras = [one for one in self.cameras.values() if one.config.did == config.did]
        permit = cameras[0].gate.permit() if cameras else None
        for subentry_id in self._owners(config):
            if permit is None or not permit.valid:
                raise UpstreamError(Trouble.BROKEN)
            if (account := self.accounts.get(subentry_id)) is None:
                continue
            private, public = new_client_key()
            try:
                vendor = await account.at(config.region).miss_vendor(
                    config.did, public, allowed=lambda: permit.valid
                )
            except NotAllowed:
                raise UpstreamError(Trouble.BROKEN) from None
            except SessionExpired:
                self.async_sign_in_again(subentry_id)
                continue
            except CloudError as err:
                LOGGER.debug("No keys for camera %s from one account: %s", config.did, err)
                continue
            if not is_supported(vendor.vendor):
                unsupported = vendor.vendor
                continue
            if not permit.valid:
                raise UpstreamError(Trouble.BROKEN)
            # The answer may come when the account or the camera has been removed, and with
            # it all keys: none may be kept then.
            user_id = self._user_id(subentry_id)
            if user_id is None or not self._is_configured(config.did):
                continue
            keys = MissKeys(
                private,
                public,
                vendor.device_public,
                vendor.sign,
                vendor.vendor,
                vendor.peer_id,
            )
            self.keys.put(config.did, keys, user_id)
            return keys
        if unsupported is not None:
            LOGGER.warning(
                "Camera %s streams by a transport that is not supported yet (vendor %d)",
                config.did,
                unsupported,
            )
        raise UpstreamError(Trouble.NO_KEYS)

    def accounts_of(self, config: CameraConfig) -> list[DeviceCalls]:
        """Return the accounts that may know a camera, the one it was added from first."""
        return [self.accounts[one].at(config.region) for one in self._owners(config)]

    def _owners(self, config: CameraConfig) -> list[str]:
        return sorted(self.accounts, key=lambda one: self._user_id(one) != config.account)

    def _is_configured(self, did: str) -> bool:
        cameras = self.entry.get_subentries_of_type(SUBENTRY_CAMERA)
        return any(one.unique_id == did for one in cameras)

    def _user_id(self, subentry_id: str) -> str | None:
        subentry = self.entry.subentries.get(subentry_id)
        return subentry.unique_id if subentry else None

    @callback
    def async_sign_in_again(self, subentry_id: str) -> None:
        """Ask the user to sign in again to an account whose session has ended."""
        self.entry.async_start_reauth(self.hass, data={"subentry_id": subentry_id})

    @property
    def device_identifier(self) -> tuple[str, str]:
        """Identifier of the hub's own (service) device."""
        return (DOMAIN, self.entry.entry_id)
