"""Every address of a camera's pictures that somebody could still hold, and whether it works."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from simulator.house.errors import ApiError
from simulator.house.llhls import PlaylistError, parse
from simulator.house.pictures import TooLarge, read_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.house.client import HassClient
    from simulator.house.go2rtc import Go2rtc

PROBE_TIMEOUT = 12.0
"""Seconds to wait for an answer: a playlist may be held back for a segment of about 6 s, a
refusal comes at once."""
SIGNED_HOURS = 24
_ENDLESS = ("/camera_proxy_stream/", "/live.ts")


@dataclass(frozen=True, slots=True)
class Address:
    """One way to a picture."""

    what: str
    url: str
    signed_in: bool = False
    """Whether to send the user's own authorisation along."""


async def collect(client: HassClient, entity_id: str, playlist_url: str = "") -> list[Address]:
    """Return the addresses of one camera that work now.

    ``playlist_url`` is the master playlist of a running live view, if there is one.
    """
    proxies = [f"/api/camera_proxy/{entity_id}", f"/api/camera_proxy_stream/{entity_id}"]
    found = [
        Address(f"{entity_id} {path.split('/')[2]}, signed in", f"{client.url}{path}", True)
        for path in proxies
    ]
    token = (await client.states())[entity_id]["attributes"].get("access_token")
    for path in proxies:
        name = path.split("/")[2]
        if token:
            found.append(Address(f"{entity_id} {name}, token", f"{client.url}{path}?token={token}"))
        signed = await client.command("auth/sign_path", path=path, expires=SIGNED_HOURS * 3600)
        found.append(Address(f"{entity_id} {name}, signed path", f"{client.url}{signed['path']}"))
    if playlist_url:
        found += await _hls(client, entity_id, playlist_url)
    return found


def relay(go2rtc: Go2rtc) -> list[Address]:
    """Return the addresses go2rtc has been given, as somebody who reads its files has them."""
    return [
        Address(f"address {number} at the relay", url)
        for number, url in enumerate(go2rtc.sources(), 1)
    ]


async def _hls(client: HassClient, entity_id: str, master: str) -> list[Address]:
    base = master.rpartition("/")[0]
    playlist_url = f"{base}/playlist.m3u8"
    urls = {"HLS master playlist": master, "HLS playlist": playlist_url}
    async with client.http.get(playlist_url) as response:
        text = await response.text()
    try:
        playlist = parse(text, playlist_url)
    except PlaylistError:
        playlist = None
    if playlist is not None:
        if playlist.init_url:
            urls["HLS initialisation"] = playlist.init_url
        for segment in playlist.segments:
            if segment.url:
                urls["HLS segment"] = segment.url
            if segment.parts:
                urls["HLS part"] = segment.parts[-1].url
        last = playlist.segments[-1].sequence if playlist.segments else 0
        urls["HLS playlist, next segment"] = f"{playlist_url}?_HLS_msn={last + 1}&_HLS_part=0"
    return [Address(f"{entity_id} {what}", url) for what, url in urls.items()]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address gave."""

    address: Address
    status: int
    """HTTP status, 0 when the connection was closed or nothing came."""
    size: int
    """Bytes of body; an error text counts as none."""


async def ask(client: HassClient, addresses: list[Address]) -> list[Answer]:
    """Ask all addresses at once; an endless answer is cut after its first bytes."""
    authorization = await client.authorization()
    return list(await asyncio.gather(*(_ask(client.http, one, authorization) for one in addresses)))


async def _ask(
    http: aiohttp.ClientSession, address: Address, authorization: Mapping[str, str]
) -> Answer:
    status = size = 0
    try:
        async with (
            asyncio.timeout(PROBE_TIMEOUT),
            http.get(address.url, headers=authorization if address.signed_in else None) as answer,
        ):
            status = answer.status
            if status >= 400:
                return Answer(address, status, 0)
            if any(path in address.url for path in _ENDLESS):
                size = len(await answer.content.read(1))
            else:
                size = len(await read_body(answer))
    except aiohttp.ClientError, TimeoutError, TooLarge:
        return Answer(address, status, size)
    return Answer(address, status, size)


async def offers(client: HassClient, entity_id: str) -> list[str]:
    """Return by which calls a signed-in user is offered pictures of a camera now."""
    found = []
    try:
        await client.hls_url(entity_id)
        found.append(f"{entity_id} camera/stream")
    except ApiError:
        pass
    try:
        await client.command(
            "media_source/resolve_media", media_content_id=f"media-source://camera/{entity_id}"
        )
        found.append(f"{entity_id} media_source/resolve_media")
    except ApiError:
        pass
    try:
        # Refused by the same rule as an offer.
        await client.command("camera/webrtc/get_client_config", entity_id=entity_id)
        found.append(f"{entity_id} camera/webrtc/offer")
    except ApiError:
        pass
    return found
