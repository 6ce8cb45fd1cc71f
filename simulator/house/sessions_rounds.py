"""Runs rounds of casts in a house, and hears from Home Assistant how each has ended."""

from __future__ import annotations

import asyncio
from collections import Counter
import contextlib
from typing import TYPE_CHECKING, Final

from simulator.house.errors import ApiError, HomeFailed, SetupFailed
from simulator.house.sessions_home import H265
from simulator.house.sessions_plan import STALE_S, Way, World

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from simulator.house.client import Json
    from simulator.house.house import House
    from simulator.house.sessions_plan import Round, Show

EVENT: Final = "mi_camera_event"
OTHER_MEDIA: Final = "/static/icons/favicon-192x192.png"
LONG_S: Final = 300
STREAM_S: Final = 4.0
"""How long ``camera.play_stream`` stays, which needs most of it to begin."""
DOWN_S: Final = (0.5, 3.0)
"""How long a display that reboots is away."""
KILLED_S: Final = 0.4
LET_S: Final = 5.0
"""How long casts may go on at the end before they are stopped."""
BACK_S: Final = 40.0
"""How long cameras and displays may take to be back."""
MAX_TROUBLES: Final = 20
ROUND_S: Final = 2.5
"""How long the next round waits for the casts of this one; the displays of those that take
longer are left out of it."""


class Rounds:
    """Begins and ends casts. `ended` counts them by the reason that Home Assistant told."""

    def __init__(self, house: House, say: Callable[[str], None]) -> None:
        """Prepare; :meth:`listen` comes before the first round."""
        self._house = house
        self._say = say
        self._cameras = list(house.entities.cameras.items())
        self._displays = list(house.entities.displays.items())
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._worlds: asyncio.Task[None] | None = None
        self._happened = 0
        self.started = 0
        self.ended: Counter[str] = Counter()
        self.ways: Counter[str] = Counter()
        self.worlds: Counter[str] = Counter()
        self.troubles: Counter[str] = Counter()
        """What did not go as it should without being a leak."""

    @property
    def total(self) -> int:
        """How many sessions have ended."""
        return self.ended.total()

    async def listen(self) -> None:
        """Hear of casts that begin and end."""
        await self._house.client.subscribe(self._heard, "subscribe_events", event_type=EVENT)

    def _heard(self, event: Json) -> None:
        data = event["data"]
        if data["type"] == "cast_started":
            self.started += 1
        elif data["type"] == "cast_ended":
            self.ended[str(data["reason"])] += 1

    def _trouble(self, what: str) -> None:
        if what in self.troubles or len(self.troubles) < MAX_TROUBLES:
            if what not in self.troubles:
                self._say(f"trouble: {what}")
            self.troubles[what] += 1

    # --- a round --------------------------------------------------------------------------
    async def run(self, plan: Round) -> None:
        """Begin all casts of a round at once, let come what may, and see them to their ends."""
        states = await self._house.client.states()
        cameras = [one for one in self._cameras if _there(states, one[1])]
        displays = {
            number
            for number, (name, player) in enumerate(self._displays)
            if name not in self._busy and _there(states, player)
        }
        if not cameras or not displays:
            await asyncio.sleep(1.0)
            return
        tasks: list[asyncio.Task[None]] = []
        for show in plan.shows:
            on = [self._displays[number] for number in show.displays if number in displays]
            camera = self._cameras[show.camera]
            if camera not in cameras:
                camera = cameras[show.camera % len(cameras)]
            if on:
                self.ways[show.way] += 1
                tasks.append(self._begin(self._show(show, camera[1], on), on))
        if self._worlds is None and plan.world is not World.NOTHING:
            self._worlds = asyncio.create_task(self._world(plan), name=plan.world)
            self._worlds.add_done_callback(self._world_over)
        if tasks:
            await asyncio.wait(tasks, timeout=ROUND_S)

    def _begin(
        self, work: Coroutine[None, None, None], on: list[tuple[str, str]]
    ) -> asyncio.Task[None]:
        """Do something with displays, of which nothing else is wanted meanwhile."""
        task = asyncio.create_task(work, name="show")
        for name, _ in on:
            self._busy[name] = task
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        for name in [name for name, busy in self._busy.items() if busy is task]:
            del self._busy[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._trouble(f"{type(error).__name__}: {error}")

    def _world_over(self, task: asyncio.Task[None]) -> None:
        self._worlds = None
        self._happened += 1
        if not task.cancelled() and (error := task.exception()) is not None:
            self._trouble(f"{type(error).__name__}: {error}")

    async def stop(self) -> None:
        """Leave casts to themselves."""
        tasks = set(self._busy.values())
        if self._worlds is not None:
            tasks.add(self._worlds)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def over(self) -> None:
        """Wait for displays that are busy, end what still runs, and leave no display showing."""
        if self._worlds is not None:
            await asyncio.wait([self._worlds])
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=LET_S)
        # Those who are still being loaded are told so.
        self._happened += 1
        with contextlib.suppress(ApiError):
            await self._house.client.call("mi_camera.stop_cast")
        while self._busy:
            await asyncio.wait(self._busy.values())
        players = [player for _, player in self._displays]
        with contextlib.suppress(ApiError):
            await self._house.client.call("media_player.turn_off", target={"entity_id": players})

    # --- one cast -------------------------------------------------------------------------
    async def _show(self, show: Show, camera: str, on: list[tuple[str, str]]) -> None:
        names, players = [name for name, _ in on], [player for _, player in on]
        happened = self._happened
        try:
            await self._tried(show, camera, names[0], players)
        except ApiError as error:
            # The text of an error may name an address; its first words do not.
            undisturbed = happened == self._happened and self._worlds is None
            if undisturbed and show.way is not Way.REBOOT:
                self._trouble(f"{show.way}: {error.code}: {error.message[:80]}")
        except HomeFailed as error:
            self._trouble(f"{show.way}: {error}")

    async def _tried(self, show: Show, camera: str, name: str, players: list[str]) -> None:
        client, control = self._house.client, self._house.control
        if show.way is Way.PLAY_STREAM:
            await self._play_stream(camera, players)
            return
        if show.way in {Way.REFUSED, Way.REFUSED_ONCE}:
            await control.refuse(name, 2 if show.way is Way.REFUSED else 1)
        seconds = 1 if show.way is Way.DURATION else LONG_S
        try:
            await client.call(
                "mi_camera.cast",
                {"media_player": players, "duration": {"seconds": seconds}},
                target={"entity_id": camera},
                response=True,
            )
        except ApiError:
            if show.way is not Way.REFUSED:
                raise
            return
        finally:
            if show.way in {Way.REFUSED, Way.REFUSED_ONCE}:
                await control.refuse(name, 0)
        await asyncio.sleep(show.seconds)
        await self._end(show, camera, name, players)

    async def _end(self, show: Show, camera: str, name: str, players: list[str]) -> None:
        client = self._house.client
        match show.way:
            case Way.STOP_CAMERA:
                # It also ends those of others, which may still be being loaded.
                self._happened += 1
                await client.call("mi_camera.stop_cast", target={"entity_id": camera})
            case Way.STOP_PLAYER | Way.REFUSED_ONCE:
                await client.call("mi_camera.stop_cast", {"media_player": players})
            case Way.TURN_OFF:
                await client.call("media_player.turn_off", target={"entity_id": players})
            case Way.PICTURE:
                await client.call(
                    "media_player.play_media",
                    {
                        "media_content_id": f"{client.url}{OTHER_MEDIA}",
                        "media_content_type": "image/png",
                    },
                    target={"entity_id": players},
                )
            case Way.DURATION:
                await asyncio.sleep(max(0.0, 1.0 - show.seconds))
            case Way.REBOOT:
                await self._reboot(name, show.seconds)

    async def _play_stream(self, camera: str, players: list[str]) -> None:
        client = self._house.client
        if camera == self._cameras[H265][1]:
            camera = self._cameras[0][1]
        await client.call(
            "camera.play_stream",
            {"media_player": players[0], "format": "hls"},
            target={"entity_id": camera},
        )
        await asyncio.sleep(STREAM_S)
        await client.call("media_player.turn_off", target={"entity_id": players})

    async def _reboot(self, name: str, seconds: float) -> None:
        low, high = DOWN_S
        await self._house.control.reboot_display(name, downtime=low + seconds % 1 * (high - low))

    # --- all of them ----------------------------------------------------------------------
    async def _world(self, plan: Round) -> None:
        await asyncio.sleep(plan.after)
        self._happened += 1
        self.worlds[plan.world] += 1
        did, camera = self._cameras[plan.camera]
        try:
            await self._do(plan.world, did, camera)
        except (ApiError, HomeFailed, SetupFailed) as error:
            self._trouble(f"{plan.world}: {error}")
        await self._back()

    async def _do(self, world: World, did: int, camera: str) -> None:
        client, control = self._house.client, self._house.control
        match world:
            case World.KILL:
                await client.call("mi_camera.disable_all")
                await asyncio.sleep(KILLED_S)
                await client.call("mi_camera.enable_all")
            case World.PRIVACY:
                switch = {"entity_id": self._house.entities.more[did]["privacy"]}
                await client.call("switch.turn_on", target=switch)
                await asyncio.sleep(KILLED_S)
                await client.call("switch.turn_off", target=switch)
            case World.ASLEEP:
                await client.call("camera.turn_off", target={"entity_id": camera})
                await asyncio.sleep(KILLED_S)
                await client.call("camera.turn_on", target={"entity_id": camera})
            case World.STALE:
                await control.power(did, on=False)
                await asyncio.sleep(STALE_S)
                await control.power(did, on=True)
            case World.RELOAD:
                entry = self._house.entities.entry_id
                await client.rest("POST", f"/api/config/config_entries/entry/{entry}/reload")

    async def _back(self) -> None:
        """Wait until the cameras can be had again."""
        for _ in range(round(BACK_S / 0.25)):
            states = await self._house.client.states()
            if all(_there(states, camera) for _, camera in self._cameras):
                return
            await asyncio.sleep(0.25)
        self._trouble("a camera has not come back")


def _there(states: Mapping[str, Json], entity_id: str) -> bool:
    return entity_id in states and states[entity_id]["state"] not in {"unavailable", "unknown"}
