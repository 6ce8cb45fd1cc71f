"""Addresses that got into other hands: tried in the dark, and long after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.house.addresses import Address, ask, collect
from simulator.house.errors import ApiError

if TYPE_CHECKING:
    from simulator.house.soak_ground import Ground
    from simulator.house.soak_streams import Sources

MAX_KEPT = 240
CAMERAS = 3
"""Cameras whose addresses are collected at a time."""
_LASTING = ("signed in", "signed path")
"""What Home Assistant lets its users have for as long as they may; dead in the dark only."""


@dataclass(frozen=True, slots=True)
class Leak:
    """An address, and the epoch in which it was good."""

    address: Address
    epoch: int

    @property
    def lasting(self) -> bool:
        """Whether it is good again when pictures are allowed again."""
        return any(self.address.what.endswith(text) for text in _LASTING)


class Leaks:
    """Collects addresses that work, and expects them to be dead after the next kill."""

    def __init__(self, ground: Ground, sources: Sources | None) -> None:
        """Collect nothing yet."""
        self._ground = ground
        self._sources = sources
        self._kept: list[Leak] = []

    async def collect(self, dids: list[int]) -> None:
        """Keep what works now for these cameras; nothing if a kill comes in between."""
        ground = self._ground
        epoch, client = ground.epoch, ground.house.client
        found: list[Address] = []
        for did in dids:
            entity_id = ground.names.entity(did)
            try:
                found += await collect(client, entity_id, await client.hls_url(entity_id))
            except ApiError, KeyError:
                continue
            if self._sources is not None and ground.lit.is_set():
                source = await self._sources.fresh(did)
                found.append(Address(f"{entity_id} at the relay", source.url))
        if epoch == ground.epoch:
            self._kept += [Leak(address, epoch) for address in found]
            del self._kept[:-MAX_KEPT]

    async def knock(self) -> None:
        """Try everything of before the last kill; whatever gives a byte is a leak."""
        epoch = self._ground.epoch
        await self._try([leak for leak in self._kept if leak.epoch < epoch and not leak.lasting])

    async def in_the_dark(self, newest: int = 60) -> None:
        """Try the newest, lasting ones too: pictures are off until this has returned."""
        await self._try(self._kept[-newest:])

    async def _try(self, leaks: list[Leak]) -> None:
        ground = self._ground
        try:
            answers = await ask(ground.house.client, [leak.address for leak in leaks])
        except ApiError:
            return
        ground.tried += len(answers)
        for answer in answers:
            if answer.status == 200 and answer.size:
                ground.judge.leaked(f"{answer.address.what} gave {answer.size} bytes")
