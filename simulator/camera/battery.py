"""The sleep of a battery camera: off the network until it is woken."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.camera.state import CameraState

_LOOK_EVERY = 0.1


class Battery:
    """Puts a camera to sleep when nobody has used it for some time.

    `used()` says whether somebody does now; `on_sleep()` runs when it falls asleep.
    """

    def __init__(
        self, state: CameraState, used: Callable[[], bool], on_sleep: Callable[[], None]
    ) -> None:
        """Prepare; on the mains until `start`."""
        self.wake_delay = 0.5
        """Seconds from being asked until it is there (real ones take 3 to 8)."""
        self.sleep_after = 5.0
        """Seconds without a client until it sleeps again."""
        self.wakes = 0
        """How often it was woken."""
        self._state = state
        self._used = used
        self._on_sleep = on_sleep
        self._started = False
        self._wanted = 0.0
        self._waking: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Fall asleep for the first time."""
        self._started = True
        self._state.sleeping = True

    def stop(self) -> None:
        """Leave the camera as it is, and wake it no more."""
        self._started = False
        for timer in (self._waking, self._looking):
            if timer is not None:
                timer.cancel()
        self._waking = self._looking = None

    def ask(self) -> None:
        """Wake it soon, as somebody asked through the cloud."""
        if self._started and self._waking is None:
            loop = asyncio.get_running_loop()
            self._waking = loop.call_later(self.wake_delay, self.wake)

    def wake(self) -> None:
        """Wake it now; one that is awake stays so for another while."""
        if self._waking is not None:
            self._waking.cancel()
            self._waking = None
        if not self._started:
            return
        loop = asyncio.get_running_loop()
        self._wanted = loop.time()
        if self._state.sleeping:
            self.wakes += 1
            self._state.sleeping = False
            self._looking = loop.call_later(_LOOK_EVERY, self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        if self._used():
            self._wanted = loop.time()
        if loop.time() - self._wanted < self.sleep_after:
            self._looking = loop.call_later(_LOOK_EVERY, self._look)
        else:
            self._looking = None
            self._state.sleeping = True
            self._on_sleep()
