"""``soak --kills``: how long it takes from a kill to the last byte, with nothing else going on."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import aiohttp

from simulator.house import casts
from simulator.house.errors import ApiError, HouseError
from simulator.house.hls import StreamGone
from simulator.house.judge import Judge
from simulator.house.live_readers import RelayReader
from simulator.house.pictures import now_ms
from simulator.house.soak_ground import Ground
from simulator.house.soak_kills import FLOWS_MS, Kills
from simulator.house.soak_names import Names
from simulator.house.soak_report import quantiles
from simulator.house.soak_streams import AGAIN, Sources

if TYPE_CHECKING:
    from simulator.house.house import House
    from simulator.house.pictures import Picture
    from simulator.house.progress import Progress

READERS = 4
"""At the relay, of each camera."""
FLOWS_S = 20.0
"""Seconds until all of them must be reading."""
DARK_S = 0.6
DISPLAY_KILLS = 4
"""Kills with something on the displays, which take many seconds to begin."""
PLAYS_S = 45.0


async def measure(
    house: House, progress: Progress, kills: int, seed: int
) -> tuple[dict[str, Any], bool]:
    """Kill so many times; return the latencies, and whether nothing came afterwards."""
    if house.go2rtc is None:
        raise HouseError("no go2rtc: nobody tells an address of the relay")
    judge = Judge()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        with ThreadPoolExecutor(1) as executor:
            names = Names(house.entities.cameras)
            ground = Ground(house, http, executor, judge, names, seed, progress.say)
            return await _measure(ground, Sources(ground, house.go2rtc), kills)


async def _measure(ground: Ground, sources: Sources, kills: int) -> tuple[dict[str, Any], bool]:
    dids = list(ground.house.entities.cameras)
    chance = ground.chance("kills")
    switch = Kills(ground)
    await switch.prepare()
    ground.up.set()
    ground.lit.set()
    tasks = [
        asyncio.create_task(_read(ground, sources, did)) for did in dids for _ in range(READERS)
    ]
    fewest = READERS * len(dids)
    try:
        for number in range(kills):
            fewest = min(fewest, await _all_reading(ground, READERS * len(dids)))
            await asyncio.sleep(chance.uniform(0.1, 1.1))
            await switch.kill(DARK_S, chance.getrandbits(32))
            if number % 10 == 9:
                ground.say(f"{number + 1} kills: {quantiles(switch.last_byte_ms)}")
        for _ in range(min(DISPLAY_KILLS, kills)):
            await _cast_all(ground)
            await switch.kill(3.0, chance.getrandbits(32))
            ground.say(f"with displays: {quantiles(switch.display_ms)}")
    finally:
        for task in (*tasks, *ground.tasks):
            task.cancel()
        await asyncio.wait(tasks)
    result = {
        "cameras": len(dids),
        "readers": fewest,
        "kills": switch.count,
        "after_kill": ground.judge.after_kill,
        "kill_ms": quantiles(switch.last_byte_ms),
        "call_ms": quantiles(switch.call_ms),
        "display_ms": quantiles(switch.display_ms),
        "troubles": sum(ground.troubles.values()),
        "seed": ground.seed,
    }
    return result, not ground.judge.after_kill and len(switch.last_byte_ms) >= kills


def _unseen(_: Picture) -> None:
    """Bytes are all that counts here."""


async def _read(ground: Ground, sources: Sources, did: int) -> None:
    while True:
        source = await sources.fresh(did)
        reader = RelayReader(ground.http, source.url, _unseen, None)
        ground.readers.add(reader)
        try:
            await reader.run()
        except StreamGone:
            pass
        finally:
            ground.readers.discard(reader)
        killed = ground.judge.killed_ms
        if killed is not None and source.obtained_ms < killed < reader.began_ms and reader.last_ms:
            ground.judge.leaked(f"an old address of {did} gave {reader.media_bytes} bytes")
        sources.ended(did, source, refused=reader.status != 200)
        await asyncio.sleep(AGAIN)


async def _all_reading(ground: Ground, count: int) -> int:
    """Wait until so many read; return how many do."""
    flowing = 0
    deadline = now_ms() + FLOWS_S * 1000
    while flowing < count and now_ms() < deadline:
        await asyncio.sleep(0.05)
        now = now_ms()
        flowing = sum(now - reader.last_ms < FLOWS_MS for reader in ground.readers)
    return flowing


async def _cast_all(ground: Ground) -> None:
    """Show a camera on each display, and wait until it plays."""
    house = ground.house

    async def cast(player: str, entity_id: str) -> None:
        try:
            await casts.cast(house.client, entity_id, player, seconds=120)
        except ApiError as error:
            ground.trouble(f"cast: {error}")

    players, cameras = house.entities.displays.values(), house.entities.cameras.values()
    await asyncio.gather(*map(cast, players, cameras, strict=False))
    deadline = now_ms() + PLAYS_S * 1000
    while now_ms() < deadline:
        displays = (await house.control.state())["displays"].values()
        if all(
            str(state["state"]).upper() == "PLAYING" and not casts.is_dark(state)
            for state in displays
        ):
            return
        await asyncio.sleep(0.5)
    ground.trouble("a display does not play")
