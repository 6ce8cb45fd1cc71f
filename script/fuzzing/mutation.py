"""Cases made from other cases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .case import MAX_INPUT_BYTES, MAX_INPUTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    import random

    from .case import Case
    from .target import Target

type _Json = object

_BYTES = bytes((0x00, 0x01, 0x02, 0x1F, 0x20, 0x41, 0x65, 0x67, 0x68, 0x7F, 0x80, 0xD1, 0xF1, 0xFF))
_NUMBERS = (
    *(0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 36, 40, 64, 100, 127, 128, 255, 256, 257),
    *(1023, 1024, 1025, 4095, 4096, 32767, 32768, 65535, 65536, 2**20, 2**21, 2**21 + 1),
    *(2**31 - 1, 2**31, 2**32 - 1),
)
_VALUES: tuple[_Json, ...] = (
    *(None, True, False, 0, 1, -1, 15, 2**31, -(2**63), 2**64, 10**400, 1.5, -0.0, 1e308),
    *(float("nan"), float("inf"), "", "0", "success", "\0", "\ud800", "x" * 5000, "١٢", "[]"),
    *([], {}, [[]], [{}], {"": {}}, [None] * 100, "127.0.0.1", "00" * 16, "00" * 32),
)
_MAX_RANDOM = 24
_MAX_ROUNDS = 4


class Mutator:
    """Makes new cases for one target out of a pool of cases."""

    def __init__(self, target: Target, chance: random.Random) -> None:
        """Draw every choice from `chance`."""
        self._chance = chance
        self._repair = target.repair
        self._json = target.json
        self._changes: tuple[Callable[[bytearray], None], ...] = (
            self._flip,
            self._set,
            self._number,
            self._insert,
            self._remove,
            self._copy,
            self._cut,
            self._grow,
        )

    def case(self, pool: Sequence[Case]) -> Case:
        """Return a new case."""
        chance = self._chance
        inputs = list(chance.choice(pool))
        for _ in range(chance.randint(1, _MAX_ROUNDS)):
            self._rearrange(inputs, pool)
        return tuple(inputs[:MAX_INPUTS])

    def _rearrange(self, inputs: list[bytes], pool: Sequence[Case]) -> None:
        chance = self._chance
        kind = chance.randrange(12)
        at = chance.randrange(len(inputs)) if inputs else 0
        if kind == 0 and inputs:
            inputs.insert(at, inputs[chance.randrange(len(inputs))])
        elif kind == 1 and len(inputs) > 1:
            del inputs[at]
        elif kind == 2 and len(inputs) > 1:
            other = chance.randrange(len(inputs))
            inputs[at], inputs[other] = inputs[other], inputs[at]
        elif kind == 3:
            # The head of one case and the tail of another.
            tail = chance.choice(pool)
            inputs[at:] = tail[chance.randrange(len(tail)) if tail else 0 :]
        elif kind == 4 or not inputs:
            inputs.insert(at, chance.randbytes(chance.randint(0, _MAX_RANDOM)))
        else:
            inputs[at] = self.one(inputs[at])

    def one(self, data: bytes) -> bytes:
        """Return one changed input."""
        chance = self._chance
        if self._json and chance.randrange(3):
            changed = self._other_json(data)
            if changed is not None:
                return changed
        buffer = bytearray(data)
        for _ in range(chance.randint(1, _MAX_ROUNDS)):
            chance.choice(self._changes)(buffer)
        result = bytes(buffer[:MAX_INPUT_BYTES])
        return self._repair(result) if self._repair and chance.randrange(2) else result

    # -- bytes --------------------------------------------------------------------------

    def _at(self, data: bytearray) -> int:
        # Headers are where decisions fall: half of all changes go there.
        limit = len(data)
        if limit > 48 and self._chance.randrange(2):
            limit = 48
        return self._chance.randrange(limit) if limit else 0

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._at(data)] ^= 1 << self._chance.randrange(8)

    def _set(self, data: bytearray) -> None:
        if data:
            data[self._at(data)] = self._chance.choice(_BYTES)

    def _number(self, data: bytearray) -> None:
        """Put a number of two or four bytes somewhere, in either byte order."""
        size = self._chance.choice((2, 4))
        number = self._chance.choice(_NUMBERS) & ((1 << 8 * size) - 1)
        at = self._at(data)
        if at + size <= len(data):
            data[at : at + size] = number.to_bytes(size, self._chance.choice(("big", "little")))

    def _insert(self, data: bytearray) -> None:
        at = self._at(data)
        data[at:at] = self._chance.randbytes(self._chance.randint(1, 8))

    def _remove(self, data: bytearray) -> None:
        at = self._at(data)
        del data[at : at + self._chance.randint(1, 8)]

    def _copy(self, data: bytearray) -> None:
        start, at = self._at(data), self._at(data)
        data[at:at] = data[start : start + self._chance.randint(1, 64)]

    def _cut(self, data: bytearray) -> None:
        del data[self._at(data) :]

    def _grow(self, data: bytearray) -> None:
        if self._chance.randrange(8) == 0:
            size = self._chance.choice((64, 256, 1024, 1024, 4096, 32768))
            filling = bytes(data[-16:]) or b"\0"
            data += (filling * (size // len(filling) + 1))[:size]

    # -- JSON ---------------------------------------------------------------------------

    def _other_json(self, data: bytes) -> bytes | None:
        """Change one value or key of the JSON an input ends with; None when it has none."""
        starts = [at for at in (data.find(b"{"), data.find(b"[")) if at >= 0]
        if not starts:
            return None
        start = min(starts)
        try:
            value: _Json = json.loads(data[start:].rstrip(b"\0"))
        except ValueError, RecursionError:
            return None
        try:
            return data[:start] + json.dumps(self._changed(value)).encode()
        except RecursionError:
            return None

    def _changed(self, value: _Json) -> _Json:
        chance = self._chance
        if not isinstance(value, (dict, list)) or not value or chance.randrange(6) == 0:
            return self._value()
        if isinstance(value, list):
            at = chance.randrange(len(value))
            kind = chance.randrange(4)
            if kind == 0:
                return [*value[:at], *value[at + 1 :]]
            if kind == 1:
                return [*value, value[at]]
            return [*value[:at], self._changed(value[at]), *value[at + 1 :]]
        key = chance.choice(list(value))
        if chance.randrange(4) == 0:
            return {name: item for name, item in value.items() if name != key}
        return {**value, key: self._changed(value[key])}

    def _value(self) -> _Json:
        value = self._chance.choice(_VALUES)
        if self._chance.randrange(16) == 0:
            for _ in range(self._chance.choice((10, 100, 400))):
                value = [value]
        return value
