"""The display's state machine: without sockets, with a player the test plays itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given, strategies as st
import pytest

from simulator.display.errors import MediaError, PlaybackError
from simulator.display.player import Player, PlayerListener
from simulator.display.receiver import (
    AUTH_ERROR,
    BACKDROP,
    DEFAULT_RECEIVER,
    HOME_ASSISTANT,
    PLATFORM,
    Receiver,
)
from simulator.display.refusal import Answer, Refusal, Refusals
from simulator.display.wire import CastMessage, Namespace, WireError

if TYPE_CHECKING:
    from simulator.display.wire import Json


class FakePlayer(Player):
    """Does nothing but say what has been asked of it."""

    def __init__(self, listener: PlayerListener, media: Json) -> None:
        super().__init__(listener)
        self.listener, self.media = listener, media
        self.done: list[str] = []

    def start(self) -> None:
        self.done.append("start")

    def halt(self) -> None:
        self.done.append("halt")

    def pause(self) -> None:
        self.done.append("pause")

    def resume(self) -> None:
        self.done.append("resume")


class FakePlayers:
    """Keeps the players that were opened."""

    def __init__(self) -> None:
        self.opened: list[FakePlayer] = []

    def open(self, media: Json, listener: PlayerListener, session: int) -> Player:
        if media.get("contentType") == "video/mp4":
            raise PlaybackError(MediaError.MEDIA_SRC_NOT_SUPPORTED, "not here")
        player = FakePlayer(listener, media)
        self.opened.append(player)
        return player

    def retire(self, player: Player) -> None:
        player.halt()


class FakeSender:
    """One connection; what the receiver sends lands in `heard`."""

    def __init__(self, receiver: Receiver, name: str = "sender-0") -> None:
        self.receiver, self.name = receiver, name
        self.heard: list[tuple[CastMessage, dict[str, Any]]] = []
        self._request = 0
        receiver.opened(self)
        self.say(PLATFORM, Namespace.CONNECTION, type="CONNECT")

    def send(self, message: CastMessage) -> None:
        data = json.loads(message.payload) if isinstance(message.payload, str) else {}
        self.heard.append((message, data))

    def say(self, destination: str, namespace: str, **content: object) -> None:
        message = CastMessage(self.name, destination, namespace, json.dumps(content))
        self.receiver.received(self, message)

    def news(self) -> list[dict[str, Any]]:
        """Return what has been heard since the last call."""
        heard, self.heard = self.heard, []
        return [data for _, data in heard]

    def ask(self, destination: str, namespace: str, **content: object) -> dict[str, Any]:
        """Return the answer to a request; what was heard before it is forgotten."""
        self._request += 1
        self.news()
        self.say(destination, namespace, requestId=self._request, **content)
        (answer,) = (d for _, d in self.heard if d.get("requestId") == self._request)
        return answer

    def launch(self, app_id: str = DEFAULT_RECEIVER) -> str:
        status = self.ask(PLATFORM, Namespace.RECEIVER, type="LAUNCH", appId=app_id)
        transport: str = status["status"]["applications"][0]["transportId"]
        self.say(transport, Namespace.CONNECTION, type="CONNECT")
        return transport

    def load(self, transport: str, url: str = "http://a/b.m3u8", **content: object) -> None:
        self._request += 1
        self.say(
            transport,
            Namespace.MEDIA,
            type="LOAD",
            requestId=self._request,
            media={
                "contentId": url,
                "contentType": content.pop("contentType", "application/x-mpegurl"),
            },
            **content,
        )


@pytest.fixture
def players() -> FakePlayers:
    return FakePlayers()


@pytest.fixture
def receiver(players: FakePlayers) -> Receiver:
    return Receiver(players)


@pytest.fixture
def sender(receiver: Receiver) -> FakeSender:
    return FakeSender(receiver)


def _states(news: list[dict[str, Any]]) -> list[str]:
    return [
        entry.get("extendedStatus", entry)["playerState"]
        for data in news
        if data["type"] == "MEDIA_STATUS"
        for entry in data["status"]
    ]


def test_idle_screen(sender: FakeSender) -> None:
    status = sender.ask(PLATFORM, Namespace.RECEIVER, type="GET_STATUS")["status"]
    (app,) = status["applications"]
    assert (app["appId"], app["isIdleScreen"], app["namespaces"]) == (BACKDROP, True, [])
    assert status["volume"]["controlType"] == "attenuation"
    assert status["isActiveInput"]
    assert not status["isStandBy"]


def test_launch_is_answered_and_told_to_all(receiver: Receiver, sender: FakeSender) -> None:
    other = FakeSender(receiver, "sender-7")
    status = sender.ask(PLATFORM, Namespace.RECEIVER, type="LAUNCH", appId=DEFAULT_RECEIVER)
    (app,) = status["status"]["applications"]
    assert app["appId"] == DEFAULT_RECEIVER
    assert app["namespaces"] == [{"name": Namespace.MEDIA}]
    assert app["sessionId"]
    assert not app["isIdleScreen"]
    (told,) = other.news()
    assert told == {**status, "requestId": 0}
    # The same again keeps the session; another application ends it.
    again = sender.ask(PLATFORM, Namespace.RECEIVER, type="LAUNCH", appId=DEFAULT_RECEIVER)
    assert again["status"]["applications"] == [app]
    status = sender.ask(PLATFORM, Namespace.RECEIVER, type="LAUNCH", appId=HOME_ASSISTANT)
    assert status["status"]["applications"][0]["sessionId"] != app["sessionId"]


def test_launch_of_an_unknown_app(sender: FakeSender) -> None:
    answer = sender.ask(PLATFORM, Namespace.RECEIVER, type="LAUNCH", appId="233637DE")
    assert (answer["type"], answer["reason"]) == ("LAUNCH_ERROR", "NOT_FOUND")


def test_app_availability(sender: FakeSender) -> None:
    answer = sender.ask(
        PLATFORM,
        Namespace.RECEIVER,
        type="GET_APP_AVAILABILITY",
        appId=[DEFAULT_RECEIVER, "233637DE", 7],
    )
    assert answer["responseType"] == "GET_APP_AVAILABILITY"
    assert answer["availability"] == {
        DEFAULT_RECEIVER: "APP_AVAILABLE",
        "233637DE": "APP_UNAVAILABLE",
    }


def test_volume(receiver: Receiver, sender: FakeSender) -> None:
    other = FakeSender(receiver)
    answer = sender.ask(PLATFORM, Namespace.RECEIVER, type="SET_VOLUME", volume={"level": 0.25})
    assert answer["status"]["volume"]["level"] == 0.25
    answer = sender.ask(PLATFORM, Namespace.RECEIVER, type="SET_VOLUME", volume={"muted": True})
    assert answer["status"]["volume"]["muted"] is True
    assert other.news()[-1]["status"]["volume"] == answer["status"]["volume"]


@pytest.mark.parametrize("volume", [None, 3, {"level": 2}, {"level": "1"}, {"muted": 1}])
def test_volumes_that_are_none(sender: FakeSender, volume: object) -> None:
    answer = sender.ask(PLATFORM, Namespace.RECEIVER, type="SET_VOLUME", volume=volume)
    assert (answer["type"], answer["reason"]) == ("INVALID_REQUEST", "INVALID_PARAMS")


def test_other_namespaces(sender: FakeSender) -> None:
    sender.say(PLATFORM, Namespace.HEARTBEAT, type="PING")
    assert sender.news() == [{"type": "PONG"}]
    answer = sender.ask(PLATFORM, Namespace.MULTIZONE, type="GET_STATUS")
    assert answer["type"] == "MULTIZONE_STATUS"
    assert answer["status"]["devices"] == []
    answer = sender.ask(PLATFORM, Namespace.MULTIZONE, type="GET_CASTING_GROUPS")
    assert answer["type"] == "CASTING_GROUPS"
    for namespace in ("urn:x-cast:com.google.cast.setup", Namespace.RECEIVER, Namespace.MULTIZONE):
        answer = sender.ask(PLATFORM, namespace, type="MAKE_COFFEE")
        assert (answer["type"], answer["reason"]) == ("INVALID_REQUEST", "INVALID_COMMAND")


def test_device_authentication_is_declined(receiver: Receiver, sender: FakeSender) -> None:
    challenge = CastMessage("sender-0", PLATFORM, Namespace.DEVICE_AUTH, b"\x0a\x00")
    receiver.received(sender, challenge)
    message, _ = sender.heard[-1]
    assert message == CastMessage(PLATFORM, "sender-0", Namespace.DEVICE_AUTH, AUTH_ERROR)


def test_a_channel_must_be_opened_first(receiver: Receiver, sender: FakeSender) -> None:
    transport = sender.launch()
    sender.say(transport, Namespace.CONNECTION, type="CLOSE")
    sender.news()
    sender.say(transport, Namespace.MEDIA, type="GET_STATUS", requestId=1)
    assert sender.news() == [{"type": "CLOSE"}]
    sender.say("nobody", Namespace.CONNECTION, type="CONNECT")
    message, data = sender.heard[-1]
    assert (message.source, message.destination, data) == ("nobody", "sender-0", {"type": "CLOSE"})


def test_too_many_channels(sender: FakeSender) -> None:
    def connect(count: int) -> None:
        for number in range(count):
            sender.name = f"sender-{number}"
            sender.say(PLATFORM, Namespace.CONNECTION, type="CONNECT")

    connect(32)
    with pytest.raises(WireError):
        connect(33)


def test_a_load_that_plays(receiver: Receiver, sender: FakeSender, players: FakePlayers) -> None:
    transport = sender.launch()
    assert sender.ask(transport, Namespace.MEDIA, type="GET_STATUS")["status"] == []
    other = FakeSender(receiver, "sender-9")
    other.say(transport, Namespace.CONNECTION, type="CONNECT")
    stranger = FakeSender(receiver)  # knows the platform only
    for connection in (sender, other, stranger):
        connection.news()
    sender.load(transport, customData={"x": 1})
    (player,) = players.opened
    assert player.done == ["start"]
    player.listener.buffering()
    assert all(data["requestId"] == 0 for _, data in sender.heard)
    player.listener.playing()
    message, answer = sender.heard[-1]
    assert answer["requestId"] == 3  # what the LOAD had
    assert message.destination == "sender-0"
    (status,) = answer["status"]
    assert status["playerState"] == "PLAYING"
    assert status["media"]["contentId"] == "http://a/b.m3u8"
    assert status["supportedMediaCommands"] == 12303
    assert _states(sender.news()) == ["LOADING", "BUFFERING", "PLAYING"]
    assert {message.destination for message, _ in other.heard} == {"*"}
    assert _states(other.news()) == ["LOADING", "BUFFERING", "PLAYING"]
    assert stranger.news() == []
    # Buffering again later is told to all, and nobody waits for an answer.
    player.listener.buffering()
    player.listener.playing()
    assert [data["requestId"] for _, data in sender.heard] == [0, 0]


def test_a_load_that_fails(receiver: Receiver, sender: FakeSender, players: FakePlayers) -> None:
    transport = sender.launch()
    sender.news()
    sender.load(transport)
    players.opened[0].listener.failed(
        PlaybackError(MediaError.HLS_NETWORK_MASTER_PLAYLIST, "b.m3u8 answers 404")
    )
    *_, idle, failed = sender.news()
    assert idle["status"][0]["playerState"] == "IDLE"
    assert idle["status"][0]["idleReason"] == "ERROR"
    assert failed == {
        "requestId": 2,
        "type": "LOAD_FAILED",
        "itemId": 1,
        "detailedErrorCode": 311,
    }
    assert players.opened[0].done == ["start", "halt"]
    assert list(receiver.errors) == ["311 HLS_NETWORK_MASTER_PLAYLIST: b.m3u8 answers 404"]


def test_a_load_nothing_plays(sender: FakeSender) -> None:
    transport = sender.launch()
    sender.load(transport, contentType="video/mp4")
    assert sender.news()[-1]["detailedErrorCode"] == 104


def test_a_stream_that_breaks_while_it_plays(sender: FakeSender, players: FakePlayers) -> None:
    transport = sender.launch()
    sender.load(transport)
    players.opened[0].listener.playing()
    sender.news()
    players.opened[0].listener.failed(PlaybackError(MediaError.SEGMENT_NETWORK, "gone"))
    (idle,) = sender.news()  # and no LOAD_FAILED: the LOAD has been answered
    assert idle["status"][0]["idleReason"] == "ERROR"


def test_a_load_replaces_another(sender: FakeSender, players: FakePlayers) -> None:
    transport = sender.launch()
    sender.load(transport)
    sender.news()
    sender.load(transport, "http://a/c.m3u8")
    interrupted, cancelled, loading = sender.news()
    assert interrupted["status"][0]["idleReason"] == "INTERRUPTED"
    assert cancelled["type"] == "LOAD_CANCELLED"
    assert cancelled["requestId"] == 2
    assert loading["status"][0]["mediaSessionId"] == 2
    assert players.opened[0].done == ["start", "halt"]
    assert players.opened[1].done == ["start"]


def test_pause_play_stop_seek(sender: FakeSender, players: FakePlayers) -> None:
    transport = sender.launch()
    sender.load(transport)
    (player,) = players.opened
    early = sender.ask(transport, Namespace.MEDIA, type="PAUSE", mediaSessionId=1)
    assert early["type"] == "INVALID_PLAYER_STATE"
    player.listener.playing()

    def state(kind: str, **content: object) -> str:
        answer = sender.ask(transport, Namespace.MEDIA, type=kind, mediaSessionId=1, **content)
        assert answer["type"] == "MEDIA_STATUS"
        found: str = answer["status"][0]["playerState"]
        return found

    assert state("PAUSE") == "PAUSED"
    player.listener.buffering()
    assert state("SEEK", currentTime=3) == "PAUSED"
    assert state("PLAY") == "PLAYING"
    assert state("STOP") == "IDLE"
    assert player.done == ["start", "pause", "resume", "halt"]
    answer = sender.ask(transport, Namespace.MEDIA, type="GET_STATUS")
    assert answer["status"][0]["idleReason"] == "CANCELLED"
    late = sender.ask(transport, Namespace.MEDIA, type="PLAY", mediaSessionId=1)
    assert late["type"] == "INVALID_PLAYER_STATE"


def test_media_requests_that_make_no_sense(sender: FakeSender) -> None:
    transport = sender.launch()

    def reason(**content: object) -> object:
        answer = sender.ask(transport, Namespace.MEDIA, **content)
        assert answer["type"] == "INVALID_REQUEST"
        return answer["reason"]

    assert reason(type="PLAY", mediaSessionId=1) == "INVALID_MEDIA_SESSION_ID"
    assert reason(type="QUEUE_UPDATE", mediaSessionId=1) == "INVALID_COMMAND"
    assert reason(type="LOAD") == "INVALID_PARAMS"
    assert reason(type="LOAD", media={"contentId": 5}) == "INVALID_PARAMS"


def test_load_without_autoplay_waits(sender: FakeSender, players: FakePlayers) -> None:
    transport = sender.launch()
    sender.news()
    sender.load(transport, autoplay=False)
    assert players.opened[0].done == ["pause", "start"]
    players.opened[0].listener.buffering()
    assert sender.heard[-1][1]["requestId"] == 2
    assert _states(sender.news()) == ["LOADING", "PAUSED"]


def test_stop_of_the_app(receiver: Receiver, sender: FakeSender, players: FakePlayers) -> None:
    transport = sender.launch()
    other = FakeSender(receiver, "sender-9")
    other.say(transport, Namespace.CONNECTION, type="CONNECT")
    sender.load(transport)
    players.opened[0].listener.playing()
    other.news()
    wrong = sender.ask(PLATFORM, Namespace.RECEIVER, type="STOP", sessionId="of yesterday")
    assert wrong["reason"] == "INVALID_SESSION_ID"
    assert players.opened[0].done == ["start"]
    answer = sender.ask(PLATFORM, Namespace.RECEIVER, type="STOP", sessionId=transport)
    assert answer["status"]["applications"][0]["isIdleScreen"] is True
    assert players.opened[0].done == ["start", "halt"]
    cancelled, close, status = other.news()
    assert cancelled["status"][0]["idleReason"] == "CANCELLED"
    assert close == {"type": "CLOSE"}
    assert status["status"]["applications"][0]["appId"] == BACKDROP
    # Once more is no harm, and the application cannot be spoken to any more.
    assert sender.ask(PLATFORM, Namespace.RECEIVER, type="STOP")["type"] == "RECEIVER_STATUS"
    sender.news()
    sender.say(transport, Namespace.MEDIA, type="GET_STATUS", requestId=9)
    assert sender.news() == [{"type": "CLOSE"}]


def test_the_app_outlives_its_sender(
    receiver: Receiver, sender: FakeSender, players: FakePlayers
) -> None:
    transport = sender.launch()
    sender.load(transport)
    receiver.closed(sender)
    players.opened[0].listener.playing()  # its answer has nowhere to go
    later = FakeSender(receiver)
    later.say(transport, Namespace.CONNECTION, type="CONNECT")
    answer = later.ask(transport, Namespace.MEDIA, type="GET_STATUS")
    assert answer["status"][0]["playerState"] == "PLAYING"


def test_home_assistant_app_cannot_show_dashboards(sender: FakeSender) -> None:
    transport = sender.launch(HOME_ASSISTANT)
    sender.news()
    sender.say(transport, Namespace.HOME_ASSISTANT, type="connect", hassUrl="https://a")
    assert sender.news() == [{"type": "receiver_error", "error_code": 1}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
PLATFORM_KINDS = ["GET_STATUS", "LAUNCH", "STOP", "SET_VOLUME", "GET_APP_AVAILABILITY"]
KINDS = [*PLATFORM_KINDS, "LOAD", "PLAY", "PAUSE", "SEEK", "CONNECT", "CLOSE", "PING"]
KEYS = ("requestId", "appId", "sessionId", "volume", "media", "mediaSessionId", "autoplay")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*Namespace, "other"]),
            st.booleans(),
            st.sampled_from(KINDS) | json_values,
            st.dictionaries(st.sampled_from(KEYS), json_values),
        ),
        max_size=8,
    )
)
def test_any_json_is_survived(steps: list[tuple[str, bool, Any, dict[str, Any]]]) -> None:
    receiver = Receiver(FakePlayers())
    sender = FakeSender(receiver)
    transport = sender.launch()
    for namespace, to_app, kind, content in steps:
        message = CastMessage(
            "sender-0",
            transport if to_app else PLATFORM,
            namespace,
            json.dumps({**content, "type": kind}),
        )
        receiver.received(sender, message)
    assert receiver.running.app.app_id in {DEFAULT_RECEIVER, BACKDROP}


def test_it_answers_what_it_was_told_to_and_then_all_is_well() -> None:
    refusals = Refusals()
    sender = FakeSender(Receiver(FakePlayers(), refusals))

    refusals.set(1, Refusal(Answer.LAUNCH_ERROR))
    launch = {"type": "LAUNCH", "appId": DEFAULT_RECEIVER}
    assert sender.ask(PLATFORM, Namespace.RECEIVER, **launch)["type"] == "LAUNCH_ERROR"
    transport = sender.launch()
    sender.news()

    refusals.set(1, Refusal(Answer.INVALID_REQUEST))
    sender.load(transport)
    assert [one["type"] for one in sender.news()] == ["INVALID_REQUEST"]

    refusals.set(1, Refusal(Answer.LOAD_CANCELLED))
    sender.load(transport)
    news = sender.news()
    assert news[-1]["type"] == "LOAD_CANCELLED"
    assert news[-2]["status"][0]["idleReason"] == "CANCELLED"

    refusals.set(1, Refusal(Answer.NOTHING))
    sender.load(transport)
    sender.say(PLATFORM, Namespace.HEARTBEAT, type="PING")
    sender.receiver.ping(sender)
    assert sender.news() == []

    refusals.set(0, Refusal())
    sender.load(transport)
    assert _states(sender.news()) == ["LOADING"]


def test_a_failure_may_have_no_code(
    receiver: Receiver, players: FakePlayers, sender: FakeSender
) -> None:
    sender.load(sender.launch())
    sender.news()
    players.opened[-1].listener.failed(PlaybackError(None, "no reason"))
    failed = sender.news()[-1]
    assert failed["type"] == "LOAD_FAILED"
    assert "detailedErrorCode" not in failed
    assert list(receiver.errors) == ["no reason"]
