"""A MISS session against a fake camera and a fake clock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.miss import (
    AudioFrame,
    Codec,
    Command,
    MissBusy,
    MissClosed,
    MissProtocolError,
    MissRefused,
    MissUnreachable,
    VideoFrame,
)
from custom_components.mi_camera.miss.cs2_packets import Channel, PacketType, push_packet
from custom_components.mi_camera.miss.records import push_record
from custom_components.mi_camera.miss.session import LoggedIn, Reply, SessionClosed, State
from custom_components.mi_camera.miss.transport import Delivered

from .fake import H264_DELTA, H264_KEY, LENS_1, Bench, kinds, make_keys

if TYPE_CHECKING:
    from custom_components.mi_camera.miss.session import Event

SILENCE = bytes([0xD5]) * 320


@pytest.fixture(params=[False, True], ids=["udp", "tcp"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(stream=request.param)


def pictures(events: list[Event]) -> list[VideoFrame]:
    return [event for event in events if isinstance(event, VideoFrame)]


def sounds(events: list[Event]) -> list[AudioFrame]:
    return [event for event in events if isinstance(event, AudioFrame)]


def end_of(events: list[Event]) -> Exception | None:
    last = events[-1]
    assert isinstance(last, SessionClosed)
    return last.error


# -- login -----------------------------------------------------------------------------


def test_login(bench: Bench) -> None:
    bench.session.login(bench.now)
    [(command, body)] = bench.commands()
    assert command == Command.AUTH_REQ
    assert json.loads(body)["public_key"] == bench.keys.client_public.hex()
    assert bench.feed(bench.camera.welcome()) == [LoggedIn()]
    assert bench.session.state is State.READY


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"result":"failed","code":3}', MissRefused),
        (b'{"result":"failed","code":15}', MissBusy),
        (b"what?", MissProtocolError),
    ],
)
def test_login_fails(bench: Bench, body: bytes, error: type[Exception]) -> None:
    bench.session.login(bench.now)
    events = bench.feed(bench.camera.welcome(body))
    assert type(end_of(events)) is error
    assert bench.session.state is State.CLOSED


def test_notices_before_the_login_reply(bench: Bench) -> None:
    bench.session.login(bench.now)
    notice = bench.camera.command(0x1301, b"{}", sealed=False)
    assert bench.feed(notice + bench.camera.packets(Channel.COMMAND, push_record(b"abc"))) == []
    assert bench.feed(bench.camera.welcome()) == [LoggedIn()]
    assert bench.statistics.notices == 1
    assert bench.statistics.malformed == 1


def test_order_of_things_is_enforced(bench: Bench) -> None:
    now = bench.now
    with pytest.raises(MissClosed):
        bench.session.start_video(quality=2, lens=0, audio=False, now=now)
    with pytest.raises(MissClosed):
        bench.session.stop_video(now)
    with pytest.raises(MissClosed):
        bench.session.request(Command.DEVINFO_REQ, b"", now)
    bench.log_in()
    with pytest.raises(MissClosed):
        bench.session.login(now)
    bench.feed(bench.camera.packets(Channel.COMMAND, b"\xff\xff\xff\xff"))
    with pytest.raises(MissClosed):
        bench.session.start_video(quality=2, lens=0, audio=False, now=now)


def test_degenerate_device_key() -> None:
    with pytest.raises(MissRefused):
        Bench(keys=make_keys(bytes(32)))


# -- commands --------------------------------------------------------------------------


def test_start_and_stop(bench: Bench) -> None:
    bench.log_in()
    first = bench.session.start_video(quality=2, lens=0, audio=True, now=bench.now)
    assert bench.commands() == [
        (Command.VIDEO_START, b'{"videoquality":2,"enableaudio":1}'),
    ]
    assert first.delivered
    bench.session.start_video(quality=3, lens=1, audio=False, now=bench.now)
    assert bench.commands() == [
        (Command.VIDEO_START, b'{"videoquality":2,"videoquality2":3,"enableaudio":0}'),
    ]
    bench.session.stop_video(bench.now)
    assert bench.commands() == [(Command.VIDEO_STOP, b"")]


def test_leaving_one_lens_lets_the_other_go_on(bench: Bench) -> None:
    bench.start(quality=2, audio=True)
    bench.session.start_video(quality=3, lens=1, audio=True, now=bench.now)
    bench.commands()
    both = bench.camera.media(H264_KEY) + bench.camera.media(H264_KEY, flags=LENS_1)
    assert [frame.lens for frame in pictures(bench.feed(both))] == [0, 1]
    bench.session.stop_video(bench.now, 0)
    assert bench.commands() == [
        (Command.VIDEO_START, b'{"videoquality":-1,"videoquality2":3,"enableaudio":1}'),
    ]
    both = bench.camera.media(H264_KEY) + bench.camera.media(H264_KEY, flags=LENS_1)
    assert [frame.lens for frame in pictures(bench.feed(both))] == [1]
    assert len(sounds(bench.feed(bench.camera.media(SILENCE, Codec.PCMA)))) == 1
    # One that does not run can be left too.
    bench.session.stop_video(bench.now, 0)
    assert bench.commands()[0][0] == Command.VIDEO_START
    bench.session.stop_video(bench.now, 1)
    assert bench.commands() == [(Command.VIDEO_STOP, b"")]
    assert bench.feed(bench.camera.media(H264_KEY, flags=LENS_1)) == []
    assert bench.feed(bench.camera.media(SILENCE, Codec.PCMA)) == []
    with pytest.raises(ValueError, match="no such lens"):
        bench.session.stop_video(bench.now, 2)


def test_first_lens_of_two_is_left(bench: Bench) -> None:
    bench.start(quality=2)
    bench.session.start_video(quality=3, lens=1, audio=False, now=bench.now)
    bench.commands()
    bench.session.stop_video(bench.now, 1)
    assert bench.commands() == [(Command.VIDEO_START, b'{"videoquality":2,"enableaudio":0}')]


@pytest.mark.parametrize(("quality", "lens"), [(-1, 0), (16, 0), (2, 2), (2, -1)])
def test_impossible_wishes(bench: Bench, quality: int, lens: int) -> None:
    bench.log_in()
    with pytest.raises(ValueError, match="no such"):
        bench.session.start_video(quality=quality, lens=lens, audio=False, now=bench.now)


def test_delivery_is_told() -> None:
    bench = Bench()
    bench.log_in()
    transmission = bench.session.start_video(quality=2, lens=0, audio=False, now=bench.now)
    _, acks = bench.camera.read(bench.sent())
    assert bench.feed(acks) == [Delivered(transmission)]


def test_replies_belong_to_requests(bench: Bench) -> None:
    bench.log_in()
    reply = bench.session.request(Command.DEVINFO_REQ, b"", bench.now).reply
    assert reply is Command.DEVINFO_RES
    bench.commands()
    unasked = bench.camera.command(Command.MOTOR_RES, b"{}")
    answer = bench.camera.command(Command.DEVINFO_RES, b'{"did":"1"}\0')
    assert bench.feed(unasked + answer) == [Reply(Command.DEVINFO_RES, b'{"did":"1"}\0')]
    # A second answer to one question is nobody's.
    assert bench.feed(bench.camera.command(Command.DEVINFO_RES, b"again")) == []
    # Nor is one in clear, once there is a key.
    bench.session.request(Command.DEVINFO_REQ, b"", bench.now)
    assert bench.feed(bench.camera.command(Command.DEVINFO_RES, b"{}", sealed=False)) == []
    bench.session.forget(reply)
    assert bench.statistics.notices == 3
    bench.session.request(Command.DEVINFO_REQ, b"", bench.now)
    bench.session.forget(reply)
    assert bench.feed(bench.camera.command(Command.DEVINFO_RES, b"late")) == []


def test_not_everything_is_answered(bench: Bench) -> None:
    bench.log_in()
    with pytest.raises(ValueError, match="VIDEO_START is not answered"):
        bench.session.request(Command.VIDEO_START, b"", bench.now)


def test_chatter_is_drained_for_ever(bench: Bench) -> None:
    """What ends other clients after a minute or two."""
    bench.start()
    for number in range(1000):
        bench.advance(0.2)
        bench.feed(bench.camera.media(H264_KEY))
        assert bench.feed(bench.camera.command(0x1301, b"%d" % number)) == []
        bench.sent()
    assert bench.statistics.notices == 1000
    assert bench.session.state is State.READY


def test_rubbish_commands_are_counted(bench: Bench) -> None:
    bench.log_in()
    camera = bench.camera
    rubbish = [b"", b"abc", Command.ENCODED.to_bytes(4), Command.ENCODED.to_bytes(4) + b"1234567"]
    for record in rubbish:
        assert bench.feed(camera.packets(Channel.COMMAND, push_record(record))) == []
    # Sealed, but with nothing in it.
    assert bench.feed(camera.packets(Channel.COMMAND, push_record(rubbish[2] + bytes(10)))) == []
    assert bench.statistics.malformed == 5
    assert bench.session.state is State.READY


# -- silence ---------------------------------------------------------------------------


def alive(bench: Bench, seconds: float) -> list[Event]:
    """Let time pass with a camera that answers pings and nothing else."""
    events: list[Event] = []
    for _ in range(round(seconds * 10)):
        events += bench.advance(0.1)
        commands, acks = bench.camera.read(bench.sent())
        bench.asked = [*getattr(bench, "asked", []), *commands]  # type: ignore[attr-defined]
        pong = push_packet(PacketType.ALIVE_ACK)
        if bench.stream:
            pong = len(pong).to_bytes(2) + b"\x68" + bytes(5) + pong
            acks = []
        events += bench.feed([*acks, pong])
    return [event for event in events if not isinstance(event, Delivered)]


def test_no_picture_is_asked_again_then_given_up(bench: Bench) -> None:
    bench.start()
    assert alive(bench, 4.9) == []
    assert bench.asked == []  # type: ignore[attr-defined]
    assert alive(bench, 0.3) == []
    assert bench.asked == [  # type: ignore[attr-defined]
        (Command.VIDEO_START, b'{"videoquality":2,"enableaudio":0}')
    ]
    assert alive(bench, 4.6) == []
    assert isinstance(end_of(alive(bench, 0.4)), MissUnreachable)
    assert len(bench.asked) == 1  # type: ignore[attr-defined]


def test_after_a_loss_a_key_frame_is_asked_for_once(bench: Bench) -> None:
    """Most cameras answer the same wish again by one."""
    bench.start()
    bench.feed(bench.camera.media(H264_KEY))
    alive(bench, 4.9)
    bench.feed(bench.camera.media(H264_DELTA))
    bench.now += 0.1
    asked_at = []
    for step in range(80):
        # Every tenth of a second bytes are lost, and never a key frame comes.
        bench.camera.media_sequence += 1
        bench.feed(bench.camera.packets(Channel.MEDIA, b"\xff" * 20))
        bench.feed(bench.camera.media(H264_DELTA))
        before = len(bench.asked)  # type: ignore[attr-defined]
        alive(bench, 0.1)
        if len(bench.asked) > before:  # type: ignore[attr-defined]
            asked_at.append(step / 10)
    assert asked_at == [pytest.approx(1.0, abs=0.15)]


def test_key_frame_that_comes_by_itself_is_not_asked_for(bench: Bench) -> None:
    bench.start()
    for _ in range(10):
        bench.feed(bench.camera.media(H264_KEY))
        alive(bench, 0.5)
        bench.feed(bench.camera.packets(Channel.MEDIA, b"\xff" * 20))
        alive(bench, 0.5)
    assert bench.asked == []  # type: ignore[attr-defined]


def test_network_away_is_not_a_camera_without_picture() -> None:
    bench = Bench()
    bench.start()
    bench.feed(bench.camera.media(H264_KEY))
    assert bench.advance(11) == []
    bench.sent()
    # It is back, and the camera has nothing to show yet.
    assert alive(bench, 9.5) == []
    assert isinstance(end_of(alive(bench, 1.5)), MissUnreachable)


def test_pictures_that_cannot_be_shown_are_none(bench: Bench) -> None:
    bench.start()
    events: list[Event] = []
    for _ in range(110):
        events += alive(bench, 0.1)
        if events:
            break
        events += bench.feed(bench.camera.media(H264_DELTA))
    assert isinstance(end_of(events), MissUnreachable)
    assert len(events) == 1


def test_without_a_wish_for_video_silence_is_fine(bench: Bench) -> None:
    bench.start()
    bench.feed(bench.camera.media(H264_KEY))
    bench.session.stop_video(bench.now)
    assert alive(bench, 30) == []


def test_asking_again_over_a_clogged_link_ends_it() -> None:
    """A command that cannot be sent any more is an end, not an exception in a timer."""
    bench = Bench()
    bench.start()
    assert bench.advance(4.9) == []
    for _ in range(256):
        bench.session.request(Command.MOTOR_REQ, b"{}", bench.now)
    with pytest.raises(MissUnreachable):
        bench.session.request(Command.MOTOR_REQ, b"{}", bench.now)
    assert isinstance(end_of(bench.advance(0.15)), MissUnreachable)


def test_goodbye_from_the_camera(bench: Bench) -> None:
    bench.start()
    close = push_packet(PacketType.CLOSE)
    if bench.stream:
        close = len(close).to_bytes(2) + b"\x68" + bytes(5) + close
    events = bench.feed([*bench.camera.media(H264_KEY), close])
    assert len(pictures(events)) == 1
    assert isinstance(end_of(events), MissClosed)
    assert bench.session.next_timer is None
    bench.session.handle_timer(bench.now + 100)
    assert bench.events() == []


def test_acknowledges_while_it_plays() -> None:
    bench = Bench()
    bench.start()
    bench.feed(bench.camera.media(H264_KEY))
    bench.advance(0.01)
    assert set(kinds(bench.sent())) == {PacketType.DRW_ACK}


@given(st.lists(st.tuples(st.sampled_from([0, 2]), st.binary(max_size=80)), max_size=20))
def test_hostile_records(records: list[tuple[int, bytes]]) -> None:
    bench = Bench()
    bench.start(audio=True)
    for channel, record in records:
        events = bench.feed(bench.camera.packets(channel, push_record(record)))
        events += bench.advance(0.5)
        assert not pictures(events)
        assert not sounds(events)
