"""What cameras have noticed, as their account's cloud lists it.

One request gives the newest events of one camera within a time; fields and names are those of
public clients. Nothing in an item proves whose it is, and some say no did at all. So what is kept
is when and what, for the camera that was asked about; and where its picture is only if the item
itself names that camera.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from .errors import CloudUnavailable
from .event_pictures import PictureRef

if TYPE_CHECKING:
    from .transport import JsonValue

PATH: Final = "/common/app/get/eventlist"
LIMIT: Final = 20
"""Events asked for with one request."""
MAX_ITEMS: Final = 100
"""Items of one answer that are looked at."""
MAX_DETAILS: Final = 10
"""Parts of one item that are looked at."""
_MAX_TEXT: Final = 128
"""Characters of a kind's names."""
_MAX_ID: Final = 512
"""Characters of the name of a file; real ones have more than a hundred."""
_MAX_MS: Final = 1 << 53


class EventKind(StrEnum):
    """What was noticed."""

    DOORBELL = "doorbell"
    BABY_CRY = "baby_cry"
    FACE = "face"
    PERSON = "person"
    PET = "pet"
    MOTION = "motion"
    OTHER = "other"


_KINDS: Final = {
    "bell": EventKind.DOORBELL,
    "babycry": EventKind.BABY_CRY,
    "face": EventKind.FACE,
    "knownface": EventKind.FACE,
    "peoplemotion": EventKind.PERSON,
    # Door viewers: somebody goes by, or stays.
    "pass": EventKind.PERSON,
    "stay": EventKind.PERSON,
    "pet": EventKind.PET,
    "objectmotion": EventKind.MOTION,
}
_ORDER: Final = list(EventKind)


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """One event."""

    kind: EventKind
    """The most telling one, where the cloud names several."""
    at_ms: int
    """When it began, in milliseconds since 1970."""
    file_id: str = field(default="", repr=False)
    """The cloud's name of its recording; empty without one."""
    picture: PictureRef | None = field(default=None, repr=False)
    """Where its picture is; None unless the event names the camera that was asked about."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """One answer."""

    events: tuple[CameraEvent, ...] = ()
    foreign: int = 0
    """Items left out that name another device."""
    odd: int = 0
    """Items left out that cannot be understood, or are not of the time asked for."""
    older_ms: int | None = None
    """Where to go on, as the end of the next request; None when that was all."""


def event_query(
    did: str, model: str, region: str, begin_ms: int, end_ms: int, *, doorbell: bool
) -> dict[str, JsonValue]:
    """Parameters of a request for the events from `begin_ms` to `end_ms`, newest first."""
    return {
        "did": did,
        "model": model,
        "doorBell": doorbell,
        "eventType": "Default",
        "needMerge": True,
        "sortType": "DESC",
        "region": region.upper(),
        "language": "en_US",
        "beginTime": begin_ms,
        "endTime": end_ms,
        "limit": LIMIT,
    }


def parse_page(data: JsonValue, did: str, begin_ms: int, end_ms: int) -> EventPage:
    """Events of the answer to the request above; raises `CloudUnavailable` when it is none."""
    units = data.get("thirdPartPlayUnits", []) if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(units, list | None):
        raise CloudUnavailable("the events are not a list")
    events: list[CameraEvent] = []
    foreign = odd = 0
    for unit in (units or [])[:MAX_ITEMS]:
        if not isinstance(unit, dict):
            odd += 1
        elif unit.get("did") is not None and not _is_of(unit["did"], did):
            foreign += 1
        elif (event := _event(unit, did)) is None or not begin_ms <= event.at_ms <= end_ms:
            odd += 1
        else:
            events.append(event)
    older = _milliseconds(data.get("nextTime")) if data.get("isContinue") is True else None
    if older is not None and not begin_ms <= older < end_ms:
        older = None
    return EventPage(tuple(events), foreign, odd, older)


def _is_of(value: JsonValue, did: str) -> bool:
    return isinstance(value, str | int) and str(value) == did


def _event(unit: dict[str, JsonValue], did: str) -> CameraEvent | None:
    at, names, file_id = (unit.get(name) for name in ("createTime", "eventType", "fileId"))
    at_ms = _milliseconds(at)
    if at_ms is None or not isinstance(names, str) or len(names) > _MAX_TEXT:
        return None
    if not isinstance(file_id, str) or len(file_id) > _MAX_ID:
        file_id = ""
    # "Pass:Bell" is somebody who came and rang.
    kinds = {_KINDS.get(name.strip().lower(), EventKind.OTHER) for name in names.split(":")}
    kind = min(kinds, key=_ORDER.index)
    return CameraEvent(kind, at_ms, file_id, _picture(unit, did, file_id))


def _picture(unit: dict[str, JsonValue], did: str, file_id: str) -> PictureRef | None:
    if not _is_of(unit.get("did"), did) or not file_id:
        return None
    # An item that merges several things has one for each, some in place of its own.
    details = unit.get("eventTypeDetail")
    found = [unit, *(details[:MAX_DETAILS] if isinstance(details, list) else ())]
    ids = [one["imgStoreId"] for one in found if isinstance(one, dict) and "imgStoreId" in one]
    store_id = next((one for one in ids if isinstance(one, str) and 0 < len(one) <= _MAX_ID), None)
    return None if store_id is None else PictureRef(file_id, store_id)


def _milliseconds(value: JsonValue) -> int | None:
    if isinstance(value, str) and len(value) <= 16 and value.isascii() and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _MAX_MS:
        return None
    return value
