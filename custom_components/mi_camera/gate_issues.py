"""Which repair issues the gate gives rise to, and what they say.

They are made anew from the gate's record at each start, so none is kept by the registry.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .const import DOMAIN, SUBENTRY_CAMERA
from .gate_events import GateEventType
from .gate_news import CUT_KINDS, async_camera_name, async_user_name

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .gate_events import GateEvent
    from .gate_record import GateRecord
    from .kill_switch import KillSwitch

ISSUE_PICTURES_OFF = "pictures_off"
ISSUE_QUARANTINED = "quarantined"
ISSUE_IDENTITY = "identity"
ISSUE_UNLISTED = "unlisted"
DATA_DID = "did"
NOTHING = "–"
MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:])")


@callback
def async_setup_issues(hass: HomeAssistant, kill_switch: KillSwitch) -> None:
    """Let the issues follow the gate for as long as Home Assistant runs."""
    issues = _GateIssues(hass, kill_switch)
    kill_switch.async_listen(issues.async_sync)
    kill_switch.async_on_event(issues.async_heard)


@callback
def async_forget_issues(hass: HomeAssistant) -> None:
    """Delete all of them, as the hub has been removed."""
    ir.async_delete_issue(hass, DOMAIN, ISSUE_PICTURES_OFF)
    for kind in (ISSUE_QUARANTINED, ISSUE_IDENTITY, ISSUE_UNLISTED):
        _keep_only(hass, kind, set())


@callback
def async_unlisted(hass: HomeAssistant, did: str) -> None:
    """Say that no account may see a camera any more; it is not part of the gate's record."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        f"{ISSUE_UNLISTED}_{did}",
        data={DATA_DID: did},
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=ISSUE_UNLISTED,
        translation_placeholders={"camera": plain(async_camera_name(hass, did))},
    )


@callback
def async_listed_again(hass: HomeAssistant, did: str) -> None:
    """Take that back."""
    ir.async_delete_issue(hass, DOMAIN, f"{ISSUE_UNLISTED}_{did}")


class _GateIssues:
    def __init__(self, hass: HomeAssistant, kill_switch: KillSwitch) -> None:
        self._hass = hass
        self._kill_switch = kill_switch

    @callback
    def async_sync(self) -> None:
        """Make the issues agree with the gate's record."""
        record = self._kill_switch.record
        if record is None or record.enabled:
            ir.async_delete_issue(self._hass, DOMAIN, ISSUE_PICTURES_OFF)
        else:
            self._hass.async_create_task(self._async_pictures_off(record), f"{DOMAIN} issue")
        known = self._known_dids()
        quarantined = record.quarantined if record else {}
        _keep_only(self._hass, ISSUE_QUARANTINED, known & quarantined.keys())
        _keep_only(self._hass, ISSUE_IDENTITY, known)
        for did in known & quarantined.keys():
            ir.async_create_issue(
                self._hass,
                DOMAIN,
                f"{ISSUE_QUARANTINED}_{did}",
                data={DATA_DID: did},
                is_fixable=True,
                severity=ir.IssueSeverity.ERROR,
                translation_key=ISSUE_QUARANTINED,
                translation_placeholders={
                    "camera": plain(async_camera_name(self._hass, did)),
                    "detail": plain(quarantined[did]) or NOTHING,
                },
            )

    async def _async_pictures_off(self, record: GateRecord) -> None:
        by = await async_user_name(self._hass, record.user_id)
        if record is not self._kill_switch.record:
            return
        changed_at = dt_util.parse_datetime(record.changed_at or "")
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            ISSUE_PICTURES_OFF,
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key=ISSUE_PICTURES_OFF,
            translation_placeholders={
                "since": f"{dt_util.as_local(changed_at):%Y-%m-%d %H:%M}"
                if changed_at
                else NOTHING,
                "by": plain(by or NOTHING),
                "reason": plain(record.reason or NOTHING),
                **{kind: str(record.cut.get(kind, 0)) for kind in CUT_KINDS},
            },
        )

    @callback
    def async_heard(self, event: GateEvent) -> None:
        """Follow what is no part of the record: doubts about which camera answers."""
        if event.did is None:
            return
        issue_id = f"{ISSUE_IDENTITY}_{event.did}"
        if event.type is GateEventType.IDENTITY_DOUBTED:
            ir.async_create_issue(
                self._hass,
                DOMAIN,
                issue_id,
                is_fixable=False,
                severity=ir.IssueSeverity.WARNING,
                translation_key=ISSUE_IDENTITY,
                translation_placeholders={
                    "camera": plain(async_camera_name(self._hass, event.did))
                },
            )
        elif event.type is GateEventType.IDENTITY_PROVED:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)

    def _known_dids(self) -> set[str]:
        return {
            str(subentry.unique_id)
            for entry in self._hass.config_entries.async_entries(DOMAIN, include_ignore=False)
            for subentry in entry.get_subentries_of_type(SUBENTRY_CAMERA)
        }


@callback
def _keep_only(hass: HomeAssistant, kind: str, dids: set[str]) -> None:
    prefix = f"{kind}_"
    for domain, issue_id in tuple(ir.async_get(hass).issues):
        if (
            domain == DOMAIN
            and issue_id.startswith(prefix)
            and issue_id.removeprefix(prefix) not in dids
        ):
            ir.async_delete_issue(hass, DOMAIN, issue_id)


def plain(text: str) -> str:
    """Return text of unknown origin so that Markdown shows it as it is, on one line."""
    return MARKDOWN.sub(r"\\\1", " ".join(text.split()))
