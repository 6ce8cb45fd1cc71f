"""From a camera's address to a transport: search, punch, ready. Sans-IO.

The client searches on the well-known port; the camera answers from a fresh port with its
UID, the client echoes that there, and the camera says over which transport it is ready, or
both (public protocol notes, verified against an independent client). Some models do not
answer a search at their own address but one at the network's broadcast address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .cs2_packets import (
    UID_BYTES,
    PacketType,
    Uid,
    pull_packet,
    pull_tcp_address,
    pull_uid,
    push_packet,
)
from .errors import MissProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .limits import Statistics, Timing
    from .transport import Transport

type Address = tuple[str, int]

_SEARCH = push_packet(PacketType.LAN_SEARCH)


@dataclass(frozen=True, slots=True)
class Offer:
    """The camera is ready."""

    transport: Transport
    address: Address
    """The (IPv4 address, port) to talk to."""


class Discovery:
    """Finds one camera at one address and learns which transports it offers."""

    def __init__(
        self,
        host: str,
        port: int,
        transports: Sequence[Transport],
        *,
        broadcasts: Sequence[str] = (),
        now: float,
        timing: Timing,
        statistics: Statistics,
    ) -> None:
        """Search at once.

        Args:
            host: the camera's IPv4 address, dotted. Nobody else is listened to.
            port: where to search; normally 32108.
            transports: those wanted, best first.
            broadcasts: further addresses to search at, once the camera had time to answer at
                its own. Whoever else answers there is not listened to.
            now: the time, seconds.
            timing: how often and how long.
            statistics: where refused datagrams are counted.
        """
        self._host = host
        self._search_targets: tuple[Address, ...] = ((host, port),)
        self._wide_targets = tuple((address, port) for address in broadcasts)
        self._transports = tuple(transports)
        self._timing = timing
        self._statistics = statistics
        self._peer: Address | None = None
        self._punch = b""
        self._uid_bytes: bytes | None = None
        self._next_send = now
        self._wide_at = now + timing.search_wide
        self._punched_at = now
        self._offers: dict[Transport, Offer] = {}
        self._offered_at: float | None = None
        self._grace_over = False
        self._rejected: set[Transport] = set()

    @property
    def uid(self) -> Uid | None:
        """The camera's UID after the first contact; it cannot change any more."""
        return None if self._uid_bytes is None else pull_uid(self._uid_bytes)

    @property
    def stage(self) -> str:
        """How far this came, for an error's text."""
        if self._offers:
            return "the camera does not answer over what it offers"
        if self._uid_bytes is None:
            return "nothing answers the search"
        return "the camera answers, but offers no transport that is wanted"

    def receive(self, datagram: bytes, address: Address, now: float) -> None:
        """Take a datagram from anywhere; what does not belong here is counted and ignored."""
        if address[0] != self._host or (self._peer is not None and address != self._peer):
            self._statistics.foreign += 1
            return
        try:
            kind, body = pull_packet(datagram)
            if kind in {PacketType.PUNCH_PKT, PacketType.P2P_RDY, PacketType.P2P_RDY_TCP}:
                self._check_uid(body)
        except MissProtocolError:
            self._statistics.malformed += 1
            return
        if kind == PacketType.PUNCH_PKT:
            self._punched(body, address, now)
        elif self._peer is None:
            # Nothing may be ready before it punched.
            self._statistics.malformed += 1
        elif kind == PacketType.P2P_RDY:
            self._offered(Offer("udp", address), now)
        elif kind == PacketType.P2P_RDY_TCP:
            self._offered(Offer("tcp", self._tcp_address(body, address)), now)

    @property
    def offer(self) -> Offer | None:
        """The transport to use, as soon as that is clear."""
        for transport in self._transports:
            if transport in self._rejected:
                continue
            if (offer := self._offers.get(transport)) is not None:
                return offer
            if not self._grace_over:
                return None
        return None

    def reject(self, transport: Transport) -> bool:
        """Take a transport for useless; return whether another one is on offer."""
        self._rejected.add(transport)
        return any(
            other in self._offers and other not in self._rejected for other in self._transports
        )

    @property
    def next_timer(self) -> float | None:
        """When to call `handle_timer`."""
        if self._offered_at is None:
            return self._next_send
        return None if self._grace_over else self._offered_at + self._timing.offer_grace

    def handle_timer(self, now: float) -> list[tuple[bytes, Address]]:
        """Return the datagrams that are due, with their destinations."""
        if self._offered_at is not None:
            self._grace_over = now >= self._offered_at + self._timing.offer_grace
            return []
        if now < self._next_send:
            return []
        if self._peer is not None and now >= self._punched_at + self._timing.punch_patience:
            # A camera that was restarted, or has given up this port, punches from a new one.
            self._peer = None
        if self._peer is not None:
            self._next_send = now + self._timing.punch
            return [(self._punch, self._peer)]
        targets = self._search_targets
        if self._wide_targets and now >= self._wide_at:
            targets += self._wide_targets
            self._wide_at = now + self._timing.search_wide_again
        self._next_send = now + self._timing.search
        return [(_SEARCH, target) for target in targets]

    def _check_uid(self, body: bytes) -> None:
        uid = body[:UID_BYTES]
        pull_uid(uid)
        if self._uid_bytes is None:
            return
        if uid != self._uid_bytes:
            raise MissProtocolError("another camera answers")

    def _punched(self, body: bytes, address: Address, now: float) -> None:
        if self._peer is None:
            self._peer = address
            self._uid_bytes = body[:UID_BYTES]
            self._punch = push_packet(PacketType.PUNCH_PKT, self._uid_bytes)
            self._punched_at = now
        if self._offered_at is None:
            self._next_send = now

    def _offered(self, offer: Offer, now: float) -> None:
        if offer.transport not in self._transports:
            return
        if self._offered_at is None:
            self._offered_at = now
        self._offers.setdefault(offer.transport, offer)

    def _tcp_address(self, body: bytes, peer: Address) -> Address:
        """Return where to connect: the same port number, unless a long packet names another.

        It is never another host.
        """
        stated = pull_tcp_address(body)
        return stated if stated and stated[0] == self._host and stated[1] else peer
