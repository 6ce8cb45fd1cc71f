"""The kill switch: closes the gate, remembers it, and sees to it that everything ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import issue_registry as ir
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN, LOGGER, OPTION_GATE
from .gate import Gate
from .gate_record import GateRecord, GateRecordError, GateRecordFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import Context, HomeAssistant

ISSUE_UNTRUSTED = "gate_untrusted"
ISSUE_NOT_SAVED = "gate_not_saved"
MAX_REASON = 255


class KillSwitch:
    """Owner of the gate.

    Engaging closes the gate in memory first and does everything else after, so nothing
    that may hang or fail stands between the request and the dark. Releasing is the other
    way round: it is saved first, and the gate opens only once both copies are written.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Start with the gate closed; `async_load` may open it."""
        self.hass = hass
        self.gate = Gate()
        self.record: GateRecord | None = None
        self._file = GateRecordFile(hass)
        self._entry: ConfigEntry | None = None
        self._lock = asyncio.Lock()
        self._requests = 0
        self._listeners: list[Callable[[], None]] = []
        self._cleanups: list[Callable[[], Awaitable[None]]] = []

    # -- who follows ------------------------------------------------------------------

    @callback
    def async_listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each change; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def async_on_engaged(self, cleanup: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Await `cleanup` after each engaging, when the gate has long been closed."""
        self._cleanups.append(cleanup)
        return lambda: self._cleanups.remove(cleanup)

    # -- life of the hub entry -----------------------------------------------------------

    async def async_load(self, entry: ConfigEntry) -> None:
        """Open the gate if both copies of the record say so."""
        requests = self._requests
        self._entry = entry
        stored = await self._file.read()
        copy = GateRecord.parse(entry.options.get(OPTION_GATE))
        self.record = stored if stored is not None else copy
        if stored is None or copy is None or not stored.agrees(copy):
            LOGGER.warning(
                "The two copies of the kill switch's state are missing, damaged or differ; "
                "pictures stay off until they are allowed again"
            )
            self.record = GateRecord(enabled=False, epoch=self._highest_epoch(stored, copy))
            ir.async_create_issue(
                self.hass,
                DOMAIN,
                ISSUE_UNTRUSTED,
                is_fixable=False,
                severity=ir.IssueSeverity.WARNING,
                translation_key=ISSUE_UNTRUSTED,
            )
        elif stored.enabled and requests == self._requests:
            self.gate.open(stored.epoch)
        self._async_changed()

    @callback
    def async_unload(self) -> None:
        """Close the gate because the hub goes away; what is remembered stays."""
        self._entry = None
        self.gate.close()
        self._async_changed()

    async def async_forget(self) -> None:
        """Delete what is remembered, as the hub has been removed."""
        self.async_unload()
        self.record = None
        await self._file.remove()
        for issue in (ISSUE_UNTRUSTED, ISSUE_NOT_SAVED):
            ir.async_delete_issue(self.hass, DOMAIN, issue)

    async def async_prepare(self) -> GateRecord:
        """Remember "on" for a hub that is about to be created, and return that record.

        Raises:
            GateRecordError: it could not be saved.
        """
        record = GateRecord(True, self.gate.epoch + 1, _now(), "set up")
        await self._file.write(record)
        return record

    # -- the switch ----------------------------------------------------------------------

    async def async_engage(self, reason: str | None = None) -> None:
        """Stop all pictures, now.

        Raises:
            GateRecordError: they are stopped, but this would not survive a restart.
        """
        self._requests += 1
        try:
            self.gate.close()
        except ExceptionGroup as err:
            LOGGER.error("Cutting some pictures failed; the gate is closed: %s", err)
        self.record = GateRecord(False, max(self.gate.epoch, 1), _now(), _clean(reason))
        self._async_copy(self.record)
        self._async_changed()
        # Whoever asked may be cancelled; what was asked goes on all the same.
        await asyncio.shield(
            self.hass.async_create_task(
                self._async_after_engaging(self.record), f"{DOMAIN} switching off"
            )
        )

    async def _async_after_engaging(self, record: GateRecord) -> None:
        saved, *cleaned = await asyncio.gather(
            self._async_save(record),
            *(cleanup() for cleanup in tuple(self._cleanups)),
            return_exceptions=True,
        )
        for error in cleaned:
            if isinstance(error, BaseException):
                LOGGER.error("Cleaning up after switching off failed: %r", error)
        if isinstance(saved, BaseException):
            raise saved

    async def async_release(self, reason: str | None = None) -> None:
        """Allow pictures again.

        Raises:
            HomeAssistantError: the hub is not loaded, or this could not be saved.
        """
        request = self._requests
        if self._entry is None:
            raise HomeAssistantError(translation_domain=DOMAIN, translation_key="hub_not_loaded")
        if self.gate.is_open:
            return
        epoch = max(self.gate.epoch, self.record.epoch if self.record else 0) + 1
        record = GateRecord(True, epoch, _now(), _clean(reason))
        await self._async_save(record, unless_engaged_since=request)
        if request != self._requests or self._entry is None:
            return
        self.record = record
        self.gate.open(epoch)
        ir.async_delete_issue(self.hass, DOMAIN, ISSUE_UNTRUSTED)
        self._async_changed()

    async def async_require_admin(self, context: Context) -> None:
        """Only an administrator, or an automation, may allow pictures again.

        Raises:
            Unauthorized: the context belongs to another user.
        """
        if context.user_id is None:
            return
        user = await self.hass.auth.async_get_user(context.user_id)
        if user is None or not user.is_admin:
            raise Unauthorized(context=context)

    # -- saving ---------------------------------------------------------------------------

    async def _async_save(
        self, record: GateRecord, *, unless_engaged_since: int | None = None
    ) -> None:
        async with self._lock:
            if unless_engaged_since is not None and unless_engaged_since != self._requests:
                return
            try:
                await self._file.write(record)
            except GateRecordError:
                LOGGER.error("The kill switch's state could not be saved")
                ir.async_create_issue(
                    self.hass,
                    DOMAIN,
                    ISSUE_NOT_SAVED,
                    is_fixable=False,
                    severity=ir.IssueSeverity.CRITICAL,
                    translation_key=ISSUE_NOT_SAVED,
                )
                # Without the file agreeing, the options must not say "on" either.
                if record.enabled:
                    raise
                self._async_copy(record)
                raise
            ir.async_delete_issue(self.hass, DOMAIN, ISSUE_NOT_SAVED)
            if unless_engaged_since is not None and unless_engaged_since != self._requests:
                return
            self._async_copy(record)

    @callback
    def _async_copy(self, record: GateRecord) -> None:
        if self._entry is not None:
            self.hass.config_entries.async_update_entry(
                self._entry, options={**self._entry.options, OPTION_GATE: record.as_dict()}
            )

    @callback
    def _async_changed(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    def _highest_epoch(self, *records: GateRecord | None) -> int:
        return max([1, self.gate.epoch, *(record.epoch for record in records if record)])


DATA_KILL_SWITCH: HassKey[KillSwitch] = HassKey(DOMAIN)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _clean(reason: str | None) -> str | None:
    return reason[:MAX_REASON] if reason else None
