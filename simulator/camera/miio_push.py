"""What a camera tells its subscribers by itself: properties that change, and events.

As public protocol notes describe the device's side of Xiaomi's own Home Assistant integration:
a hello that carries "MDID" and a subscriber's id is answered with "MSUB", the time of that
subscriber's subscription, "PUB", a kind and FE; ``miIO.sub`` subscribes, ``miIO.unsub`` ends
that; ``properties_changed`` and ``event_occured`` are requests of the device, sealed with its
token, repeated until they are answered. No client from elsewhere judges this part: python-miio's
push server is of another kind, for scenes of gateways.

The simulator's own: the kind it tells a subscriber it has (`SUBSCRIBED`), how often and how many
times a request is repeated, and how many subscribers it keeps.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import batched, count
import struct
from typing import TYPE_CHECKING, Final

from simulator.camera.rpc import RpcError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.camera.miot_spec import Value
    from simulator.camera.rpc import JSON

type Address = tuple[str, int]

ASKING: Final = 0
SUBSCRIBED: Final = 2
MAX_SUBSCRIBERS: Final = 8
REPEAT_SECONDS: Final = 0.5
REPEATS: Final = 3
MAX_ITEMS: Final = 10
"""Properties in one request."""


@dataclass(slots=True)
class _Subscriber:
    address: Address
    at: int


@dataclass(slots=True)
class _Unanswered:
    address: Address
    request: dict[str, JSON]
    left: int = REPEATS
    handle: asyncio.TimerHandle | None = field(default=None, repr=False)


class PushServer:
    """Keeps the subscribers, and sends them what there is to tell until they answer."""

    def __init__(
        self,
        send: Callable[[dict[str, JSON], Address], None],
        values: Callable[[], Mapping[tuple[int, int], Value]],
    ) -> None:
        """Send requests by `send`; `values` tells the properties of now by (siid, piid)."""
        self.answered = 0
        """Requests that a subscriber answered."""
        self.sent = 0
        """Requests sent, repetitions included."""
        self._send = send
        self._values = values
        self._told: dict[tuple[int, int], Value] = {}
        self._subscribers: dict[str, _Subscriber] = {}
        self._unanswered: dict[int, _Unanswered] = {}
        self._ids = count(1000)

    @property
    def subscribers(self) -> int:
        """How many subscribe to this camera."""
        return len(self._subscribers)

    def offer(self, hello: bytes) -> bytes | None:
        """Return the last 16 bytes of the answer to a subscriber's hello, None for any other."""
        if hello[16:20] != b"MDID":
            return None
        known = self._subscribers.get(str(int.from_bytes(hello[20:28])))
        at, kind = (0, ASKING) if known is None else (known.at, SUBSCRIBED)
        return struct.pack(">4sI3sBB3x", b"MSUB", at, b"PUB", kind, 0xFE)

    def reply(self, method: str, params: JSON, address: Address) -> dict[str, JSON] | None:
        """Answer a request about subscriptions, None for any other; raises `RpcError`."""
        if method not in {"miIO.sub", "miIO.unsub"}:
            return None
        match params:
            case {"version": "2.0", "did": str() as who, "update_ts": int() as at}:
                pass
            case _:
                raise RpcError.params()
        if method == "miIO.unsub":
            self._subscribers.pop(who, None)
        elif len(self._subscribers) < MAX_SUBSCRIBERS or who in self._subscribers:
            if not self._subscribers:
                self._told = dict(self._values())
            self._subscribers[who] = _Subscriber(address, at)
        return {"result": {"code": 0}}

    def changed(self) -> None:
        """Tell the properties that are different now."""
        if not self._subscribers:
            return
        values = dict(self._values())
        new = [(iid, value) for iid, value in values.items() if self._told.get(iid) != value]
        self._told = values
        for batch in batched(new, MAX_ITEMS, strict=False):
            items: list[JSON] = [
                {"siid": siid, "piid": piid, "value": value} for (siid, piid), value in batch
            ]
            self._tell("properties_changed", items)

    def event(self, siid: int, eiid: int) -> None:
        """Tell that something happened."""
        self._tell("event_occured", {"siid": siid, "eiid": eiid, "arguments": []})

    def answer(self, reply: Mapping[str, JSON], address: Address) -> bool:
        """Take a datagram for a subscriber's answer; False when it is none."""
        if "method" in reply or "result" not in reply:
            return False
        ident = reply.get("id")
        waiting = self._unanswered.get(ident) if isinstance(ident, int) else None
        if waiting is not None and waiting.address == address and reply["result"] == {"code": 0}:
            self.answered += 1
            self._forget(waiting)
        return True

    def forget(self) -> None:
        """Know no subscribers any more, as after a power cut."""
        for waiting in tuple(self._unanswered.values()):
            self._forget(waiting)
        self._subscribers.clear()

    def _tell(self, method: str, params: JSON) -> None:
        for subscriber in self._subscribers.values():
            ident = next(self._ids)
            request: dict[str, JSON] = {"id": ident, "method": method, "params": params}
            waiting = self._unanswered[ident] = _Unanswered(subscriber.address, request)
            self._repeat(waiting)

    def _repeat(self, waiting: _Unanswered) -> None:
        if not waiting.left:
            self._forget(waiting)
            return
        waiting.left -= 1
        self.sent += 1
        self._send(waiting.request, waiting.address)
        waiting.handle = asyncio.get_running_loop().call_later(
            REPEAT_SECONDS, self._repeat, waiting
        )

    def _forget(self, waiting: _Unanswered) -> None:
        if waiting.handle is not None:
            waiting.handle.cancel()
        ident = waiting.request["id"]
        assert isinstance(ident, int)
        self._unanswered.pop(ident, None)
