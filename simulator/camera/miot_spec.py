"""What a simulated camera's MIoT instance offers, and how the public service describes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

type Value = bool | int | str
type Iid = tuple[int, int]
"""(siid, piid) or (siid, aiid)."""


class Format(StrEnum):
    """Value formats of the MIoT specification that cameras use."""

    BOOL = "bool"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class MiotProperty:
    """One property."""

    name: str
    """Its name in the specification, e.g. ``night-shot``."""
    format: Format
    legacy: str | None = None
    """The property of the older commands that is the same thing."""
    values: Mapping[int, Value] = field(default_factory=dict)
    """Value list: number here to value of `legacy`; empty for no list."""
    labels: Mapping[int, str] = field(default_factory=dict)
    """What the value list calls its numbers; empty for no list in the specification."""
    limits: tuple[int, int] | None = None
    """Smallest and largest number."""
    step: int = 1
    unit: str | None = None
    readable: bool = True
    writable: bool = True
    default: Value = 0
    """Value from the factory, where `legacy` does not say it."""

    def accepts(self, value: object) -> bool:
        """Whether a value may be written, its access aside."""
        match self.format:
            case Format.BOOL:
                return isinstance(value, bool)
            case Format.STRING:
                return isinstance(value, str) and len(value) <= 64
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        if numbers := self.values or self.labels:
            return value in numbers
        low, high = self.limits or (0, _LARGEST[self.format])
        return low <= value <= high


@dataclass(frozen=True, slots=True)
class MiotAction:
    """One action."""

    name: str
    arguments: int = 0
    """How many values `in` must have."""


@dataclass(frozen=True, slots=True)
class MiotSpec:
    """The instance of a model."""

    properties: Mapping[Iid, MiotProperty]
    actions: Mapping[Iid, MiotAction]
    services: Mapping[int, str]
    """Names of the services, by siid."""
    events: Mapping[Iid, str] = field(default_factory=dict)
    """Names of the events, by (siid, eiid)."""

    def instance(self, model: str) -> dict[str, Any]:
        """Describe it as the public service describes the model's instance."""
        return {
            "type": urn(model),
            "description": "Camera",
            "services": [
                {
                    "iid": siid,
                    "type": f"urn:miot-spec-v2:service:{name}:0000782F:{_dashed(model)}:1",
                    "description": name.replace("-", " ").title(),
                    "properties": [
                        _described(iid[1], one, model)
                        for iid, one in self.properties.items()
                        if iid[0] == siid
                    ],
                    "actions": [
                        {
                            "iid": iid[1],
                            "type": _type("action", one.name, model),
                            "description": one.name.replace("-", " ").title(),
                            "in": list(range(1, one.arguments + 1)),
                            "out": [],
                        }
                        for iid, one in self.actions.items()
                        if iid[0] == siid
                    ],
                    "events": [
                        {
                            "iid": iid[1],
                            "type": _type("event", one, model),
                            "description": one.replace("-", " ").title(),
                            "arguments": [],
                        }
                        for iid, one in self.events.items()
                        if iid[0] == siid
                    ],
                }
                for siid, name in self.services.items()
            ],
        }


def urn(model: str) -> str:
    """Return the URN of a model's specification."""
    return f"urn:miot-spec-v2:device:camera:0000A01C:{_dashed(model)}:1"


def _described(piid: int, one: MiotProperty, model: str) -> dict[str, Any]:
    member: dict[str, Any] = {
        "iid": piid,
        "type": _type("property", one.name, model),
        "description": one.name.replace("-", " ").title(),
        "format": one.format.value,
        "access": [
            *(["read"] if one.readable else []),
            *(["write"] if one.writable else []),
            "notify",
        ],
        "unit": one.unit or "none",
    }
    if one.labels:
        member["value-list"] = [
            {"value": number, "description": label} for number, label in one.labels.items()
        ]
    elif one.limits is not None:
        member["value-range"] = [*one.limits, one.step]
    return member


def _type(kind: str, name: str, model: str) -> str:
    return f"urn:miot-spec-v2:{kind}:{name}:00000001:{_dashed(model)}:1"


def _dashed(model: str) -> str:
    maker, _, rest = model.partition(".camera.")
    return f"{maker}-{rest or maker}"


_LARGEST: Final = {Format.UINT8: 0xFF, Format.UINT16: 0xFFFF, Format.UINT32: 0xFFFFFFFF}
