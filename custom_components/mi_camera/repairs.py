"""Fixing issues of the gate and of cameras from Home Assistant's repairs, which only administrators can."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, override

from homeassistant.components.http import KEY_HASS_USER
from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.http import current_request
import probatio as vol

from .const import DOMAIN, SUBENTRY_CAMERA
from .gate_issues import DATA_DID, ISSUE_UNLISTED
from .gate_record import GateRecordError
from .kill_switch import DATA_KILL_SWITCH

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry, ConfigSubentry
    from homeassistant.core import HomeAssistant

    from .kill_switch import KillSwitch


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow for an issue: those about one camera name it."""
    if data and (did := data.get(DATA_DID)):
        if issue_id.startswith(f"{ISSUE_UNLISTED}_"):
            return RemoveCameraFlow(str(did))
        return EndQuarantineFlow(str(did))
    return AllowPicturesFlow()


class _ConfirmFlow(RepairsFlow):
    """Say again what it is about, and do it when that is confirmed."""

    @property
    def kill_switch(self) -> KillSwitch:
        """The kill switch, which is there as long as Home Assistant runs."""
        return self.hass.data[DATA_KILL_SWITCH]

    @abstractmethod
    async def _async_fix(self, context: Context) -> None:
        """Do it.

        Raises:
            GateRecordError: it could not be saved.
            HomeAssistantError: the hub is not loaded.
        """

    @property
    @abstractmethod
    def _fixed(self) -> bool:
        """Whether it is done, and has stayed so."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin; what comes in here is no answer of the user's."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask, then fix."""
        if user_input is None:
            issue = ir.async_get(self.hass).async_get_issue(self.handler, self.issue_id)
            return self.async_show_form(
                step_id="confirm",
                data_schema=vol.Schema({}),
                description_placeholders=issue.translation_placeholders if issue else None,
            )
        context = _context()
        await self.kill_switch.async_require_admin(context)
        try:
            await self._async_fix(context)
        except GateRecordError:
            return self.async_abort(reason="gate_not_saved")
        except HomeAssistantError:
            return self.async_abort(reason="hub_not_loaded")
        if not self._fixed:
            # The issue must stay if it has come up again in the meantime.
            return self.async_abort(reason="again")
        return self.async_create_entry(data={})


class AllowPicturesFlow(_ConfirmFlow):
    """Allow pictures of all cameras again."""

    @override
    async def _async_fix(self, context: Context) -> None:
        await self.kill_switch.async_release(context=context)

    @property
    @override
    def _fixed(self) -> bool:
        return self.kill_switch.gate.is_open


class EndQuarantineFlow(_ConfirmFlow):
    """Show pictures of one camera again."""

    def __init__(self, did: str) -> None:
        """Remember which camera."""
        self._did = did

    @override
    async def _async_fix(self, context: Context) -> None:
        await self.kill_switch.async_end_quarantine(self._did, context=context)

    @property
    @override
    def _fixed(self) -> bool:
        record = self.kill_switch.record
        return record is None or self._did not in record.quarantined


class RemoveCameraFlow(_ConfirmFlow):
    """Remove a camera that is in no account any more."""

    def __init__(self, did: str) -> None:
        """Remember which camera."""
        self._did = did

    @override
    async def _async_fix(self, context: Context) -> None:
        for entry, subentry in self._cameras():
            self.hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)

    @property
    @override
    def _fixed(self) -> bool:
        return not self._cameras()

    def _cameras(self) -> list[tuple[ConfigEntry, ConfigSubentry]]:
        return [
            (entry, subentry)
            for entry in self.hass.config_entries.async_entries(DOMAIN, include_ignore=False)
            for subentry in entry.get_subentries_of_type(SUBENTRY_CAMERA)
            if subentry.unique_id == self._did
        ]


def _context() -> Context:
    """Return a context of the user whose request is being answered."""
    request = current_request.get()
    user = request.get(KEY_HASS_USER) if request is not None else None
    return Context(user_id=user.id if user is not None else None)
