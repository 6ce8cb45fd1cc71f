"""The client over real sockets, against a peer that does what no sane camera does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from typing import TYPE_CHECKING

import pytest

from custom_components.mi_camera.miss import (
    AudioFrame,
    CameraInfo,
    Codec,
    Command,
    MissBusy,
    MissClient,
    MissClosed,
    MissError,
    MissProtocolError,
    MissRefused,
    MissUnreachable,
    MotorMove,
    MotorOperation,
    MotorPosition,
    Timing,
    VideoFrame,
)
from custom_components.mi_camera.miss.cs2_dialer import _StreamLine
from custom_components.mi_camera.miss.cs2_packets import (
    PacketType,
    push_drw,
    push_packet,
    push_stream_frame,
)

from .fake import H264_DELTA, H264_KEY, LENS_1, make_keys
from .peer import UID, MiniPeer, eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

ADDRESS = "127.0.43.10"
QUICK = Timing(transport_trial=0.6, reply=2)
IMPATIENT = Timing(reply=0.3)
BOTH = (PacketType.P2P_RDY, PacketType.P2P_RDY_TCP)
TCP = (PacketType.P2P_RDY_TCP,)


class Client(MissClient):
    """A client that keeps what it is told."""

    def __init__(
        self,
        peer: MiniPeer | None = None,
        *,
        host: str = ADDRESS,
        transports: Sequence[str] = ("udp", "tcp"),
        broadcasts: Sequence[str] = (),
        timing: Timing = QUICK,
    ) -> None:
        self.frames: list[VideoFrame | AudioFrame] = []
        self.ends: list[MissError | None] = []
        super().__init__(
            host,
            make_keys() if peer is None else peer.keys,
            on_frame=self.frames.append,
            on_closed=self.ends.append,
            transports=transports,
            broadcasts=broadcasts,
            timing=timing,
        )


@pytest.fixture(params=["udp", "tcp"])
def offers(request: pytest.FixtureRequest) -> tuple[PacketType, ...]:
    return TCP if request.param == "tcp" else (PacketType.P2P_RDY,)


# -- connecting --------------------------------------------------------------------------


async def test_session(offers: tuple[PacketType, ...], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with MiniPeer(ADDRESS, offers=offers).running() as peer:
        client = Client(peer)
        assert client.uid is None
        assert client.transport is None
        await client.connect()
        assert client.uid == str(UID)
        assert client.transport == ("tcp" if offers == TCP else "udp")
        await client.start_video(quality=2)
        await eventually(lambda: Command.VIDEO_START in peer.commands)
        peer.send(*peer.camera.media(H264_KEY), *peer.camera.media(H264_DELTA))
        await eventually(lambda: len(client.frames) == 2)
        await client.stop_video()
        await client.close()
        assert client.ends == [None]
        assert peer.commands == [
            Command.AUTH_REQ,
            Command.VIDEO_START,
            Command.VIDEO_STOP,
            Command.VIDEO_STOP,
        ]
        assert PacketType.CLOSE in peer.seen
    for secret in (peer.keys.sign, peer.keys.client_private.hex()):
        assert secret not in caplog.text


async def test_connects_once() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer)
        await client.connect()
        with pytest.raises(RuntimeError):
            await client.connect()
        client.abort()
        with pytest.raises(RuntimeError):
            await client.connect()


@pytest.mark.parametrize("transports", [(), ("udp", "quic")])
def test_transports_must_be_known(transports: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="transport"):
        Client(transports=transports)


def test_broadcast_addresses_must_be_some() -> None:
    with pytest.raises(ValueError, match="example"):
        Client(broadcasts=("broadcast.example",))


async def test_camera_that_answers_broadcasts_only() -> None:
    async with MiniPeer(ADDRESS, search_address="127.255.255.255").running() as peer:
        with pytest.raises(MissUnreachable, match="nothing answers"):
            await Client(peer).connect(0.6)
        client = Client(peer, broadcasts=("127.255.255.255",))
        await client.connect(2)
        assert client.uid == str(UID)
        await client.close()


async def test_another_camera_that_answers_the_broadcast_is_not_taken() -> None:
    """Also when it is the only one to answer."""
    async with MiniPeer("127.0.43.11", search_address="127.255.255.255").running() as other:
        client = Client(other, broadcasts=("127.255.255.255",))
        with pytest.raises(MissUnreachable, match="nothing answers"):
            await client.connect(0.8)
        assert client.uid is None
        assert client.statistics.foreign > 0
        assert other.seen == []


async def test_nobody_there() -> None:
    client = Client(host="127.0.43.99")
    started = time.monotonic()
    with pytest.raises(MissUnreachable, match="nothing answers"):
        await client.connect(0.3)
    assert 0.25 < time.monotonic() - started < 2
    assert client.ends == []
    assert "shut" in repr(client)


async def test_host_names() -> None:
    async with MiniPeer("127.0.0.1").running() as peer:
        client = Client(peer, host="localhost")
        await client.connect()
        await client.close()


async def test_host_name_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(MissUnreachable, match="not known"):
        await Client(host="no-such-camera.invalid").connect()


async def test_host_name_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_args: object, **_kwargs: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
    with pytest.raises(MissUnreachable, match="name is not found"):
        await Client(host="slow-camera.invalid").connect(0.1)


@pytest.mark.parametrize("order", [("udp", "tcp"), ("tcp", "udp"), ("tcp",)])
async def test_preferred_transport_of_two(order: tuple[str, ...]) -> None:
    async with MiniPeer(ADDRESS, offers=BOTH).running() as peer:
        client = Client(peer, transports=order)
        await client.connect()
        assert client.transport == order[0]
        await client.close()


async def test_falls_back_when_tcp_is_closed() -> None:
    async with MiniPeer(ADDRESS, offers=BOTH, listens=False).running() as peer:
        client = Client(peer, transports=("tcp", "udp"))
        await client.connect()
        assert client.transport == "udp"
        await client.close()


@pytest.mark.parametrize("order", [("udp", "tcp"), ("tcp", "udp")])
async def test_falls_back_when_one_is_deaf(order: tuple[str, str]) -> None:
    peer = MiniPeer(ADDRESS, offers=BOTH, deaf_over=frozenset({order[0]}))
    async with peer.running():
        client = Client(peer, transports=order)
        await client.connect()
        assert client.transport == order[1]
        # The one that is left was told.
        assert PacketType.CLOSE in peer.seen
        client.abort()


async def test_only_transport_is_closed() -> None:
    async with MiniPeer(ADDRESS, offers=TCP, listens=False).running() as peer:
        with pytest.raises(MissUnreachable, match="does not take the connection"):
            await Client(peer).connect()


async def test_unwanted_transport() -> None:
    async with MiniPeer(ADDRESS, offers=TCP).running() as peer:
        with pytest.raises(MissUnreachable, match="no transport that is wanted"):
            await Client(peer, transports=("udp",)).connect(0.4)


async def test_slow_login_is_waited_for_without_an_alternative() -> None:
    async with MiniPeer(ADDRESS, welcome=None).running() as peer:
        client = Client(peer)
        connecting = asyncio.create_task(client.connect())
        await asyncio.sleep(0.8)
        peer.send(*peer.camera.welcome())
        await connecting
        await client.close()


@pytest.mark.parametrize(
    ("welcome", "error"),
    [
        (b'{"result":"failed","code":3}', MissRefused),
        (b'{"result":"failed","code":15}', MissBusy),
        (b"rubbish", MissProtocolError),
    ],
)
async def test_login_fails(
    offers: tuple[PacketType, ...], welcome: bytes, error: type[MissError]
) -> None:
    async with MiniPeer(ADDRESS, offers=offers, welcome=welcome).running() as peer:
        client = Client(peer)
        with pytest.raises(error):
            await client.connect()
        await eventually(lambda: PacketType.CLOSE in peer.seen)
        assert client.ends == []


async def test_login_without_answer(offers: tuple[PacketType, ...]) -> None:
    async with MiniPeer(ADDRESS, offers=offers, welcome=None).running() as peer:
        with pytest.raises(MissUnreachable):
            await Client(peer).connect(0.5)
        await eventually(lambda: PacketType.CLOSE in peer.seen)


async def test_camera_hangs_up_at_login(offers: tuple[PacketType, ...]) -> None:
    async with MiniPeer(ADDRESS, offers=offers, hangs_up=True).running() as peer:
        with pytest.raises(MissClosed):
            await Client(peer).connect()


async def test_camera_hangs_up_right_after_login() -> None:
    async with MiniPeer(ADDRESS, welcome=None, offers=TCP).running() as peer:
        client = Client(peer)
        connecting = asyncio.create_task(client.connect())
        await eventually(lambda: peer.commands)
        assert peer.stream is not None
        peer.stream.writelines(peer.camera.welcome())
        peer.send(push_packet(PacketType.CLOSE))
        with pytest.raises(MissClosed):
            await connecting


async def test_unusable_device_key() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        peer.keys = make_keys(bytes(32))
        with pytest.raises(MissRefused):
            await Client(peer).connect()


async def test_cancelled_while_connecting() -> None:
    async with MiniPeer(ADDRESS, welcome=None).running() as peer:
        connecting = asyncio.create_task(Client(peer).connect())
        await eventually(lambda: peer.commands)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await eventually(lambda: PacketType.CLOSE in peer.seen)


@pytest.mark.parametrize("steps", range(12))
async def test_aborted_while_connecting(offers: tuple[PacketType, ...], steps: int) -> None:
    """At whatever moment: connect raises, nothing stays open, nothing is told."""
    async with MiniPeer(ADDRESS, offers=offers).running() as peer:
        client = Client(peer)
        connecting = asyncio.create_task(client.connect())
        for _ in range(steps):
            await asyncio.sleep(0)
        client.abort()
        with contextlib.suppress(MissClosed, RuntimeError):
            await connecting
        assert client.ends == []
        with pytest.raises(MissClosed):
            await client.start_video(quality=2)


async def test_close_while_connecting() -> None:
    async with MiniPeer(ADDRESS, welcome=None).running() as peer:
        client = Client(peer)
        connecting = asyncio.create_task(client.connect())
        await eventually(lambda: peer.commands)
        with pytest.raises(MissClosed):
            await client.start_video(quality=2)
        await client.close()
        with pytest.raises(MissClosed):
            await connecting
        assert client.ends == []


async def test_other_failures_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket.socket, "bind", fail)
    with pytest.raises(MissUnreachable, match="Too many open files"):
        await Client().connect()


# -- the session -------------------------------------------------------------------------


async def test_strangers_are_not_heard() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer)
        await client.connect()
        await client.start_video(quality=2)
        assert peer.client is not None
        picture = peer.camera.media(H264_KEY)
        goodbye = push_packet(PacketType.CLOSE)
        for address in (ADDRESS, "127.0.43.11"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind((address, 0))
                for packet in (*picture, goodbye):
                    stranger.sendto(packet, ("127.0.0.1", peer.client[1]))
        await eventually(lambda: client.statistics.foreign == 4)
        assert client.frames == []
        peer.send(*picture)
        await eventually(lambda: client.frames)
        client.abort()


async def test_commands_before_connect_and_after_close() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer)
        for call in (client.start_video(quality=2), client.stop_video()):
            with pytest.raises(MissClosed):
                await call
        with pytest.raises(MissClosed):
            await client.request(Command.DEVINFO_REQ)
        await client.connect()
        await client.close()
        with pytest.raises(MissClosed):
            await client.start_video(quality=2)
        await client.close()
        assert client.ends == [None]


async def test_close_before_connect() -> None:
    client = Client()
    await client.close()
    client.abort()
    with pytest.raises(RuntimeError):
        await client.connect()
    assert client.ends == []


async def test_command_that_is_not_acknowledged() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, timing=IMPATIENT)
        await client.connect()
        peer.acknowledges = False
        with pytest.raises(MissUnreachable):
            await client.start_video(quality=2)
        client.abort()


async def test_request() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, timing=IMPATIENT)
        await client.connect()
        with pytest.raises(MissUnreachable, match="DEVINFO_REQ"):
            await client.request(Command.DEVINFO_REQ)
        asked = [
            asyncio.create_task(client.request(Command.MOTOR_REQ, b"%d" % number))
            for number in range(3)
        ]
        await eventually(lambda: peer.commands.count(Command.MOTOR_REQ) == 3)
        asked[1].cancel()
        for number in range(3):
            peer.send(*peer.camera.command(Command.MOTOR_RES, b"%d" % number))
        assert await asked[0] == b"0"
        with pytest.raises(asyncio.CancelledError):
            await asked[1]
        client.abort()
        await asyncio.gather(*asked, return_exceptions=True)


async def test_questions(offers: tuple[PacketType, ...]) -> None:
    peer = MiniPeer(ADDRESS, offers=offers)
    peer.answers = {
        Command.GET_AUDIO_FORMAT_REQ: b"g711a\0",
        Command.DEVINFO_REQ: b'{"did":"1001","mac":"00005e0053ab","version":"4.3","rssi":-47}\0',
        Command.MOTOR_REQ: b'{"angle":3,"elevation":4,"ret":-5}',
    }
    async with peer.running():
        client = Client(peer)
        await client.connect()
        assert await client.audio_format() is Codec.PCMA
        assert await client.device_info() == CameraInfo("1001", "00:00:5E:00:53:AB", "4.3", -47)
        position = await client.move(MotorMove(MotorOperation.LEFT))
        assert position == MotorPosition(3, 4, at_end=True, status=-5)
        assert peer.bodies[-1] == b'{"operation":1}'
        peer.answers = {
            Command.GET_AUDIO_FORMAT_REQ: b"wax cylinder",
            Command.DEVINFO_REQ: b"who knows",
            Command.MOTOR_REQ: b"rubbish",
        }
        assert await client.audio_format() is None
        with pytest.raises(MissProtocolError):
            await client.device_info()
        assert await client.move(MotorMove(MotorOperation.LEFT)) is None
        await client.close()


async def test_motor_that_says_nothing() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, timing=Timing(motor_reply=0.3))
        await client.connect()
        assert await client.move(MotorMove(MotorOperation.STOP)) is None
        assert peer.bodies[-1] == b'{"operation":-1001}'
        # That it has not got the command is another thing.
        peer.acknowledges = False
        with pytest.raises(MissUnreachable):
            await client.move(MotorMove(MotorOperation.STOP))
        client.abort()
        with pytest.raises(MissClosed):
            await client.move(MotorMove(MotorOperation.STOP))


async def test_one_lens_is_left() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer)
        await client.connect()
        await client.start_video(quality=2)
        await client.start_video(quality=3, lens=1)
        await client.stop_video(0)
        assert peer.bodies[-1] == b'{"videoquality":-1,"videoquality2":3,"enableaudio":0}'
        peer.send(*peer.camera.media(H264_KEY), *peer.camera.media(H264_KEY, flags=LENS_1))
        await eventually(lambda: client.frames)
        assert [frame.lens for frame in client.frames] == [1]
        await client.stop_video()
        assert peer.commands[-1] == Command.VIDEO_STOP
        client.abort()


async def test_end_wakes_who_waits() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, timing=Timing())
        await client.connect()
        peer.acknowledges = False
        waiting = [
            asyncio.create_task(client.request(Command.DEVINFO_REQ)),
            asyncio.create_task(client.start_video(quality=2)),
        ]
        await asyncio.sleep(0.05)
        peer.send(push_packet(PacketType.CLOSE))
        for task in waiting:
            with pytest.raises(MissClosed, match="closed the session"):
                await task
        assert [type(error) for error in client.ends] == [MissClosed]


async def test_abort_wakes_who_waits() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, timing=Timing())
        await client.connect()
        peer.acknowledges = False
        waiting = [
            asyncio.create_task(client.request(Command.DEVINFO_REQ)),
            asyncio.create_task(client.stop_video()),
        ]
        await asyncio.sleep(0.05)
        client.abort()
        for task in waiting:
            with pytest.raises(MissClosed):
                await task
        assert client.ends == []


async def test_camera_ends_it(offers: tuple[PacketType, ...]) -> None:
    async with MiniPeer(ADDRESS, offers=offers).running() as peer:
        client = Client(peer)
        await client.connect()
        if peer.stream is not None:
            peer.stream.close()
        else:
            peer.send(push_packet(PacketType.CLOSE))
        await eventually(lambda: client.ends)
        assert isinstance(client.ends[0], MissClosed)
        with pytest.raises(MissClosed):
            await client.start_video(quality=2)


async def test_silent_camera_is_noticed(offers: tuple[PacketType, ...]) -> None:
    async with MiniPeer(ADDRESS, offers=offers).running() as peer:
        client = Client(peer, timing=Timing(dead=0.5, ping_datagram=0.2, ping_stream=0.2))
        await client.connect()
        await eventually(lambda: client.ends)
        assert isinstance(client.ends[0], MissUnreachable)
        assert PacketType.ALIVE in peer.seen


async def test_no_picture_is_noticed() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, timing=Timing(no_media=0.4))
        await client.connect()
        await client.start_video(quality=2)
        await eventually(lambda: client.ends)
        assert isinstance(client.ends[0], MissUnreachable)
        assert peer.commands.count(Command.VIDEO_START) == 2


async def test_stream_that_goes_mad() -> None:
    async with MiniPeer(ADDRESS, offers=TCP).running() as peer:
        client = Client(peer)
        await client.connect()
        assert peer.stream is not None
        peer.stream.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await eventually(lambda: client.ends)
        assert isinstance(client.ends[0], MissProtocolError)


# -- closing -----------------------------------------------------------------------------


async def test_close_is_bounded(offers: tuple[PacketType, ...]) -> None:
    async with MiniPeer(ADDRESS, offers=offers, answers_close=False).running() as peer:
        client = Client(peer)
        await client.connect()
        await client.start_video(quality=2)
        peer.acknowledges = False
        started = time.monotonic()
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0.05)
        # Nothing comes out any more, whatever comes in.
        peer.send(*peer.camera.media(H264_KEY))
        await asyncio.gather(closing, client.close())
        assert 0.4 < time.monotonic() - started < 1.5
        assert client.ends == [None]
        assert client.frames == []
        assert peer.seen.count(PacketType.CLOSE) >= 4


async def test_close_is_quick_when_answered(offers: tuple[PacketType, ...]) -> None:
    async with MiniPeer(ADDRESS, offers=offers).running() as peer:
        client = Client(peer)
        await client.connect()
        started = time.monotonic()
        await client.close()
        assert time.monotonic() - started < 0.45
        assert client.ends == [None]


async def test_close_over_a_clogged_link() -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer, timing=Timing(reply=0.3))
        await client.connect()
        peer.acknowledges = False
        requests = [asyncio.create_task(client.request(Command.MOTOR_REQ)) for _ in range(257)]
        await asyncio.sleep(0.01)
        await client.close()
        assert client.ends == [None]
        assert all(
            isinstance(error, MissError)
            for error in await asyncio.gather(*requests, return_exceptions=True)
        )


async def test_close_cancelled() -> None:
    async with MiniPeer(ADDRESS, answers_close=False).running() as peer:
        client = Client(peer)
        await client.connect()
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0.05)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert client.ends == [None]


async def test_abort_while_closing() -> None:
    async with MiniPeer(ADDRESS, answers_close=False).running() as peer:
        client = Client(peer)
        await client.connect()
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0.05)
        client.abort()
        await asyncio.wait_for(closing, 0.3)
        assert client.ends == []


async def test_abort_is_final(offers: tuple[PacketType, ...]) -> None:
    async with MiniPeer(ADDRESS, offers=offers).running() as peer:
        client = Client(peer)
        await client.connect()
        await client.start_video(quality=2)
        peer.send(*peer.camera.media(H264_KEY))
        await eventually(lambda: client.frames)
        # These lie in the socket already.
        for _ in range(20):
            peer.send(*peer.camera.media(H264_KEY))
        client.abort()
        client.abort()
        count = len(client.frames)
        await asyncio.sleep(0.1)
        assert len(client.frames) == count
        assert client.ends == []
        assert PacketType.CLOSE in peer.seen


async def test_abort_from_within_a_callback(offers: tuple[PacketType, ...]) -> None:
    async with MiniPeer(ADDRESS, offers=offers).running() as peer:
        client = Client(peer)
        seen: list[object] = []

        def on_frame(frame: VideoFrame | AudioFrame) -> None:
            seen.append(frame)
            client.abort()

        client._on_frame = on_frame
        await client.connect()
        await client.start_video(quality=2)
        # Several in one go: the second is there when the first is told.
        record = b"".join(peer.camera.media(H264_KEY))
        if peer.stream is not None:
            peer.stream.write(record + b"".join(peer.camera.media(H264_KEY)))
        else:
            second, first = peer.camera.media(H264_KEY), record
            peer.send(*second, push_drw(2, 0, first[8:]))
        await eventually(lambda: seen)
        await asyncio.sleep(0.05)
        assert len(seen) == 1
        assert client.ends == []


async def test_callback_that_raises_harms_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with MiniPeer(ADDRESS).running() as peer:
        client = Client(peer)
        frames = []

        def on_frame(frame: VideoFrame | AudioFrame) -> None:
            frames.append(frame)
            if len(frames) == 1:
                raise LookupError("a caller's mistake")

        client._on_frame = on_frame
        await client.connect()
        await client.start_video(quality=2)
        peer.send(*peer.camera.media(H264_KEY))
        peer.send(*peer.camera.media(H264_KEY))
        await eventually(lambda: len(frames) == 2)
        await client.close()
        assert "a caller's mistake" in caplog.text


async def test_camera_that_pings_and_never_reads() -> None:
    """Its pings cost next to nothing; what it is told and does not take ends the session."""
    peer = MiniPeer(ADDRESS, offers=TCP, answers={Command.SPEAKER_START_REQ: bytes(4)})
    pings = push_stream_frame(push_packet(PacketType.ALIVE)) * 5000
    loop = asyncio.get_running_loop()
    async with peer.running():
        client = Client(peer)
        await client.connect()
        await client.start_speaker()
        assert peer.stream is not None
        peer.stream.pause_reading()
        writes = _written(client)
        for _ in range(100):
            peer.stream.write(pings)
            await asyncio.sleep(0)
        await eventually(lambda: peer.stream is None or not peer.stream.get_write_buffer_size())
        assert client.ends == []
        assert sum(writes) < 100_000
        began = loop.time()
        with pytest.raises(MissUnreachable, match="does not read"):
            while loop.time() < began + 5:
                for _ in range(20):
                    client.speak(Codec.PCM, bytes(7680), 0)
                await asyncio.sleep(0)
        assert [type(end) for end in client.ends] == [MissUnreachable]
        await client.close()


def _written(client: MissClient) -> list[int]:
    """Return a list that gets the sizes of what the client writes to its stream."""
    driver = client._driver
    assert driver is not None
    line = driver._line
    assert isinstance(line, _StreamLine)
    link = line._link
    assert link is not None
    sizes: list[int] = []
    send = link.send

    def note(data: bytes) -> None:
        sizes.append(len(data))
        send(data)

    link.send = note  # type: ignore[method-assign]
    return sizes
