"""The MIoT specification of a model: its properties, actions and events by name.

The shape is that of the public service's instances
(``https://miot-spec.org/miot-spec-v2/instance?type=URN``): services with `iid`, `type` and
lists of `properties`, `actions` and `events`. Numbers differ between models, so everything is
found by name, "service:property". A name is the fourth part of a type's URN
(``urn:miot-spec-v2:property:night-shot:00000057:isa-hlc7:1`` is ``night-shot``); where a
model has a service twice, the second is called by its number too ("light-4:on").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
import math
import re
from typing import TYPE_CHECKING, Final, Self

from .miot import MAX_TEXT, Scalar
from .miot_names import PropertyId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .packet import JsonValue

__all__ = [
    "Access",
    "MiotSpec",
    "SpecAction",
    "SpecError",
    "SpecEvent",
    "SpecProperty",
    "Steps",
    "Value",
    "find_urn",
]

MAX_SERVICES: Final = 64
MAX_MEMBERS: Final = 256
"""Properties, actions or events of one service."""
MAX_VALUES: Final = 64
MAX_DESCRIPTION: Final = 120
MAX_IID: Final = 0xFFFF
_URN: Final = re.compile(
    r"urn:[a-z0-9-]{1,40}:(device|service|property|action|event):([a-z0-9-]{1,80})"
    r":[0-9a-fA-F]{8}(:[a-zA-Z0-9._-]{1,80}(:[0-9]{1,6})?)?",
    re.ASCII,
)
_INTEGERS: Final = {
    f"{sign}int{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1)
    if not sign
    else (0, (1 << bits) - 1)
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}


class SpecError(ValueError):
    """That is no specification, or none within bounds."""


class Access(StrEnum):
    """What may be done with a property."""

    READ = "read"
    WRITE = "write"
    NOTIFY = "notify"


@dataclass(frozen=True, slots=True)
class Steps:
    """A range of numbers; `step` is positive."""

    low: float
    high: float
    step: float


@dataclass(frozen=True, slots=True)
class Value:
    """One of a property's values, and what the specification calls it."""

    value: int
    description: str


@dataclass(frozen=True, slots=True)
class SpecProperty:
    """A property. `values` is empty and `steps` None where it has no such list or range."""

    ids: PropertyId
    format: str
    access: frozenset[Access]
    description: str = ""
    unit: str | None = None
    values: tuple[Value, ...] = ()
    steps: Steps | None = None

    @property
    def readable(self) -> bool:
        """Whether it can be asked for."""
        return Access.READ in self.access

    @property
    def writable(self) -> bool:
        """Whether it can be set."""
        return Access.WRITE in self.access

    def check(self, value: object) -> Scalar:
        """Return `value` as it may be sent to the device.

        Raises:
            ValueError: it is not of this property's format, list or range.
        """
        if self.format == "bool":
            if isinstance(value, bool):
                return value
            raise ValueError("neither true nor false")
        if self.format == "string":
            if isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable():
                return value
            raise ValueError("not a short line of text")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("not a number")  # noqa: TRY004 - all that is wrong is told one way
        if self.format == "float":
            return self._in_range(float(value))
        if not math.isfinite(value) or value != int(value):
            raise ValueError("not a whole number")
        low, high = _INTEGERS.get(self.format, _INTEGERS["int32"])
        if not low <= value <= high:
            raise ValueError("out of range")
        if self.values and all(one.value != value for one in self.values):
            raise ValueError("not one of its values")
        return self._in_range(int(value))

    def _in_range[N: (int, float)](self, number: N) -> N:
        if not math.isfinite(number):
            raise ValueError("out of range")
        if (steps := self.steps) is not None:
            if not steps.low <= number <= steps.high:
                raise ValueError("out of range")
            places = (number - steps.low) / steps.step
            if abs(places - round(places)) > 1e-6:
                raise ValueError("between two steps")
        return number


@dataclass(frozen=True, slots=True)
class SpecAction:
    """An action: its numbers, and the `piid`s, in its service, of what goes in and comes out."""

    siid: int
    aiid: int
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class SpecEvent:
    """An event: its numbers, and the `piid`s of what it tells."""

    siid: int
    eiid: int
    arguments: tuple[int, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class MiotSpec:
    """What a model can do, by name."""

    urn: str
    properties: Mapping[str, SpecProperty] = field(default_factory=dict)
    actions: Mapping[str, SpecAction] = field(default_factory=dict)
    events: Mapping[str, SpecEvent] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: JsonValue) -> Self:
        """Read an instance.

        What a member says that is not understood makes only that member be left out.

        Raises:
            SpecError: it is none, or larger than a camera's can be.
        """
        urn = data.get("type") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(urn, str) or _name(urn, "device") is None:
            raise SpecError("not the specification of a device")
        services = data.get("services")
        if not isinstance(services, list) or len(services) > MAX_SERVICES:
            raise SpecError("a specification without services, or with too many")
        properties: dict[str, SpecProperty] = {}
        actions: dict[str, SpecAction] = {}
        events: dict[str, SpecEvent] = {}
        seen: set[str] = set()
        for service in services:
            if not isinstance(service, dict):
                continue
            siid, name = _iid(service.get("iid")), _name(service.get("type"), "service")
            if siid is None or name is None:
                continue
            called = name if name not in seen else f"{name}-{siid}"
            seen.add(called)
            properties |= _members(service, "property", siid, called, _property)
            actions |= _members(service, "action", siid, called, _action)
            events |= _members(service, "event", siid, called, _event)
        return cls(urn, properties, actions, events)


def find_urn(data: JsonValue, model: str) -> str | None:
    """Return the URN of a model's newest released specification, None if there is none.

    `data` is the public list of instances
    (``https://miot-spec.org/miot-spec-v2/instances?status=released``).

    Raises:
        SpecError: it is no such list.
    """
    instances = data.get("instances") if isinstance(data, dict) else None
    if not isinstance(instances, list):
        raise SpecError("not a list of specifications")
    best: tuple[int, str] | None = None
    for one in instances:
        if not isinstance(one, dict) or one.get("model") != model:
            continue
        urn, version = one.get("type"), one.get("version")
        if one.get("status", "released") != "released" or not isinstance(version, int):
            continue
        if isinstance(urn, str) and _name(urn, "device") and (best is None or version > best[0]):
            best = version, urn
    return None if best is None else best[1]


_PLURAL: Final = {"property": "properties", "action": "actions", "event": "events"}


def _members[M](
    service: dict[str, JsonValue],
    kind: str,
    siid: int,
    called: str,
    read: Callable[[dict[str, JsonValue], int, int], M | None],
) -> dict[str, M]:
    members = service.get(_PLURAL[kind], [])
    if not isinstance(members, list) or len(members) > MAX_MEMBERS:
        raise SpecError("a service with too many members")
    found: dict[str, M] = {}
    for member in members:
        if not isinstance(member, dict):
            continue
        iid, name = _iid(member.get("iid")), _name(member.get("type"), kind)
        if iid is None or name is None:
            continue
        if (made := read(member, siid, iid)) is not None:
            full = f"{called}:{name}"
            found[full if full not in found else f"{full}-{iid}"] = made
    return found


def _property(member: dict[str, JsonValue], siid: int, iid: int) -> SpecProperty | None:
    kind = member.get("format")
    if not isinstance(kind, str) or kind not in {*_INTEGERS, "bool", "string", "float"}:
        return None
    access = member.get("access")
    unit = member.get("unit")
    return SpecProperty(
        PropertyId(siid, iid),
        kind,
        frozenset(one for one in Access if isinstance(access, list) and one.value in access),
        _text(member.get("description")),
        unit if isinstance(unit, str) and 0 < len(unit) <= 32 and unit != "none" else None,
        _values(member.get("value-list")),
        _steps(member.get("value-range")),
    )


def _action(member: dict[str, JsonValue], siid: int, iid: int) -> SpecAction:
    return SpecAction(
        siid,
        iid,
        _iids(member.get("in")),
        _iids(member.get("out")),
        _text(member.get("description")),
    )


def _event(member: dict[str, JsonValue], siid: int, iid: int) -> SpecEvent:
    return SpecEvent(siid, iid, _iids(member.get("arguments")), _text(member.get("description")))


def _values(data: JsonValue) -> tuple[Value, ...]:
    if not isinstance(data, list) or len(data) > MAX_VALUES:
        return ()
    return tuple(
        Value(value, _text(one.get("description")))
        for one in data
        if isinstance(one, dict) and type(value := one.get("value")) is int
    )


def _steps(data: JsonValue) -> Steps | None:
    match data:
        case [int() | float() as low, int() | float() as high, int() | float() as step] if (
            step > 0 and low <= high and not any(isinstance(one, bool) for one in data)
        ):
            return Steps(low, high, step)
    return None


def _iids(data: JsonValue) -> tuple[int, ...]:
    """Numbers of properties; some instances give objects instead of plain numbers."""
    if not isinstance(data, list) or len(data) > MAX_MEMBERS:
        return ()
    found = (_iid(one.get("piid") if isinstance(one, dict) else one) for one in data)
    return tuple(one for one in found if one is not None)


def _iid(value: JsonValue) -> int | None:
    return value if type(value) is int and 0 < value <= MAX_IID else None


def _name(urn: JsonValue, kind: str) -> str | None:
    if not isinstance(urn, str) or (found := _URN.fullmatch(urn)) is None:
        return None
    return found[2] if found[1] == kind else None


def _text(value: JsonValue) -> str:
    return value[:MAX_DESCRIPTION] if isinstance(value, str) and value.isprintable() else ""
