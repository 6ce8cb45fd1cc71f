"""The receiver's state machine: messages in, messages and calls to a player out; no sockets.

What a message does is a public matter (Google's reference of Cast messages) and was checked
with PyChromecast and Home Assistant as senders. A request is answered to its sender with its
`requestId`; what it changed is told to every other sender with `requestId` 0.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
import itertools
import json
from typing import TYPE_CHECKING
import uuid

from simulator.display.media import MediaChannel
from simulator.display.refusal import Answer, Refusals
from simulator.display.wire import CastMessage, Json, Namespace, Sender, WireError

if TYPE_CHECKING:
    from simulator.display.media import Players

PLATFORM = "receiver-0"
TRANSPORT = "Tr@n$p0rt-0"
EVERYBODY = "*"
BACKDROP = "E8C28D3C"
DEFAULT_RECEIVER = "CC1AD845"
HOME_ASSISTANT = "A078F6B0"
AUTH_ERROR = b"\x1a\x02\x08\x00"
"""DeviceAuthMessage{error{INTERNAL_ERROR}}: only Google can sign for a genuine device."""
MAX_CHANNELS = 32


@dataclass(frozen=True, slots=True)
class App:
    """An application a display can run."""

    app_id: str
    name: str
    namespaces: tuple[Namespace, ...] = ()
    idle_screen: bool = False


APPS = {
    app.app_id: app
    for app in (
        App(BACKDROP, "Backdrop", idle_screen=True),
        App(DEFAULT_RECEIVER, "Default Media Receiver", (Namespace.MEDIA,)),
        App(HOME_ASSISTANT, "Home Assistant Lovelace", (Namespace.HOME_ASSISTANT, Namespace.MEDIA)),
    )
}


@dataclass(slots=True)
class RunningApp:
    """An application while it runs."""

    app: App
    session: str = field(default_factory=lambda: str(uuid.uuid4()))
    status_text: str = ""

    @property
    def transport(self) -> str:
        """The name messages to it carry as their destination."""
        return self.session

    def as_status(self) -> Json:
        """Return its entry in RECEIVER_STATUS."""
        return {
            "appId": self.app.app_id,
            "appType": "WEB",
            "displayName": self.app.name,
            "iconUrl": "",
            "isIdleScreen": self.app.idle_screen,
            "launchedFromCloud": False,
            "namespaces": [{"name": name} for name in self.app.namespaces],
            "sessionId": self.session,
            "statusText": self.status_text,
            "transportId": self.transport,
            "universalAppId": self.app.app_id,
        }


class Receiver:
    """One display's platform and the application that runs on it."""

    def __init__(self, players: Players, refusals: Refusals | None = None) -> None:
        """Begin at the idle screen; `players` makes what plays a LOAD."""
        self._players = players
        self._refusals = refusals or Refusals()
        self._media_sessions = itertools.count(1)
        self._senders: dict[Sender, dict[tuple[str, str], None]] = {}
        """Per connection its virtual connections: (sender's id, receiver's or app's id)."""
        self._level, self._muted = 0.5, False
        self.errors: deque[str] = deque(maxlen=50)
        """The last few things that could not be played, and why."""
        self.running = RunningApp(APPS[BACKDROP])
        self.media: MediaChannel | None = None

    # --- connections ---

    def opened(self, sender: Sender) -> None:
        """Take notice of a new connection."""
        self._senders[sender] = {}

    def closed(self, sender: Sender) -> None:
        """Forget a connection."""
        self._senders.pop(sender, None)

    def ping(self, sender: Sender) -> None:
        """Ask a sender whether it is alive."""
        if self._refusals.silent:
            return
        self._send(sender, TRANSPORT, TRANSPORT, Namespace.HEARTBEAT, {"type": "PING"})

    def reset(self) -> None:
        """Lose power: what plays is halted and the idle screen comes back."""
        self._senders.clear()
        if self.media is not None:
            self.media.stop()
        self.media = None
        self.running = RunningApp(APPS[BACKDROP])

    def trouble(self, text: str) -> None:
        """Note what could not be played."""
        self.errors.append(text)

    def received(self, sender: Sender, message: CastMessage) -> None:
        """Handle one message; WireError when its sender is not worth talking to."""
        if self._refusals.silent:
            return
        if message.namespace == Namespace.DEVICE_AUTH:
            answer = CastMessage(
                message.destination, message.source, Namespace.DEVICE_AUTH, AUTH_ERROR
            )
            sender.send(answer)
            return
        data = _object(message)
        kind = data.get("type")
        if message.namespace == Namespace.CONNECTION:
            self._connection(sender, message, kind)
        elif message.namespace == Namespace.HEARTBEAT:
            if kind == "PING":
                self.answer(sender, message, {"type": "PONG"})
        elif (message.source, message.destination) not in self._senders[sender]:
            # Nobody is there, or nobody has been called: real devices hang up this channel.
            self._close_channel(sender, message.source, message.destination)
        elif message.destination == self.running.transport:
            self._to_app(sender, message, data)
        elif message.namespace == Namespace.RECEIVER:
            self._to_platform(sender, message, data)
        elif message.namespace == Namespace.MULTIZONE:
            self._multizone(sender, message, data)
        else:
            self.invalid(sender, message, data, "INVALID_COMMAND")

    def _connection(self, sender: Sender, message: CastMessage, kind: object) -> None:
        channels = self._senders[sender]
        channel = message.source, message.destination
        if kind == "CLOSE":
            channels.pop(channel, None)
        elif kind == "CONNECT":
            if message.destination not in {PLATFORM, self.running.transport}:
                self._close_channel(sender, *channel)
            elif len(channels) >= MAX_CHANNELS and channel not in channels:
                raise WireError("too many virtual connections")
            else:
                channels[channel] = None

    def _close_channel(self, sender: Sender, source: str, destination: str) -> None:
        self._send(sender, destination, source, Namespace.CONNECTION, {"type": "CLOSE"})

    # --- platform ---

    def _to_platform(self, sender: Sender, message: CastMessage, data: Json) -> None:
        match data.get("type"):
            case "GET_STATUS":
                self.answer(sender, message, self._status(), data)
            case "GET_APP_AVAILABILITY":
                wanted = data.get("appId")
                ids = wanted if isinstance(wanted, list) else [wanted]
                available = {
                    app_id: "APP_AVAILABLE" if app_id in APPS else "APP_UNAVAILABLE"
                    for app_id in ids
                    if isinstance(app_id, str)
                }
                self.answer(
                    sender,
                    message,
                    {"responseType": "GET_APP_AVAILABILITY", "availability": available},
                    data,
                )
            case "LAUNCH":
                app_id = data.get("appId")
                app = APPS.get(app_id) if isinstance(app_id, str) else None
                if app is None or self._refusals.take(Answer.LAUNCH_ERROR):
                    reason = {"type": "LAUNCH_ERROR", "reason": "NOT_FOUND"}
                    self.answer(sender, message, reason, data)
                    return
                if app is not self.running.app:
                    self._replace_app(app)
                self._tell_status(sender, message, data)
            case "STOP":
                session = data.get("sessionId")
                if session is not None and session != self.running.session:
                    self.invalid(sender, message, data, "INVALID_SESSION_ID")
                    return
                if not self.running.app.idle_screen:
                    self._replace_app(APPS[BACKDROP])
                self._tell_status(sender, message, data)
            case "SET_VOLUME":
                if not self._set_volume(data.get("volume")):
                    self.invalid(sender, message, data, "INVALID_PARAMS")
                    return
                self._tell_status(sender, message, data)
            case _:
                self.invalid(sender, message, data, "INVALID_COMMAND")

    def _set_volume(self, volume: object) -> bool:
        if not isinstance(volume, dict):
            return False
        level, muted = volume.get("level", self._level), volume.get("muted", self._muted)
        if (
            isinstance(level, bool)
            or not isinstance(level, int | float)
            or not 0 <= level <= 1
            or not isinstance(muted, bool)
        ):
            return False
        self._level, self._muted = float(level), muted
        return True

    def _replace_app(self, app: App) -> None:
        """End what runs, its media first, and run `app` instead."""
        old = self.running
        if self.media is not None:
            self.media.stop()
        for sender, channels in self._senders.items():
            for source, destination in list(channels):
                if destination == old.transport:
                    del channels[source, destination]
                    self._close_channel(sender, source, destination)
        self.running = RunningApp(app)
        self.media = None
        if Namespace.MEDIA in app.namespaces:
            self.media = MediaChannel(
                self.running.transport,
                self,
                self._players,
                self._media_sessions,
                self._refusals,
            )

    def volume(self) -> Json:
        """Return the volume as every status has it."""
        return {
            "controlType": "attenuation",
            "level": self._level,
            "muted": self._muted,
            "stepInterval": 0.05,
        }

    def _status(self) -> Json:
        return {
            "type": "RECEIVER_STATUS",
            "status": {
                "applications": [self.running.as_status()],
                "isActiveInput": True,
                "isStandBy": False,
                "userEq": {},
                "volume": self.volume(),
            },
        }

    def _tell_status(self, sender: Sender, message: CastMessage, data: Json) -> None:
        self.answer(sender, message, self._status(), data)
        self.tell(PLATFORM, Namespace.RECEIVER, self._status(), but=sender)

    def _multizone(self, sender: Sender, message: CastMessage, data: Json) -> None:
        match data.get("type"):
            case "GET_STATUS":
                status: Json = {"devices": [], "isMultichannel": False}
                self.answer(sender, message, {"type": "MULTIZONE_STATUS", "status": status}, data)
            case "GET_CASTING_GROUPS":
                status = {"groups": []}
                self.answer(sender, message, {"type": "CASTING_GROUPS", "status": status}, data)
            case _:
                self.invalid(sender, message, data, "INVALID_COMMAND")

    # --- application ---

    def _to_app(self, sender: Sender, message: CastMessage, data: Json) -> None:
        if message.namespace == Namespace.MEDIA and self.media is not None:
            self.media.received(sender, message, data)
        elif (
            message.namespace == Namespace.HOME_ASSISTANT
            and Namespace.HOME_ASSISTANT in self.running.app.namespaces
        ):
            # No browser here that could show a dashboard: it says that it cannot connect.
            self.answer(sender, message, {"type": "receiver_error", "error_code": 1})
        else:
            self.invalid(sender, message, data, "INVALID_COMMAND")

    # --- words to senders ---

    def answer(
        self, sender: Sender, message: CastMessage, content: Json, request: Json | None = None
    ) -> None:
        """Answer a message; a request by its number."""
        if request is not None:
            content = {"requestId": request_id(request), **content}
        namespace = Namespace(message.namespace)
        self._send(sender, message.destination, message.source, namespace, content)

    def invalid(self, sender: Sender, message: CastMessage, request: Json, reason: str) -> None:
        """Refuse a request."""
        content = {
            "type": "INVALID_REQUEST",
            "reason": reason,
            "requestId": request_id(request),
        }
        self._send(sender, message.destination, message.source, message.namespace, content)

    def tell(
        self, source: str, namespace: Namespace, content: Json, *, but: Sender | None = None
    ) -> None:
        """Tell everybody who has a channel to `source`, but for one."""
        for sender, channels in list(self._senders.items()):
            if sender is not but and any(channel[1] == source for channel in channels):
                self._send(sender, source, EVERYBODY, namespace, {"requestId": 0, **content})

    def _send(
        self, sender: Sender, source: str, destination: str, namespace: str, content: Json
    ) -> None:
        if sender in self._senders:
            sender.send(CastMessage(source, destination, namespace, json.dumps(content)))


def _object(message: CastMessage) -> dict[str, object]:
    if not isinstance(message.payload, str):
        raise WireError(f"bytes in namespace {message.namespace[:60]!r}")
    try:
        data = json.loads(message.payload)
    except ValueError, RecursionError:
        raise WireError("a payload that is no JSON") from None
    if not isinstance(data, dict):
        raise WireError("a payload that is no JSON object")
    return data


def request_id(request: Json) -> int:
    """Return the number of a request; 0 when it has none worth the name."""
    number = request.get("requestId")
    return number if isinstance(number, int) and not isinstance(number, bool) else 0
