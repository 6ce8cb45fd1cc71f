"""Whether who answers at a camera's address is that camera."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.helpers.device_registry import format_mac

from .const import LOGGER
from .device import MiioWrongDevice
from .did import is_same_did
from .gate.camera_gate import Hold
from .gate_events import GateEvent, GateEventType
from .media.clock import now

if TYPE_CHECKING:
    from .camera_config import CameraConfig
    from .coordinator import CameraCoordinator
    from .device import DeviceInfo

PROOF_EVERY: Final = 50.0
"""Seconds after which a poll includes the proof: with polls each 30 s, at most 90 s go by."""


class WrongIdentity(MiioWrongDevice):
    """A device with this camera's token says to be of another model or MAC."""

    def __init__(self, host: str, did: int) -> None:
        """Name the address and the camera that was expected there."""
        super().__init__(host, did, did)
        self.args = (f"{host} has another model or MAC than device {did}",)


class Identity:
    """Has a camera prove who it is, again and again, and holds its pictures when another answers.

    A complete proof is a hello asked for just now that names the camera's did, and an answer
    sealed with its token that names its model and its MAC. Another's answer to any of these
    closes the camera's gate at once; nothing but a complete proof opens it again, in a new
    epoch, in which nothing of before goes on.

    Silence is nobody's answer. When port 54321 is silent while pictures come, as where a
    network blocks it, the pictures are the proof: the session's keys are agreed upon with the
    public key that the cloud holds for this did, so what another device sends does not
    decode. Nor do pictures go on from one whose address another has taken: a session is
    bound to the address it was opened with, and the other one has no part in its keys.
    """

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Believe nothing yet."""
        self._coordinator = coordinator
        self._proved_at: float | None = None
        self._doubts = 0

    @property
    def doubted(self) -> bool:
        """Whether another device has answered, and the camera has not proved itself since."""
        return Hold.IDENTITY in self._coordinator.gate.holds

    @property
    def due(self) -> bool:
        """Whether the next poll must include the proof."""
        proved_at = self._proved_at
        return proved_at is None or self.doubted or now() - proved_at >= PROOF_EVERY

    @callback
    def forget(self) -> None:
        """Ask for the proof anew, as the camera may be another, or the same one restarted."""
        self._proved_at = None

    async def async_prove(self) -> DeviceInfo | None:
        """Ask for the complete proof; None if what it is about has changed meanwhile.

        Raises:
            MiioWrongDevice: it is another device; the gate is closed now.
            MiioNotAllowed: the camera may not be asked any more.
            MiioError: there was no answer, or none that could be used.
        """
        coordinator, doubts = self._coordinator, self._doubts
        config = coordinator.config
        try:
            info = await self._ask(config)
        except MiioWrongDevice as err:
            if coordinator.config is config:
                self.async_doubt(err)
            raise
        changed = coordinator.config is not config or self._doubts != doubts
        if changed or not coordinator.may_ask:
            return None
        self._async_proved()
        return info

    async def _ask(self, config: CameraConfig) -> DeviceInfo:
        coordinator, did = self._coordinator, int(config.did)
        device = coordinator.device

        def allowed() -> bool:
            return coordinator.may_ask

        hello = await coordinator.hub.miio.hello(config.host, allowed=allowed)
        if not is_same_did(config.did, hello.did):
            raise MiioWrongDevice(config.host, did, hello.did)
        info = await device.info(allowed=allowed)
        if not is_same(config, info):
            raise WrongIdentity(config.host, did)
        return info

    @callback
    def async_doubt(self, error: MiioWrongDevice) -> None:
        """Show nothing of this camera until it has proved itself."""
        coordinator = self._coordinator
        self._doubts += 1
        self._proved_at = None
        if self.doubted:
            return
        LOGGER.warning(
            "Pictures of camera %s are held back: another device answers in its place (%s)",
            coordinator.config.did,
            error,
        )
        try:
            coordinator.gate.hold(Hold.IDENTITY)
        except BaseExceptionGroup as err:
            LOGGER.error("Cutting some pictures failed; the camera's gate is closed: %s", err)
        self._report(GateEventType.IDENTITY_DOUBTED)

    @callback
    def _async_proved(self) -> None:
        self._proved_at = now()
        if not self.doubted:
            return
        did = self._coordinator.config.did
        LOGGER.warning("Camera %s has proved who it is; its pictures may be shown again", did)
        self._coordinator.gate.release(Hold.IDENTITY)
        self._report(GateEventType.IDENTITY_PROVED)
        self._coordinator.async_identity_proved()

    def _report(self, kind: GateEventType) -> None:
        coordinator = self._coordinator
        coordinator.hub.kill_switch.report(GateEvent.now(kind, did=coordinator.config.did))


def is_same(config: CameraConfig, info: DeviceInfo) -> bool:
    """Whether what a device says of itself is what is known of a camera."""
    if info.model != config.model:
        return False
    return not (config.mac and info.mac) or format_mac(config.mac) == format_mac(info.mac)
