"""Requests to the relay: any program on this machine may send some."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from custom_components.mi_camera.media.relay import RelayStats
from custom_components.mi_camera.media.relay_reader import RelayReader

from ..target import Target, bounded, ensure

if TYPE_CHECKING:
    from custom_components.mi_camera.media.relay import Relay

    from ..case import Case
    from ..target import Feed

TOKEN = "a-token"
_MAX_HEAD = 16 * 1024
_BOOKKEEPING = 4096


class _Relay:
    """Stands for the relay: knows one token, and which it was asked for."""

    def __init__(self) -> None:
        self.stats = RelayStats()
        self.asked: list[str] = []

    def enter(self, reader: RelayReader) -> bool:
        return True

    def leave(self, reader: RelayReader) -> None:
        pass

    def open(self, reader: RelayReader, token: str) -> bool:
        self.asked.append(token)
        return token == TOKEN


class _Transport(asyncio.Transport):
    """A connection that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        ensure(not self.closed, "nothing is written after the end")
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class _Timer:
    """Stands for the reader's deadline, as there is no loop here to keep it."""

    def cancel(self) -> None:
        pass


def _request() -> Feed:
    """Take inputs as pieces of one request, cut anywhere."""
    relay = _Relay()
    transport = _Transport()
    reader = RelayReader(cast("Relay", relay))
    # What `connection_made` does, without a running loop.
    reader._transport = transport
    reader._deadline = cast("asyncio.TimerHandle", _Timer())
    received = bytearray()

    def feed(data: bytes) -> None:
        answered = reader._deadline is None
        before = bytes(transport.written)
        reader.data_received(data)
        if answered:
            ensure(transport.written == before, "one answer for a connection")
            return
        received.extend(data)
        bounded(reader._head, _MAX_HEAD + len(data) + _BOOKKEEPING)
        complete = b"\r\n\r\n" in received
        over = complete or len(received) > _MAX_HEAD
        ensure((reader._deadline is None) == over, "an answer when the head ends, not before")
        ensure(len(relay.asked) <= complete, "a token is looked up once, of a whole head")
        if relay.asked:
            ensure(received.startswith(b"GET "), "only GET opens anything")
        served = relay.asked == [TOKEN]
        ensure(transport.closed == (over and not served), "a refusal ends the connection")
        ensure(
            transport.written.startswith(b"HTTP/1.1 4") == transport.closed,
            "a refusal is an error of the client's",
        )
        ensure(transport.written.count(b"\r\n\r\n") <= 1, "one answer, nothing of the request")

    return feed


def _requests() -> list[Case]:
    whole = f"GET /live.ts?auth={TOKEN} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    return [
        (whole,),
        (whole[:9], whole[9:30], whole[30:-2], whole[-2:]),
        (whole, whole),
        (b"GET /live.ts?auth=%61-token&auth=b HTTP/1.0\r\n\r\n",),
        (b"GET http://127.0.0.1:1/live.ts?auth=other HTTP/1.1\r\nA: b\r\n\r\n",),
        (b"GET http://[::1/live.ts?auth=a HTTP/1.1\r\n\r\n",),
        (b"HEAD /live.ts HTTP/1.1\r\n\r\n", b"more"),
        (b"GET /live.ts?auth=" + b"x" * _MAX_HEAD, b"y"),
        (b"\r\n\r\n",),
    ]


TARGETS = (Target("relay-request", _requests, _request),)
