"""The shared UDP endpoint against simulated devices over real sockets."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING

import pytest

from custom_components.mi_camera.device import (
    Hello,
    MiioBadReply,
    MiioClosed,
    MiioDeviceError,
    MiioEndpoint,
    MiioError,
    MiioNotAllowed,
    MiioTimeout,
    MiioUnsupported,
    MiioWrongDevice,
    endpoint as endpoint_module,
    ungated,
)
from simulator.camera.miio_packet import PORT, TokenCipher, hello_reply
from tests.device.conftest import DID, LOW_DID, TOKEN, MakeDevice, MakeScripted

if TYPE_CHECKING:
    from collections.abc import Callable

    from custom_components.mi_camera.device.packet import JsonValue

POWER: JsonValue = ["power"]


async def test_hello(endpoint: MiioEndpoint, make_device: MakeDevice) -> None:
    device = await make_device(1)
    assert await endpoint.hello(device.host, allowed=ungated) == Hello(LOW_DID, device.server.stamp)


async def test_request(endpoint: MiioEndpoint, make_device: MakeDevice) -> None:
    device = await make_device(1)
    assert await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated) == ["on"]
    assert await endpoint.request(device.host, TOKEN, "set_power", ["off"], allowed=ungated) == [
        "ok"
    ]
    assert not device.state.power
    assert await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated) == ["off"]
    assert endpoint.counters.sent == 4  # one hello, three requests
    assert endpoint.counters.accepted == 4


async def test_wrong_token_is_told_from_an_absent_device(
    endpoint: MiioEndpoint, make_device: MakeDevice
) -> None:
    device = await make_device(1)
    started = time.monotonic()
    with pytest.raises(MiioTimeout, match="token") as caught:
        await endpoint.request(
            device.host, bytes(16), "get_prop", POWER, timeout=0.2, allowed=ungated
        )
    assert caught.value.answered_hello
    assert time.monotonic() - started < 1.5
    assert device.state.rpc_count == 0
    # The right token works at once.
    assert await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated) == ["on"]


async def test_absent_device_takes_one_timeout(endpoint: MiioEndpoint) -> None:
    started = time.monotonic()
    with pytest.raises(MiioTimeout) as caught:
        await endpoint.request(
            "127.0.44.99", TOKEN, "get_prop", POWER, timeout=0.3, allowed=ungated
        )
    assert not caught.value.answered_hello
    assert 0.25 < time.monotonic() - started < 1.0
    with pytest.raises(MiioTimeout):
        await endpoint.hello("127.0.44.99", 0.1, allowed=ungated)


async def test_device_that_vanishes(endpoint: MiioEndpoint, make_device: MakeDevice) -> None:
    device = await make_device(1)
    await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated)
    device.server.knobs.silent = True
    with pytest.raises(MiioTimeout) as caught:
        await endpoint.request(device.host, TOKEN, "get_prop", POWER, timeout=0.2, allowed=ungated)
    assert not caught.value.answered_hello
    device.server.knobs.silent = False
    assert await endpoint.request(
        device.host, TOKEN, "get_prop", POWER, timeout=0.2, allowed=ungated
    ) == ["on"]


async def test_name_that_leads_nowhere(
    endpoint: MiioEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def getaddrinfo(*args: object, **kwargs: object) -> object:
        raise OSError("no such name")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with pytest.raises(MiioTimeout):
        await endpoint.hello("camera.invalid", allowed=ungated)


async def test_name(
    endpoint: MiioEndpoint, make_device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = await make_device(1)

    async def getaddrinfo(*args: object, **kwargs: object) -> object:
        return [(2, 2, 17, "", (device.host, 0))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    assert await endpoint.request("camera.home", TOKEN, "get_prop", POWER, allowed=ungated) == [
        "on"
    ]


async def test_reboot_restarts_the_stamp(make_device: MakeDevice, endpoint: MiioEndpoint) -> None:
    device = await make_device(1)
    device.uptime = 10_000
    await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated)
    device.server.reboot()
    assert device.server.stamp == 0
    # The stamp in use is hours ahead: silence, then a hello, then the answer.
    assert await endpoint.request(
        device.host, TOKEN, "get_prop", POWER, timeout=0.3, allowed=ungated
    ) == ["on"]
    assert device.server.ignored_count == 1


async def test_long_silence_begins_with_a_hello(
    make_device: MakeDevice, endpoint: MiioEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_module, "HELLO_MAX_AGE", 0.0)
    device = await make_device(1)
    device.uptime = 10_000
    await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated)
    device.server.reboot()
    await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated)
    assert device.server.ignored_count == 0


async def test_garbage_is_ignored_and_counted(
    endpoint: MiioEndpoint, make_device: MakeDevice
) -> None:
    device = await make_device(1)
    await endpoint.hello(device.host, allowed=ungated)
    device.server.knobs.garbage = True
    with pytest.raises(MiioTimeout):
        await endpoint.request(
            device.host, TOKEN, "get_prop", POWER, timeout=0.1, attempts=3, allowed=ungated
        )
    counters = endpoint.counters
    assert counters.undecryptable + counters.unexpected > 0
    device.server.knobs.garbage = False
    assert await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated) == ["on"]


async def test_lost_reply_is_repeated_with_a_new_id(
    endpoint: MiioEndpoint, make_scripted: MakeScripted
) -> None:
    device = await make_scripted(2)

    def answer(text: bytes) -> list[bytes]:
        ident = json.loads(text)["id"]
        if len(device.requests) == 1:
            return []
        return [device.seal(b'{"id":%d,"result":["ok"]}' % ident)]

    device.answer = answer
    result = await endpoint.request(
        device.host, TOKEN, "set_power", ["on"], timeout=0.2, allowed=ungated
    )
    assert result == ["ok"]
    first, second = (json.loads(text) for text in device.requests)
    assert first["id"] != second["id"]
    assert (first["method"], first["params"]) == (second["method"], second["params"])
    assert device.hellos == 2


async def test_only_the_answer_to_this_request_counts(
    endpoint: MiioEndpoint, make_scripted: MakeScripted
) -> None:
    """Old id, other token, other shape, cut short: all ignored until the right one comes."""
    device = await make_scripted(2)

    def answer(text: bytes) -> list[bytes]:
        ident = json.loads(text)["id"]
        right = b'{"id":%d,"result":["right"]}' % ident
        return [
            device.seal(b'{"id":%d,"result":["old"]}' % (ident - 1)),
            TokenCipher(bytes(16)).seal(LOW_DID, 7, b'{"id":%d,"result":["forged"]}' % ident),
            device.seal(b"[]"),
            device.seal(b"\xff\xff"),
            device.seal(right)[:-16],
            bytes(32),
            hello_reply(LOW_DID, 7),
            b"",
            bytes(9000),
            device.seal(right),
            device.seal(b'{"id":%d,"result":["again"]}' % ident),
        ]

    device.answer = answer
    assert await endpoint.request(
        device.host, TOKEN, "m", [], timeout=1.0, attempts=1, allowed=ungated
    ) == ["right"]
    await asyncio.sleep(0.05)
    assert endpoint.counters.undecryptable >= 4
    assert endpoint.counters.unexpected >= 3
    assert len(device.requests) == 1


async def test_answers_of_another_address_do_not_count(
    endpoint: MiioEndpoint, make_scripted: MakeScripted
) -> None:
    victim, attacker = await make_scripted(2), await make_scripted(3)
    await endpoint.hello(attacker.host, allowed=ungated)

    def answer(text: bytes) -> list[bytes]:
        ident = json.loads(text)["id"]
        forged = victim.seal(b'{"id":%d,"result":["forged"]}' % ident)
        assert attacker.transport is not None
        assert endpoint._transport is not None
        port = endpoint._transport.get_extra_info("sockname")[1]
        attacker.transport.sendto(forged, ("127.0.0.1", port))
        return []

    victim.answer = answer
    with pytest.raises(MiioTimeout):
        await endpoint.request(
            victim.host, TOKEN, "m", [], timeout=0.2, attempts=1, allowed=ungated
        )
    assert endpoint.counters.unexpected >= 1


async def test_answers_of_another_port_do_not_count(
    endpoint: MiioEndpoint, make_scripted: MakeScripted
) -> None:
    device = await make_scripted(2)
    loop = asyncio.get_running_loop()
    other, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=(device.host, PORT + 1)
    )

    def answer(text: bytes) -> list[bytes]:
        assert endpoint._transport is not None
        port = endpoint._transport.get_extra_info("sockname")[1]
        ident = json.loads(text)["id"]
        other.sendto(device.seal(b'{"id":%d,"result":["forged"]}' % ident), ("127.0.0.1", port))
        return []

    device.answer = answer
    with pytest.raises(MiioTimeout):
        await endpoint.request(
            device.host, TOKEN, "m", [], timeout=0.2, attempts=1, allowed=ungated
        )
    other.abort()
    await asyncio.sleep(0)


async def test_twenty_devices_at_once(endpoint: MiioEndpoint, make_device: MakeDevice) -> None:
    devices = [await make_device(100 + n, did=5000 + n, token=bytes([n]) * 16) for n in range(20)]
    for device in devices:
        device.server.knobs.latency = 0.1
    started = time.monotonic()
    infos = await asyncio.gather(
        *(
            endpoint.request(device.host, device.spec.token, "miIO.info", [], allowed=ungated)
            for device in devices
        )
    )
    assert time.monotonic() - started < 1.0  # 20 in a row would take 4 s
    for device, info in zip(devices, infos, strict=True):
        assert isinstance(info, dict)
        assert info["mac"] == device.spec.mac.upper()


async def test_one_request_in_flight_per_device(
    endpoint: MiioEndpoint, make_scripted: MakeScripted
) -> None:
    device = await make_scripted(2)
    open_requests = 0
    most = 0

    def answer(text: bytes) -> list[bytes]:
        nonlocal open_requests, most
        open_requests += 1
        most = max(most, open_requests)
        ident = json.loads(text)["id"]

        def later() -> None:
            nonlocal open_requests
            open_requests -= 1
            assert device.transport is not None
            assert endpoint._transport is not None
            port = endpoint._transport.get_extra_info("sockname")[1]
            device.transport.sendto(
                device.seal(b'{"id":%d,"result":%d}' % (ident, ident)), ("127.0.0.1", port)
            )

        asyncio.get_running_loop().call_later(0.01, later)
        return []

    device.answer = answer
    results = await asyncio.gather(
        *(endpoint.request(device.host, TOKEN, "m", [n], allowed=ungated) for n in range(10))
    )
    assert most == 1
    assert results == [json.loads(text)["id"] for text in device.requests]


async def test_busy_device_is_asked_again(endpoint: MiioEndpoint, make_device: MakeDevice) -> None:
    device = await make_device(1)
    device.server.knobs.errors = [(-9999, "user ack timeout")]
    assert await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated) == ["on"]
    device.server.knobs.errors = [(-30001, "busy")] * 2
    with pytest.raises(MiioDeviceError, match="busy") as caught:
        await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated)
    assert caught.value.code == -30001
    assert device.server.knobs.errors == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [(-10000, MiioDeviceError), (-32602, MiioDeviceError), (-32601, MiioUnsupported)],
)
async def test_error_codes(
    endpoint: MiioEndpoint, make_device: MakeDevice, code: int, kind: type[MiioDeviceError]
) -> None:
    device = await make_device(1)
    device.server.knobs.errors = [(code, "no\n" + "x" * 500)]
    with pytest.raises(kind) as caught:
        await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated)
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert len(caught.value.message) <= 120
    assert caught.value.message.isprintable()
    assert device.server.knobs.errors == []


@pytest.mark.parametrize("error", [b'"no"', b"{}", b'{"code":"x"}', b"[]"])
async def test_error_without_a_code(
    endpoint: MiioEndpoint, make_scripted: MakeScripted, error: bytes
) -> None:
    device = await make_scripted(2)
    device.answer = lambda text: [
        device.seal(b'{"id":%d,"error":%s}' % (json.loads(text)["id"], error))
    ]
    with pytest.raises(MiioBadReply):
        await endpoint.request(device.host, TOKEN, "m", [], allowed=ungated)


async def test_reply_without_result_and_extra_parameters(
    endpoint: MiioEndpoint, make_scripted: MakeScripted
) -> None:
    device = await make_scripted(2)
    device.answer = lambda text: [
        device.seal(b'{"id":%d,"error":null,"x":1}' % json.loads(text)["id"])
    ]
    reply = await endpoint.request(
        device.host, TOKEN, "m", [], extra={"sid": "sub"}, allowed=ungated
    )
    assert isinstance(reply, dict)
    assert reply["x"] == 1
    assert json.loads(device.requests[0])["sid"] == "sub"


async def test_expected_did(endpoint: MiioEndpoint, make_device: MakeDevice) -> None:
    device = await make_device(1)
    await endpoint.request(device.host, TOKEN, "get_prop", POWER, did=DID, allowed=ungated)
    with pytest.raises(MiioWrongDevice, match="1001, not 77") as caught:
        await endpoint.request(device.host, TOKEN, "get_prop", POWER, did=77, allowed=ungated)
    assert (caught.value.expected, caught.value.found) == (77, LOW_DID)
    assert device.state.rpc_count == 1


async def test_swapped_address_is_noticed_and_recovers(
    endpoint: MiioEndpoint, make_device: MakeDevice
) -> None:
    """Two cameras change places: the wrong one is named, never operated."""
    ours = await make_device(1, did=1, token=b"A" * 16)
    await endpoint.request(ours.host, b"A" * 16, "get_prop", POWER, did=1, allowed=ungated)
    await ours.server.stop()
    other = await make_device(1, did=2, token=b"B" * 16)
    with pytest.raises(MiioWrongDevice):
        await endpoint.request(
            ours.host, b"A" * 16, "get_prop", POWER, did=1, timeout=0.2, allowed=ungated
        )
    # Seen from the other side the cached hello is the old device's: it is asked again.
    assert await endpoint.request(
        ours.host, b"B" * 16, "get_prop", POWER, did=2, allowed=ungated
    ) == ["on"]
    assert other.state.rpc_count == 1


async def test_token_must_have_16_bytes(endpoint: MiioEndpoint) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        await endpoint.request("127.0.44.1", b"short", "m", [], allowed=ungated)


async def test_too_large_a_request(endpoint: MiioEndpoint, make_device: MakeDevice) -> None:
    device = await make_device(1)
    with pytest.raises(MiioError, match="larger"):
        await endpoint.request(device.host, TOKEN, "m", ["x" * 2000], allowed=ungated)


async def test_close_ends_every_wait(make_device: MakeDevice) -> None:
    device = await make_device(1)
    endpoint = MiioEndpoint()
    await endpoint.open()
    await endpoint.open()  # no second socket
    await endpoint.hello(device.host, allowed=ungated)
    device.server.knobs.silent = True
    waits = [
        asyncio.create_task(
            endpoint.request(device.host, TOKEN, "m", [], timeout=60, allowed=ungated)
        ),
        asyncio.create_task(
            endpoint.request(device.host, TOKEN, "m", [], timeout=60, allowed=ungated)
        ),
        asyncio.create_task(endpoint.hello("127.0.44.98", 60, allowed=ungated)),
    ]
    await asyncio.sleep(0.05)
    started = time.monotonic()
    await endpoint.close()
    for wait in waits:
        with pytest.raises(MiioClosed):
            await wait
    assert time.monotonic() - started < 0.5
    with pytest.raises(MiioClosed):
        await endpoint.request(device.host, TOKEN, "m", [], allowed=ungated)
    await endpoint.close()


async def test_close_ends_the_pause_of_a_busy_device(
    make_device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_module, "BUSY_PAUSE", 60.0)
    device = await make_device(1)
    device.server.knobs.errors = [(-9999, "busy")]
    endpoint = MiioEndpoint()
    await endpoint.open()
    wait = asyncio.create_task(endpoint.request(device.host, TOKEN, "m", [], allowed=ungated))
    await asyncio.sleep(0.05)
    await endpoint.close()
    with pytest.raises(MiioClosed):
        await wait


async def test_never_opened() -> None:
    endpoint = MiioEndpoint()
    with pytest.raises(MiioClosed):
        await endpoint.hello("127.0.44.1", allowed=ungated)
    with pytest.raises(MiioClosed):
        _ = endpoint.library
    await endpoint.close()


async def test_opens_again(make_device: MakeDevice) -> None:
    device = await make_device(1)
    endpoint = MiioEndpoint()
    for _ in range(2):
        await endpoint.open()
        assert await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated) == [
            "on"
        ]
        await endpoint.close()


async def test_cancelled_caller_leaves_the_device_usable(
    endpoint: MiioEndpoint, make_device: MakeDevice
) -> None:
    device = await make_device(1)
    await endpoint.hello(device.host, allowed=ungated)
    device.server.knobs.latency = 0.2
    wait = asyncio.create_task(
        endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated)
    )
    await asyncio.sleep(0.02)
    wait.cancel()
    with pytest.raises(asyncio.CancelledError):
        await wait
    device.server.knobs.latency = 0.0
    assert await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated) == ["on"]
    await asyncio.sleep(0.25)  # the late answer to the cancelled call
    assert endpoint.counters.unexpected >= 1


async def test_memory_of_devices_is_bounded(
    endpoint: MiioEndpoint, make_device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_module, "MAX_PEERS", 2)
    devices = [await make_device(n) for n in (1, 2, 3, 4)]
    for device in devices:
        await endpoint.hello(device.host, allowed=ungated)
    assert list(endpoint._peers) == [devices[2].host, devices[3].host]


async def test_broadcast_address_needs_leave(endpoint: MiioEndpoint) -> None:
    """The operating system refuses the datagram: an error of the socket, then a time-out."""
    with pytest.raises(MiioTimeout):
        await endpoint.hello("255.255.255.255", 0.1, allowed=ungated)
    assert endpoint.counters.socket_errors >= 1


async def test_token_stays_out_of_texts(
    endpoint: MiioEndpoint, make_device: MakeDevice, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    device = await make_device(1)
    wrong = b"wrongtokenwrong!"
    with pytest.raises(MiioTimeout) as caught:
        await endpoint.request(device.host, wrong, "m", [], timeout=0.1, allowed=ungated)
    await endpoint.request(device.host, TOKEN, "miIO.info", [], allowed=ungated)
    texts = caplog.text + repr(caught.value) + str(caught.value) + repr(endpoint)
    texts += repr(endpoint._peers)
    for token in (wrong, TOKEN):
        assert token.hex() not in texts
        assert repr(token)[2:-1] not in texts


async def test_broken_hello_is_ignored(endpoint: MiioEndpoint, make_device: MakeDevice) -> None:
    device = await make_device(1)
    waiting = asyncio.create_task(endpoint.hello(device.host, allowed=ungated))
    await asyncio.sleep(0)
    endpoint.received(bytes(32), (device.host, PORT))
    assert (await waiting).did == LOW_DID
    assert endpoint.counters.unexpected == 1


async def test_each_hello_is_repeated_once_lost(
    endpoint: MiioEndpoint, make_device: MakeDevice
) -> None:
    device = await make_device(1)
    device.server.knobs.silent = True
    waiting = asyncio.create_task(endpoint.hello(device.host, 0.6, allowed=ungated))
    await asyncio.sleep(0.1)
    device.server.knobs.silent = False
    assert (await waiting).did == LOW_DID


async def test_lossy_network(endpoint: MiioEndpoint, make_device: MakeDevice) -> None:
    """A third of all requests is lost: everything still gets through, late."""
    device = await make_device(1)
    device.server.knobs.drop_rate = 0.3
    for _ in range(10):
        result = await endpoint.request(
            device.host,
            TOKEN,
            "get_prop",
            POWER,
            timeout=0.15,
            attempts=10,
            allowed=ungated,
        )
        assert result == ["on"]


def until_then(count: int) -> Callable[[], bool]:
    """Allow this many datagrams: it is asked once more, before a name is looked up."""
    left = iter([True] * (count + 1))
    return lambda: next(left, False)


async def test_nothing_is_sent_that_is_not_allowed(
    endpoint: MiioEndpoint, make_device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def looked_up(host: str) -> str:
        raise AssertionError(host)

    await make_device(1)
    monkeypatch.setattr(endpoint_module, "resolve", looked_up)
    for call in (
        endpoint.hello("camera.home", allowed=lambda: False),
        endpoint.request("camera.home", TOKEN, "get_prop", POWER, allowed=lambda: False),
    ):
        with pytest.raises(MiioNotAllowed):
            await call
    assert endpoint.counters.sent == 0


async def test_what_waits_for_another_call_is_not_sent_once_it_is_not_allowed(
    endpoint: MiioEndpoint, make_device: MakeDevice
) -> None:
    device = await make_device(1)
    await endpoint.hello(device.host, allowed=ungated)
    device.server.knobs.silent = True
    leave = [True]
    first = asyncio.create_task(
        endpoint.request(device.host, TOKEN, "m", [], timeout=0.2, attempts=1, allowed=ungated)
    )
    await asyncio.sleep(0.05)
    sent = endpoint.counters.sent
    waits = [
        asyncio.create_task(
            endpoint.request(device.host, TOKEN, "m", [], allowed=lambda: leave[0])
        ),
        asyncio.create_task(endpoint.hello(device.host, allowed=lambda: leave[0])),
    ]
    await asyncio.sleep(0.05)
    leave[0] = False
    with pytest.raises(MiioTimeout):
        await first
    for wait in waits:
        with pytest.raises(MiioNotAllowed):
            await wait
    assert endpoint.counters.sent == sent
    # Nobody else is any the worse for it.
    device.server.knobs.silent = False
    assert await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=ungated) == ["on"]


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_a_hello_is_repeated_only_while_it_is_allowed(
    endpoint: MiioEndpoint, count: int
) -> None:
    with pytest.raises(MiioNotAllowed):
        await endpoint.hello("127.0.44.99", 0.1, allowed=until_then(count))
    assert endpoint.counters.sent == count


@pytest.mark.parametrize("count", [0, 1, 2, 3])
async def test_a_request_is_repeated_only_while_it_is_allowed(
    endpoint: MiioEndpoint, make_device: MakeDevice, count: int
) -> None:
    """Its datagrams are hello, request, hello, request."""
    device = await make_device(1)
    with pytest.raises(MiioNotAllowed):
        await endpoint.request(
            device.host, bytes(16), "m", [], timeout=0.1, allowed=until_then(count)
        )
    assert endpoint.counters.sent == count


async def test_a_busy_device_is_asked_again_only_while_it_is_allowed(
    endpoint: MiioEndpoint, make_device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_module, "BUSY_PAUSE", 0.01)
    device = await make_device(1)
    device.server.knobs.errors = [(-9999, "busy")]
    with pytest.raises(MiioNotAllowed):
        await endpoint.request(device.host, TOKEN, "get_prop", POWER, allowed=until_then(2))
    assert endpoint.counters.sent == 2
