"""The service that lists what cameras have noticed, by GET, at a host of its own.

    /common/app/get/eventlist            of the account's region
    /{region}/common/app/get/eventlist   of another region

The parameters come in the query, signed and encrypted like those of the device API; the answer
is in `data`. Items look as public clients read them, which is without a did, unless a knob says
that they name their camera; only then a client may show their pictures, which `pictures` keeps.
"""

from __future__ import annotations

from collections import deque
import time
from typing import TYPE_CHECKING, Final

from simulator.cloud.pictures import EventPictures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.camera.rpc import JSON

PATH: Final = "/common/app/get/eventlist"
TYPES: Final = (
    "ObjectMotion",
    "PeopleMotion",
    "BabyCry",
    "Face",
    "KnownFace",
    "AI",
    "Pass",
    "Pass:Stay",
    "Bell",
    "Pass:Bell",
)
"""Names that public clients know."""
_KEPT: Final = 1000
_MOST: Final = 50


class EventLists:
    """The events of each camera. Knobs may be changed while it runs."""

    def __init__(self) -> None:
        """Start with none."""
        self._events: dict[str, deque[dict[str, JSON]]] = {}
        self._count = 0
        self.pictures = EventPictures()
        self.names_did = False
        """Let every item say whose it is."""
        self.foreign_did: str | None = None
        """When set, every item says it is this device's."""
        self.garbage = False
        """Answer with items that are none."""
        self.refuse: int | None = None
        """When set, refuse with this code."""
        self.asked: list[Mapping[str, JSON]] = []
        """The last requests' parameters."""

    def add(
        self,
        did: str,
        name: str,
        at_ms: int | None = None,
        file_id: str | None = None,
        *,
        png: bool = False,
    ) -> None:
        """Let a camera have noticed something, now or then."""
        self._count += 1
        at_ms = int(time.time() * 1000) if at_ms is None else at_ms
        self._events.setdefault(did, deque(maxlen=_KEPT)).append(
            {
                "createTime": at_ms,
                "eventType": name,
                "fileId": f"file-{self._count}" if file_id is None else file_id,
                "imgStoreId": self.pictures.add(did, self._count, at_ms, png=png),
                "videoStoreId": f"video-{self._count}",
                "isAlarm": True,
                "offset": 0,
                "extraInfo": "",
            }
        )

    def clear(self) -> None:
        """Let nothing have been noticed."""
        self._events.clear()

    def answer(self, did: str, data: Mapping[str, JSON]) -> JSON:
        """Return the `data` of an answer: newest first, and where to go on if there is more."""
        self.asked = [*self.asked[-_MOST:], data]
        begin, end, limit = (data.get(name) for name in ("beginTime", "endTime", "limit"))
        if not isinstance(begin, int) or not isinstance(end, int) or not isinstance(limit, int):
            return {"thirdPartPlayUnits": [], "isContinue": False, "nextTime": 0}
        if self.garbage:
            return {"thirdPartPlayUnits": [None, 7, {}, {"createTime": "soon"}], "nextTime": []}
        found = [
            dict(event)
            for event in self._events.get(did, ())
            if isinstance(at := event["createTime"], int) and begin <= at <= end
        ]
        found.sort(key=lambda event: str(event["createTime"]).zfill(20), reverse=True)
        page = found[: max(0, min(limit, _MOST))]
        if self.foreign_did is not None or self.names_did:
            page = [{**event, "did": self.foreign_did or did} for event in page]
        more = len(found) > len(page) > 0
        last = page[-1]["createTime"] if page else 0
        return {
            "thirdPartPlayUnits": list(page),
            "isContinue": more,
            "nextTime": last - 1 if more and isinstance(last, int) else 0,
        }
