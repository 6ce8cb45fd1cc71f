"""A simulated Cast display: it takes casts as a Nest Hub does, and really plays them.

Each display has a loopback address of its own with the standard ports. What it is sent it
fetches, decodes and presents in real time; the tag of every presented frame can be read back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
import uuid

from simulator.display.certificate import server_context
from simulator.display.errors import PlaybackError
from simulator.display.media import PlayerState
from simulator.display.models import MODELS
from simulator.display.player import GIVE_UP
from simulator.display.players import ScreenPlayers
from simulator.display.receiver import Receiver
from simulator.display.refusal import Refusal, Refusals
from simulator.display.screen import Screen
from simulator.display.server import CastServer, SetupServer

if TYPE_CHECKING:
    from simulator.display.errors import MediaError
    from simulator.display.models import Model
    from simulator.display.wire import Json

__all__ = ["CastDisplay"]


class CastDisplay:
    """One display. It may be started again after `stop`, like a real one after a power cut."""

    def __init__(
        self,
        name: str,
        address: str,
        model: str = "Google Nest Hub",
        *,
        cast_port: int = 8009,
        https_port: int = 8443,
        http_port: int = 8008,
        ping_interval: float = 5.0,
        give_up: float = GIVE_UP,
    ) -> None:
        """Describe a display; KeyError when the model is not known.

        `give_up` is how many seconds it tries, without a picture to show, before a stream
        that has stopped being served is an error.
        """
        self.name = name
        self.address = address
        self.model: Model = MODELS[model]
        self.uuid = uuid.uuid5(uuid.NAMESPACE_URL, f"cast-display:{name}")
        """Stable: derived from the name."""
        self.screen = Screen()
        self._ports = cast_port, http_port, https_port
        self._refusals = Refusals()
        self._players = ScreenPlayers(self.screen, self.model, address, give_up, self._refusals)
        self._receiver = Receiver(self._players, self._refusals)
        self._cast = CastServer(self._receiver, ping_interval)
        self._setup = SetupServer(self._eureka_info())

    async def start(self) -> None:
        """Listen on all ports; OSError when one cannot be had."""
        cast_port, http_port, https_port = self._ports
        self._players.start()
        try:
            context = await self._players.in_thread(lambda: server_context(str(self.uuid)))
            await self._cast.start(self.address, cast_port, context)
            await self._setup.start(self.address, http_port, https_port, context)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Lose power: every connection, task and thread has ended afterwards."""
        await self._cast.stop()
        self._receiver.reset()
        await self._setup.stop()
        await self._players.stop()

    def refuse(self, times: int, refusal: Refusal | None = None) -> None:
        """Refuse the next so many LOADs, whatever they are, or what else `refusal` is about."""
        self._refusals.set(times, refusal or Refusal())

    def fail(self, code: MediaError) -> None:
        """Have what plays now fail: idleReason ERROR, although it has begun."""
        session = self._receiver.media.session if self._receiver.media is not None else None
        if session is not None and session.player is not None:
            session.failed(PlaybackError(code, "failed, as it was told to"))

    def state(self) -> dict[str, object]:
        """Return how things are, as the control API tells it.

        `state` is the player's: IDLE, LOADING, BUFFERING, PLAYING or PAUSED; `frames` counts
        presented frames, `untagged` those without a readable tag, `foreign` those of another
        camera or lens than the first of their media session; `video` is how the last one was
        coded. `card` is true while it shows the card: a still from where that is served, which
        was decoded and has no tag.
        """
        session = self._receiver.media.session if self._receiver.media is not None else None
        state = session.state if session is not None else PlayerState.IDLE
        content_id = None
        if session is not None and state is not PlayerState.IDLE:
            content_id = session.media.get("contentId")
        return {
            "address": self.address,
            "model": self.model.name,
            "uuid": str(self.uuid),
            "app": self._receiver.running.app.name,
            "state": state.value,
            "card": session is not None
            and state is PlayerState.PLAYING
            and session.number == self.screen.card,
            "content_id": content_id,
            "senders": self._cast.senders,
            "frames": self.screen.total,
            "untagged": self.screen.untagged,
            "foreign": self.screen.foreign,
            "last_tag": self.screen.last_tag,
            "last_frame_age_ms": self.screen.last_frame_age_ms,
            "sound_seconds": round(self.sound_seconds, 3),
            "video": self.screen.video,
            "errors": list(self._receiver.errors),
        }

    @property
    def sound_seconds(self) -> float:
        """How much sound of the present media session, or the last one, has been decoded."""
        return self.screen.sound.seconds

    def frames(self, since: int = 0) -> list[dict[str, int | None]]:
        """Return the last presented frames, those after number `since`.

        Each has n, did, lens, counter, captured_ms (None when no tag could be read),
        decoded_ms, presented_ms, session, the number of the LOAD that showed it, and card.
        """
        return self.screen.frames(since)

    def requests(self, since: int = 0) -> list[dict[str, str | float | None]]:
        """Return the last requests, those after number `since`.

        Each has n, session (the number of the LOAD), name (the last part of the address, or
        LOAD), asked_ms, answered_ms and size, None when it has failed.
        """
        return self._players.log.entries(since)

    def _eureka_info(self) -> Json:
        return {
            "name": self.name,
            "device_info": {
                "capabilities": {
                    "audio_supported": True,
                    "display_supported": True,
                    "hdmi_supported": False,
                    "multizone_supported": True,
                },
                "cloud_device_id": self.uuid.hex.upper(),
                "factory_country_code": "US",
                "manufacturer": self.model.manufacturer,
                "model_name": self.model.name,
                "product_name": self.model.name.lower().replace(" ", "-"),
                "ssdp_udn": str(self.uuid),
            },
            "multizone": {"dynamic_groups": [], "groups": []},
        }
