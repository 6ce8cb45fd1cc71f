"""One channel of a UDP connection: packets in any order, acknowledgements of anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custom_components.mi_camera.miss.channels import WINDOW, ReceiveChannel, SendChannel
from custom_components.mi_camera.miss.errors import MissUnreachable
from custom_components.mi_camera.miss.limits import MAX_BUFFERED, MAX_IN_FLIGHT, Statistics, Timing

from ..target import Target, bounded, ensure

if TYPE_CHECKING:
    from ..case import Case
    from ..target import Feed

_SIZES = (0, 1, 16, 1024, 60000)
_OVERHEAD = WINDOW * 200 + 100_000
"""For what a packet costs beside its data."""


def _receive() -> Feed:
    """Take inputs of runs of packets: sequence u16, count, step, size index, 50 ms passed."""
    channel = ReceiveChannel(2.0, 10.0, Statistics())
    now = heard = 100.0
    delivered = 0

    def feed(data: bytes) -> None:
        nonlocal now, heard, delivered
        padded = data.ljust(6, b"\0")
        first, count, step = int.from_bytes(padded[:2]), padded[2], padded[3]
        piece = bytes(_SIZES[padded[4] % len(_SIZES)])
        now += padded[5] / 20
        if padded[5] > 100:
            heard = now
        for number in range(count + 1):
            chunks = channel.receive((first + number * step) & 0xFFFF, piece, now)
            delivered += len(chunks or ())
            while channel.overfull:
                ensure(bool(channel.skip_gap()), "behind a gap there is something")
        while (deadline := channel.gap_deadline(heard)) is not None and now >= deadline:
            ensure(bool(channel.skip_gap()), "behind a gap there is something")
        bounded(channel, MAX_BUFFERED + 60_000 + _OVERHEAD)

    return feed


def _send() -> Feed:
    """Take inputs of an operation and its numbers: send, acknowledge, let time pass."""
    timing = Timing()
    channel = SendChannel(0, timing, Statistics(), reliable=False)
    now = 100.0

    def feed(data: bytes) -> None:
        nonlocal now
        kind = data[0] % 3 if data else 0
        numbers = [int.from_bytes(data[at : at + 2]) for at in range(1, len(data), 2)]
        if kind == 0:
            size = numbers[0] if numbers else 1
            transmission, packets = channel.send(bytes(size), now)
            ensure(transmission.pending == len(packets), "every packet is awaited")
        elif kind == 1:
            for transmission in channel.acknowledge(numbers):
                ensure(transmission.delivered, "what is through has nothing pending")
        else:
            now += (numbers[0] if numbers else 0) / 100
            channel.due(now, now - 3 if len(data) % 2 else 100.0)
            timer = channel.next_timer
            ensure(timer is None or timer > now, "a timer that was handled is over")
        bounded(channel, MAX_IN_FLIGHT * (1100 + 400) + 100_000)

    return feed


def _runs(*runs: tuple[int, int, int, int, int]) -> Case:
    return tuple(first.to_bytes(2) + bytes(rest) for first, *rest in runs)


TARGETS = (
    Target(
        "receive-channel",
        lambda: [
            _runs((0, 10, 1, 3, 1), (11, 10, 1, 3, 50)),
            _runs((1, 10, 2, 1, 1), (0, 10, 2, 1, 1), (65530, 20, 1, 1, 5)),
            _runs((2, 255, 1, 4, 0)),
            _runs((4000, 255, 255, 4, 0), (4096, 1, 1, 0, 100)),
        ],
        _receive,
    ),
    Target(
        "send-channel",
        lambda: [
            (b"\0\0\x10", b"\1\0\0", b"\2\0\x20"),
            (b"\0\x20\0", b"\1\0\0\0\1\0\2", b"\2\0\x40", b"\2\1\0", b"\1\0\3\0\4"),
            (b"\0\xff\xff", b"\0\xff\xff", b"\0\xff\xff", b"\0\xff\xff", b"\2\2\0"),
        ],
        _send,
        permits=(MissUnreachable,),
    ),
)
