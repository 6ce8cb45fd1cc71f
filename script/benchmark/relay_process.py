"""Our side as a process: gate, feeds and relay, as in Home Assistant but without it.

A line in, a line out: {"streams": [{did, host and keys}]} is answered by the streams' addresses,
{"renew": number} closes that stream's feed and gives the address of a new one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from custom_components.mi_camera.gate import Gate
from custom_components.mi_camera.media import CameraLink, Feed, MissUpstream, Relay, Source
from custom_components.mi_camera.miss import MissKeys
from custom_components.mi_camera.miss.models import CameraModel

from .lines import lines


def _feed(stream: dict[str, Any]) -> Feed:
    keys = MissKeys(
        bytes.fromhex(stream["client_private"]),
        bytes.fromhex(stream["client_public"]),
        bytes.fromhex(stream["device_public"]),
        stream["sign"],
    )

    async def give(*, fresh: bool) -> MissKeys:
        # There is no cloud to ask for others.
        return keys

    source = Source(str(stream["did"]))
    link = CameraLink(source.did, lambda: stream["host"], give, CameraModel())
    # Pictures only: nobody here listens.
    return Feed(source, MissUpstream(source, link).connect)


async def _serve() -> None:
    gate, relay = Gate(), Relay()
    gate.open()
    await relay.start()
    streams: list[dict[str, Any]] = []
    feeds: list[Feed] = []
    try:
        async for question in lines():
            if "renew" in question:
                number = question["renew"]
                await feeds[number].close()
                feeds[number] = _feed(streams[number])
                answer: dict[str, Any] = {"url": relay.grant(feeds[number], gate.require())}
            else:
                streams += question["streams"]
                feeds += map(_feed, question["streams"])
                answer = {"urls": [relay.grant(feed, gate.require()) for feed in feeds]}
            print(json.dumps(answer), flush=True)
    finally:
        gate.close()
        await relay.stop()
        for feed in feeds:
            await feed.close()


if __name__ == "__main__":
    asyncio.run(_serve())
    sys.exit()
