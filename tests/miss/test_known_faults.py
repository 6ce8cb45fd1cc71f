"""What other clients of these cameras get wrong, one test for each fault.

Each docstring states a fault seen in an independent client. Faults that the tests of a
module show to be absent anyway are not repeated here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from custom_components.mi_camera.miss import (
    AudioFrame,
    Codec,
    Command,
    MissProtocolError,
    MissRefused,
    MissUnreachable,
    Timing,
    VideoFrame,
)
from custom_components.mi_camera.miss.commands import check_auth_reply, push_command
from custom_components.mi_camera.miss.cs2_packets import (
    Channel,
    PacketType,
    StreamDeframer,
    pull_drw,
    pull_drw_ack,
    pull_packet,
    push_drw,
    push_drw_ack,
    push_packet,
)
from custom_components.mi_camera.miss.records import push_record
from custom_components.mi_camera.miss.session import Reply, SessionClosed, State

from .fake import H264_BARE_KEY, H264_DELTA, H264_KEY, LENS_1, Bench, FakeCamera, make_keys
from .peer import MiniPeer, eventually
from .test_client import Client

if TYPE_CHECKING:
    from custom_components.mi_camera.miss.session import Event

ADDRESS = "127.0.43.13"
SILENCE = bytes([0xD5]) * 320
PPS = b"\0\0\0\1\x68pps"


@pytest.fixture(params=[False, True], ids=["udp", "tcp"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(stream=request.param)


def pictures(events: list[Event]) -> list[VideoFrame]:
    return [event for event in events if isinstance(event, VideoFrame)]


def acknowledged(packets: list[bytes]) -> list[int]:
    sequences: list[int] = []
    for packet in packets:
        kind, body = pull_packet(packet)
        if kind == PacketType.DRW_ACK:
            sequences += pull_drw_ack(body)[1]
    return sequences


# -- the speaker -------------------------------------------------------------------------


async def test_sound_is_sent_before_the_camera_is_ready() -> None:
    """After a second of waiting, whatever the camera answers to the wish to speak."""
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, host=ADDRESS, timing=Timing())
        await client.connect()
        starting = asyncio.create_task(client.start_speaker())
        await eventually(lambda: Command.SPEAKER_START_REQ in peer.commands)
        await asyncio.sleep(1.2)
        assert not starting.done()
        peer.send(*peer.camera.command(Command.SPEAKER_START_RES, bytes(4)))
        await starting
        client.speak(Codec.PCMA, SILENCE, 0)
        await eventually(lambda: peer.camera.heard)
        await client.close()


def test_large_sound_is_sent_in_one_packet() -> None:
    """Though no camera takes more than 1024 bytes; and its header is sent as its sound."""
    bench = Bench()
    bench.start()
    bench.session.start_speaker(bench.now)
    bench.commands()
    bench.session.speaker_answered(bytes(4))
    bench.session.speak(Codec.PCM, bytes(range(250)) * 20, 1, bench.now)
    sizes = [len(pull_drw(packet)[2]) for packet in bench.sent()]
    assert sizes == [1024] * 4 + [4 + 32 + 8 + 5000 - 4 * 1024]
    [*_] = bench.advance(0.3)
    bench.commands()  # the repetition
    [(header, sound)] = bench.camera.heard
    assert sound == bytes(range(250)) * 20
    assert header.length == 8 + 5000


# -- what comes from elsewhere -----------------------------------------------------------


async def test_one_packet_of_anybody_kills_it() -> None:
    """A packet for a channel that does not exist, or shorter than it says, ends the process."""
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, host=ADDRESS)
        await client.connect()
        await client.start_video(quality=2)
        for packet in (
            push_drw(4, 0, b"x"),
            push_drw(255, 0, b"x"),
            push_drw(Channel.RDT, 0, b"x"),
            push_drw(Channel.SPEAKER, 0, b"x"),
            *(push_drw(Channel.MEDIA, 0, b"x")[:size] for size in range(8)),
            push_packet(PacketType.DRW_ACK, b"\xd1\x00\xff\xff"),
            *peer.camera.packets(Channel.MEDIA, push_record(bytes(31))),
            *peer.camera.packets(Channel.COMMAND, push_record(Command.ENCODED.to_bytes(4) + b"x")),
            *peer.camera.media(b""),
        ):
            peer.send(packet)
        peer.send(*peer.camera.media(H264_KEY))
        await eventually(lambda: client.frames)
        await client.close()


def test_size_of_a_record_is_believed() -> None:
    """And memory for it is taken, however much."""
    bench = Bench()
    bench.start()
    for _ in range(3):
        bench.feed(bench.camera.packets(Channel.MEDIA, b"\x7f\xff\xff\xff" + bytes(2000)))
    assert len(pictures(bench.feed(bench.camera.media(H264_KEY)))) == 1


# -- the flow ----------------------------------------------------------------------------


def test_routine_notices_fill_a_queue_nobody_empties(bench: Bench) -> None:
    """On the command channel, after the login: the stream ends after a minute or two."""
    bench.start()
    for number in range(600):
        bench.feed(bench.camera.media(H264_KEY))
        bench.feed(bench.camera.command(0x1301, b"%d" % number))
        bench.feed(bench.camera.command(Command.CALL_STATUS, b"{}"))
        bench.sent()
    assert len(pictures(bench.feed(bench.camera.media(H264_KEY)))) == 1
    # And an answer is found among them.
    bench.session.request(Command.DEVINFO_REQ, b"", bench.now)
    assert bench.feed(bench.camera.command(Command.DEVINFO_RES, b"{}")) == [
        Reply(Command.DEVINFO_RES, b"{}")
    ]


def test_burst_of_pictures_ends_the_stream(bench: Bench) -> None:
    """More than a hundred records at once are an overflow there."""
    bench.start()
    stream = b"".join(push_record(bench.camera.media_record(H264_KEY)) for _ in range(500))
    assert len(pictures(bench.feed(bench.camera.packets(Channel.MEDIA, stream)))) == 500


def test_one_packet_lost_for_good_stops_the_picture_for_ever() -> None:
    """And what comes behind it is not acknowledged from the 250th packet on."""
    bench = Bench()
    bench.start()
    bench.feed(bench.camera.media(H264_KEY))
    bench.camera.media(H264_DELTA)  # lost
    bench.sent()
    behind = [packet for _ in range(1000) for packet in bench.camera.media(H264_DELTA)]
    assert bench.feed(behind) == []
    assert acknowledged(bench.sent()) == [number % 0x10000 for number in range(2, 1002)]
    bench.feed(bench.camera.media(H264_KEY))
    shown = pictures(bench.live(2.5))
    assert [frame.keyframe for frame in shown] == [True]


def test_every_packet_is_acknowledged_by_a_packet() -> None:
    """Though one can acknowledge many."""
    bench = Bench()
    bench.start()
    bench.feed(bench.camera.media(H264_KEY + bytes([7]) * 40_000))
    [ack] = bench.sent()
    assert len(acknowledged([ack])) == 40


# -- commands ----------------------------------------------------------------------------


async def test_lost_command_looks_delivered() -> None:
    """As soon as anything is acknowledged on any channel, or any other command is."""
    lost = True

    def loses(packet: bytes) -> bool:
        if pull_packet(packet)[0] != PacketType.DRW:
            return False
        channel, sequence, _ = pull_drw(packet)
        return lost and (channel, sequence) == (Channel.COMMAND, 1)

    async with MiniPeer(ADDRESS, loses=loses).running() as peer:
        client = Client(peer, host=ADDRESS, timing=Timing())
        await client.connect()
        starting = asyncio.create_task(client.start_video(quality=2))
        asking = asyncio.create_task(client.device_info())
        await asyncio.sleep(0.1)
        peer.send(*(push_drw_ack(channel, [0, 2, 3]) for channel in range(4)))
        peer.send(*peer.camera.media(H264_KEY))
        await asyncio.sleep(0.5)
        assert not starting.done()
        assert Command.VIDEO_START not in peer.commands
        lost = False
        await starting
        assert Command.VIDEO_START in peer.commands
        client.abort()
        await asyncio.gather(asking, return_exceptions=True)


def test_replies_are_read_in_the_wrong_byte_order(bench: Bench) -> None:
    """Commands are written in one byte order and replies read in the other: both are taken."""
    bench.log_in()
    for number in (b"\0\0\x01\x11", b"\x11\x01\0\0"):
        bench.session.request(Command.DEVINFO_REQ, b"", bench.now)
        sealed = bench.camera.cipher.encrypt(number + b"{}")
        record = push_record(push_command(Command.ENCODED, sealed))
        assert bench.feed(bench.camera.packets(Channel.COMMAND, record)) == [
            Reply(Command.DEVINFO_RES, b"{}")
        ]


@pytest.mark.parametrize(
    "body",
    [
        b'{"result":"no success"}',
        b'{"result":"failed","hint":"success"}',
        b'{"success":false}',
        b'{"result":["success"]}',
    ],
)
def test_login_succeeds_when_the_word_is_anywhere(body: bytes) -> None:
    """The answer is searched for the word, not read."""
    with pytest.raises(MissRefused):
        check_auth_reply(body)
    with pytest.raises(MissProtocolError):
        check_auth_reply(b"success")


def test_unknown_messages_are_printed(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """To where everybody can read them."""
    bench.log_in()
    bench.feed(bench.camera.command(0x7777, b"secret"))
    assert bench.statistics.notices == 1
    assert capsys.readouterr() == ("", "")


# -- life and death ----------------------------------------------------------------------


async def test_goodbye_is_neither_said_nor_heard() -> None:
    """So the camera keeps the viewer's place, and its end is noticed ten seconds later."""
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, host=ADDRESS)
        await client.connect()
        peer.send(push_packet(PacketType.CLOSE))
        await eventually(lambda: client.ends, 0.5)
        await eventually(lambda: PacketType.CLOSE_ACK in peer.seen)
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, host=ADDRESS)
        await client.connect()
        await client.close()
        assert PacketType.CLOSE in peer.seen


def test_pings_over_tcp_stop_when_nothing_comes() -> None:
    """They are sent only when something is received, so silence ends the session."""
    bench = Bench(stream=True)
    bench.start()
    deframer, pings = StreamDeframer(), 0
    for _ in range(50):
        bench.advance(0.1)
        for piece in bench.sent():
            pings += [pull_packet(packet)[0] for packet in deframer.push(piece)].count(
                PacketType.ALIVE
            )
    assert pings >= 4


def test_large_packets_over_tcp_end_the_session() -> None:
    """Those of more than 1200 bytes, which only UDP forbids."""
    bench = Bench(stream=True)
    bench.start()
    data = H264_KEY + bytes([9]) * 150_000
    record = push_record(bench.camera.media_record(data))
    [frame] = pictures(bench.feed(bench.camera.packets(Channel.MEDIA, record, size=60_000)))
    assert frame.data == data


# -- pictures and sound ------------------------------------------------------------------


def test_pictures_wait_for_sound(bench: Bench) -> None:
    """A camera whose microphone is off shows nothing, as the tracks are probed first."""
    bench.start(audio=True)
    assert len(pictures(bench.feed(bench.camera.media(H264_KEY)))) == 1


def test_first_key_frame_is_swallowed(bench: Bench) -> None:
    """By looking at it; viewers begin in the middle of a group of pictures."""
    bench.start()
    first, *_ = pictures(bench.feed(bench.camera.media(H264_KEY, sequence=5)))
    assert (first.sequence, first.keyframe) == (5, True)


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        (Codec.PCM, bytes(640)),
        (Codec.PCMU, SILENCE),
        (Codec.PCMA, SILENCE),
        (Codec.AAC, b"\x01\x40" + bytes(60)),
        (Codec.OPUS, b"\x08" + bytes(60)),
    ],
)
def test_only_two_kinds_of_sound_are_known(bench: Bench, codec: Codec, data: bytes) -> None:
    """Cameras have more."""
    bench.start(audio=True)
    bench.feed(bench.camera.media(H264_KEY))
    [frame] = bench.feed(bench.camera.media(data, codec))
    assert isinstance(frame, AudioFrame)
    assert (frame.codec, frame.data) == (codec, data)


def test_time_of_sound_is_counted_by_its_bytes(bench: Bench) -> None:
    """So it is off from the first loss on, and drifts from the pictures."""
    bench.start(audio=True)
    begin = 1_700_000_000_000
    bench.feed(bench.camera.media(H264_KEY, stamp=begin))
    for number in range(1, 200):
        bench.now += 0.04
        if number % 3:  # the others are lost
            size = 160 * (1 + number % 2)
            stamp = begin + 40 * number
            sound = bench.camera.media(SILENCE[:size], Codec.PCMA, stamp=stamp, sequence=number)
            [frame] = bench.feed(sound)
            assert isinstance(frame, AudioFrame)
            assert frame.timestamp_ms == stamp


def test_parameter_sets_never_change(bench: Bench) -> None:
    """Those of the beginning are kept, and pictures after a change do not decode."""
    bench.start(quality=0)
    bench.feed(bench.camera.media(H264_KEY))
    other = b"\0\0\0\1\x67other" + PPS
    [frame] = pictures(bench.feed(bench.camera.media(other + H264_BARE_KEY)))
    assert frame.data == other + H264_BARE_KEY
    [frame] = pictures(bench.feed(bench.camera.media(H264_BARE_KEY)))
    assert frame.data == other + H264_BARE_KEY


def test_quality_a_camera_does_not_have_is_waited_for(bench: Bench) -> None:
    """Fifteen seconds, then the end. Here another one can be asked for at any time."""
    bench.start(quality=3)
    bench.live(4)
    bench.session.start_video(quality=2, lens=0, audio=False, now=bench.now)
    assert bench.commands()[-1] == (
        Command.VIDEO_START,
        b'{"videoquality":2,"enableaudio":0}',
    )
    assert len(pictures(bench.feed(bench.camera.media(H264_KEY)))) == 1


def test_each_lens_takes_a_viewers_place(bench: Bench) -> None:
    """A camera with two lenses and two places is full then."""
    bench.start(lens=0)
    bench.session.start_video(quality=2, lens=1, audio=False, now=bench.now)
    both = bench.camera.media(H264_KEY) + bench.camera.media(H264_KEY, flags=LENS_1)
    assert [frame.lens for frame in pictures(bench.feed(both))] == [0, 1]


# -- nobody vouches for what is decrypted ------------------------------------------------


async def test_whoever_sends_is_believed() -> None:
    """The address is compared or the port, not both, and the camera's name never."""
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, host=ADDRESS)
        await client.connect()
        await client.start_video(quality=2)
        assert peer.client is not None
        forged = FakeCamera(peer.keys)
        loop = asyncio.get_running_loop()
        stranger, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=(ADDRESS, 0)
        )
        for packet in (*forged.media(H264_KEY), push_packet(PacketType.CLOSE)):
            stranger.sendto(packet, ("127.0.0.1", peer.client[1]))
        await eventually(lambda: client.statistics.foreign == 2)
        stranger.close()
        assert client.frames == []
        assert client.ends == []
        client.abort()


def test_what_does_not_decode_is_passed_on(bench: Bench) -> None:
    """As there is no checksum, another key's pictures reach the viewers as noise."""
    bench.start(audio=True)
    bench.camera.keys = make_keys()
    events: list[Event] = []
    for _ in range(10):
        events += bench.feed(bench.camera.media(H264_KEY) + bench.camera.media(SILENCE, 0x403))
    [end] = events
    assert isinstance(end, SessionClosed)
    assert bench.session.state is State.CLOSED


def test_silence_without_end_is_no_error() -> None:
    """A camera that is gone without a word."""
    bench = Bench()
    bench.start()
    events = bench.advance(12.5)
    assert isinstance(events[-1], SessionClosed)
    assert isinstance(events[-1].error, MissUnreachable)
