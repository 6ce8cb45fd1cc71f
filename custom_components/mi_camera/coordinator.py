"""One camera: its state by miio, its link, and its lenses."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, override

from homeassistant.core import callback
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .camera_push import CameraPush
from .casts.policy import CastPolicy
from .casts.session import EndReason
from .cloud import CloudError, NotAllowed
from .const import DOMAIN, LOGGER
from .control_path import ControlPath, Via
from .device import (
    POWER,
    CameraDevice,
    CameraStatus,
    MiioError,
    MiioNotAllowed,
    MiioTimeout,
    MiioUnsupported,
    MiioWrongDevice,
)
from .did import is_same_did
from .exceptions import MiCameraError, MiCameraInputError, session_error, translated
from .firmware import async_show_firmware
from .gate.camera_gate import Hold
from .identity import Identity
from .lens import Lens
from .media import CameraLink, Trouble, UpstreamError
from .miss.models import camera_model
from .polling import Polling
from .ptz import Motor
from .relocation import Relocation
from .settings import CameraSettings, with_values
from .wake import Waker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from homeassistant.core import HomeAssistant

    from .camera_config import CameraConfig
    from .device.miot import Scalar
    from .device.packet import JsonValue
    from .gate import Permit
    from .hub import Hub
    from .media import Feed, StillMaker
    from .miss import MissKeys

KEYS_AGAIN = 1.0
HELLO_TIMEOUT = 1.0


class CameraCoordinator(DataUpdateCoordinator[CameraStatus]):
    """Asks one camera how it is, and owns its gate, polling, link, lenses and motor.

    A camera that sleeps to save its battery passes for there and awake as long as nobody
    knows better, since it is asked only while it shows something anyway.

    `gate` is this camera's own, below the gate of all. Everything of the camera asks it;
    its closing ends everything of this camera, and nothing of another.
    """

    def __init__(
        self, hass: HomeAssistant, hub: Hub, subentry_id: str, config: CameraConfig
    ) -> None:
        """Make a coordinator; nothing is sent yet."""
        super().__init__(
            hass,
            LOGGER,
            config_entry=hub.entry,
            name=config.name,
            update_interval=None,
            always_update=False,
        )
        self.hub = hub
        self.subentry_id = subentry_id
        self.config = config
        self.cast_policy = CastPolicy()
        self.gate = hub.kill_switch.camera_gate(config.did)
        self.model = camera_model(config.model)
        self.firmware: str | None = None
        self.settings = CameraSettings(self)
        self.control = ControlPath(self)
        self.device = self._make_device()
        self._waker = self._make_waker()
        self._woken = 0.0
        self.link = CameraLink(
            config.did,
            lambda: self.config.host,
            self._keys,
            self.model,
            broadcasts=lambda: self.hub.broadcasts,
            wake=self._wake if self._waker is not None else None,
        )
        self.lenses = [Lens(self, number) for number in range(self.model.lenses)]
        self.motor = Motor(self)
        self.relocation = Relocation(self)
        self.identity = Identity(self)
        self.polling = Polling(self)
        self.push = CameraPush(self)
        self._stopped = False
        self._unlisten = self.gate.on_close(self._gate_closed)

    @property
    def feed(self) -> Feed:
        """The first lens's feed."""
        return self.lenses[0].feed

    @property
    def stills(self) -> StillMaker:
        """The first lens's stills."""
        return self.lenses[0].stills

    def _make_device(self) -> CameraDevice:
        device = CameraDevice(
            self.hub.miio,
            self.config.host,
            bytes.fromhex(self.config.token),
            self.config.model,
            did=int(self.config.did),
        )
        self.settings.async_equip(device)
        self.settings.async_equip(self.control.async_equip())
        return device

    # -- life ----------------------------------------------------------------------------

    @callback
    def async_start(self) -> None:
        """Ask the camera in the background, so that an absent one delays nobody."""
        self.polling.async_start()

    async def async_stop(self) -> None:
        """Stop polling and end the feeds; nothing of this camera is shown any more."""
        self._stopped = True
        # Pictures end before anything is waited for, and as long as they come the gate ends them.
        self.hub.relay.cut_camera(self.config.did)
        self.cut()
        self._unlisten()
        await self.push.async_stop()
        await self.async_shutdown()
        self.polling.async_follow()
        await self.relocation.async_stop()
        for lens in self.lenses:
            await lens.async_close()
        await self.link.close()

    async def async_reconfigure(self, config: CameraConfig) -> None:
        """Take a new address, token or name."""
        self.cut()
        self.push.cut()
        for lens in self.lenses:
            lens.forget_shapes()
        self.config = config
        self.device = self._make_device()
        self.identity.forget()
        self.async_start()

    @callback
    def _gate_closed(self) -> None:
        """Follow the camera's gate as it closes: synchronous, and complete when it returns."""
        self.push.cut()
        self.hub.relay.cut_camera(self.config.did)
        self.hub.casts.cut_lenses(self.lenses)
        self.cut()
        self.polling.async_follow()
        self.async_update_listeners()

    @callback
    def cut(self) -> None:
        """End the link, the feeds and whatever else is under way, and forget all pictures."""
        self.hub.casts.cut_lenses(self.lenses, EndReason.CAMERA_GONE)
        self.motor.cut()
        self.relocation.cut()
        for lens in self.lenses:
            lens.cut()
        self.link.cut()

    @callback
    def async_gate_changed(self) -> None:
        """Follow the gates: nothing is asked of a camera while they are closed."""
        self.async_start()
        self.async_update_listeners()

    @callback
    def async_feed_changed(self) -> None:
        """Follow what the feeds meet."""
        self.polling.async_follow()
        live = any(lens.live for lens in self.lenses)
        if not live and any(lens.trouble is Trouble.UNREACHABLE for lens in self.lenses):
            self.relocation.async_look()
        self.async_update_listeners()

    # -- state -----------------------------------------------------------------------------

    @property
    def may_ask(self) -> bool:
        """Whether the camera may be asked anything, be it only who it is.

        A camera that another answers for is asked, since nothing else lets it prove itself.
        """
        return not self._stopped and self.hub.gate.is_open and self.gate.holds <= {Hold.IDENTITY}

    @property
    def answers(self) -> bool:
        """Whether the camera answered the last time it was asked."""
        return self.last_update_success and self.data is not None

    @override
    async def _async_update_data(self) -> CameraStatus:
        status: CameraStatus | None = None
        try:
            status = await self._ask()
        finally:
            self.polling.async_asked(self.data, status)
        return status

    async def _ask(self) -> CameraStatus:
        device = self.device
        try:
            if self.identity.due:
                info = await self.identity.async_prove()
                if info is None:
                    raise UpdateFailed(
                        translation_domain=DOMAIN,
                        translation_key="camera_no_answer",
                        translation_placeholders={"camera": self.config.name},
                    )
                self.firmware = info.firmware
                async_show_firmware(
                    self.hass, self.hub.entry.entry_id, self.config.did, info.firmware
                )
            self.push.async_asking()
            status = await device.status(allowed=lambda: self.may_ask)
        except MiioNotAllowed:
            # If there is nothing yet it is nobody's failure, and not to be logged as one.
            self.last_update_success = self.answers
            if self.data is None:
                raise UpdateFailed(
                    translation_domain=DOMAIN, translation_key="pictures_off"
                ) from None
            return self.data
        except MiioError as err:
            if device is self.device:
                self.async_met(err)
            if isinstance(err, MiioUnsupported):
                # Its switch is not where most have it: its specification says where.
                self.settings.async_want_spec()
            if isinstance(err, MiioTimeout):
                by_cloud = await self.control.async_poll()
                if by_cloud is not None:
                    return by_cloud
            error = translated(err, self.config.name)
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key=error.translation_key,
                translation_placeholders=error.translation_placeholders,
            ) from err
        self.relocation.async_found()
        self.control.async_answered()
        self.settings.async_want_spec()
        self.push.async_keep()
        return with_values(status, self.push.async_newer(status))

    @callback
    def async_told(self, values: Mapping[str, Scalar]) -> None:
        """Show what the camera told by itself; when it is polled does not depend on that."""
        if self.answers and (told := with_values(self.data, values)) != self.data:
            self.data = told
            self.async_update_listeners()

    @callback
    def async_identity_proved(self) -> None:
        """Follow the end of a doubt, which has opened the gate."""
        self.polling.async_follow()
        self.async_update_listeners()

    @callback
    def async_met(self, error: MiioError) -> None:
        """Take note of how asking the camera has failed."""
        if isinstance(error, MiioWrongDevice):
            self.identity.async_doubt(error)
        if isinstance(error, MiioWrongDevice | MiioTimeout):
            # It may be another camera, or the same one restarted: look again.
            self.identity.forget()
            self.relocation.async_missed(error)

    @property
    def reachable(self) -> bool:
        """Whether the camera may be shown, and answered the last time or is showing now.

        A lost answer on a busy network does not make a camera go whose pictures, which
        only it can encrypt, are coming in. One that sleeps to save its battery is there.
        One that only the cloud reaches is not: no picture comes that way.
        """
        return self.gate.is_open and (
            (self.answers and self.control.via is Via.LOCAL)
            or self.model.wake is not None
            or any(lens.live for lens in self.lenses)
        )

    @property
    def controllable(self) -> bool:
        """Whether the camera takes commands, be it by the cloud."""
        return self.reachable or (self.gate.is_open and self.answers)

    async def async_set_power(self, *, on: bool) -> None:
        """Wake the lens or put it to sleep.

        Raises:
            MiCameraError, MiCameraInputError: the camera did not do it, or nothing is sent
                to cameras as pictures are off.
        """
        permit = self.gate.permit()
        if permit is None:
            raise self.refusal()
        try:
            if self._waker is not None:
                await self._wake()
            await self.control.async_do(
                permit, lambda device, allowed: device.set_power(on, allowed=allowed)
            )
        except MiioNotAllowed, NotAllowed:
            raise self.refusal() from None
        except (MiioError, CloudError) as err:
            if isinstance(err, MiioWrongDevice):
                self.async_met(err)
            raise translated(err, self.config.name) from err
        except UpstreamError as err:
            if not permit.valid:
                raise self.refusal() from None
            raise session_error(err, self.config.name) from err
        if not on:
            self.cut()
        if self.control.via is Via.CLOUD:
            # The next poll that way may be a minute off.
            self.settings.async_show({POWER: on})
        await self.async_refresh()

    def permit(self) -> Permit | None:
        """Leave to show pictures now: gates open, camera there and awake."""
        if self._stopped or not self.reachable:
            return None
        awake = self.data.power if self.data else self.model.wake is not None
        return self.gate.permit() if awake else None

    def command_permit(self) -> Permit | None:
        """Leave to command the camera now: gates open, camera there, be it by the cloud."""
        there = self.controllable or self.control.usable
        return self.gate.permit() if there and not self._stopped else None

    def control_permit(self) -> Permit | None:
        """Leave to talk to the camera now: gates open and camera there; its lens may sleep."""
        return None if self._stopped or not self.reachable else self.gate.permit()

    def refusal(self) -> MiCameraError | MiCameraInputError:
        """Return what to raise when there is no permit, or it is not valid any more."""
        name = self.config.name
        if not self.hub.gate.is_open:
            return MiCameraInputError("pictures_off")
        if Hold.QUARANTINE in self.gate.holds:
            return MiCameraInputError("camera_quarantined", camera=name)
        if Hold.PRIVACY in self.gate.holds:
            return MiCameraInputError("camera_hidden", camera=name)
        if Hold.UNLISTED in self.gate.holds:
            return MiCameraInputError("camera_unlisted", camera=name)
        if self.identity.doubted:
            return MiCameraError("camera_other_device", camera=name)
        if not self.reachable:
            return MiCameraError("camera_no_answer", camera=name)
        # It was closed for a moment, and all that was in progress has ended with it.
        return MiCameraInputError("pictures_off")

    # -- for the link ------------------------------------------------------------------------

    def _make_waker(self) -> Waker | None:
        if self.model.wake is None:
            return None
        return Waker(
            self.config.did,
            self.model.wake,
            call=self._call,
            accounts=lambda: self.hub.accounts_of(self.config),
            awake=self._is_awake,
            permit=self.gate.permit,
        )

    async def _wake(self) -> None:
        assert self._waker is not None
        await self._waker()
        self._woken = time.monotonic()

    async def _call(self, method: str, params: JsonValue, allowed: Callable[[], bool]) -> JsonValue:
        token, did = bytes.fromhex(self.config.token), int(self.config.did)
        try:
            return await self.hub.miio.request(
                self.config.host, token, method, params, allowed=allowed, attempts=1, did=did
            )
        except MiioWrongDevice as err:
            self.async_met(err)
            raise

    async def _is_awake(self, allowed: Callable[[], bool]) -> bool:
        config = self.config
        try:
            hello = await self.hub.miio.hello(config.host, HELLO_TIMEOUT, allowed=allowed)
        except MiioNotAllowed:
            raise UpstreamError(Trouble.BROKEN) from None
        except MiioError:
            return False
        if is_same_did(config.did, hello.did):
            return True
        self.async_met(MiioWrongDevice(config.host, int(config.did), hello.did))
        return False

    async def _keys(self, *, fresh: bool) -> MissKeys:
        """Get keys; a camera that was just woken may need a while before the cloud has some."""
        wake = self.model.wake
        while True:
            try:
                return await self.hub.async_miss_keys(self.config, fresh=fresh)
            except UpstreamError:
                if wake is None or time.monotonic() - self._woken > wake.seconds:
                    raise
            await asyncio.sleep(KEYS_AGAIN)
            if not self.gate.is_open:
                raise UpstreamError(Trouble.BROKEN)
