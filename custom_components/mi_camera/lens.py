"""A lens of a camera: its own feed and stills."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from homeassistant.core import callback

from .camera_config import QUALITY_LOW
from .casts.feed import async_ffmpeg
from .media import Feed, FeedLimits, FeedState, MissUpstream, Rendition, Source, StillMaker
from .webrtc_viewers import WebRtcViewers

if TYPE_CHECKING:
    from collections.abc import Callable

    from .coordinator import CameraCoordinator
    from .gate import Permit
    from .media import PictureFormat, Trouble
    from .options import HubOptions


class Lens:
    """One lens; a camera has one or two, which share the camera's link and nothing else."""

    def __init__(self, coordinator: CameraCoordinator, number: int) -> None:
        """Make lens `number`, from 0, of the coordinator's camera; nothing is opened.

        `source` is what its pictures must say they are of, at every exit; `webrtc` are its
        WebRTC sessions; `shape` is how its pictures were coded when last looked at.
        """
        self.coordinator = coordinator
        self.number = number
        self.source = Source(coordinator.config.did, number)
        self.webrtc = WebRtcViewers()
        self.shape: PictureFormat | None = None
        self._on_stall: list[Callable[[], None]] = []
        upstream = MissUpstream(
            self.source,
            coordinator.link,
            quality=lambda: "low" if coordinator.config.quality == QUALITY_LOW else "best",
            sound=lambda: coordinator.config.sound,
        )
        self.feed = Feed(
            self.source,
            upstream.connect,
            on_violation=lambda _: self._violated("feed"),
            on_change=coordinator.async_feed_changed,
            on_stall=self._stalled,
        )
        self.stills = StillMaker(
            self.feed,
            self.source,
            on_violation=lambda _: self._violated("still"),
        )
        self.rendition = Rendition(
            self.feed,
            lambda: async_ffmpeg(coordinator.hass),
            on_violation=lambda _: self._violated("rendition"),
        )
        self.async_limit(coordinator.hub.options)

    @property
    def key(self) -> str:
        """What tells this lens from the camera's other one."""
        return str(self.number)

    @property
    def live(self) -> bool:
        """Whether pictures come in now."""
        return self.feed.state is FeedState.LIVE

    @property
    def trouble(self) -> Trouble | None:
        """Why there is no picture although somebody looks."""
        return self.feed.trouble

    def permit(self) -> Permit | None:
        """Leave to show pictures of it now."""
        return self.coordinator.permit()

    @callback
    def cut(self) -> None:
        """End the feed and forget its pictures, synchronously."""
        self.rendition.cut()
        self.stills.forget()
        self.feed.cut()

    async def async_close(self) -> None:
        """End the feed for good."""
        self.stills.forget()
        await self.rendition.close()
        await self.feed.close()

    @callback
    def async_on_stall(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when pictures have stopped coming to viewers; returns the undoing."""
        self._on_stall.append(listener)
        return lambda: self._on_stall.remove(listener)

    @callback
    def async_limit(self, options: HubOptions) -> None:
        """Keep the limits a user has chosen, from now on."""
        limits = FeedLimits(stall=float(options.stall))
        self.feed.limits = replace(limits, max_lag=min(limits.max_lag, limits.stall))
        self.rendition.limit(self.feed.limits)
        self.stills.max_age = float(options.still_max_age)

    @callback
    def _violated(self, where: str) -> None:
        self.coordinator.hub.async_violation(self.source, where)

    @callback
    def _stalled(self) -> None:
        self.stills.forget()
        for listener in tuple(self._on_stall):
            listener()
