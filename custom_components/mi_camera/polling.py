"""When one camera is asked how it is: often while something goes on, seldom while nothing does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
import random
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.helpers.event import async_track_time_interval

from .const import DOMAIN
from .media.clock import now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from .coordinator import CameraCoordinator
    from .device import CameraStatus, MiotSpec

POLL_INTERVAL: Final = timedelta(seconds=30)
"""Between two polls of a camera while something goes on, at most."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a camera is asked; all in seconds.

    Both pauses are at most this long, so that a camera at rest proves who it is within 90 s
    (each of its polls includes the proof), and so does one that is watched.
    """

    active: float = POLL_INTERVAL.total_seconds()
    idle: float = 85.0
    """For a camera that answers, that nobody watches and of which nothing has changed of late."""
    active_for: float = 300.0
    """How long that is of late."""
    jitter: float = 0.1
    """Share by which each pause is shorter at random."""
    spread: float = 0.5
    """The same for the first pause: cameras that were asked together are no more."""
    spacing: float = 0.05
    """Between the first polls of one camera and the next, when all are asked at once."""


class Polling:
    """Decides when the coordinator's camera is asked, and has it asked then.

    Something goes on while a camera does not answer, while somebody watches it, while another
    answers for it, and for some minutes after any of its settings has changed, unless it tells
    of changes by itself. A camera that
    sleeps to save its battery is asked only while it is awake anyway, or has to prove itself.
    """

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Ask nothing yet."""
        self.pace = Pace()
        self.polls = 0
        """How often the camera has been asked since it was loaded."""
        self._coordinator = coordinator
        self._stirred_at = now()
        self._first = True
        self._stop_asking: Callable[[], None] | None = None

    # -- beginning and end ---------------------------------------------------------------

    @callback
    def async_start(self) -> None:
        """Ask the camera in the background, so that an absent one delays nobody."""
        coordinator = self._coordinator
        coordinator.update_interval = None
        self._first = True
        if coordinator.may_ask and not self._saves_battery:
            self.async_stir()
            coordinator.update_interval = POLL_INTERVAL
            self._refresh_soon(self._place * self.pace.spacing)
        self.async_follow()

    @callback
    def async_follow(self) -> None:
        """Follow who watches, and whether the camera has to prove itself."""
        coordinator = self._coordinator
        if self._saves_battery:
            self._follow_battery()
        elif self._is_busy and self._rests and coordinator.may_ask:
            # The pause that has begun would be too long.
            coordinator.update_interval = POLL_INTERVAL
            self._refresh_soon()

    @callback
    def _follow_battery(self) -> None:
        wanted = self._coordinator.may_ask and self._is_busy
        if wanted and self._stop_asking is None:
            self._stop_asking = async_track_time_interval(
                self._coordinator.hass, self._ask_again, POLL_INTERVAL, cancel_on_shutdown=True
            )
            self._refresh_soon()
        elif not wanted and self._stop_asking is not None:
            self._stop_asking()
            self._stop_asking = None

    @callback
    def _ask_again(self, _now: datetime) -> None:
        self._refresh_soon()

    @callback
    def _refresh_soon(self, delay: float = 0.0) -> None:
        coordinator = self._coordinator

        async def refresh() -> None:
            if delay:
                await asyncio.sleep(delay)
            await coordinator.async_refresh()

        coordinator.hub.entry.async_create_background_task(
            coordinator.hass, refresh(), f"{DOMAIN} first poll {coordinator.config.did}"
        )

    # -- pace ----------------------------------------------------------------------------

    @callback
    def async_stir(self) -> None:
        """Take note that something goes on, so that the camera is asked often for a while."""
        self._stirred_at = now()

    @callback
    def async_asked(self, before: CameraStatus | None, after: CameraStatus | None) -> None:
        """Choose the next pause; `after` is None when there was no answer."""
        coordinator = self._coordinator
        self.polls += 1
        if self._saves_battery or not coordinator.may_ask:
            return
        if (
            after is None
            or before is None
            or self._is_busy
            or is_changed(coordinator.settings.spec, before, after)
        ):
            self.async_stir()
        pace = self.pace
        # What a camera that was subscribed to tells by itself need not be asked so often.
        calm = coordinator.push.works and after is not None and not self._is_busy
        active = not calm and now() - self._stirred_at < pace.active_for
        share = pace.spread if self._first else pace.jitter
        self._first = False
        seconds = (pace.active if active else pace.idle) * random.uniform(1 - share, 1)
        coordinator.update_interval = timedelta(seconds=seconds)

    @property
    def _saves_battery(self) -> bool:
        return self._coordinator.model.wake is not None

    @property
    def _is_busy(self) -> bool:
        """Whether somebody watches, or the camera has to prove itself."""
        coordinator = self._coordinator
        return coordinator.identity.doubted or any(lens.live for lens in coordinator.lenses)

    @property
    def _rests(self) -> bool:
        interval = self._coordinator.update_interval
        return interval is not None and interval.total_seconds() > self.pace.active

    @property
    def _place(self) -> int:
        """How many of the hub's cameras come before this one."""
        cameras = list(self._coordinator.hub.cameras.values())
        return cameras.index(self._coordinator)


def is_changed(spec: MiotSpec, before: CameraStatus, after: CameraStatus) -> bool:
    """Whether a setting has changed; what a camera measures changes by itself all the time."""
    if before.power != after.power:
        return True
    names = before.properties.keys() | after.properties.keys()
    return any(
        before.properties.get(name) != after.properties.get(name)
        for name in names
        if (prop := spec.properties.get(name)) is not None and prop.writable
    )
