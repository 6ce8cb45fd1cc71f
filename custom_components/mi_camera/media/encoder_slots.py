"""How many encoders run at a time, over all lenses: what looks after the house needs a core too."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from .upstream import Trouble, UpstreamError

__all__ = ["EncoderSlot", "EncoderSlots"]

PATIENCE: Final = 1.5
"""How long the end of another encoder is waited for, in seconds: one runs on for a second after
its last viewer has gone."""


class EncoderSlots:
    """Gives out a place for each encoder, one per core but one; each is given back by its owner.

    An encoder of the machine's counts as any other: decoding H.265 is left to the processor, and
    takes as much of it as encoding.
    """

    def __init__(self, limit: int | None = None, *, patience: float = PATIENCE) -> None:
        """Take how many may run; None: as many as there are cores, less one, but one at least."""
        self.limit = max(1, (os.process_cpu_count() or 1) - 1) if limit is None else limit
        self._patience = patience
        self._taken: set[EncoderSlot] = set()
        self._free = asyncio.Semaphore(self.limit)

    @property
    def taken(self) -> int:
        """How many run now."""
        return len(self._taken)

    @property
    def full(self) -> bool:
        """Whether no other may run now."""
        return self.taken >= self.limit

    async def take(self) -> EncoderSlot:
        """Return a place, after waiting a little for one if there is none.

        Raises:
            UpstreamError: `Trouble.ENCODERS_TAKEN`, there is none.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            raise UpstreamError(Trouble.ENCODERS_TAKEN) from None
        slot = EncoderSlot(self)
        self._taken.add(slot)
        return slot

    def give_back(self, slot: EncoderSlot) -> None:
        """Take a place back; a second time is nothing."""
        if slot in self._taken:
            self._taken.remove(slot)
            self._free.release()


class EncoderSlot:
    """The place of one encoder."""

    def __init__(self, slots: EncoderSlots) -> None:
        """Be a place of these."""
        self._slots = slots

    def give_back(self) -> None:
        """Let another encoder run."""
        self._slots.give_back(self)
