"""Asking the probe that the house has put into its Home Assistant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulator.house.client import HassClient, Json

DOMAIN: Final = "house_probe"


@dataclass(frozen=True, slots=True)
class Inside:
    """What the probe has counted, as its view describes it."""

    tasks: Mapping[str, int]
    objects: Mapping[str, int]
    lengths: Mapping[str, int]
    listeners: int
    timers: int
    pool: int


async def ask(client: HassClient, types: Iterable[str], lengths: Iterable[str]) -> Inside:
    """Count in the process of Home Assistant; raises :class:`ApiError`."""
    query = f"types={','.join(types)}&lengths={','.join(lengths)}"
    answer: Json = await client.rest("GET", f"/api/{DOMAIN}?{query}")
    return Inside(
        answer["tasks"],
        answer["objects"],
        answer["lengths"],
        sum(answer["listeners"].values()),
        int(answer["timers"]),
        int(answer["pool"]),
    )
