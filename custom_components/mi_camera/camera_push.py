"""What a camera tells by itself on the LAN, where its model does that."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
import hashlib
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import callback

from .cloud import EventKind
from .const import DOMAIN, LOGGER
from .device import (
    POWER,
    SUBSCRIBE,
    UNSUBSCRIBE,
    EventOccurred,
    MiioBadReply,
    MiioError,
    MiioNotAllowed,
    MiioTimeout,
    MiioUnsupported,
    MiioWrongDevice,
    PropertiesChanged,
    PushPort,
    push_hello,
    subscription,
)
from .did import is_same_did
from .media.clock import now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .coordinator import CameraCoordinator
    from .device import CameraStatus, MiotSpec, Push
    from .device.miot import Scalar
    from .gate import Permit

HELLO_TIMEOUT: Final = 1.0
UNSUPPORTED_FOR: Final = 900.0
"""Seconds until a camera is asked again that offered nothing."""
RENEW: Final = 600.0
"""Seconds after which a camera that goes on asking gets the same subscription once more."""
STOP_TIMEOUT: Final = 0.5
"""Seconds that the end of a subscription may take as the camera is unloaded."""
_ENDS: Final = frozenset({"end", "ended", "stop", "stopped", "no", "not", "leave", "left", "off"})
_WORDS: Final[Mapping[str, EventKind]] = MappingProxyType(
    {
        "doorbell": EventKind.DOORBELL,
        "bell": EventKind.DOORBELL,
        "ring": EventKind.DOORBELL,
        "cry": EventKind.BABY_CRY,
        "crying": EventKind.BABY_CRY,
        "face": EventKind.FACE,
        "people": EventKind.PERSON,
        "person": EventKind.PERSON,
        "human": EventKind.PERSON,
        "someone": EventKind.PERSON,
        "pet": EventKind.PET,
        "motion": EventKind.MOTION,
        "move": EventKind.MOTION,
        "moving": EventKind.MOTION,
    }
)
_ORDER: Final = list(EventKind)


class CameraPush:
    """Subscribes to one camera that offers it, for as long as its gate is open.

    Nothing is sent, told or answered after the gate has closed, so the camera is not told that
    either: it gives up by itself. What it tells counts as what it answers to a poll does.
    """

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Subscribe to nothing yet."""
        self._coordinator = coordinator
        # The same one after a restart, so that it is one subscriber to the camera.
        entry_id = coordinator.hub.entry.entry_id.encode()
        self._subscriber = int.from_bytes(hashlib.sha256(entry_id).digest()[:8])
        self._port: PushPort | None = None
        self._unlisten: Callable[[], None] | None = None
        self._at = 0
        self._renewed = 0.0
        self._not_before = 0.0
        self._recent: dict[str, Scalar] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def works(self) -> bool:
        """Whether the camera has taken a subscription that holds."""
        return self._at != 0 and self._port is not None and self._port.allowed()

    # -- subscribing ---------------------------------------------------------------------

    @callback
    def async_keep(self) -> None:
        """Look after the subscription in the background, as the camera has just answered."""
        coordinator = self._coordinator
        if (
            coordinator.device.is_legacy
            or coordinator.model.wake is not None
            or now() < self._not_before
            or (self._task is not None and not self._task.done())
            or (permit := coordinator.gate.permit()) is None
        ):
            return
        self._task = coordinator.hub.entry.async_create_background_task(
            coordinator.hass, self._keep(permit), f"{DOMAIN} push {coordinator.config.did}"
        )

    @callback
    def cut(self) -> None:
        """Take nothing any more, at once."""
        self._at = 0
        self._not_before = 0.0
        self._recent.clear()
        self._port = None
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None
        if self._task is not None:
            self._task.cancel()

    async def async_stop(self) -> None:
        """End the subscription, and tell the camera if it may be told."""
        coordinator, at = self._coordinator, self._at
        worked, permit = self.works, coordinator.gate.permit()
        self.cut()
        if self._task is not None:
            await asyncio.wait((self._task,))
        if not worked or permit is None or not coordinator.answers:
            return
        try:
            await self._call(UNSUBSCRIBE, at, lambda: permit.valid, STOP_TIMEOUT)
        except MiioError as err:
            LOGGER.debug("A subscription to %s was not ended: %s", coordinator.config.did, err)

    async def _keep(self, permit: Permit) -> None:
        coordinator, config = self._coordinator, self._coordinator.config

        def allowed() -> bool:
            return permit.valid and coordinator.config is config

        try:
            hello = await coordinator.hub.miio.hello(
                config.host, HELLO_TIMEOUT, allowed=allowed, packet=push_hello(self._subscriber)
            )
            if not is_same_did(config.did, hello.did):
                raise MiioWrongDevice(config.host, int(config.did), hello.did)
            offer = hello.offer
            if offer is None:
                raise MiioUnsupported(0, "no subscriptions")
            renewing = offer.asks and (
                offer.subscribed_at != self._at or now() - self._renewed >= RENEW
            )
            if not self.works or renewing:
                await self._subscribe(allowed)
        except MiioTimeout as err:
            LOGGER.debug("Camera %s is not subscribed to: %s", config.did, err)
        except MiioNotAllowed:
            return
        except MiioError as err:
            LOGGER.debug("Camera %s cannot be subscribed to: %s", config.did, err)
            self._end()
            if isinstance(err, MiioWrongDevice):
                coordinator.async_met(err)
            else:
                self._not_before = now() + UNSUPPORTED_FOR

    async def _subscribe(self, allowed: Callable[[], bool]) -> None:
        coordinator, config = self._coordinator, self._coordinator.config
        if self._port is None or not self._port.allowed():
            self._end()
            port = PushPort(int(config.did), bytes.fromhex(config.token), allowed, self._tell)
            unlisten = await coordinator.hub.miio.listen(config.host, port)
            if not allowed():
                unlisten()
                raise MiioNotAllowed
            self._port, self._unlisten = port, unlisten
        at = max(int(time.time()), 1) & 0xFFFFFFFF
        await self._call(SUBSCRIBE, at, allowed)
        if not allowed():
            raise MiioNotAllowed
        if not self._at:
            LOGGER.debug("Camera %s tells by itself what changes", config.did)
        self._at, self._renewed = at, now()

    async def _call(
        self, method: str, at: int, allowed: Callable[[], bool], timeout: float = 3.0
    ) -> None:
        config = self._coordinator.config
        result = await self._coordinator.hub.miio.request(
            config.host,
            bytes.fromhex(config.token),
            method,
            subscription(self._subscriber, at),
            allowed=allowed,
            timeout=timeout,
            attempts=1,
            did=int(config.did),
        )
        if isinstance(result, dict) and result.get("code", 0) != 0:
            raise MiioBadReply("the subscription was refused")

    @callback
    def _end(self) -> None:
        self._at = 0
        self._port = None
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None

    # -- what is told --------------------------------------------------------------------

    @callback
    def _tell(self, push: Push) -> None:
        coordinator = self._coordinator
        spec = coordinator.device.spec
        match push:
            case PropertiesChanged():
                values = values_of(spec, push)
                self._recent |= values
                coordinator.async_told(values)
            case EventOccurred():
                kind = kind_of(spec, push)
                if kind is not None:
                    coordinator.hub.events.watch(coordinator).async_pushed(kind)

    @callback
    def async_asking(self) -> None:
        """Begin to remember what is told while a poll is under way."""
        self._recent.clear()

    @callback
    def async_newer(self, status: CameraStatus) -> Mapping[str, Scalar]:
        """Return what was told during the poll that gave `status`: it may have been too early."""
        return {
            name: value
            for name, value in self._recent.items()
            if status.properties.get(name) != value
        }

    @property
    def diagnostics(self) -> dict[str, Any]:
        """Whether it works, and counts of the subscription that holds."""
        counters = asdict(self._port.inbox.counters) if self._port is not None else {}
        return {"works": self.works, **counters}


def values_of(spec: MiotSpec, push: PropertiesChanged) -> dict[str, Scalar]:
    """Return the values by name; what the model's specification does not have is left out."""
    told = dict(push.values)
    found = {
        name: told[one.ids]
        for name, one in spec.properties.items()
        if one.readable and one.ids in told
    }
    if POWER in found and (isinstance(found[POWER], float) or found[POWER] not in {0, 1}):
        del found[POWER]
    return found


def kind_of(spec: MiotSpec, push: EventOccurred) -> EventKind | None:
    """Return what the specification's name of an event says was noticed, None for nothing.

    Numbers and names differ between models, so it goes by the words in the name.
    """
    for name, event in spec.events.items():
        if (event.siid, event.eiid) == (push.siid, push.eiid):
            words = set(name.partition(":")[2].split("-"))
            kinds = {_WORDS[word] for word in words if word in _WORDS}
            if kinds and not words & _ENDS:
                return min(kinds, key=_ORDER.index)
    return None
