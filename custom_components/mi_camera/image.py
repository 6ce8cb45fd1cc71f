"""The picture of the last event of a camera, as its account's cloud keeps it.

Whose picture it is rests on the cloud's word alone, unlike with live pictures, which only the
camera itself can encrypt. So the entity is disabled at first, and shows something only where
the cloud's list names this camera's device id beside the event.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
import time
from typing import TYPE_CHECKING, Final, override
from weakref import WeakSet

from homeassistant.components.image import ImageEntity
from homeassistant.core import CoreState, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.http import current_request
from homeassistant.util import dt as dt_util

from .cloud import CloudError, NotAllowed, NotAPictureError, check_picture
from .const import LOGGER
from .entity import MiCameraEntity
from .media import clock
from .media.hard_abort import hard_abort
from .signed_path import EntityAddress

if TYPE_CHECKING:
    from asyncio import Transport
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .cloud import CameraEvent, EventPicture, PictureRef
    from .coordinator import CameraCoordinator
    from .gate import Permit
    from .hub import MiCameraConfigEntry

PARALLEL_UPDATES = 0

SHOWN_FOR: Final = 600.0
"""Seconds after an event for which its picture is shown."""
ATTEMPTS: Final = 3
"""How often the picture of an event is asked for in vain."""
PAUSE: Final = 10.0
"""Seconds between two of those."""
_STREAMS: Final = "/api/image_proxy_stream/"


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add one to each camera of an account."""

    @callback
    def add(coordinator: CameraCoordinator) -> None:
        if coordinator.config.account:
            async_add_entities(
                [LastEventImage(coordinator)], config_subentry_id=coordinator.subentry_id
            )

    entry.runtime_data.async_on_camera(add)


@dataclass(slots=True, eq=False)
class _Shown:
    """An event whose picture may be shown, and the picture once somebody has looked."""

    ref: PictureRef
    at_ms: int
    permit: Permit
    account: str
    """Subentry of the account whose list named it."""
    until: float
    """When it is too old, by `clock`."""
    picture: EventPicture | None = field(default=None, repr=False)
    fetching: asyncio.Task[None] | None = None
    attempts: int = 0
    not_before: float = 0.0


class LastEventImage(MiCameraEntity, ImageEntity):
    """The picture of the newest event that was told, for ten minutes; in memory only.

    It is fetched when somebody looks, and only then: under the permit of the moment the event
    was told in, which is looked at before the request and after it.
    """

    _attr_translation_key = "last_event"
    _attr_entity_registry_enabled_default = False

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Show nothing yet."""
        MiCameraEntity.__init__(self, coordinator, "last-event")
        ImageEntity.__init__(self, coordinator.hass)
        self._watch = self.hub.events.watch(coordinator)
        self._address = EntityAddress(self.hub.signatures)
        self._streams: WeakSet[Transport] = WeakSet()
        self._newest_ms = 0
        self._shown: _Shown | None = None
        self._stop_waiting: Callable[[], None] | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the camera's events and its gate."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.gate.on_close(self._cut))
        self.async_on_remove(self._watch.async_listen(self._happened, self._look, listed=True))
        # Before 2026.11 an entity whose id is changed is taken out and put in again.
        self._address.moved(first=self.hass.state is CoreState.not_running)
        self._rotate_tokens()

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Take the picture and all addresses along when going away."""
        self._leave()
        await super().async_will_remove_from_hass()

    @callback
    @override
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Make what was given out under the old entity id dead: it may be another's now."""
        super().async_entity_id_changed(old_entity_id)
        self._leave()
        self.async_write_ha_state()

    # -- state ----------------------------------------------------------------------------

    @property
    @override
    def available(self) -> bool:
        """Available while events may be asked for and the cloud tells them."""
        return (
            self.coordinator.gate.is_open
            and self._watch.known is not False
            and self.hub.events.account_of(self.coordinator) is not None
        )

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        self._look()

    @callback
    def _happened(self, event: CameraEvent) -> None:
        """Show the event's picture from now on, or none if it has none that may be shown."""
        if event.at_ms < self._newest_ms:
            return
        self._newest_ms = event.at_ms
        self._drop()
        permit = self.coordinator.gate.permit()
        owner = self.hub.events.account_of(self.coordinator)
        left = SHOWN_FOR - max(0.0, time.time() - event.at_ms / 1000)
        if event.picture is not None and permit is not None and owner is not None and left > 0:
            self._shown = _Shown(event.picture, event.at_ms, permit, owner[0], clock.now() + left)
            self._stop_waiting = async_call_later(self.hass, left, self._expired)
            self._attr_image_last_updated = datetime.fromtimestamp(event.at_ms / 1000, dt_util.UTC)
        self._look()

    @callback
    def _expired(self, _now: datetime) -> None:
        self._stop_waiting = None
        self._drop()
        self.async_write_ha_state()

    @callback
    def _look(self) -> None:
        """Drop what may not be shown any more."""
        if self._shown is not None and not self._may_show(self._shown):
            self._drop()
        self.async_write_ha_state()

    def _may_show(self, shown: _Shown) -> bool:
        owner = self.hub.events.account_of(self.coordinator)
        status = self.coordinator.data
        return (
            self._shown is shown
            and shown.permit.valid
            and clock.now() < shown.until
            and owner is not None
            and owner[0] == shown.account
            # Whoever puts the lens to sleep wants nothing to be seen.
            and (status is None or status.power)
        )

    # -- the picture ------------------------------------------------------------------------

    @override
    async def async_image(self) -> bytes | None:
        """Return the picture of the last event while it may be shown, or nothing."""
        shown = self._shown
        if shown is None or not self._admits() or not self._may_show(shown):
            return None
        if shown.picture is None:
            await self._fetched(shown)
        if shown.picture is None or not self._admits() or not self._may_show(shown):
            return None
        self._attr_content_type = shown.picture.content_type
        return shown.picture.data

    def _admits(self) -> bool:
        request = current_request.get()
        if request is not None and request.path.startswith(_STREAMS) and request.transport:
            self._streams.add(request.transport)
        return self._address.admits(self.entity_id)

    async def _fetched(self, shown: _Shown) -> None:
        """Wait until somebody has fetched it, or has tried to."""
        if shown.fetching is None:
            if shown.attempts >= ATTEMPTS or clock.now() < shown.not_before:
                return
            shown.attempts += 1
            shown.not_before = clock.now() + PAUSE
            # Who asks may go away. The request is not broken off for that: with it an account's
            # session may be on its way that is valid only once.
            shown.fetching = self.hub.events.async_run(
                self._fetch(shown), self.coordinator.config.did
            )
        await asyncio.shield(shown.fetching)

    async def _fetch(self, shown: _Shown) -> None:
        config, events = self.coordinator.config, self.hub.events

        def allowed() -> bool:
            return self._may_show(shown)

        try:
            await events.async_turn(config.account or "")
            if not allowed() or (owner := events.account_of(self.coordinator)) is None:
                return
            data = await owner[1].event_picture(config.did, shown.ref, allowed=allowed)
            if not allowed():
                return
            picture = await self.hass.async_add_executor_job(check_picture, data)
            if allowed():
                shown.picture = picture
        except NotAllowed:
            return
        except (CloudError, NotAPictureError) as err:
            LOGGER.debug("No picture of an event of camera %s: %s", config.did, err)
        finally:
            shown.fetching = None

    # -- ending -----------------------------------------------------------------------------

    @callback
    def _drop(self) -> None:
        """Forget the picture, and whose it was."""
        self._shown = None
        self._attr_image_last_updated = None
        if self._stop_waiting is not None:
            self._stop_waiting()
            self._stop_waiting = None

    @callback
    def _cut(self) -> None:
        """Follow the gate as it closes: synchronous, and complete when it returns."""
        self._drop()
        self._rotate_tokens()
        self._address.end()
        self._abort_streams()
        self.async_write_ha_state()

    @callback
    def _leave(self) -> None:
        self._drop()
        self._address.moved()
        self._rotate_tokens()
        self._abort_streams()

    @callback
    def _abort_streams(self) -> None:
        while self._streams:
            hard_abort(self._streams.pop())

    @callback
    def _rotate_tokens(self) -> None:
        # Two tokens are valid at a time, so two new ones make every old one dead.
        for _ in range(self.access_tokens.maxlen or 2):
            self.async_update_token()
