"""Which camera an entity id stands for, now and a moment ago, while ids are being exchanged."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from simulator.house.pictures import now_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KEPT = 400
"""Changes remembered: the last minutes."""


class Names:
    """Follows the entity ids of the cameras through renames and swaps.

    Whoever asks by an entity id gets the camera that has it. While an exchange is under way
    that may be either, and nobody but Home Assistant knows which.
    """

    def __init__(self, entities: Mapping[int, str]) -> None:
        """Begin with the entity ids by did."""
        self._now = dict(entities)
        self._history: deque[tuple[float, dict[str, frozenset[int]]]] = deque(maxlen=_KEPT)
        self._note(())

    def entity(self, did: int) -> str:
        """Return the camera's entity id, or what it had last."""
        return self._now[did]

    def holders(self, entity_id: str, since_ms: float) -> tuple[int, ...]:
        """Return the cameras that may have had an entity id between a moment and now."""
        found: set[int] = set()
        for at_ms, holders in reversed(self._history):
            found |= holders.get(entity_id, frozenset())
            if at_ms <= since_ms:
                break
        return tuple(sorted(found))

    def changing(self, dids: Iterable[int], entity_ids: Iterable[str] = ()) -> None:
        """Note that these cameras' entity ids, and these new ones, are about to be theirs."""
        cameras = frozenset(dids)
        self._note(cameras, (*(self._now[did] for did in cameras), *entity_ids))

    def changed(self, entities: Mapping[int, str]) -> None:
        """Note what the entity ids are now."""
        self._now.update(entities)
        self._note(())

    def _note(self, cameras: Iterable[int], unsettled: Iterable[str] = ()) -> None:
        holders = {entity_id: frozenset({did}) for did, entity_id in self._now.items()}
        holders |= dict.fromkeys(unsettled, frozenset(cameras))
        self._history.append((now_ms(), holders))
