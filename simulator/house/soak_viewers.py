"""Viewers by Home Assistant's own doors: HLS, MJPEG, stills and recordings, one camera each."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import av

from simulator.house.errors import ApiError
from simulator.house.hls import HlsViewer, StreamGone
from simulator.house.pictures import Picture, now_ms
from simulator.house.stills import MjpegViewer, still
from simulator.tag import Tag, read_frame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    import random

    from simulator.house.client import HassClient
    from simulator.house.soak_ground import Ground

WATCH_S = (20.0, 60.0)
"""How long a view is watched before it is opened anew."""
MJPEG_S = (5.0, 20.0)
STILL_S = (0.8, 2.5)
AGAIN_S = (0.3, 1.2)
"""Before the next attempt of a viewer that was refused."""
RECORD_S = 4
REST_S = (4.0, 8.0)
MAX_RECORDED = 2000


async def watch_hls(ground: Ground, did: int) -> None:
    """Watch a camera as the frontend does, for ever."""
    chance = ground.chance("hls", did)
    while True:
        await ground.ready()
        epoch, entity_id, asked = ground.epoch, ground.names.entity(did), now_ms()
        try:
            url = await ground.house.client.hls_url(entity_id)
        except ApiError:
            await asyncio.sleep(chance.uniform(*AGAIN_S))
            continue
        if epoch != ground.epoch:
            continue
        dids = ground.names.holders(entity_id, asked)

        def seen(picture: Picture, dids: tuple[int, ...] = dids, asked: float = asked) -> None:
            ground.take(picture, dids, asked)

        try:
            async with asyncio.timeout(chance.uniform(*WATCH_S)):
                await HlsViewer(ground.http, url, seen, ground.executor).run()
        except StreamGone, TimeoutError:
            await asyncio.sleep(chance.uniform(0.05, 0.5))


async def _user(
    client: HassClient, entity_id: str, proxy: str
) -> tuple[str, dict[str, str] | None]:
    return f"{client.url}/api/{proxy}/{entity_id}", dict(await client.authorization())


async def _token(
    client: HassClient, entity_id: str, proxy: str
) -> tuple[str, dict[str, str] | None]:
    states = await client.states()
    attributes = states[entity_id]["attributes"] if entity_id in states else {}
    token = attributes.get("access_token", "")
    return f"{client.url}/api/{proxy}/{entity_id}?token={token}", None


async def _signed(
    client: HassClient, entity_id: str, proxy: str
) -> tuple[str, dict[str, str] | None]:
    path = f"/api/{proxy}/{entity_id}"
    signed = await client.command("auth/sign_path", path=path, expires=30)
    return f"{client.url}{signed['path']}", None


KINDS: dict[str, Callable[[HassClient, str, str], Awaitable[tuple[str, dict[str, str] | None]]]] = {
    "token": _token,
    "user": _user,
    "signed": _signed,
}
"""The kinds of address a still can be had by."""


async def take_stills(ground: Ground, did: int) -> None:
    """Fetch stills by all kinds of address in turn, for ever."""
    chance = ground.chance("still", did)
    kinds = sorted(KINDS)
    chance.shuffle(kinds)
    count = 0
    while True:
        await asyncio.sleep(chance.uniform(*STILL_S))
        await ground.ready()
        kind = kinds[count % len(kinds)]
        count += 1
        entity_id, asked = ground.names.entity(did), now_ms()
        try:
            url, headers = await KINDS[kind](ground.house.client, entity_id, "camera_proxy")
        except ApiError:
            continue
        answer = await still(ground.http, url, headers)
        if (picture := answer.picture) is not None:
            dids = ground.names.holders(entity_id, asked)
            ground.take(replace(picture, source=f"still_{kind}"), dids, picture.requested_ms)


async def watch_mjpeg(ground: Ground, did: int) -> None:
    """Watch the series of stills for ever, by all kinds of address in turn."""
    chance = ground.chance("mjpeg", did)
    kinds = sorted(KINDS)
    chance.shuffle(kinds)
    count = 0
    while True:
        await ground.ready()
        kind = kinds[count % len(kinds)]
        count += 1
        epoch, entity_id, asked = ground.epoch, ground.names.entity(did), now_ms()
        try:
            url, headers = await KINDS[kind](ground.house.client, entity_id, "camera_proxy_stream")
        except ApiError:
            await asyncio.sleep(chance.uniform(*AGAIN_S))
            continue
        if epoch == ground.epoch:
            await _mjpeg(ground, entity_id, url, headers, asked, chance)
        await asyncio.sleep(chance.uniform(*AGAIN_S))


async def _mjpeg(
    ground: Ground,
    entity_id: str,
    url: str,
    headers: dict[str, str] | None,
    asked: float,
    chance: random.Random,
) -> None:
    dids: tuple[int, ...] = ()

    def seen(picture: Picture) -> None:
        nonlocal dids
        # The connection belongs to the entity it began with, whatever that is called later.
        dids = dids or ground.names.holders(entity_id, asked)
        ground.take(picture, dids, picture.requested_ms)

    try:
        async with asyncio.timeout(chance.uniform(*MJPEG_S)):
            await MjpegViewer(ground.http, url, seen, headers).run()
    except TimeoutError:
        return


async def record(ground: Ground, dids: list[int]) -> None:
    """Record one camera after another to a file, and look at each file."""
    chance = ground.chance("record")
    folder = ground.house.hass.directory / "www"
    folder.mkdir(exist_ok=True)
    number = 0
    while True:
        await asyncio.sleep(chance.uniform(*REST_S))
        await ground.ready()
        did = chance.choice(dids)
        lookback = chance.choice((0, 4))
        number += 1
        await _record(ground, did, folder / f"soak-{number}.mp4", lookback)


async def _record(ground: Ground, did: int, path: Path, lookback: int) -> None:
    entity_id, epoch, sent = ground.names.entity(did), ground.epoch, now_ms()
    call = asyncio.create_task(
        ground.house.client.call(
            "camera.record",
            {"filename": str(path), "duration": RECORD_S, "lookback": lookback},
            target={"entity_id": entity_id},
        ),
        name=f"record {did}",
    )
    await asyncio.wait([call], timeout=1.0)
    held = ground.names.holders(entity_id, sent)
    began_ok = epoch == ground.epoch
    try:
        await call
    except ApiError:
        pass  # refused, or cut: what is in the file counts
    finally:
        call.cancel()
    tags = await asyncio.get_running_loop().run_in_executor(ground.executor, recorded, path)
    for tag in tags:
        # Nobody knows when a picture got into the file, only that it was not before it was taken.
        came = sent if tag is None else max(sent, tag.captured_ms)
        ground.take(Picture("record", tag, sent, came), held, sent if began_ok else None)


def recorded(path: Path) -> list[Tag | None]:
    """Return the tag of every picture in a file of MP4 that can be decoded, and delete it.

    Blocking. No file has no pictures.
    """
    tags: list[Tag | None] = []
    if not path.exists():
        return tags
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                return tags
            container.streams.video[0].codec_context.thread_count = 1
            for frame in container.decode(video=0):
                tags.append(read_frame(frame))
                if len(tags) >= MAX_RECORDED:
                    break
    except av.FFmpegError:
        pass  # the end of a file that was cut off
    finally:
        path.unlink()
    return tags
