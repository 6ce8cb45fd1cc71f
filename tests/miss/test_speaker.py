"""Sound to the camera: asked for first, whole, in order, once, and bounded."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.miss import (
    Codec,
    Command,
    MissClosed,
    MissSpeakerRefused,
    MissUnanswered,
    MissUnreachable,
    Statistics,
    Timing,
)
from custom_components.mi_camera.miss.channels import SendChannel
from custom_components.mi_camera.miss.crypto import RecordCipher
from custom_components.mi_camera.miss.cs2_packets import (
    Channel,
    PacketType,
    pull_drw,
    pull_packet,
    push_drw_ack,
)
from custom_components.mi_camera.miss.limits import MAX_SOUND_IN_FLIGHT
from custom_components.mi_camera.miss.media import MediaHeader, pull_media_header
from custom_components.mi_camera.miss.session import SessionClosed
from custom_components.mi_camera.miss.speaker import (
    MAX_SOUND_BYTES,
    check_speaker_reply,
    push_sound,
)

from .fake import Bench
from .peer import MiniPeer, eventually
from .test_client import Client

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ADDRESS = "127.0.43.12"
OK = bytes(4)
SOUND = bytes(range(256)) + bytes(64)
UDP, TCP = (PacketType.P2P_RDY,), (PacketType.P2P_RDY_TCP,)


@pytest.fixture(params=[UDP, TCP], ids=["udp", "tcp"])
def offers(request: pytest.FixtureRequest) -> tuple[PacketType, ...]:
    offered: tuple[PacketType, ...] = request.param
    return offered


@contextlib.asynccontextmanager
async def talking(peer: MiniPeer, timing: Timing | None = None) -> AsyncGenerator[Client]:
    peer.answers.setdefault(Command.SPEAKER_START_REQ, OK)
    async with peer.running():
        client = Client(peer, host=ADDRESS, timing=timing or Timing())
        await client.connect()
        await client.start_speaker()
        yield client
        client.abort()


# -- layout ----------------------------------------------------------------------------


@given(
    st.binary(min_size=1, max_size=3000),
    st.sampled_from([codec for codec in Codec if not codec.is_video]),
    st.integers(0, 2**64 - 1),
)
def test_record(data: bytes, codec: Codec, stamp: int) -> None:
    cipher = RecordCipher(bytes(32))
    record = push_sound(cipher, codec, data, stamp)
    assert pull_media_header(record) == MediaHeader(len(data) + 8, codec, 0, 0, stamp, 0)
    assert record[28:32] == bytes(4)
    assert cipher.decrypt(record[32:]) == data


@pytest.mark.parametrize(
    ("codec", "data", "stamp"),
    [
        (Codec.H264, b"x", 0),
        (Codec.PCMA, b"", 0),
        (Codec.PCMA, bytes(MAX_SOUND_BYTES + 1), 0),
        (Codec.PCMA, b"x", -1),
        (Codec.PCMA, b"x", 1 << 64),
    ],
)
def test_what_is_no_sound(codec: Codec, data: bytes, stamp: int) -> None:
    with pytest.raises(ValueError, match=r"sound|time"):
        push_sound(RecordCipher(bytes(32)), codec, data, stamp)


@pytest.mark.parametrize("body", [bytes(4), b"0", b"0\0\0\0", bytes(16)])
def test_ready(body: bytes) -> None:
    check_speaker_reply(body)


@pytest.mark.parametrize(
    "body", [b"", b"\0", b"-1", b"15", b"\x0f\0\0\0", b"\xff\xff\xff\xff", b"busy", b"\xd9\xa9"]
)
def test_not_ready(body: bytes) -> None:
    with pytest.raises(MissSpeakerRefused):
        check_speaker_reply(body)


# -- over sockets ----------------------------------------------------------------------


async def test_sound_arrives_as_it_was_said(offers: tuple[PacketType, ...]) -> None:
    peer = MiniPeer(ADDRESS, offers=offers)
    async with talking(peer) as client:
        said = [bytes([number]) * size for number, size in enumerate((320, 640, 1280, 5000))]
        for number, data in enumerate(said):
            client.speak(Codec.PCM, data, 1000 + 40 * number)
        await eventually(lambda: len(peer.camera.heard) == 4)
        assert [data for _, data in peer.camera.heard] == said
        headers = [header for header, _ in peer.camera.heard]
        assert [header.timestamp_ms for header in headers] == [1000, 1040, 1080, 1120]
        assert {header.codec for header in headers} == {Codec.PCM}
        await eventually(lambda: client.speaker_backlog == 0)
        await client.stop_speaker()
        await eventually(lambda: Command.SPEAKER_STOP in peer.commands)
        assert peer.commands[-2:] == [Command.SPEAKER_START_REQ, Command.SPEAKER_STOP]
        with pytest.raises(MissClosed, match="not on"):
            client.speak(Codec.PCM, SOUND, 0)
        # Nothing to stop.
        await client.stop_speaker()
        assert peer.commands.count(Command.SPEAKER_STOP) == 1


async def test_lost_sound_is_said_again() -> None:
    """A third of the packets is lost, of each the first time."""
    seen: set[bytes] = set()
    count = itertools.count()

    def loses(packet: bytes) -> bool:
        if pull_packet(packet)[0] != PacketType.DRW or packet in seen:
            return False
        seen.add(packet)
        return pull_drw(packet)[0] == Channel.SPEAKER and next(count) % 3 == 0

    peer = MiniPeer(ADDRESS, loses=loses)
    async with talking(peer) as client:
        for number in range(30):
            client.speak(Codec.PCMA, bytes([number]) * 320, 40 * number)
        assert client.speaker_backlog == 30
        await eventually(lambda: len(peer.camera.heard) == 30)
        assert [data[0] for _, data in peer.camera.heard] == list(range(30))
        await eventually(lambda: client.speaker_backlog == 0)
        assert client.statistics.retransmits == 10


async def test_refused(offers: tuple[PacketType, ...]) -> None:
    peer = MiniPeer(ADDRESS, offers=offers, answers={Command.SPEAKER_START_REQ: b"\x0f\0\0\0"})
    async with peer.running():
        client = Client(peer, host=ADDRESS)
        await client.connect()
        with pytest.raises(MissSpeakerRefused, match="status 15"):
            await client.start_speaker()
        with pytest.raises(MissClosed):
            client.speak(Codec.PCMA, SOUND, 0)
        await client.close()
        # It may be somebody else's now.
        assert Command.SPEAKER_STOP not in peer.commands


async def test_not_answered_is_not_started() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, host=ADDRESS, timing=Timing(reply=0.2))
        await client.connect()
        with pytest.raises(MissUnanswered, match="SPEAKER_START_REQ"):
            await client.start_speaker()
        with pytest.raises(MissClosed):
            client.speak(Codec.PCMA, SOUND, 0)
        # The camera may have begun all the same.
        await client.close()
        assert Command.SPEAKER_STOP in peer.commands


async def test_goodbye_stops_the_speaker_first(offers: tuple[PacketType, ...]) -> None:
    peer = MiniPeer(ADDRESS, offers=offers)
    async with talking(peer) as client:
        client.speak(Codec.PCMA, SOUND, 0)
        await client.close()
        assert peer.commands[-2:] == [Command.SPEAKER_STOP, Command.VIDEO_STOP]
        assert client.speaker_backlog == 0


async def test_goodbye_of_who_never_spoke_says_nothing_of_it() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, host=ADDRESS)
        await client.connect()
        await client.close()
        assert peer.commands == [Command.AUTH_REQ, Command.VIDEO_STOP]


async def test_nothing_is_said_outside_a_session() -> None:
    peer = MiniPeer(ADDRESS)
    fresh = Client(peer, host=ADDRESS)
    assert fresh.speaker_backlog == 0
    with pytest.raises(MissClosed):
        fresh.speak(Codec.PCMA, SOUND, 0)
    async with talking(peer) as client:
        client.abort()
        for call in (client.start_speaker(), client.stop_speaker()):
            with pytest.raises(MissClosed):
                await call
        with pytest.raises(MissClosed):
            client.speak(Codec.PCMA, SOUND, 0)
        await asyncio.sleep(0.05)
        assert peer.camera.heard == []


# -- what is not acknowledged ----------------------------------------------------------


def on_air() -> Bench:
    bench = Bench()
    bench.start()
    bench.session.start_speaker(bench.now)
    bench.commands()
    bench.session.speaker_answered(OK)
    return bench


def test_backlog_is_bounded() -> None:
    bench = on_air()
    for number in range(MAX_SOUND_IN_FLIGHT):
        bench.session.speak(Codec.PCMA, SOUND, 40 * number, bench.now)
    assert bench.session.speaker_backlog == MAX_SOUND_IN_FLIGHT
    with pytest.raises(MissUnreachable):
        bench.session.speak(Codec.PCMA, SOUND, 0, bench.now)
    # Pictures and commands do not suffer from it.
    bench.session.start_video(quality=1, lens=0, audio=False, now=bench.now)
    bench.commands()
    assert bench.session.speaker_backlog == 0
    bench.session.speak(Codec.PCMA, SOUND, 0, bench.now)


def test_nothing_is_bounded_over_tcp_where_nothing_is_acknowledged() -> None:
    bench = Bench(stream=True)
    bench.start()
    bench.session.start_speaker(bench.now)
    bench.session.speaker_answered(OK)
    for number in range(2 * MAX_SOUND_IN_FLIGHT):
        bench.session.speak(Codec.PCMA, SOUND, 40 * number, bench.now)
    assert bench.session.speaker_backlog == 0
    bench.commands()
    assert len(bench.camera.heard) == 2 * MAX_SOUND_IN_FLIGHT


def test_camera_that_never_acknowledges_sound_keeps_its_session() -> None:
    bench = on_air()
    bench.session.speak(Codec.PCMA, SOUND, 0, bench.now)
    bench.sent()
    assert bench.live(6) == []
    assert bench.session.speaker_backlog == 0
    for number in range(2 * MAX_SOUND_IN_FLIGHT):
        bench.session.speak(Codec.PCMA, SOUND, 40 * number, bench.now)
    assert bench.session.speaker_backlog == 0


def test_camera_that_stops_acknowledging_sound_is_gone() -> None:
    bench = on_air()
    bench.session.speak(Codec.PCMA, SOUND, 0, bench.now)
    bench.commands()
    assert bench.session.speaker_backlog == 0
    bench.session.speak(Codec.PCMA, SOUND, 40, bench.now)
    events = bench.live(6)
    assert isinstance(events[-1], SessionClosed)
    assert isinstance(events[-1].error, MissUnreachable)


def test_late_acknowledgement_makes_sound_repeated_again() -> None:
    sender = SendChannel(3, Timing(), Statistics(), reliable=False, essential=False)
    sender.send(b"x", 0.0)
    assert sender.due(1.9, 0.0) != []
    assert sender.due(3.0, 0.0) == []
    assert sender.in_flight == 0
    sender.acknowledge([0])
    sender.send(b"y", 4.0)
    assert sender.in_flight == 1


def test_acknowledgement_of_sound_is_no_delivery_of_a_command() -> None:
    bench = on_air()
    bench.session.speak(Codec.PCMA, SOUND, 0, bench.now)
    transmission = bench.session.start_video(quality=1, lens=0, audio=False, now=bench.now)
    assert bench.feed([push_drw_ack(Channel.SPEAKER, range(10))]) == []
    assert bench.session.speaker_backlog == 0
    assert not transmission.delivered
