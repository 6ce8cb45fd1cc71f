"""The gate's state in force, its copies, and the order in which they are written."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN, LOGGER, OPTION_GATE
from .gate import run_all
from .gate_events import GateEvent, GateEventType, utc_now
from .gate_journal import JournalLine
from .gate_record import GateRecord, GateRecordError, judge
from .gate_store import GateStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

    from .camera_holds import CameraHolds

ISSUE_NOT_SAVED = "gate_not_saved"


class GateMemory:
    """Holds the record in force and saves each change, one after the other.

    A change to the dark is in force before it is saved; one to the light is saved in every
    place before it is in force, and not at all if the dark came meanwhile. Every write is a
    task of its own, so that cancelling who asked cannot let an older one end last.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        holds: CameraHolds,
        *,
        changed: Callable[[], None],
        not_saved: Callable[[], None],
    ) -> None:
        """Know nothing yet.

        `changed` is called when the record in force turns out to hold more than was known,
        `not_saved` when a change could not be saved.
        """
        self.record: GateRecord | None = None
        self.saved: bool | None = None
        self._hass = hass
        self._holds = holds
        self._store = GateStore(hass)
        self._changed = changed
        self._not_saved = not_saved
        self._known = False
        self._floor = 1
        self._writing = asyncio.Lock()

    @property
    def entry(self) -> ConfigEntry | None:
        """The hub's entry, loaded or not."""
        entries = self._hass.config_entries.async_entries(DOMAIN, include_ignore=False)
        return entries[0] if entries else None

    # -- to the dark ----------------------------------------------------------------------

    @callback
    def async_darken(
        self, record: GateRecord | None, event: GateEvent, detail: str | None = None
    ) -> asyncio.Task[bool]:
        """Put a record in force, with the holds there are, and save it.

        Without one, as long as nothing is known, the holds are saved with the next. The
        task ends with whether it was saved.
        """
        if not self._known and (copy := self._copy_of(self.entry)) is not None:
            self.async_learn(copy)
        if record is not None:
            self.record = self._complete(record)
            self._async_copy()
        return self._hass.async_create_task(self._async_save(event, detail), f"{DOMAIN} saving")

    async def _async_save(self, event: GateEvent, detail: str | None) -> bool:
        async with self._writing:
            if self.record is None:
                return True
            if not self._known:
                # What is stored of single cameras must outlive a switch used before it was read.
                for one in await self._store.read():
                    if one is not None:
                        self.async_learn(one)
                self._known = True
                if self.record != (record := self._complete(self.record)):
                    self.record = record
                    self._changed()
            # What is in force now, which may be more than was asked for with this change.
            saved = await self._async_write(JournalLine(event, self.record, detail))
            self._async_copy()
        return saved

    @callback
    def async_learn(self, record: GateRecord) -> None:
        """Take in the holds of a record, and that its epoch has been."""
        self._floor = max(self._floor, record.epoch + record.enabled)
        for error in run_all([lambda: self._holds.learn(record)]):
            LOGGER.error("Cutting some pictures failed; they are held: %r", error)

    def _complete(self, record: GateRecord) -> GateRecord:
        epoch = record.epoch if record.enabled else max(record.epoch, self._floor)
        return replace(
            record, epoch=epoch, hidden=self._holds.hidden, quarantined=self._holds.quarantined
        )

    # -- to the light ---------------------------------------------------------------------

    @callback
    def async_lighten(
        self,
        change: Callable[[GateRecord], GateRecord | None],
        apply: Callable[[GateRecord], None],
        event: GateEvent,
    ) -> asyncio.Task[bool | None]:
        """Save what `change` makes of the record in force, then put it in force and `apply`.

        `change` is asked again after saving, and again with another record if the dark came
        meanwhile; with None nothing happens. The task ends with whether it was saved, or
        None if there was nothing to do any more.
        """
        return self._hass.async_create_task(
            self._async_lighten(change, apply, event), f"{DOMAIN} saving"
        )

    async def _async_lighten(
        self,
        change: Callable[[GateRecord], GateRecord | None],
        apply: Callable[[GateRecord], None],
        event: GateEvent,
    ) -> bool | None:
        async with self._writing:
            while self._known:
                base = self.record
                record = change(base) if base is not None else None
                if base is None or record is None:
                    return None
                if not await self._async_write(JournalLine(event, record)):
                    return False
                if self.record is base and change(base) is not None:
                    self.record = record
                    self._async_copy()
                    apply(record)
                    return True
        return None

    @callback
    def async_drop(self, did: str) -> asyncio.Task[bool]:
        """Save that a removed camera, whose gate is closed for good, has no holds any more."""
        return self._hass.async_create_task(self._async_drop(did), f"{DOMAIN} saving")

    async def _async_drop(self, did: str) -> bool:
        def drop(record: GateRecord) -> GateRecord | None:
            if did not in record.hidden and did not in record.quarantined:
                return None
            hidden = tuple(one for one in record.hidden if one != did)
            quarantined = {one: seen for one, seen in record.quarantined.items() if one != did}
            return replace(record, hidden=hidden, quarantined=quarantined)

        event = GateEvent.now(GateEventType.SHOWN, reason="removed", did=did)
        return await self._async_lighten(drop, lambda _: None, event) is not False

    async def async_begin(self, record: GateRecord, event: GateEvent) -> bool:
        """Save the record of a hub that is about to be created; return whether that worked."""
        return await asyncio.shield(
            self._hass.async_create_task(self._async_begin(record, event), f"{DOMAIN} saving")
        )

    async def _async_begin(self, record: GateRecord, event: GateEvent) -> bool:
        async with self._writing:
            base = self.record
            if not await self._async_write(JournalLine(event, record)):
                return False
            if self.record is base:
                self.record = record
                self._known = True
            return True

    # -- after a start --------------------------------------------------------------------

    async def async_recall(self, entry: ConfigEntry) -> GateRecord:
        """Return what is to be believed of all that is remembered, and put it in force.

        Where the copies differ from it they are made to agree. The holds of single cameras
        are in force when this returns.
        """
        return await asyncio.shield(
            self._hass.async_create_task(self._async_recall(entry), f"{DOMAIN} recalling")
        )

    async def _async_recall(self, entry: ConfigEntry) -> GateRecord:
        async with self._writing:
            stored, journal = await self._store.read()
            witnesses = (stored, self._copy_of(entry), journal)
            # Who switched off in this very run is believed, whatever could be saved of it.
            present = self.record
            engaged = (present,) if present is not None and not present.enabled else ()
            believed = judge((*engaged, *witnesses))
            if believed.changed_at is None:
                believed = replace(believed, changed_at=utc_now())
            self.async_learn(believed)
            self._known = True
            self.record = believed = self._complete(believed)
            if not all(one is not None and believed.agrees(one) for one in witnesses):
                event = GateEvent.now(
                    GateEventType.ENABLED if believed.enabled else GateEventType.DISABLED,
                    reason=believed.reason,
                )
                await self._async_write(JournalLine(event, believed, "found at start"))
                self._async_copy()
            return believed

    async def async_forget(self) -> None:
        """Delete everything."""
        async with self._writing:
            self.record = self.saved = None
            self._known, self._floor = False, 1
            await self._store.remove()

    # -- writing --------------------------------------------------------------------------

    async def _async_write(self, line: JournalLine) -> bool:
        try:
            await self._store.write(line)
        except GateRecordError:
            self.async_failed()
            return False
        self.saved = True
        ir.async_delete_issue(self._hass, DOMAIN, ISSUE_NOT_SAVED)
        return True

    @callback
    def async_failed(self) -> None:
        """Say that a change is not saved."""
        LOGGER.error("The kill switch's state could not be saved")
        self.saved = False
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            ISSUE_NOT_SAVED,
            is_fixable=False,
            severity=ir.IssueSeverity.CRITICAL,
            translation_key=ISSUE_NOT_SAVED,
        )
        self._not_saved()

    @callback
    def _async_copy(self) -> None:
        if self.record is not None and (entry := self.entry) is not None:
            self._hass.config_entries.async_update_entry(
                entry, options={**entry.options, OPTION_GATE: self.record.as_dict()}
            )

    @staticmethod
    def _copy_of(entry: ConfigEntry | None) -> GateRecord | None:
        return GateRecord.parse(entry.options.get(OPTION_GATE)) if entry is not None else None
