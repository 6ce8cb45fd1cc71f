"""The kill switch: closes gates, remembers that, and sees to it that everything ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import issue_registry as ir
from homeassistant.util.hass_dict import HassKey

from .camera_holds import CameraHolds
from .const import DOMAIN, LOGGER
from .gate import Gate
from .gate.camera_gate import Hold
from .gate_events import GateEvent, GateEventType, utc_now
from .gate_followers import GateFollowers, run_logged
from .gate_memory import ISSUE_NOT_SAVED, GateMemory
from .gate_record import MAX_TEXT, GateRecord, GateRecordError, clean_text
from .options import HubOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import Context, HomeAssistant

    from .gate.camera_gate import CameraGate

ISSUE_UNTRUSTED = "gate_untrusted"
MAX_REASON = MAX_TEXT
WAIT = 5.0
"""Seconds after which whoever switched off is answered, whatever still hangs."""
LONG_WAIT = 30.0
"""Seconds after which allowing again is given up, if it could not be saved until then."""


class KillSwitch(GateFollowers):
    """Owner of the gates, of all cameras and of each.

    What makes dark closes in memory first and does everything else after, so nothing that
    may hang or fail stands between the request and the dark. What makes light is the other
    way round: it is saved first, one change at a time, and a gate opens only once all
    copies are written and nobody has asked for the dark meanwhile.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Start with the gate closed; `async_load` may open it."""
        super().__init__()
        self.hass = hass
        self.gate = Gate()
        self.violations = 0
        """Cameras put in quarantine since the start or the last release."""
        self._holds = CameraHolds(self.gate)
        self._memory = GateMemory(
            hass, self._holds, changed=self._async_changed, not_saved=self._async_not_saved
        )
        self._entry: ConfigEntry | None = None
        self._engagements = 0
        self._hidings: Counter[str] = Counter()
        self._counted: dict[str, int] = {}
        # The first of all callbacks: when nothing may leave any more, and nothing is cut yet.
        self.gate.on_close(self._count)

    # -- what is so ---------------------------------------------------------------------

    @property
    def record(self) -> GateRecord | None:
        """The state in force; None until it is known."""
        return self._memory.record

    @property
    def saved(self) -> bool | None:
        """Whether the last change was saved; None if there was none."""
        return self._memory.saved

    @property
    def options(self) -> HubOptions:
        """What the user has chosen, or the defaults while there is no hub."""
        entry = self._entry or self._memory.entry
        return HubOptions.parse(entry.options if entry else {})

    def camera_gate(self, did: str) -> CameraGate:
        """Return the gate of one camera, the same each time until it is forgotten."""
        return self._holds.gate(did)

    def holds_of(self, did: str) -> frozenset[Hold]:
        """Return what holds one camera; asking makes no gate for one that was removed."""
        return self._holds.of(did)

    # -- life of the hub entry -----------------------------------------------------------

    async def async_load(self, entry: ConfigEntry) -> None:
        """Open the gate if all that is remembered says so."""
        engagements = self._engagements
        self._entry = entry
        believed = await self._memory.async_recall(entry)
        if believed.doubted:
            LOGGER.warning(
                "What is remembered of the kill switch is missing, damaged or contradictory; "
                "pictures stay off until they are allowed again"
            )
            ir.async_create_issue(
                self.hass,
                DOMAIN,
                ISSUE_UNTRUSTED,
                is_fixable=False,
                severity=ir.IssueSeverity.WARNING,
                translation_key=ISSUE_UNTRUSTED,
            )
        # Home Assistant may have begun to stop, and with it the hub, while this was read.
        undisturbed = engagements == self._engagements and not self.hass.is_stopping
        if believed.enabled and undisturbed:
            self.gate.open(believed.epoch)
        self._async_changed()

    @callback
    def async_unload(self) -> None:
        """Close the gate because the hub goes away; what is remembered stays."""
        self._entry = None
        self._engagements += 1
        run_logged([self.gate.close])
        self._async_changed()

    async def async_forget(self) -> None:
        """Delete what is remembered, as the hub has been removed."""
        self.async_unload()
        run_logged([self._holds.clear])
        await self._memory.async_forget()
        for issue in (ISSUE_UNTRUSTED, ISSUE_NOT_SAVED):
            ir.async_delete_issue(self.hass, DOMAIN, issue)

    async def async_prepare(self) -> GateRecord:
        """Remember "on" for a hub that is about to be created, and return that record.

        Raises:
            GateRecordError: it could not be saved.
        """
        epoch = max(self.gate.epoch, self.record.epoch if self.record else 0) + 1
        record = GateRecord(True, epoch, utc_now(), "set up")
        event = GateEvent.now(GateEventType.ENABLED, reason=record.reason)
        if not await self._memory.async_begin(record, event):
            raise _not_saved()
        return record

    # -- the switch of all cameras ---------------------------------------------------------

    async def async_engage(self, reason: str | None = None, context: Context | None = None) -> None:
        """Stop all pictures, now.

        Whatever hangs after that is left to itself after a few seconds.

        Raises:
            GateRecordError: they are stopped, but this might not survive a restart.
        """
        # Whoever asked may be cancelled; what was asked goes on all the same.
        if not await asyncio.shield(self._async_engage(reason, context)):
            raise _not_saved()

    @callback
    def _async_engage(self, reason: str | None, context: Context | None) -> asyncio.Task[bool]:
        self._engagements += 1
        before = self.record
        self._counted = {}
        run_logged([self.gate.close])
        event = GateEvent.now(
            GateEventType.DISABLED, reason=clean_text(reason), cut=self._counted, context=context
        )
        # Switching off again cuts nothing; what the first time did stays known.
        again = before is not None and not before.enabled and not any(self._counted.values())
        record = GateRecord(
            False,
            max(self.gate.epoch, 1),
            event.at,
            event.reason,
            event.user_id,
            before.cut if before is not None and again else event.cut,
        )
        saving = self._memory.async_darken(record, event)
        self._async_changed()
        self.report(event)
        return self.hass.async_create_task(
            self._async_after_engaging(saving), f"{DOMAIN} switching off"
        )

    async def _async_after_engaging(self, saving: asyncio.Task[bool]) -> bool:
        cleaning = self.hass.async_create_task(self._async_clean_up(), f"{DOMAIN} cleaning up")
        await asyncio.wait((saving, cleaning), timeout=WAIT)
        return self._is_saved(saving)

    async def async_release(
        self, reason: str | None = None, context: Context | None = None
    ) -> None:
        """Allow pictures again, unless somebody switches off meanwhile.

        Raises:
            HomeAssistantError: the hub is not loaded, or this could not be saved.
        """
        engagements = self._engagements
        event = GateEvent.now(GateEventType.ENABLED, reason=clean_text(reason), context=context)

        def enable(record: GateRecord) -> GateRecord | None:
            if self.gate.is_open or engagements != self._engagements:
                return None
            return replace(
                record,
                enabled=True,
                epoch=max(self.gate.epoch, record.epoch) + 1,
                changed_at=event.at,
                reason=event.reason,
                user_id=event.user_id,
                cut={},
                doubted=False,
            )

        def open_gate(record: GateRecord) -> None:
            self.violations = 0
            self.gate.open(record.epoch)
            ir.async_delete_issue(self.hass, DOMAIN, ISSUE_UNTRUSTED)

        await self._async_lighten(enable, open_gate, event)

    # -- single cameras ----------------------------------------------------------------

    async def async_hide(
        self, did: str, reason: str | None = None, context: Context | None = None
    ) -> None:
        """Hide one camera, now.

        Raises:
            GateRecordError: it is hidden, but this might not survive a restart.
        """
        self._hidings[did] += 1
        run_logged([partial(self._holds.hide, did)])
        event = GateEvent.now(
            GateEventType.HIDDEN, reason=clean_text(reason), did=did, context=context
        )
        saving = self._async_held(event)
        await asyncio.wait({saving}, timeout=WAIT)
        if not self._is_saved(saving):
            raise _not_saved()

    async def async_show(
        self, did: str, reason: str | None = None, context: Context | None = None
    ) -> None:
        """Show a hidden camera again, unless somebody hides it meanwhile.

        The caller has asked `async_require_admin`.

        Raises:
            HomeAssistantError: the hub is not loaded, or this could not be saved.
        """
        hidings = self._hidings[did]

        def show(record: GateRecord) -> GateRecord | None:
            if did not in record.hidden or hidings != self._hidings[did]:
                return None
            return replace(record, hidden=tuple(one for one in record.hidden if one != did))

        event = GateEvent.now(
            GateEventType.SHOWN, reason=clean_text(reason), did=did, context=context
        )
        await self._async_lighten(show, lambda _: self._holds.show(did), event)

    @callback
    def async_violation(self, did: str, detail: str) -> None:
        """Put a camera in quarantine, now, as a picture came that is not its own.

        What else comes of a camera in quarantine counts as the same violation, and what
        comes late of one that was removed as none.
        """
        if not self._holds.has_gate(did) or Hold.QUARANTINE in self.holds_of(did):
            return
        seen = clean_text(detail) or ""
        run_logged([partial(self._holds.quarantine, did, seen)])
        self.violations += 1
        limit = self.options.violation_limit
        self._async_held(GateEvent.now(GateEventType.QUARANTINED, reason=seen, did=did), seen)
        if 0 < limit <= self.violations and self.gate.is_open:
            self._async_engage(f"{self.violations} violations", None)

    async def async_end_quarantine(
        self, did: str, reason: str | None = None, context: Context | None = None
    ) -> None:
        """Let a camera out of quarantine; the caller has asked `async_require_admin`.

        Raises:
            HomeAssistantError: the hub is not loaded, or this could not be saved.
        """

        def end(record: GateRecord) -> GateRecord | None:
            quarantined = {one: seen for one, seen in record.quarantined.items() if one != did}
            return replace(record, quarantined=quarantined) if did in record.quarantined else None

        event = GateEvent.now(
            GateEventType.QUARANTINE_ENDED, reason=clean_text(reason), did=did, context=context
        )
        await self._async_lighten(end, lambda _: self._holds.end_quarantine(did), event)

    async def async_carry_holds(self, did: str, to: str) -> None:
        """Hold a camera back under another did too, as it is held under this one.

        Raises:
            GateRecordError: it is, but this might not survive a restart.
        """
        holds, savings = self.holds_of(did), set[asyncio.Task[bool]]()
        for why, kind in _REMEMBERED.items():
            if why not in holds:
                continue
            seen = self._holds.quarantined.get(did, "") if why is Hold.QUARANTINE else None
            if seen is None:
                run_logged([partial(self._holds.hide, to)])
            else:
                run_logged([partial(self._holds.quarantine, to, seen)])
            event = GateEvent.now(kind, reason=f"was {did}", did=to)
            savings.add(self._memory.async_darken(self.record, event, seen))
        if savings:
            await asyncio.wait(savings, timeout=LONG_WAIT)
        saved = [self._is_saved(one) for one in savings]
        if not all(saved):
            raise _not_saved()

    @callback
    def async_forget_camera(self, did: str) -> asyncio.Task[bool]:
        """Close a removed camera's gate for good and forget its holds.

        The task that is returned saves this; it need not be awaited.
        """
        run_logged([partial(self._holds.forget, did)])
        self._async_changed()
        return self._memory.async_drop(did)

    @callback
    def _async_held(self, event: GateEvent, detail: str | None = None) -> asyncio.Task[bool]:
        saving = self._memory.async_darken(self.record, event, detail)
        self._async_changed()
        self.report(event)
        return saving

    # -- who may -----------------------------------------------------------------------

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

    # -- beneath -----------------------------------------------------------------------

    async def _async_lighten(
        self,
        change: Callable[[GateRecord], GateRecord | None],
        apply: Callable[[GateRecord], None],
        event: GateEvent,
    ) -> None:
        """Save, then apply, unless the hub goes away or it takes too long."""
        if (entry := self._entry) is None:
            raise HomeAssistantError(translation_domain=DOMAIN, translation_key="hub_not_loaded")
        given_up = False

        def wanted(record: GateRecord) -> GateRecord | None:
            return None if given_up or self._entry is not entry else change(record)

        def light(record: GateRecord) -> None:
            apply(record)
            self._async_changed()
            self.report(event)

        task = self._memory.async_lighten(wanted, light, event)
        await asyncio.wait({task}, timeout=LONG_WAIT)
        if not task.done():
            given_up = True
            self._memory.async_failed()
            raise _not_saved()
        if task.result() is False:
            raise _not_saved()

    def _is_saved(self, saving: asyncio.Task[bool]) -> bool:
        if not saving.done() or saving.cancelled():
            self._memory.async_failed()
            return False
        return saving.result()

    @callback
    def _count(self) -> None:
        self._counted = self._async_count()

    @callback
    def _async_not_saved(self) -> None:
        self.report(GateEvent.now(GateEventType.NOT_SAVED))


_REMEMBERED: Final = {
    Hold.PRIVACY: GateEventType.HIDDEN,
    Hold.QUARANTINE: GateEventType.QUARANTINED,
}
"""The holds of a camera that outlive a restart."""
DATA_KILL_SWITCH: HassKey[KillSwitch] = HassKey(DOMAIN)


def _not_saved() -> GateRecordError:
    return GateRecordError(translation_domain=DOMAIN, translation_key="gate_not_saved")
