"""What is fuzzed, and what must hold of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .case import Case

type Feed = Callable[[bytes], None]
"""Takes one input; raises what the target permits, or `Violation`."""

_ENTRY_BYTES = 48
_OPAQUE = (type, FunctionType, BuiltinFunctionType, MethodType, Enum, int, float, type(None))


class Violation(AssertionError):
    """The subject broke a promise: a bound, an order, an agreement of two functions."""


@dataclass(frozen=True, slots=True)
class Target:
    """One parser of bytes from outside."""

    name: str
    seeds: Callable[[], Sequence[Case]]
    """Valid cases to begin with."""
    open: Callable[[], Feed]
    """Makes a fresh subject."""
    permits: tuple[type[Exception], ...] = ()
    """The subject's own errors; one ends the case, as it ends the subject."""
    repair: Callable[[bytes], bytes] | None = None
    """Makes lengths fit again after a mutation, to get past the first check."""
    json: bool = False
    """Inputs hold JSON."""
    weight: int = 1
    """How many turns it gets where others get one."""

    def run(self, case: Case) -> int:
        """Feed a fresh subject; return how many inputs it took.

        Raises whatever is not permitted.
        """
        feed = self.open()
        for number, one in enumerate(case, 1):
            try:
                feed(one)
            except self.permits:
                return number
        return len(case)


def ensure(condition: bool, promise: str) -> None:
    """Raise `Violation` unless the condition holds."""
    if not condition:
        raise Violation(promise)


def bounded(subject: object, limit: int) -> None:
    """Raise `Violation` when a subject holds more than `limit` bytes.

    Counted are the bytes and texts in its attributes and containers, and a fixed sum for
    each entry of a container, so that empty ones are not free.
    """
    ensure((size := held(subject)) <= limit, f"holds {size} bytes, more than {limit}")


def held(subject: object) -> int:
    """Return about how many bytes an object holds, itself and all it owns."""
    total = 0
    seen: set[int] = set()
    stack = [subject]
    while stack:
        one = stack.pop()
        if isinstance(one, _OPAQUE) or id(one) in seen:
            continue
        if isinstance(one, (bytes, bytearray, str)):
            total += len(one)
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            total += _ENTRY_BYTES * len(one)
            stack += one.keys()
            stack += one.values()
        elif isinstance(one, (list, tuple, set, frozenset, deque)):
            total += _ENTRY_BYTES * len(one)
            stack += one
        else:
            for name in _slots(type(one)):
                stack.append(getattr(one, name, None))
            stack += getattr(one, "__dict__", {}).values()
    return total


_known_slots: dict[type, tuple[str, ...]] = {}


def _slots(kind: type) -> tuple[str, ...]:
    if (known := _known_slots.get(kind)) is not None:
        return known
    names: list[str] = []
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        names += (slots,) if isinstance(slots, str) else slots
    private = f"_{kind.__name__.lstrip('_')}"
    mangled = [
        f"{private}{name}" if name.startswith("__") and not name.endswith("__") else name
        for name in names
    ]
    return _known_slots.setdefault(kind, tuple(mangled))
