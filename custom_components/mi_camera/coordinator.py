"""One camera: its state by miio, and its feed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, override

from homeassistant.core import callback
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .const import DOMAIN, LOGGER
from .device import CameraDevice, CameraStatus, MiioError, MiioTimeout, MiioWrongDevice
from .exceptions import MiCameraInputError, translated
from .media import Feed, FeedState, MissUpstream, Source, StillMaker

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

    from .camera_config import CameraConfig
    from .gate import Permit
    from .hub import Hub
    from .miss import MissKeys

POLL_INTERVAL = timedelta(seconds=30)


class CameraCoordinator(DataUpdateCoordinator[CameraStatus]):
    """Polls one camera while the gate is open, and owns its feed and stills."""

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
        self.firmware: str | None = None
        self.device = self._make_device()
        self._upstream = MissUpstream(Source(config.did), lambda: self.config.host, self._keys)
        self.feed = Feed(
            self._upstream.source,
            self._upstream.connect,
            on_change=self.async_update_listeners,
            on_stall=self._stalled,
        )
        self._stopped = False
        self._on_stall: list[Callable[[], None]] = []
        self.stills = StillMaker(self.feed)
        self.last_update_success = False

    def _make_device(self) -> CameraDevice:
        return CameraDevice(
            self.hub.miio,
            self.config.host,
            bytes.fromhex(self.config.token),
            self.config.model,
            did=int(self.config.did),
        )

    async def _keys(self, *, fresh: bool) -> MissKeys:
        return await self.hub.async_miss_keys(self.config, fresh=fresh)

    # -- life ----------------------------------------------------------------------------

    @callback
    def async_start(self) -> None:
        """Ask the camera in the background, so that an absent one delays nobody."""
        if self.hub.gate.is_open:
            self.update_interval = POLL_INTERVAL
            self.hub.entry.async_create_background_task(
                self.hass, self.async_refresh(), f"{DOMAIN} first poll {self.config.did}"
            )

    async def async_stop(self) -> None:
        """Stop polling and end the feed; nothing of this camera is shown any more."""
        self._stopped = True
        await self.async_shutdown()
        self.stills.forget()
        await self.feed.close()

    async def async_reconfigure(self, config: CameraConfig) -> None:
        """Take a new address, token or name."""
        self.cut()
        self.config = config
        self.device = self._make_device()
        self.async_start()

    @callback
    def cut(self) -> None:
        """End the feed and forget its pictures, synchronously."""
        self.stills.forget()
        self.feed.cut()

    @callback
    def async_gate_changed(self) -> None:
        """Follow the gate: nothing is asked of a camera while it is closed."""
        self.update_interval = None
        self.async_start()
        self.async_update_listeners()

    @callback
    def async_on_stall(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when pictures have stopped coming to viewers; returns the undoing."""
        self._on_stall.append(listener)
        return lambda: self._on_stall.remove(listener)

    @callback
    def _stalled(self) -> None:
        self.stills.forget()
        for listener in tuple(self._on_stall):
            listener()

    # -- state -----------------------------------------------------------------------------

    @override
    async def _async_update_data(self) -> CameraStatus:
        if not self.hub.gate.is_open:
            if self.data is None:
                raise UpdateFailed(translation_domain=DOMAIN, translation_key="pictures_off")
            return self.data
        try:
            if self.firmware is None:
                info = await self.device.info()
                self.firmware = info.firmware
                if not self.hub.gate.is_open:
                    raise UpdateFailed(translation_domain=DOMAIN, translation_key="pictures_off")
            return await self.device.status()
        except MiioError as err:
            if isinstance(err, MiioWrongDevice | MiioTimeout):
                # It may be another camera, or the same one restarted: look again.
                self.firmware = None
            error = translated(err, self.config.name)
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key=error.translation_key,
                translation_placeholders=error.translation_placeholders,
            ) from err

    @property
    def reachable(self) -> bool:
        """Whether the camera may be shown, and answered the last time or is showing now.

        A lost answer on a busy network does not make a camera go whose pictures, which
        only it can encrypt, are coming in.
        """
        return self.hub.gate.is_open and (
            self.last_update_success or self.feed.state is FeedState.LIVE
        )

    async def async_set_power(self, *, on: bool) -> None:
        """Wake the lens or put it to sleep.

        Raises:
            MiCameraError, MiCameraInputError: the camera did not do it, or nothing is sent
                to cameras as pictures are off.
        """
        if not self.hub.gate.is_open:
            raise MiCameraInputError("pictures_off")
        try:
            await self.device.set_power(on)
        except MiioError as err:
            raise translated(err, self.config.name) from err
        if not on:
            self.cut()
        await self.async_refresh()

    def permit(self) -> Permit | None:
        """Leave to show pictures now: gate open, camera there and awake."""
        if self._stopped or self.data is None or not self.reachable or not self.data.power:
            return None
        return self.hub.gate.permit()
