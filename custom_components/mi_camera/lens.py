"""A lens of a camera: its own feeds and stills."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback

from .camera_config import QUALITY_LOW
from .casts.feed import async_ffmpeg
from .media import Feed, FeedLimits, FeedState, MissUpstream, Rendition, Source, StillMaker
from .webrtc_viewers import WebRtcViewers

if TYPE_CHECKING:
    from collections.abc import Callable

    from .coordinator import CameraCoordinator
    from .gate import Permit
    from .media import PictureFormat, Quality, Trouble
    from .options import HubOptions


LOW_LINGER: Final = 1.0
"""How long the small pictures go on after the last who looked, in seconds."""


class Lens:
    """One lens; a camera has one or two, which share the camera's link and nothing else."""

    def __init__(self, coordinator: CameraCoordinator, number: int) -> None:
        """Make lens `number`, from 0, of the coordinator's camera; nothing is opened.

        `source` is what its pictures must say they are of, at every exit; `webrtc` are its
        WebRTC sessions; `shape` is how its pictures were coded when last looked at, and
        `low_shape` the small ones; `lacks_low` tells that none came when they were asked
        for. `choosing` is held while a cast chooses among its feeds.
        """
        self.coordinator = coordinator
        self.number = number
        self.source = Source(coordinator.config.did, number)
        self.webrtc = WebRtcViewers()
        self.shape: PictureFormat | None = None
        self.low_shape: PictureFormat | None = None
        self.lacks_low = False
        self.choosing = asyncio.Lock()
        self._on_stall: dict[Feed, list[Callable[[], None]]] = {}
        self.feed = self._make_feed("feed", self._quality)
        self._low = self._make_feed("low feed", lambda: "small")
        self.stills = StillMaker(
            self.feed,
            self.source,
            on_violation=lambda _: self._violated("still"),
        )
        self.rendition = Rendition(
            self.feed,
            lambda: async_ffmpeg(coordinator.hass),
            slots=coordinator.hub.encoder_slots,
            choice=coordinator.hub.encoder_choice,
            on_violation=lambda _: self._violated("rendition"),
        )
        self.async_limit(coordinator.hub.options)

    def _make_feed(self, where: str, quality: Callable[[], Quality]) -> Feed:
        coordinator = self.coordinator
        upstream = MissUpstream(
            self.source,
            coordinator.link,
            quality=quality,
            sound=lambda: coordinator.config.sound,
        )
        feed = Feed(
            self.source,
            upstream.connect,
            on_violation=lambda _: self._violated(where),
            on_change=coordinator.async_feed_changed,
            on_stall=lambda: self._stalled(feed),
        )
        return feed

    def _quality(self) -> Quality:
        return "low" if self.coordinator.config.quality == QUALITY_LOW else "best"

    @property
    def low(self) -> Feed:
        """The small pictures: the same feed if they are what the user has chosen for all."""
        return self.feed if self._quality() == "low" else self._low

    @property
    def key(self) -> str:
        """What tells this lens from the camera's other one."""
        return str(self.number)

    @property
    def live(self) -> bool:
        """Whether pictures come in now, of either quality."""
        return FeedState.LIVE in {self.feed.state, self._low.state}

    @property
    def trouble(self) -> Trouble | None:
        """Why there is no picture although somebody looks."""
        if self.feed.trouble is not None or self._low.state is FeedState.IDLE:
            return self.feed.trouble
        return self._low.trouble

    def permit(self) -> Permit | None:
        """Leave to show pictures of it now."""
        return self.coordinator.permit()

    @callback
    def cut(self) -> None:
        """End the feeds and forget their pictures, synchronously."""
        self.rendition.cut()
        self.stills.forget()
        self.feed.cut()
        self._low.cut()

    async def async_close(self) -> None:
        """End the feeds for good."""
        self.stills.forget()
        await self.rendition.close()
        await self.feed.close()
        await self._low.close()

    @callback
    def forget_shapes(self) -> None:
        """Know nothing of how its pictures are coded: they may be others from now on."""
        self.shape = self.low_shape = None
        self.lacks_low = False

    @callback
    def async_on_stall(
        self, listener: Callable[[], None], feed: Feed | None = None
    ) -> Callable[[], None]:
        """Call `listener` when pictures have stopped coming to viewers; returns the undoing.

        `feed` is one of this lens's two, the one of all if it is not given.
        """
        listeners = self._on_stall.setdefault(feed or self.feed, [])
        listeners.append(listener)
        return partial(listeners.remove, listener)

    @callback
    def async_limit(self, options: HubOptions) -> None:
        """Keep the limits a user has chosen, from now on."""
        limits = FeedLimits(stall=float(options.stall))
        self.feed.limits = replace(limits, max_lag=min(limits.max_lag, limits.stall))
        self._low.limits = replace(self.feed.limits, linger=LOW_LINGER)
        self.rendition.limit(self.feed.limits)
        self.stills.max_age = float(options.still_max_age)

    @callback
    def _violated(self, where: str) -> None:
        self.coordinator.hub.async_violation(self.source, where)

    @callback
    def _stalled(self, feed: Feed) -> None:
        if feed is self.feed:
            self.stills.forget()
        for listener in tuple(self._on_stall.get(feed, ())):
            listener()
