"""What a camera tells by itself: each once, from nobody else, and nothing after the gate closed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
import json
import struct
from typing import TYPE_CHECKING, Any

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.device import (
    SUBSCRIBE,
    UNSUBSCRIBE,
    EventOccurred,
    MiioEndpoint,
    MiioNotAllowed,
    PropertiesChanged,
    Push,
    PushOffer,
    PushPort,
    push_hello,
    subscription,
    ungated,
)
from custom_components.mi_camera.device.miot_names import PropertyId
from custom_components.mi_camera.device.packet import PacketError, read_hello
from custom_components.mi_camera.device.push import (
    MAX_PER_SECOND,
    MAX_REMEMBERED,
    MAX_TOLD,
    REMEMBERED,
    WINDOW,
    PushInbox,
    read_push,
)
from simulator.camera.miio import MiioServer
from simulator.camera.miio_packet import PORT, TokenCipher, hello_reply, is_hello
from simulator.camera.spec import CameraSpec
from simulator.camera.state import CameraState

from .conftest import DID, LOW_DID, TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

SUBSCRIBER = 0x0102030405060708
LIGHT = PropertyId(3, 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


def changed(ident: Any = 1, *items: Any) -> dict[str, Any]:
    return {
        "id": ident,
        "method": "properties_changed",
        "params": list(items) or [{"siid": 3, "piid": 1, "value": True}],
    }


# -- without a socket ------------------------------------------------------------------------


def test_the_hello_and_what_it_is_answered() -> None:
    hello = push_hello(SUBSCRIBER)
    assert hello == bytes.fromhex(
        "21310020" + "ff" * 12 + "4d444944" + "0102030405060708" + "00" * 4
    )
    assert is_hello(hello)
    tail = b"MSUB" + struct.pack(">I", 1234) + b"PUB" + bytes([1, 0xFE]) + bytes(3)
    offer = read_hello(hello_reply(LOW_DID, 7, tail=tail)).offer
    assert offer == PushOffer(1234, 1)
    assert offer.asks
    assert not PushOffer(1234, 2).asks
    for other in (
        b"\xff" * 16,
        bytes(16),
        tail.replace(b"\xfe", b"\x01"),
        tail.replace(b"P", b"p"),
    ):
        assert read_hello(hello_reply(LOW_DID, 7, tail=other)).offer is None


@given(st.integers(0, 2**64 - 1), st.binary(min_size=16, max_size=16), st.binary(max_size=64))
def test_any_answer_is_read_or_refused(subscriber: int, tail: bytes, rubbish: bytes) -> None:
    assert len(push_hello(subscriber)) == 32
    offer = read_hello(hello_reply(LOW_DID, 7, tail=tail)).offer
    assert (offer is not None) == (
        tail[:4] == b"MSUB" and tail[8:11] == b"PUB" and tail[12] == 0xFE
    )
    try:
        read_hello(rubbish)
    except PacketError:
        pass
    else:
        assert len(rubbish) == 32


def test_what_is_told() -> None:
    told = read_push(
        changed(
            1,
            {"did": "x", "siid": 3, "piid": 1, "value": True},
            {"siid": 2, "piid": 3, "value": 1},
            {"siid": 0, "piid": 3, "value": 1},
            {"siid": True, "piid": 3, "value": 1},
            {"siid": 2, "piid": 70000, "value": 1},
            {"siid": 2, "piid": 4, "value": [1]},
            {"siid": 2, "piid": 5, "value": "x" * 5000},
            {"siid": 2, "piid": 6, "value": float("nan")},
            "rubbish",
        )
    )
    assert told == PropertiesChanged(((LIGHT, True), (PropertyId(2, 3), 1)))
    many = [{"siid": 1, "piid": piid, "value": 0} for piid in range(1, 500)]
    told = read_push(changed(1, *many))
    assert isinstance(told, PropertiesChanged)
    assert len(told.values) == MAX_TOLD
    event: dict[str, Any] = {"siid": 5, "eiid": 2, "arguments": [{"piid": 1, "value": 3}]}
    assert read_push({"method": "event_occured", "params": event}) == EventOccurred(5, 2)
    assert read_push({"method": "event_occured", "params": [event]}) == EventOccurred(5, 2)
    assert read_push({"method": "event_occured", "params": []}) is None
    assert read_push({"method": "miIO.info", "params": []}) is None


@given(
    st.sampled_from(["properties_changed", "event_occured", "x"]) | JSON,
    JSON,
    JSON,
    st.integers(0, 2**32 - 1),
)
def test_anything_sealed_with_the_token_is_told_in_bounds_or_not_at_all(
    method: Any, params: Any, ident: Any, stamp: int
) -> None:
    inbox = PushInbox()
    payload = {"id": ident, "method": method, "params": params}
    answer, push = inbox.take(payload, stamp=stamp, clock=1000.0, now=5.0)
    if abs(stamp - 1000) > WINDOW:
        assert (answer, push) == (None, None)
    if push is not None:
        assert answer == {"id": ident, "result": {"code": 0}}
        assert isinstance(push, EventOccurred) or len(push.values) <= MAX_TOLD


def test_a_copy_is_answered_and_not_told_and_an_old_one_is_neither() -> None:
    inbox = PushInbox()
    answer, push = inbox.take(changed(5), stamp=100, clock=100.5, now=0.0)
    assert answer == {"id": 5, "result": {"code": 0}}
    assert push is not None
    assert inbox.take(changed(5), stamp=100, clock=101.5, now=1.0) == (answer, None)
    # As long as its stamp is taken for one of now, its id is known.
    assert inbox.take(changed(5), stamp=100, clock=100 + WINDOW, now=WINDOW) == (answer, None)
    assert inbox.take(changed(5), stamp=100, clock=101.5 + WINDOW, now=30.0) == (None, None)
    assert REMEMBERED > 2 * WINDOW
    for odd in (True, -1, 2**31, "1", None, 1.0):
        assert inbox.take(changed(odd), stamp=100, clock=100, now=2.0) == (None, None)
    counters = inbox.counters
    assert (counters.told, counters.again, counters.stale, counters.odd) == (1, 2, 1, 6)


def test_a_flood_is_let_by_and_forgotten() -> None:
    inbox = PushInbox()
    told = [inbox.take(changed(one), stamp=0, clock=0, now=0.5)[1] for one in range(100)]
    assert sum(one is not None for one in told) == MAX_PER_SECOND
    # Copies do not push out what is new.
    for _ in range(100):
        inbox.take(changed(3), stamp=0, clock=0, now=2.0)
    assert inbox.take(changed(1000), stamp=0, clock=0, now=2.0)[1] is not None
    for one in range(2000, 3 * MAX_REMEMBERED):
        inbox.take(changed(one), stamp=0, clock=0, now=3.0)
    assert len(inbox._met) <= MAX_REMEMBERED


# -- over a socket ---------------------------------------------------------------------------


@dataclass
class Subscribed:
    """An endpoint that has subscribed to a simulated camera."""

    endpoint: MiioEndpoint
    server: MiioServer
    state: CameraState
    told: list[Push] = field(default_factory=list)
    open: bool = True

    @property
    def address(self) -> tuple[str, int]:
        """Where the endpoint is."""
        transport = self.endpoint._transport
        assert transport is not None
        return "127.0.0.1", transport.get_extra_info("sockname")[1]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.005)


@pytest.fixture
async def subscribed(endpoint: MiioEndpoint) -> AsyncGenerator[Subscribed]:
    spec = CameraSpec(
        did=DID,
        model="isa.camera.hlc7",
        name="Porch",
        scene="porch",
        address="127.0.44.91",
        mac="02:00:00:00:44:5b",
        token=TOKEN,
        push=True,
    )
    state = CameraState(spec)
    server = MiioServer(spec, state)
    await server.start()
    one = Subscribed(endpoint, server, state)
    hello = await endpoint.hello(spec.address, allowed=ungated, packet=push_hello(SUBSCRIBER))
    assert hello.offer == PushOffer(0, 0)
    port = PushPort(DID, TOKEN, lambda: one.open, one.told.append)
    await endpoint.listen(spec.address, port)
    result = await endpoint.request(
        spec.address, TOKEN, SUBSCRIBE, subscription(SUBSCRIBER, 77), allowed=ungated, did=DID
    )
    assert result == {"code": 0}
    hello = await endpoint.hello(spec.address, allowed=ungated, packet=push_hello(SUBSCRIBER))
    assert hello.offer is not None
    assert (hello.offer.subscribed_at, hello.offer.asks) == (77, False)
    yield one
    await server.stop()


async def test_a_change_and_an_event_are_told_and_answered(subscribed: Subscribed) -> None:
    server, push = subscribed.server, subscribed.server.push
    assert push is not None
    subscribed.state.properties["light"] = False
    await subscribed.until(lambda: push.answered == 1)
    push.event(5, 1)
    await subscribed.until(lambda: push.answered == 2)
    assert subscribed.told == [PropertiesChanged(((LIGHT, False),)), EventOccurred(5, 1)]
    # A request goes on beside it.
    address = "127.0.44.91"
    items: Any = [{"did": "x", "siid": 3, "piid": 1}]
    asked = subscribed.endpoint.request(
        address, TOKEN, "get_properties", items, allowed=ungated, did=DID
    )
    subscribed.state.properties["light"] = True
    assert await asked == [{**items[0], "code": 0, "value": True}]
    await subscribed.until(lambda: push.answered == 3)
    await subscribed.endpoint.request(
        address, TOKEN, UNSUBSCRIBE, subscription(SUBSCRIBER, 77), allowed=ungated, did=DID
    )
    assert push.subscribers == 0
    assert server.ignored_count == 0


async def test_what_is_not_the_cameras_own_is_counted_and_no_more(subscribed: Subscribed) -> None:
    server, endpoint = subscribed.server, subscribed.endpoint
    counters, cipher, target = endpoint.counters, TokenCipher(TOKEN), subscribed.address
    text = json.dumps(changed(9)).encode()
    good = cipher.seal(LOW_DID, server.stamp, text)
    before, sent = (counters.undecryptable, counters.unexpected), counters.sent
    assert server._transport is not None
    for packet in (
        TokenCipher(b"\x01" * 16).seal(LOW_DID, server.stamp, text),
        good[:-1] + bytes([good[-1] ^ 1]),
        good + bytes(9000),
        good[:40],
    ):
        server._transport.sendto(packet, target)
    # The right datagram, but from elsewhere: another address, another port.
    loop = asyncio.get_running_loop()
    for local in (("127.0.44.92", PORT), ("127.0.44.91", 0)):
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=local
        )
        transport.sendto(good, target)
        transport.abort()
    # Sealed with the token, and from another time.
    server._transport.sendto(cipher.seal(LOW_DID, server.stamp + 3600, text), target)
    server._transport.sendto(cipher.seal(LOW_DID, server.stamp, b'{"id":3,"method":"x"}'), target)
    server._transport.sendto(good, target)
    await subscribed.until(lambda: bool(subscribed.told))
    assert subscribed.told == [PropertiesChanged(((LIGHT, True),))]
    await subscribed.until(
        lambda: (counters.undecryptable, counters.unexpected) == (before[0] + 4, before[1] + 2)
    )
    # Only the good one was answered; a copy of it is answered and not told.
    assert counters.sent == sent + 1
    server._transport.sendto(good, target)
    await subscribed.until(lambda: counters.sent == sent + 2)
    assert len(subscribed.told) == 1


async def test_nothing_is_told_or_answered_any_more_once_it_is_not_allowed(
    subscribed: Subscribed,
) -> None:
    endpoint, push = subscribed.endpoint, subscribed.server.push
    assert push is not None
    subscribed.open = False
    sent = endpoint.counters.sent
    push.event(5, 1)
    subscribed.state.properties["light"] = False
    # It gives up by itself: each was sent several times.
    await subscribed.until(lambda: push.sent >= 6)
    with pytest.raises(MiioNotAllowed):
        await endpoint.listen("127.0.44.91", PushPort(DID, TOKEN, lambda: False, print))
    assert (subscribed.told, push.answered, endpoint.counters.sent) == ([], 0, sent)


async def test_whoever_does_not_listen_any_more_is_told_nothing(subscribed: Subscribed) -> None:
    endpoint, push = subscribed.endpoint, subscribed.server.push
    assert push is not None
    stop = await endpoint.listen(
        "127.0.44.91", PushPort(DID, TOKEN, ungated, subscribed.told.append)
    )
    push.event(5, 1)
    await subscribed.until(lambda: push.answered == 1)
    stop()
    unexpected = endpoint.counters.unexpected
    push.event(5, 2)
    await subscribed.until(lambda: endpoint.counters.unexpected > unexpected)
    assert subscribed.told == [EventOccurred(5, 1)]


async def test_a_hello_does_not_set_the_clock_that_pushes_go_by(subscribed: Subscribed) -> None:
    """Anybody can say hello; what was recorded in an uptime before must stay old."""
    server, endpoint = subscribed.server, subscribed.endpoint
    old = server.stamp + 36_000
    recorded = TokenCipher(TOKEN).seal(LOW_DID, old, json.dumps(changed(9)).encode())
    endpoint.received(recorded, ("127.0.44.91", PORT))
    assert subscribed.told == []
    server.knobs.silent = True
    asking = asyncio.create_task(
        endpoint.hello("127.0.44.91", allowed=ungated, packet=push_hello(SUBSCRIBER))
    )
    await asyncio.sleep(0.05)
    endpoint.received(hello_reply(LOW_DID, old), ("127.0.44.91", PORT))
    await asking
    endpoint.received(recorded, ("127.0.44.91", PORT))
    assert subscribed.told == []


def test_what_was_too_much_is_told_when_it_is_repeated() -> None:
    inbox = PushInbox()
    for one in range(25):
        inbox.take(changed(one), stamp=0, clock=0, now=0.5)
    assert inbox.counters.told == 20
    answer, push = inbox.take(changed(24), stamp=1, clock=1, now=2.0)
    assert answer is not None
    assert push is not None
