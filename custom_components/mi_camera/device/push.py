"""What a camera tells by itself, once somebody on the LAN has subscribed to it.

It is subscribed to by ``miIO.sub``, undone by ``miIO.unsub``. From then on the device sends
requests of its own, sealed with its token: ``properties_changed`` and ``event_occured``. It
repeats each until it is answered (public protocol notes).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .miot import MAX_ITEMS, Scalar, scalar
from .miot_names import PropertyId

if TYPE_CHECKING:
    from .packet import JsonValue

SUBSCRIBE: Final = "miIO.sub"
UNSUBSCRIBE: Final = "miIO.unsub"
VERSION: Final = "2.0"
MAX_ID: Final = 0x7FFFFFFF
MAX_IID: Final = 0xFFFF
MAX_TOLD: Final = 4 * MAX_ITEMS
"""Properties or arguments of one push that are looked at."""
WINDOW: Final = 20
"""Seconds that a push's stamp may differ from the device's clock as it is known."""
REMEMBERED: Final = 64.0
"""Seconds for which a push's id is remembered: longer than a copy of it stays in the window."""
MAX_REMEMBERED: Final = 2048
MAX_PER_SECOND: Final = 20
ANSWER: Final[JsonValue] = {"code": 0}


@dataclass(frozen=True, slots=True)
class PropertiesChanged:
    """Properties and their values of now."""

    values: tuple[tuple[PropertyId, Scalar], ...]


@dataclass(frozen=True, slots=True)
class EventOccurred:
    """Something happened. What it came with is left out: nobody here needs it."""

    siid: int
    eiid: int


type Push = PropertiesChanged | EventOccurred


@dataclass(slots=True)
class PushCounters:
    """What came from one device."""

    told: int = 0
    again: int = 0
    """Repeated, since the answer had been lost; answered and not told."""
    odd: int = 0
    """Sealed with the token, and no push that could be understood."""
    stale: int = 0
    """With a stamp that is not of now."""
    flood: int = 0
    """More than there may be within a second."""


def subscription(subscriber: int, at: int) -> dict[str, JsonValue]:
    """Parameters of `SUBSCRIBE` and `UNSUBSCRIBE`; `at` is the time, which the device keeps."""
    return {"version": VERSION, "did": str(subscriber), "update_ts": at, "sub_method": "."}


def read_push(payload: dict[str, JsonValue]) -> Push | None:
    """Return what a device's request tells, None when it cannot be understood.

    Items of it that cannot are left out.
    """
    params = payload.get("params")
    match payload.get("method"):
        case "properties_changed" if isinstance(params, list):
            found = (_value(item) for item in params[:MAX_TOLD])
            return PropertiesChanged(tuple(one for one in found if one is not None))
        case "event_occured":
            if isinstance(params, list) and params:
                # Some devices give a list of one.
                params = params[0]
            if isinstance(params, dict):
                siid, eiid = _iid(params.get("siid")), _iid(params.get("eiid"))
                if siid is not None and eiid is not None:
                    return EventOccurred(siid, eiid)
    return None


class _Rate:
    """Lets so many through within a second; copies have one of their own."""

    def __init__(self) -> None:
        self._second = -1.0
        self._admitted = 0

    def admits(self, now: float) -> bool:
        if now - self._second >= 1:
            self._second, self._admitted = now, 0
        self._admitted += 1
        return self._admitted <= MAX_PER_SECOND


class PushInbox:
    """Takes one device's requests: each is told once, and answered as often as it comes.

    Whoever reaches this holds the token, or has kept what one who does had sent. So a copy
    must not count: its stamp is of another time, or its id has been met.
    """

    def __init__(self) -> None:
        """Have met nothing."""
        self.counters = PushCounters()
        self._met: OrderedDict[int, float] = OrderedDict()
        self._new = _Rate()
        self._repeated = _Rate()

    def take(
        self, payload: dict[str, JsonValue], *, stamp: int, clock: float, now: float
    ) -> tuple[dict[str, JsonValue] | None, Push | None]:
        """Return the answer, and what is to be told.

        `stamp` is the datagram's, `clock` the device's clock as it is known, `now` any
        monotonic time; all in seconds.
        """
        counters, ident = self.counters, payload.get("id")
        if abs(stamp - clock) > WINDOW:
            counters.stale += 1
            return None, None
        push = read_push(payload)
        if push is None or type(ident) is not int or not 0 <= ident <= MAX_ID:
            counters.odd += 1
            return None, None
        answer: dict[str, JsonValue] = {"id": ident, "result": ANSWER}
        known = self._is_known(ident, now)
        if not (self._repeated if known else self._new).admits(now):
            counters.flood += 1
            return None, None
        self._met.setdefault(ident, now)
        if known:
            counters.again += 1
            return answer, None
        counters.told += 1
        return answer, push

    def _is_known(self, ident: int, now: float) -> bool:
        while self._met:
            oldest = next(iter(self._met.values()))
            if now - oldest < REMEMBERED and len(self._met) < MAX_REMEMBERED:
                break
            self._met.popitem(last=False)
        return ident in self._met


def _value(item: JsonValue) -> tuple[PropertyId, Scalar] | None:
    if not isinstance(item, dict):
        return None
    siid, piid = _iid(item.get("siid")), _iid(item.get("piid"))
    value = scalar(item.get("value"))
    if siid is None or piid is None or value is None:
        return None
    return PropertyId(siid, piid), value


def _iid(value: JsonValue) -> int | None:
    return value if type(value) is int and 0 < value <= MAX_IID else None
