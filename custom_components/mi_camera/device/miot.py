"""MIoT calls of a camera: properties by name (`get_properties`, `set_properties`).

Every item of a reply has a code of its own: 0 done, 1 accepted and not yet finished, -4001
unreadable, -4002 unwritable, -4003 no such property, -4005 bad value (public protocol notes).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import batched
import math
from typing import TYPE_CHECKING, Final

from .errors import MiioBadReply, MiioDeviceError, MiioUnsupported
from .miot_names import PropertyId
from .packet import JsonValue

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .miot_names import Names
    from .miot_spec import SpecAction

type Scalar = str | int | float | bool
type Call = Callable[[str, JsonValue], Awaitable[JsonValue]]
"""Method and parameters to result."""

MAX_ITEMS: Final = 10
"""Items in one call: replies have to fit a datagram of about 1 KB."""
MAX_TEXT: Final = 256
MAX_INTEGER: Final = (1 << 64) - 1
MAX_OUTPUTS: Final = 32
NO_SUCH: Final = -4003
ABSENT_CODES: Final = frozenset({-4001, -4002, NO_SUCH})


@dataclass(frozen=True, slots=True)
class MiotReading:
    """What a device said about the properties it was asked for, by name."""

    values: Mapping[str, Scalar]
    codes: Mapping[str, int]
    """Codes of the names without a value; -4003 for those the device passed over."""


async def read_properties(call: Call, names: Names) -> MiotReading:
    """Read properties, in as many calls as it takes; raises `MiioError`."""
    values: dict[str, Scalar] = {}
    codes: dict[str, int] = {}
    for batch in batched(names.items(), MAX_ITEMS, strict=False):
        result = await call("get_properties", [_item(name, ids) for name, ids in batch])
        items = _by_id(result)
        for name, ids in batch:
            item = items.get(ids, {})
            value = scalar(item.get("value"))
            code = _code(item)
            if code == 0 and value is not None:
                values[name] = value
            else:
                codes[name] = code or NO_SUCH
    return MiotReading(values, codes)


async def write_properties(call: Call, names: Names, values: Mapping[str, Scalar]) -> None:
    """Write properties; raises `MiioUnsupported` or `MiioDeviceError` for the first refused."""
    for name in values:
        if name not in names:
            raise MiioUnsupported(NO_SUCH, f"no {name}")
    for batch in batched(values.items(), MAX_ITEMS, strict=False):
        wanted: list[JsonValue] = [
            {**_item(name, names[name]), "value": value} for name, value in batch
        ]
        items = _by_id(await call("set_properties", wanted))
        for name, _ in batch:
            code = _code(items.get(names[name], {}))
            if code not in {0, 1}:
                raise item_error(code, name)


async def call_action(
    call: Call, action: SpecAction, name: str, inputs: Collection[Scalar]
) -> list[Scalar]:
    """Carry out an action and return what comes out of it; raises `MiioError`."""
    result = await call(
        "action",
        {"did": name, "siid": action.siid, "aiid": action.aiid, "in": list(inputs)},
    )
    if not isinstance(result, dict):
        raise MiioBadReply("an action's answer is not an object")
    if (code := _code(result)) not in {0, 1}:
        raise item_error(code, name)
    out = result.get("out", [])
    if not isinstance(out, list) or len(out) > MAX_OUTPUTS:
        raise MiioBadReply("what an action gives is not a list")
    # Some devices give objects with a number beside the value.
    values = (scalar(one.get("value") if isinstance(one, dict) else one) for one in out)
    return [value for value in values if value is not None]


def item_error(code: int, name: str) -> MiioDeviceError:
    """Error for one item's code."""
    return (MiioUnsupported if code in ABSENT_CODES else MiioDeviceError)(code, name)


def _item(name: str, ids: PropertyId) -> dict[str, JsonValue]:
    # The device echoes did as it is; the LAN does not look at it.
    return {"did": name, "siid": ids.siid, "piid": ids.piid}


def _by_id(result: JsonValue) -> dict[PropertyId, dict[str, JsonValue]]:
    if not isinstance(result, list):
        raise MiioBadReply("the properties are not a list")
    items: dict[PropertyId, dict[str, JsonValue]] = {}
    for item in result:
        if isinstance(item, dict):
            siid, piid = item.get("siid"), item.get("piid")
            if isinstance(siid, int) and isinstance(piid, int):
                items[PropertyId(siid, piid)] = item
    return items


def _code(item: dict[str, JsonValue]) -> int:
    code = item.get("code", NO_SUCH)
    return code if isinstance(code, int) else NO_SUCH


def scalar(value: JsonValue) -> Scalar | None:
    """Return a property's value, None for what can be none."""
    match value:
        case bool():
            return value
        case int() if -MAX_INTEGER <= value <= MAX_INTEGER:
            return value
        case float() if math.isfinite(value):
            return value
        case str() if len(value) <= MAX_TEXT:
            return value
    return None
