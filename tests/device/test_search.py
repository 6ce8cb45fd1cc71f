"""Looking for a device by a hello to everybody."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING

import pytest

from custom_components.mi_camera.device import MiioNotAllowed, find_device, ungated
from custom_components.mi_camera.device.search import MAX_FOUND
from simulator.camera.miio_packet import PORT
from tests.device.conftest import DID, LOW_DID

if TYPE_CHECKING:
    from tests.device.conftest import MakeDevice, MakeScripted

EVERYBODY = ("127.255.255.255",)


async def test_a_device_is_found_wherever_it_is(make_device: MakeDevice) -> None:
    await make_device(1)
    await make_device(2, did=DID + 1)
    other = await make_device(3, did=DID + 2)
    started = time.monotonic()
    assert await find_device(DID + 2, EVERYBODY, timeout=1.5, allowed=ungated) == (other.host,)
    assert time.monotonic() - started < 1


async def test_nobody_is_found(make_device: MakeDevice) -> None:
    await make_device(1)
    assert await find_device(DID + 5, EVERYBODY, timeout=0.3, allowed=ungated) == ()
    assert await find_device(DID, (), timeout=0.3, allowed=ungated) == ()
    # An address that cannot be sent to is none of the caller's troubles.
    assert await find_device(DID + 5, ("240.0.0.1", *EVERYBODY), timeout=0.3, allowed=ungated) == ()


async def test_all_who_claim_the_did_are_told_within_a_bound(make_scripted: MakeScripted) -> None:
    for last in range(1, MAX_FOUND + 3):
        await make_scripted(last)
    # These sockets hear no broadcast, so each is asked by its address.
    addresses = [f"127.0.44.{last}" for last in range(1, MAX_FOUND + 3)]
    found = await find_device(DID, addresses, timeout=0.6, allowed=ungated)
    assert len(found) == MAX_FOUND
    assert set(found) < set(addresses)


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x21\x31\x00\x20", b"\x00" * 32, b"\x21\x31\x00\x40" + b"\xff" * 28, b"x" * 2000],
)
async def test_rubbish_is_nobody(answer: bytes) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.setblocking(False)
        device.bind(("127.0.44.50", PORT))

        def reply() -> None:
            _hello, source = device.recvfrom(64)
            device.sendto(answer, source)

        loop.add_reader(device, reply)
        try:
            assert await find_device(LOW_DID, ["127.0.44.50"], timeout=0.3, allowed=ungated) == ()
        finally:
            loop.remove_reader(device)


async def test_another_port_is_nobody(make_scripted: MakeScripted) -> None:
    """What answers from elsewhere than the devices' port is no device."""
    from simulator.camera.miio_packet import hello_reply

    loop = asyncio.get_running_loop()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere,
    ):
        device.setblocking(False)
        device.bind(("127.0.44.51", PORT))
        elsewhere.bind(("127.0.44.51", 0))

        def reply() -> None:
            _hello, source = device.recvfrom(64)
            elsewhere.sendto(hello_reply(LOW_DID, 7), source)

        loop.add_reader(device, reply)
        try:
            assert await find_device(LOW_DID, ["127.0.44.51"], timeout=0.3, allowed=ungated) == ()
        finally:
            loop.remove_reader(device)


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_nobody_is_asked_who_may_not_be(count: int) -> None:
    """Not at the next address either."""
    left = iter([True] * count)
    heard: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.setblocking(False)
        device.bind(("127.0.44.52", PORT))
        with pytest.raises(MiioNotAllowed):
            await find_device(
                DID, ["127.0.44.52"] * 2, timeout=0.3, allowed=lambda: next(left, False)
            )
        while True:
            try:
                heard.append(device.recv(2048))
            except BlockingIOError:
                break
    assert len(heard) == count
