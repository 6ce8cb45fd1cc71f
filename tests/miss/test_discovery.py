"""From address to transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.miss import Statistics, Timing
from custom_components.mi_camera.miss.cs2_packets import (
    PacketType,
    Uid,
    push_drw,
    push_packet,
    push_tcp_address,
    push_uid,
)
from custom_components.mi_camera.miss.discovery import Discovery, Offer

if TYPE_CHECKING:
    from custom_components.mi_camera.miss.transport import Transport

HOST = "192.0.2.7"
PEER = (HOST, 40001)
UID = Uid("XMSYSCNO", 861157, "GBHWN")
UID_BYTES = push_uid(UID)
PUNCH = push_packet(PacketType.PUNCH_PKT, UID_BYTES)
READY = push_packet(PacketType.P2P_RDY, UID_BYTES)
READY_TCP = push_packet(PacketType.P2P_RDY_TCP, UID_BYTES)
SEARCH = (bytes.fromhex("f1300000"), (HOST, 32108))


class Found:
    """A discovery with its clock."""

    def __init__(self, *transports: Transport, broadcasts: tuple[str, ...] = ()) -> None:
        self.statistics = Statistics()
        self.now = 10.0
        self.discovery = Discovery(
            HOST,
            32108,
            transports or ("udp", "tcp"),
            broadcasts=broadcasts,
            now=self.now,
            timing=Timing(),
            statistics=self.statistics,
        )

    def receive(self, datagram: bytes, address: tuple[str, int] = PEER) -> None:
        self.discovery.receive(datagram, address, self.now)

    def advance(self, seconds: float) -> list[tuple[float, bytes, tuple[str, int]]]:
        """Return what is sent meanwhile, with the time since now."""
        begin, end, sent = self.now, self.now + seconds, []
        while (due := self.discovery.next_timer) is not None and due <= end:
            self.now = max(self.now, due)
            sent += [
                (round(self.now - begin, 3), *packet)
                for packet in self.discovery.handle_timer(self.now)
            ]
        self.now = end
        return sent


def test_searches_until_somebody_answers() -> None:
    found = Found()
    sent = found.advance(3.05)
    assert [when for when, *_ in sent] == pytest.approx([tenth / 10 for tenth in range(31)])
    assert {tuple(search) for _, *search in sent} == {SEARCH}
    assert found.discovery.uid is None
    assert found.discovery.stage == "nothing answers the search"


def test_searches_wider_when_the_camera_does_not_answer_at_its_address() -> None:
    found = Found(broadcasts=("192.0.2.255", "198.51.100.255"))
    wide = [(SEARCH[0], (address, 32108)) for address in ("192.0.2.255", "198.51.100.255")]
    sent = found.advance(2.75)
    assert sum(tuple(search) == SEARCH for _, *search in sent) == 28
    # Every device around wakes for a broadcast: those are fewer.
    others = [(when, tuple(search)) for when, *search in sent if tuple(search) != SEARCH]
    assert [search for _, search in others] == 3 * wide
    assert [when for when, _ in others[::2]] == pytest.approx([0.3, 1.4, 2.5], abs=0.21)
    # Every camera of the house answers that. One is meant.
    found.receive(PUNCH, ("192.0.2.8", 40001))
    assert found.discovery.uid is None
    assert found.statistics.foreign == 1
    found.receive(PUNCH)
    assert found.discovery.uid == UID


def test_camera_that_answers_at_once_is_all_that_is_bothered() -> None:
    found = Found(broadcasts=("192.0.2.255",))
    found.advance(0.1)
    found.receive(PUNCH)
    assert {address for _, _, address in found.advance(2)} == {PEER}


def test_echoes_the_punch_to_its_port_until_ready() -> None:
    found = Found()
    found.advance(0.1)
    found.receive(PUNCH)
    sent = found.advance(0.48)
    assert [when for when, *_ in sent] == pytest.approx([0.05 * number for number in range(10)])
    assert {tuple(echo) for _, *echo in sent} == {(PUNCH, PEER)}
    assert found.discovery.uid == UID
    assert found.discovery.offer is None
    assert found.discovery.stage.startswith("the camera answers")
    found.receive(READY)
    assert found.discovery.offer == Offer("udp", PEER)
    assert found.advance(10) == []
    assert found.discovery.next_timer is None


def test_a_repeated_punch_is_echoed_at_once() -> None:
    found = Found()
    found.receive(PUNCH)
    found.advance(0.1)
    found.receive(PUNCH)
    assert found.advance(0.0) == [(0.0, PUNCH, PEER)]


def test_only_the_camera_is_heard() -> None:
    found = Found()
    found.receive(PUNCH, ("192.0.2.8", 40001))
    assert found.discovery.uid is None
    found.receive(PUNCH)
    found.receive(READY, (HOST, 40002))
    found.receive(READY, ("192.0.2.8", 40001))
    assert found.discovery.offer is None
    assert found.statistics.foreign == 3


def test_ready_without_punch_is_no_offer() -> None:
    found = Found()
    found.receive(READY)
    found.receive(push_drw(0, 0, b"x"))
    assert found.discovery.offer is None
    assert found.statistics.malformed == 2


def test_uid_is_pinned() -> None:
    found = Found()
    found.receive(PUNCH)
    other = push_uid(Uid("XMSYSCNO", 861158, "GBHWN"))
    found.receive(push_packet(PacketType.P2P_RDY, other))
    found.receive(push_packet(PacketType.P2P_RDY, UID_BYTES[:-1]))
    found.receive(push_packet(PacketType.P2P_RDY))
    assert found.discovery.offer is None
    # Nor may another camera punch, when the first one has given up its port.
    found.advance(3)
    found.receive(push_packet(PacketType.PUNCH_PKT, other), (HOST, 40005))
    assert found.discovery.uid == UID
    assert found.statistics.malformed == 4


def test_a_dead_port_is_left_and_the_search_goes_on() -> None:
    found = Found()
    found.advance(0.1)
    found.receive(PUNCH)
    sent = found.advance(3.6)
    echoed = [when for when, packet, _ in sent if packet == PUNCH]
    searched = [when for when, *packet in sent if tuple(packet) == SEARCH]
    patience = Timing().punch_patience
    assert max(echoed) < patience <= searched[0] < patience + 0.2
    found.receive(PUNCH, (HOST, 40009))
    found.receive(READY, (HOST, 40009))
    assert found.discovery.offer == Offer("udp", (HOST, 40009))


@pytest.mark.parametrize("order", [(READY, READY_TCP), (READY_TCP, READY)])
@pytest.mark.parametrize(
    "transports", [("udp", "tcp"), ("tcp", "udp"), ("udp",), ("tcp",)], ids="-".join
)
def test_preference_decides_between_two(
    order: tuple[bytes, bytes], transports: tuple[Transport, ...]
) -> None:
    found = Found(*transports)
    found.receive(PUNCH)
    for packet in order:
        found.receive(packet)
    assert found.discovery.offer == Offer(transports[0], PEER)


def test_second_choice_after_a_moments_grace() -> None:
    found = Found("udp", "tcp")
    found.receive(PUNCH)
    found.receive(READY_TCP)
    assert found.discovery.offer is None
    found.advance(0.1)
    assert found.discovery.offer is None
    found.advance(0.1)
    assert found.discovery.offer == Offer("tcp", PEER)


def test_unwanted_transport_is_no_offer() -> None:
    found = Found("udp")
    found.receive(PUNCH)
    found.receive(READY_TCP)
    found.advance(1)
    assert found.discovery.offer is None
    assert found.discovery.stage == "the camera answers, but offers no transport that is wanted"


def test_rejected_transport_gives_way() -> None:
    found = Found("tcp", "udp")
    found.receive(PUNCH)
    found.receive(READY_TCP)
    assert found.discovery.offer == Offer("tcp", PEER)
    found.receive(READY)
    assert found.discovery.reject("tcp")
    assert found.discovery.offer == Offer("udp", PEER)
    assert not found.discovery.reject("udp")
    found.advance(1)
    assert found.discovery.offer is None
    assert found.discovery.stage == "the camera does not answer over what it offers"


@pytest.mark.parametrize(
    ("address", "port", "expected"),
    [
        (HOST, 5000, (HOST, 5000)),
        ("192.0.2.8", 5000, PEER),  # never another host
        (HOST, 0, PEER),
    ],
)
def test_address_in_tcp_ready(address: str, port: int, expected: tuple[str, int]) -> None:
    found = Found("tcp")
    found.receive(PUNCH)
    body = UID_BYTES + push_tcp_address(address, port)
    found.receive(push_packet(PacketType.P2P_RDY_TCP, body))
    assert found.discovery.offer == Offer("tcp", expected)


@given(
    st.lists(st.binary(max_size=40)), st.sampled_from([b"", b"\xf1\x41\0\x14", b"\xf1\x42\0\x14"])
)
def test_hostile_bytes(datagrams: list[bytes], start: bytes) -> None:
    found = Found()
    for datagram in datagrams:
        found.receive(start + datagram)
        found.advance(0.3)
