"""The simulated home and a Home Assistant set up for it, as one thing to start and stop."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from simulator.house import dashboard, setup_home
from simulator.house.client import HassClient
from simulator.house.errors import DisplayMissing, Go2rtcFailed, HassFailed, HomeFailed
from simulator.house.go2rtc import Go2rtc, find_go2rtc
from simulator.house.hass import INTEGRATION, Hass
from simulator.house.home_process import Control, HomePlan, HomeProcess
from simulator.house.process import TERM_TIMEOUT
from simulator.house.watch import signed_in_picture

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from simulator.house.progress import Progress
    from simulator.house.setup_home import Entities


class House:
    """Everything that runs. An asynchronous context manager.

    ``directory`` holds logs and the configuration of Home Assistant, and may be one of an
    earlier run: then what was set up there is kept.
    """

    def __init__(
        self,
        plan: HomePlan,
        directory: Path,
        port: int,
        progress: Progress,
        *,
        extra_yaml: str = "",
        components: Mapping[str, Path] | None = None,
    ) -> None:
        """Describe; nothing runs before the context is entered.

        ``extra_yaml`` configures what else is to be in this Home Assistant, ``components`` are
        custom integrations beside ours, by domain.
        """
        self.plan = plan
        self.directory = directory
        self.home = HomeProcess(plan, directory / "home.log")
        program = find_go2rtc()
        self.go2rtc = None if program is None else Go2rtc(program, directory / "go2rtc")
        """The go2rtc that Home Assistant has for WebRTC, None where there is none to be had."""
        self.hass = Hass(
            directory / "hass",
            port,
            cloud=plan.cloud_url,
            go2rtc=None if self.go2rtc is None else self.go2rtc.access,
            extra_yaml=extra_yaml,
            components=components,
        )
        self.dashboard = ""
        """Address of the dashboard."""
        self._progress = progress
        self._stack = AsyncExitStack()
        self._control: Control | None = None
        self._client: HassClient | None = None
        self._entities: Entities | None = None

    @property
    def control(self) -> Control:
        """The control API of the simulated home."""
        assert self._control is not None
        return self._control

    @property
    def client(self) -> HassClient:
        """The signed-in client; a new one after each restart."""
        assert self._client is not None
        return self._client

    @property
    def entities(self) -> Entities:
        """The entities made by the config flows."""
        assert self._entities is not None
        return self._entities

    async def __aenter__(self) -> Self:
        """Start everything and set it up; raises :class:`HouseError` kinds."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.hass.prepare()
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _start(self) -> None:
        say = self._progress.say
        # Both take seconds and neither needs the other to start.
        self._stack.push_async_callback(self._stop)
        if self.go2rtc is None:
            say("no go2rtc here (script/setup fetches it): pictures come by HLS only")
        else:
            await self.go2rtc.start()
        home, hass = await asyncio.gather(
            self.home.start(), self.hass.start(), return_exceptions=True
        )
        for outcome in (home, hass):
            if isinstance(outcome, BaseException):
                raise outcome
        say(f"simulated home is up ({home:.1f} s), Home Assistant answers ({hass:.1f} s)")
        self._control = await self._stack.enter_async_context(Control(self.plan.control))
        self._client = await HassClient(self.hass.url).__aenter__()
        await setup_home.wait_running(self._client)
        again = bool(await self._client.entries(INTEGRATION))
        try:
            self._entities = await setup_home.set_up(self._client, self.plan)
        except DisplayMissing as error:
            # A display on the same machine is connected within milliseconds, so that Home
            # Assistant's media player sometimes keeps an "unavailable" of the moment before.
            say(f"{error}: Home Assistant is restarted")
            await self.restart_hass()
        if again:
            await self._sign_in_again()
        self.dashboard = await dashboard.save(self.client, self.plan, self.entities)
        say(
            f"{'found as it was' if again else 'set up by the config flows'}: {len(self.entities.cameras)} cameras,"
            f" {len(self.entities.displays)} displays, dashboard"
        )

    async def _sign_in_again(self) -> None:
        """Wake a camera, for which the cloud is asked for keys, and answer what follows."""
        entity_id = next(iter(self.entities.cameras.values()))
        waking = asyncio.create_task(signed_in_picture(self.client, entity_id), name="waking")
        try:
            while not waking.done():
                if await setup_home.sign_in_again(self.client, self.plan):
                    return
                await asyncio.wait([waking], timeout=0.5)
        finally:
            waking.cancel()
            await asyncio.wait([waking])

    async def __aexit__(self, *_: object) -> None:
        """Stop everything."""
        await self._stack.aclose()

    async def _stop(self) -> None:
        await self._close_client()
        # In this order: Home Assistant takes its time to give up on displays that have gone.
        await self.hass.stop()
        if self.go2rtc is not None:
            await self.go2rtc.stop()
        await self.home.stop()

    async def _close_client(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def restart_hass(
        self,
        *,
        meanwhile: Callable[[], None] | None = None,
        starting: Callable[[HassClient], Awaitable[None]] | None = None,
        available: bool = True,
        patience: float = TERM_TIMEOUT,
    ) -> float:
        """Restart Home Assistant, sign in again; return the seconds until all was there.

        ``meanwhile`` is called while it is down, and ``starting`` when its API answers first.
        All is there when it is known and, unless told otherwise, ``available``. It has so many
        seconds of ``patience`` to end; with none it ends as in a power cut.
        """
        began = self._progress.seconds
        for remaining in (1, 0):
            await self._close_client()
            await self.hass.stop(patience)
            if meanwhile is not None:
                meanwhile()
                meanwhile = None
            await self.hass.start()
            self._client = await HassClient(self.hass.url).__aenter__()
            if starting is not None:
                await starting(self._client)
                starting = None
            await setup_home.wait_running(self._client)
            try:
                self._entities = await setup_home.wait_entities(
                    self._client, self.plan, available=available
                )
                break
            except DisplayMissing as error:
                if not remaining:
                    raise
                self._progress.say(f"{error}: Home Assistant is restarted")
        return self._progress.seconds - began

    async def watch(self) -> None:
        """Return never, but raise when one of the processes ends by itself."""
        waits = [self.hass.wait(), self.home.wait()]
        if self.go2rtc is not None:
            waits.append(self.go2rtc.wait())
        tasks = [asyncio.create_task(wait, name="process") for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if not self.hass.running:
            raise HassFailed(f"Home Assistant ended by itself; its log: {self.hass.log}")
        if self.go2rtc is not None and not self.go2rtc.running:
            raise Go2rtcFailed(f"go2rtc ended by itself; its log: {self.go2rtc.log}")
        raise HomeFailed(f"the simulated home ended by itself; its log: {self.home.log}")
