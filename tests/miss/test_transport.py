"""The seam: a session and a client over a transport that has nothing in common with CS2."""

from __future__ import annotations

import ast
import asyncio
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from custom_components.mi_camera import miss
from custom_components.mi_camera.miss import (
    AudioFrame,
    Codec,
    Command,
    MissClient,
    MissClosed,
    MissError,
    MissUnreachable,
    MotorMove,
    MotorOperation,
    MotorPosition,
    Statistics,
    Timing,
    VideoFrame,
)
from custom_components.mi_camera.miss.commands import REPLY_TO, pull_command, push_command
from custom_components.mi_camera.miss.session import LoggedIn, MissSession, SessionClosed
from custom_components.mi_camera.miss.transport import (
    CommandRecord,
    ConnectionClosed,
    Delivered,
    MediaRecord,
    Transmission,
)

from .fake import H264_DELTA, H264_KEY, FakeCamera, make_keys
from .peer import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from custom_components.mi_camera.miss.transport import (
        Connection,
        ConnectionEvent,
        Line,
        Target,
        Transport,
    )

ABOVE = ("transport", "session", "streams", "driver", "client", "speaker", "motor", "camera_info")
BELOW = {"cs2", "cs2_packets", "cs2_dialer", "channels", "discovery", "links", "records"}


class Pigeons:
    """A connection by which whole records are carried, nobody asks how."""

    def __init__(self, camera: FakeCamera) -> None:
        self.camera = camera
        self.answers: dict[int, bytes] = {}
        self.commands: list[tuple[int, bytes]] = []
        self.sounds: list[bytes] = []
        self.events: deque[ConnectionEvent] = deque()
        self.over = False
        self.answers_login = True
        self.answering_since = 0.0
        self.failure: MissError | None = None
        self.on_activity: Callable[[], None] = lambda: None

    def send_command(self, record: bytes, now: float) -> Transmission:
        if self.over:
            raise MissClosed("the last pigeon is gone")
        command, body = pull_command(record)
        if command == Command.ENCODED:
            command, body = pull_command(self.camera.cipher.decrypt(body))
        self.commands.append((command, body))
        if command == Command.AUTH_REQ:
            if self.answers_login:
                self.reply(push_command(Command.AUTH_RES, b'{"result":"success"}'))
        elif command in self.answers:
            answer = push_command(REPLY_TO[Command(command)], self.answers[command])
            self.reply(push_command(Command.ENCODED, self.camera.cipher.encrypt(answer)))
        transmission = Transmission(0)
        self.events.append(Delivered(transmission))
        return transmission

    def send_sound(self, record: bytes, now: float) -> None:
        self.sounds.append(record)

    @property
    def sound_backlog(self) -> int:
        return len(self.sounds)

    def close(self, now: float) -> None:
        self.end(None)

    def fail(self, error: MissError) -> None:
        self.failure = error
        self.end(error)

    def next_event(self) -> ConnectionEvent | None:
        return self.events.popleft() if self.events else None

    @property
    def next_timer(self) -> float | None:
        return None if self.over else float("inf")

    def handle_timer(self, now: float) -> None:
        """Nothing is ever due."""

    def reply(self, record: bytes) -> None:
        self.events.append(CommandRecord(record))

    def show(self, *datas: bytes, codec: int = Codec.H264) -> None:
        self.events.extend(MediaRecord(self.camera.media_record(data, codec)) for data in datas)
        self.on_activity()

    def end(self, error: MissError | None) -> None:
        if not self.over:
            self.over = True
            self.events.append(ConnectionClosed(error))


class PigeonLine:
    transport: Transport = "udp"

    def __init__(self, connection: Pigeons) -> None:
        self.connection: Connection = connection
        self.flushed = 0
        self.aborted = False

    def flush(self) -> None:
        self.flushed += 1

    def abort(self) -> None:
        self.aborted = True


class Loft:
    """Where the pigeons are; a dialer."""

    def __init__(self, *connections: Pigeons) -> None:
        self.lines = [PigeonLine(connection) for connection in connections]
        self.waiting = list(self.lines)
        self.target: Target | None = None
        self.settled = self.aborted = False
        self.name: str | None = None
        self.stage = "no pigeon comes back"

    def __call__(
        self,
        target: Target,
        *,
        timing: Timing,
        statistics: Statistics,
        on_activity: Callable[[], None],
    ) -> Loft:
        self.target = target
        for line in self.lines:
            assert isinstance(line.connection, Pigeons)
            line.connection.on_activity = on_activity
        return self

    async def dial(self) -> Line:
        await asyncio.sleep(0)
        if not self.waiting:
            await asyncio.Event().wait()
        self.name = "coo"
        return self.waiting.pop(0)

    def reject(self, line: Line) -> bool:
        return bool(self.waiting)

    def settle(self) -> None:
        self.settled = True

    def abort(self) -> None:
        self.aborted = True


def make_client(
    loft: Loft, camera: FakeCamera
) -> tuple[MissClient, list[VideoFrame | AudioFrame], list[MissError | None]]:
    frames: list[VideoFrame | AudioFrame] = []
    ends: list[MissError | None] = []
    client = MissClient(
        "camera.example",
        camera.keys,
        on_frame=frames.append,
        on_closed=ends.append,
        timing=Timing(transport_trial=0.1),
        dial=loft,
    )
    return client, frames, ends


def test_session_over_another_transport() -> None:
    camera = FakeCamera(make_keys())
    pigeons = Pigeons(camera)
    session = MissSession(pigeons, camera.keys, timing=Timing(), statistics=Statistics())
    session.login(1.0)
    session.process(1.0)
    assert [event for event in iter(session.next_event, None) if isinstance(event, LoggedIn)]
    session.start_video(quality=2, lens=0, audio=False, now=1.0)
    pigeons.show(H264_KEY)
    session.process(1.1)
    events = list(iter(session.next_event, None))
    assert [event.data for event in events if isinstance(event, VideoFrame)] == [H264_KEY]
    # Eleven seconds later: it is heard all the time, and shows nothing.
    session.handle_timer(12.2)
    [end] = [event for event in iter(session.next_event, None) if isinstance(event, SessionClosed)]
    assert isinstance(end.error, MissUnreachable)


async def test_client_over_another_transport() -> None:
    camera = FakeCamera(make_keys())
    pigeons = Pigeons(camera)
    pigeons.answers = {
        Command.SPEAKER_START_REQ: bytes(4),
        Command.MOTOR_REQ: b'{"angle":1,"elevation":2,"ret":0}',
    }
    loft = Loft(pigeons)
    client, frames, ends = make_client(loft, camera)
    await client.connect()
    assert (client.uid, client.transport) == ("coo", "udp")
    assert loft.settled
    assert loft.target is not None
    assert (loft.target.host, loft.target.port) == ("camera.example", None)
    await client.start_video(quality=2, audio=True)
    pigeons.show(H264_KEY, H264_DELTA)
    pigeons.show(b"\xd5" * 320, codec=Codec.PCMA)
    assert [type(frame) for frame in frames] == [VideoFrame, VideoFrame, AudioFrame]
    assert await client.move(MotorMove(MotorOperation.LEFT)) == MotorPosition(1, 2)
    await client.start_speaker()
    client.speak(Codec.PCMA, b"\xd5" * 320, 0)
    assert client.speaker_backlog == 1
    await client.close()
    assert ends == [None]
    assert [command for command, _ in pigeons.commands[-2:]] == [
        Command.SPEAKER_STOP,
        Command.VIDEO_STOP,
    ]
    assert loft.aborted


async def test_next_line_when_one_is_silent() -> None:
    camera = FakeCamera(make_keys())
    silent, good = Pigeons(camera), Pigeons(camera)
    silent.answers_login = False
    loft = Loft(silent, good)
    client, _, _ = make_client(loft, camera)
    await client.connect()
    assert loft.lines[0].aborted
    # Whoever may still sit there was told.
    assert silent.failure is not None
    assert loft.lines[0].flushed > 0
    assert not good.over
    client.abort()
    assert good.failure is not None


async def test_nothing_comes_of_it() -> None:
    client, _, ends = make_client(Loft(), FakeCamera(make_keys()))
    with pytest.raises(MissUnreachable, match="no pigeon comes back"):
        await client.connect(0.1)
    assert ends == []


async def test_other_end_goes() -> None:
    camera = FakeCamera(make_keys())
    pigeons = Pigeons(camera)
    client, _, ends = make_client(Loft(pigeons), camera)
    await client.connect()
    pigeons.end(MissClosed("hawk"))
    pigeons.on_activity()
    await eventually(lambda: ends)
    assert isinstance(ends[0], MissClosed)


@pytest.mark.parametrize("module", ABOVE)
def test_above_the_seam_nobody_knows_what_carries_it(module: str) -> None:
    path = Path(str(miss.__file__)).with_name(f"{module}.py")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.module is None or node.module.split(".")[0] not in BELOW
            assert not {alias.name for alias in node.names} & BELOW
