"""A simulated Cast display: it takes casts as a Nest Hub does, and really plays them.

Each display has a loopback address of its own with the standard ports. What it is sent it
fetches, decodes and presents in real time; the tag of every presented frame can be read back.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
import uuid

from simulator.display.certificate import server_context
from simulator.display.errors import MediaError, PlaybackError
from simulator.display.media import PlayerState
from simulator.display.models import MODELS
from simulator.display.player import GIVE_UP, HlsPlayer, Player, PlayerListener, StillPlayer
from simulator.display.receiver import Receiver
from simulator.display.screen import Screen
from simulator.display.server import CastServer, SetupServer

if TYPE_CHECKING:
    from simulator.display.models import Model
    from simulator.display.wire import Json

__all__ = ["CastDisplay"]

HLS_TYPES = frozenset(
    {
        "application/vnd.apple.mpegurl",
        "application/x-mpegurl",
        "application/mpegurl",
        "audio/mpegurl",
        "audio/x-mpegurl",
    }
)
STILL_TYPES = frozenset({"image/jpeg", "image/jpg", "image/png"})


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
        self._give_up = give_up
        self._executor: ThreadPoolExecutor | None = None
        self._retired: set[asyncio.Task[None]] = set()
        self._receiver = Receiver(self)
        self._cast = CastServer(self._receiver, ping_interval)
        self._setup = SetupServer(self._eureka_info())

    async def start(self) -> None:
        """Listen on all ports; OSError when one cannot be had."""
        cast_port, http_port, https_port = self._ports
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"display-{self.address}")
        try:
            context = await asyncio.get_running_loop().run_in_executor(
                self._executor, server_context, str(self.uuid)
            )
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
        if retired := list(self._retired):
            await asyncio.wait(retired)
        if self._executor is not None:
            self._executor.shutdown()  # idle by now
            self._executor = None

    def state(self) -> dict[str, object]:
        """Return how things are, as the control API tells it.

        `state` is the player's: IDLE, LOADING, BUFFERING, PLAYING or PAUSED; `frames` counts
        presented frames, `untagged` those without a readable tag, `foreign` those of another
        camera or lens than the first of their media session.
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
            "content_id": content_id,
            "senders": self._cast.senders,
            "frames": self.screen.total,
            "untagged": self.screen.untagged,
            "foreign": self.screen.foreign,
            "last_tag": self.screen.last_tag,
            "last_frame_age_ms": self.screen.last_frame_age_ms,
            "errors": list(self._receiver.errors),
        }

    def frames(self, since: int = 0) -> list[dict[str, int]]:
        """Return the last presented frames that had a tag, those after number `since`."""
        return self.screen.frames(since)

    # --- where the receiver gets players from ---

    def open(self, media: Json, listener: PlayerListener, session: int) -> Player:
        """Make a player for what a LOAD describes; PlaybackError when nothing plays it."""
        assert self._executor is not None
        url = str(media["contentUrl"] if media.get("contentUrl") else media["contentId"])
        content_type = str(media.get("contentType", "")).lower()
        if content_type in STILL_TYPES:
            return StillPlayer(listener, url, self.screen, session)
        if content_type in HLS_TYPES:
            return HlsPlayer(
                listener,
                url,
                self.screen,
                session,
                model=self.model,
                fragmented=media.get("hlsVideoSegmentFormat") == "fmp4",
                executor=self._executor,
                give_up=self._give_up,
            )
        raise PlaybackError(
            MediaError.MEDIA_SRC_NOT_SUPPORTED, f"nothing plays {content_type[:60]!r} here"
        )

    def retire(self, player: Player) -> None:
        """Halt a player at once and see it to its end."""
        player.halt()
        task = asyncio.create_task(player.wait_closed(), name="CastDisplay.retire")
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

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
