"""By which way a camera is controlled: over the LAN, or by its account's cloud instead."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import callback

from .cloud import CloudError, CloudRpc, NotAllowed, SessionExpired
from .const import LOGGER
from .device import (
    CameraDevice,
    CameraStatus,
    MiioError,
    MiioNotAllowed,
    MiioTimeout,
    MiioUnsupported,
)
from .media.clock import now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from .cloud import DeviceCalls
    from .coordinator import CameraCoordinator
    from .device import Hello
    from .device.library import MiioLibrary
    from .device.packet import JsonValue
    from .gate import Permit

CLOUD_POLL_EVERY: Final = 60.0
"""Seconds from one poll by the cloud to the next, at least; the LAN is tried more often."""
LAN_AGAIN: Final = 20.0
"""Seconds after a silence on the LAN for which commands do not wait for it first."""
NO_SUCH_WAY: Final = -32601


class Via(StrEnum):
    """Which way the last call went that was answered."""

    LOCAL = "local"
    CLOUD = "cloud"
    NONE = "none"


@dataclass(slots=True)
class CloudStats:
    """Counts since the camera was loaded."""

    requests: int = 0
    """Requests to the cloud in place of the LAN; one command may take several."""
    failures: int = 0
    """Commands and polls that failed there too."""


class CloudCaller:
    """Carries the calls of one camera's `CameraDevice` by the cloud; a `MiioCaller`.

    Who answers is not asked: each request names the camera's did, and the account's cloud
    knows which device that is.
    """

    def __init__(self, coordinator: CameraCoordinator, stats: CloudStats) -> None:
        """Belong to the coordinator's camera."""
        self._coordinator = coordinator
        self._stats = stats

    @property
    def library(self) -> MiioLibrary:
        """python-miio, as the LAN's endpoint has it."""
        return self._coordinator.hub.miio.library

    async def hello(self, host: str, timeout: float = 3.0, *, allowed: Callable[[], bool]) -> Hello:
        """Fail: nobody can be asked by the cloud who is at an address."""
        del timeout, allowed
        raise MiioTimeout(host, answered_hello=False)

    async def request(
        self,
        host: str,
        token: bytes,
        method: str,
        params: JsonValue,
        *,
        allowed: Callable[[], bool],
        timeout: float = 3.0,
        attempts: int = 2,
        did: int | None = None,
        extra: Mapping[str, JsonValue] | None = None,
    ) -> JsonValue:
        """Call a method, once. Raises `MiioError` or `CloudError`."""
        del token, timeout, attempts, did
        if not allowed():
            raise MiioNotAllowed
        if extra:
            raise MiioUnsupported(NO_SUCH_WAY, method)
        if (owner := owner_of(self._coordinator)) is None:
            raise MiioTimeout(host, answered_hello=False)
        account = owner[1]
        account.call_limit.take(now())
        self._stats.requests += 1
        rpc = CloudRpc(account, self._coordinator.config.did)
        return await rpc.call(method, params, allowed=allowed)


class ControlPath:
    """Carries commands to one camera over the LAN, and where that is silent by the cloud.

    The cloud is asked only if the hub's option says so, the camera's gate is open and its
    account is there. Who a camera is, is proved on the LAN only; and what another device
    answers there closes the gate, so that nothing goes to the cloud either.
    """

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Know of no way yet; `async_equip` comes before anything else."""
        self.stats = CloudStats()
        self._coordinator = coordinator
        self._by_cloud: CameraDevice | None = None
        self._via = Via.NONE
        self._missed_at: float | None = None
        self._polled_at: float | None = None
        self._poll_worked = False

    @callback
    def async_equip(self) -> CameraDevice:
        """Make the cloud's side of the camera, as it is configured now, and return it."""
        config = self._coordinator.config
        self._missed_at = self._polled_at = None
        self._by_cloud = CameraDevice(
            CloudCaller(self._coordinator, self.stats),
            config.host,
            bytes.fromhex(config.token),
            config.model,
            did=int(config.did),
        )
        return self._by_cloud

    @property
    def devices(self) -> tuple[CameraDevice, ...]:
        """The camera on the LAN, and the same one by the cloud."""
        local = self._coordinator.device
        return (local,) if self._by_cloud is None else (local, self._by_cloud)

    @property
    def via(self) -> Via:
        """Which way the camera is controlled now."""
        return self._via if self._coordinator.gate.is_open else Via.NONE

    @property
    def usable(self) -> bool:
        """Whether the cloud may be asked in place of the LAN."""
        coordinator = self._coordinator
        return (
            coordinator.hub.options.cloud_control
            and coordinator.gate.is_open
            and owner_of(coordinator) is not None
        )

    async def async_do[T](
        self, permit: Permit, call: Callable[[CameraDevice, Callable[[], bool]], Awaitable[T]]
    ) -> T:
        """Carry out a command: `call` is given the device to use, and what allows it.

        Raises:
            MiioNotAllowed, NotAllowed: the permit has ended.
            MiioError: the camera refused, or was silent and must not be asked by the cloud.
            CloudError: the camera was silent, and it could not be done by the cloud either.
        """
        coordinator = self._coordinator
        if not (self._lan_is_silent and self.usable):
            try:
                done = await call(coordinator.device, lambda: permit.valid)
            except MiioTimeout as err:
                self._missed_at = now()
                if not (permit.valid and self.usable):
                    self._set(Via.NONE)
                    raise
                coordinator.async_met(err)
            else:
                self.async_answered()
                return done
        return await self._do_by_cloud(permit, call)

    async def async_poll(self) -> CameraStatus | None:
        """Ask by the cloud how the camera is, after the LAN was silent; None for no answer.

        Between two polls a minute apart, what was told the last time still holds.
        """
        coordinator = self._coordinator
        self._missed_at = now()
        permit = coordinator.gate.permit()
        if permit is None or not self.usable:
            self._set(Via.NONE)
            return None
        if self._polled_at is not None and now() - self._polled_at < CLOUD_POLL_EVERY:
            return coordinator.data if self._poll_worked else None
        self._polled_at, self._poll_worked = now(), False
        try:
            status = await self._do_by_cloud(
                permit, lambda device, allowed: device.status(allowed=allowed)
            )
        except (MiioError, CloudError) as err:
            LOGGER.debug("Camera %s cannot be asked by the cloud: %s", coordinator.config.did, err)
            return None
        self._poll_worked = True
        return status

    @callback
    def async_answered(self) -> None:
        """Take note that the camera answers on the LAN."""
        self._missed_at = None
        self._set(Via.LOCAL)

    @property
    def diagnostics(self) -> dict[str, Any]:
        """The way, and counts; no names and no ids."""
        return {"via": self.via.value, **asdict(self.stats)}

    @property
    def _lan_is_silent(self) -> bool:
        return self._missed_at is not None and now() - self._missed_at < LAN_AGAIN

    async def _do_by_cloud[T](
        self, permit: Permit, call: Callable[[CameraDevice, Callable[[], bool]], Awaitable[T]]
    ) -> T:
        coordinator, device = self._coordinator, self._by_cloud
        assert device is not None

        def allowed() -> bool:
            return permit.valid and device is self._by_cloud and self.usable

        try:
            done = await call(device, allowed)
        except (MiioNotAllowed, NotAllowed) as err:
            if permit.valid:
                # Not the gate has closed, but the option was switched off or the account left.
                raise MiioTimeout(coordinator.config.host, answered_hello=False) from err
            raise
        except CloudError as err:
            self.stats.failures += 1
            owner = owner_of(coordinator)
            if isinstance(err, SessionExpired) and permit.valid and owner is not None:
                coordinator.hub.async_sign_in_again(owner[0])
            self._set(Via.NONE)
            raise
        self._set(Via.CLOUD)
        return done

    @callback
    def _set(self, via: Via) -> None:
        if via is self._via:
            return
        before, self._via = self._via, via
        if via is Via.CLOUD or before is Via.CLOUD:
            LOGGER.info("Camera %s is controlled by: %s", self._coordinator.config.did, via)
        self._coordinator.async_update_listeners()


def owner_of(coordinator: CameraCoordinator) -> tuple[str, DeviceCalls] | None:
    """Return the account a camera was added from, and its subentry's id."""
    return coordinator.hub.events.account_of(coordinator)
