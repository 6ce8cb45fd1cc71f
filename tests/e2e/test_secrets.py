"""Every secret of a run, looked for in everything that a running Home Assistant has left.

A user signs in in all ways, mistypes, watches, casts with conversion, talks, sets up what does
not work and switches off. Then all that others could get to read is searched for every secret
that the simulated cloud, cameras and displays have handed out, in every form it may have taken.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
import json
from pathlib import Path
import re
import secrets
import stat
from typing import TYPE_CHECKING, Any
import wave

import aiohttp
import pytest

from simulator.house import logs, setup_home
from simulator.house.casts import cast
from simulator.house.errors import ApiError
from simulator.house.go2rtc import find_go2rtc
from simulator.house.hls import HlsViewer
from simulator.house.home_process import HomePlan
from simulator.house.house import House
from simulator.house.process import free_port
from simulator.house.progress import Progress
from simulator.house.watch import picture_of, signed_in_picture
from tests.secret_forms import Belongs, Search, Secret, misplaced

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from simulator.house.setup_home import Entities

pytestmark = pytest.mark.e2e

NETWORK = "127.0.63"
OUR_LOGGER = "custom_components.mi_camera"
DISPLAY = "Hall display"
KITCHEN, PORCH = 6306306301, 6306306302
PATIENCE = 40.0
PASSWORD = "Sesam, öffne dich! <&/+=%7>"
WRONG_PASS_TOKEN = f"V1:{secrets.token_urlsafe(60)}=="
WRONG_TOKEN = secrets.token_hex(16)
MISTYPED = "Sesam, offne dich! <&/+=%8>"
# What somebody turns on who looks for a fault, and all that Home Assistant says besides.
YAML = """\
  logs:
    custom_components.mi_camera: debug
    homeassistant.components: debug
    homeassistant.components.recorder: info
    homeassistant.components.websocket_api: info
    homeassistant.config_entries: debug
    homeassistant.helpers: debug
    haffmpeg: debug
    libav: debug
    aiohttp: debug
    asyncio: debug

recorder:
  commit_interval: 1
history:
logbook:
system_health:
system_log:
"""

BELONGS = (
    Belongs(
        r"file \.storage/core\.config_entries",
        "pass token|service token|ssecurity|encrypted user id|miio token",
        "an account stays signed in over a restart, and a camera answers only who has its token",
    ),
    Belongs(
        r"file \.storage/mi_camera\.keys",
        "signature of a client key|client key",
        "video starts while the cloud is out of reach",
    ),
    Belongs(
        "states|events",
        "camera access token",
        "Home Assistant's own, and there for whoever may look; it is new after each kill",
    ),
    Belongs(
        r"states|events|log|file home-assistant_v2\.db",
        "address of a cast",
        "Home Assistant's own: what a player was told to play. It is dead when the cast is over",
    ),
    Belongs(
        "log",
        "address of a view",
        "Home Assistant's own: it logs every request. It is dead when the view is over",
    ),
)
"""Where secrets may be, and why; nowhere else is any."""
PRIVATE = (".storage/mi_camera.keys", ".storage/mi_camera.gate", "mi_camera.gate.log")
"""This integration's own files, which only Home Assistant's user may read. All others have the
modes that Home Assistant gives them."""
OF_ONE_SIGN_IN = {"pass token", "service token", "ssecurity"}
KINDS = OF_ONE_SIGN_IN | {
    "signature of a client key",
    "STS ticket",
    "psecurity",
    "encrypted user id",
    "session key",
    "client key",
    "miio token",
    "password",
    "captcha answer",
    "captcha cookie",
    "verification code",
    "verification context",
    "verification cookie",
    "QR ticket",
    "wrong password",
    "wrong pass token",
    "wrong miio token",
    "camera access token",
    "address of a cast",
    "address of a view",
    "address of the relay",
}
"""All that there must have been."""


def plan(directory: Path) -> HomePlan:
    """Two cameras, of which one is converted for the display; tokens of this run only."""
    common = {
        "fps": 10,
        "gop_seconds": 1.0,
        "qualities": {str(quality): [320, 180] for quality in (1, 2, 3)},
    }
    home = {
        "cameras": [
            {
                "did": KITCHEN,
                "model": "chuangmi.camera.021a04",
                "name": "Kitchen",
                "address": f"{NETWORK}.11",
                "token": secrets.token_hex(16),
                "codec": "h265",
                "audio": "pcma",
                **common,
            },
            {
                "did": PORCH,
                "model": "isa.camera.hlc7",
                "name": "Porch",
                "address": f"{NETWORK}.12",
                "token": secrets.token_hex(16),
                "transport": "tcp",
                **common,
            },
        ],
        "displays": [{"name": DISPLAY, "address": f"{NETWORK}.61", "model": "Google Nest Hub"}],
        "cloud": {
            "address": f"{NETWORK}.3",
            "username": "demo@example.com",
            "password": PASSWORD,
            "region": "de",
        },
        "control": {"address": f"{NETWORK}.2"},
    }
    path = directory / "home.json"
    path.write_text(json.dumps(home))
    return HomePlan.read(path)


class Processes:
    """What `hass` and all it starts could be read off by everybody on the machine."""

    def __init__(self, pid: int) -> None:
        """Watch a process and its descendants."""
        self._pid = pid
        self.seen: set[bytes] = set()
        """Arguments and environments."""
        self.programs: Counter[str] = Counter()

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(0.05)

    def look(self) -> None:
        """Look once."""
        parents: dict[int, int] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                status = (folder / "stat").read_text("utf-8", "replace")
            except OSError:
                continue
            parents[int(folder.name)] = int(status.rpartition(")")[2].split()[1])
        family = {self._pid}
        while more := {one for one, parent in parents.items() if parent in family} - family:
            family |= more
        for one in family:
            try:
                arguments = Path(f"/proc/{one}/cmdline").read_bytes()
                environment = Path(f"/proc/{one}/environ").read_bytes()
            except OSError:
                continue
            self.programs[Path(arguments.split(b"\0")[0].decode("utf-8", "replace")).name] += 1
            self.seen |= {arguments, environment}


@dataclass(slots=True)
class User:
    """Somebody who does everything once, and whoever looks over the shoulder."""

    house: House
    entities: Entities
    shown: dict[str, list[Any]] = field(default_factory=dict, repr=False)
    """What could be read, by place."""
    dead: set[str] = field(default_factory=set, repr=False)
    """Addresses that must be worthless in the end."""
    known: set[Secret] = field(default_factory=set, repr=False)
    """Secrets that come from Home Assistant, not from the simulators."""
    old_tokens: set[Secret] = field(default_factory=set, repr=False)

    def see(self, place: str, what: object) -> None:
        self.shown.setdefault(place, []).append(what)

    # --- signing in -------------------------------------------------------------------------

    async def step(self, flow: dict[str, Any] | None, **answer: Any) -> dict[str, Any]:
        """Answer a step of the flow, or begin one, and look at what is shown next."""
        client = self.house.client
        if flow is None:
            step = await client.flow({"handler": "mi_camera"})
        else:
            step = await client.flow(answer, flow["flow_id"])
        if step.get("step_id") != "qr":
            # A QR code is there to be seen, by the one who has this form.
            self.see("forms", step)
        self.see("flows", await client.command("config_entries/flow/progress"))
        return step

    async def by_qr_code(self) -> None:
        """Scan a code, and leave the form without choosing cameras."""
        step = await self.step(await self.step(None), next_step_id="qr")
        assert "ticket=" in json.dumps(step)
        step = await self.step(step)
        assert step["step_id"] == "scan"
        await self.house.control.scan()
        async with asyncio.timeout(PATIENCE):
            while step["step_id"] != "cameras":
                await asyncio.sleep(0.2)
                step = await self.step(step)
        await self.house.client.rest("DELETE", f"/api/config/config_entries/flow/{step['flow_id']}")

    async def by_password(self) -> None:
        """Mistype everything once, then get it right."""
        control = self.house.control
        login = {"username": self.house.plan.username, "region": self.house.plan.region}
        step = await self.step(await self.step(None), next_step_id="account")
        step = await self.step(step, **login, password=MISTYPED)
        assert step["errors"] == {"base": "invalid_auth"}
        await control.ask_at_sign_in(captcha=True, verification=True)
        step = await self.step(step, **login, password=PASSWORD)
        assert step["step_id"] == "captcha"
        step = await self.step(step, captcha="WRONG")
        assert step["errors"] == {"base": "wrong_captcha"}
        step = await self.step(step, captcha=(await control.challenges())["captcha"])
        assert step["step_id"] == "verify"
        step = await self.step(step, next_step_id="email")
        step = await self.step(step, code="000000")
        assert step["step_id"] == "code"
        assert step["errors"]
        step = await self.step(step, code=(await control.challenges())["codes"]["email"])
        assert step["step_id"] == "cameras"
        cameras = setup_home.options(step, "cameras")
        step = await self.step(step, cameras=cameras)
        assert step["type"] == "create_entry"

    async def by_tokens(self) -> None:
        """Try tokens with a letter wrong: an account's, and a camera's."""
        step = await self.step(await self.step(None), next_step_id="token")
        step = await self.step(step, user_id="2000000001", pass_token=WRONG_PASS_TOKEN)
        assert step["errors"]
        step = await self.step(await self.step(None), next_step_id="camera")
        step = await self.step(step, host=f"{NETWORK}.12", token=WRONG_TOKEN)
        assert step["errors"]

    # --- using it ---------------------------------------------------------------------------

    async def fails(self, what: Awaitable[Any]) -> str:
        """Let something go wrong and look at what is said of it."""
        with pytest.raises(ApiError) as caught:
            await what
        self.see("errors", str(caught.value))
        return str(caught.value)

    async def watch(self) -> None:
        """Get pictures in all ways of a dashboard."""
        client = self.house.client
        for entity_id in self.entities.cameras.values():
            assert (await signed_in_picture(client, entity_id)).picture is not None
            assert (await picture_of(client, entity_id)).picture is not None
        _, porch = self.entities.cameras.values()
        url = await client.hls_url(porch)
        self.knows("address of a view", url.split("/")[-2])
        self.dead.add(url)
        seen = asyncio.Event()
        viewer = HlsViewer(client.http, url, lambda _picture: seen.set(), None)
        watching = asyncio.create_task(viewer.run(), name="watching")
        offered = asyncio.Event()
        events: list[Any] = []

        def event(one: dict[str, Any]) -> None:
            events.append(one)
            if one["type"] != "session":
                offered.set()

        await client.subscribe(
            event, "camera/webrtc/offer", entity_id=porch, offer="v=0\r\ns=-\r\nt=0 0\r\n"
        )
        try:
            async with asyncio.timeout(PATIENCE):
                await seen.wait()
                await offered.wait()
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        self.see("errors", events)
        self.relay_addresses()

    def relay_addresses(self) -> None:
        """Take down what go2rtc has been given."""
        assert self.house.go2rtc is not None
        sources = self.house.go2rtc.sources()
        assert sources
        for source in sources:
            self.dead.add(source)
            self.knows("address of the relay", source.partition("auth=")[2])

    async def cast(self) -> None:
        """Show a camera whose pictures are converted, until the display has some."""
        house = self.house
        kitchen = self.entities.cameras[KITCHEN]
        await cast(house.client, kitchen, self.entities.displays[DISPLAY])
        async with asyncio.timeout(PATIENCE):
            while not (await house.control.frames(DISPLAY, 0))[0]:
                await asyncio.sleep(0.2)
        await self.cast_address()

    async def cast_address(self) -> None:
        """Take down what the display has been told to fetch."""
        content = (await self.house.control.display(DISPLAY))["content_id"]
        (token,) = re.findall("[0-9a-f]{32}", content)
        self.dead.add(content)
        self.knows("address of a cast", token)

    async def talk(self) -> None:
        """Play a sound of Home Assistant's on a camera."""
        await self.house.client.call(
            "media_player.play_media",
            {
                "media_content_id": f"{self.house.client.url}/local/hello.wav",
                "media_content_type": "music",
            },
            target={"entity_id": self.entities.more[KITCHEN]["speaker"]},
        )

    async def control(self) -> None:
        """Ask and set what there is, and what there is not."""
        client = self.house.client
        kitchen, porch = ({"entity_id": one} for one in self.entities.cameras.values())
        asked = {"property": "camera-control:on"}
        answer = await client.call("mi_camera.get_property", asked, target=porch, response=True)
        self.see("answer of get_property", answer)
        for action, data in {
            "mi_camera.set_property": {"property": "camera-control:on", "value": "perhaps"},
            "mi_camera.call_action": {"action": "no-such:action"},
        }.items():
            response = action != "mi_camera.set_property"
            await self.fails(client.call(action, data, target=porch, response=response))
        await self.fails(
            client.call(
                "media_player.play_media",
                {"media_content_id": "http://127.0.63.2/nothing", "media_content_type": "music"},
                target={"entity_id": self.entities.more[KITCHEN]["speaker"]},
            )
        )
        data = {"media_player": ["media_player.nobody"]}
        await self.fails(client.call("mi_camera.cast", data, target=kitchen, response=True))

    async def reconfigure(self) -> None:
        """Open a camera's form, and leave it."""
        client, entry_id = self.house.client, self.entities.entry_id
        path = "/api/config/config_entries/subentries/flow"
        listed = await client.command("config_entries/subentries/list", entry_id=entry_id)
        for one in listed:
            if one["subentry_type"] != "camera":
                continue
            body = {"handler": [entry_id, "camera"], "subentry_id": one["subentry_id"]}
            step = await client.rest("POST", path, body)
            self.see("forms", step)
            await client.rest("DELETE", f"{path}/{step['flow_id']}")

    async def outage(self) -> None:
        """Have a camera restart while there is no cloud to give new keys, and a wrong answer."""
        control, client = self.house.control, self.house.client
        _, porch = self.entities.cameras.items()
        await control.cloud_down(down=True)
        await control.reboot(porch[0])
        await asyncio.sleep(1)
        self.see("errors", (await signed_in_picture(client, porch[1])).status)
        await control.garbage(porch[0], on=True)
        asked = {"property": "camera-control:on"}
        await self.fails(
            client.call(
                "mi_camera.get_property", asked, target={"entity_id": porch[1]}, response=True
            )
        )
        await control.garbage(porch[0], on=False)
        await control.cloud_down(down=False)
        async with asyncio.timeout(PATIENCE):
            while (await signed_in_picture(client, porch[1])).picture is None:
                await asyncio.sleep(0.5)

    def killed(self) -> None:
        """All that has been handed out so far is to be worthless after the kill."""
        self.old_tokens = {one for one in self.known if one.kind == "camera access token"}

    async def try_addresses(self) -> None:
        """Ask for everything that was handed out before the kill."""
        client = self.house.client
        for one in self.old_tokens:
            for entity_id in self.entities.cameras.values():
                proxy = f"{client.url}/api/camera_proxy/{entity_id}"
                self.dead.add(f"{proxy}?token={one.value!s}")
        for address in self.dead:
            try:
                async with client.http.get(address) as response:
                    assert response.status >= 400
            except aiohttp.ClientError:
                pass

    # --- looking ----------------------------------------------------------------------------

    def knows(self, kind: str, value: str) -> None:
        self.known.add(Secret(kind, value))

    async def listen(self) -> None:
        """Take down every event of Home Assistant's bus."""
        await self.house.client.subscribe(lambda one: self.see("events", one), "subscribe_events")

    async def look(self) -> None:
        """Take down all that can be read in Home Assistant just now."""
        client, entry_id = self.house.client, self.entities.entry_id
        states = await client.rest("GET", "/api/states")
        self.see("states", states)
        for state in states:
            if token := state["attributes"].get("access_token"):
                self.knows("camera access token", token)
        diagnostics = f"/api/diagnostics/config_entry/{entry_id}"
        self.see("diagnostics", await client.rest("GET", diagnostics))
        offered = await client.command("diagnostics/get", domain="mi_camera")
        if offered["handlers"].get("device"):
            for device in await client.command("config/device_registry/list"):
                if entry_id in device["config_entries"]:
                    one = await client.rest("GET", f"{diagnostics}/device/{device['id']}")
                    self.see("diagnostics of a device", one)
        health: asyncio.Queue[Any] = asyncio.Queue()
        number = await client.subscribe(health.put_nowait, "system_health/info")
        async with asyncio.timeout(PATIENCE):
            self.see("system health", (await health.get())["data"]["mi_camera"])
        await client.unsubscribe(number)
        self.see("system log", await client.command("system_log/list"))
        for command, fields in {
            "config_entries/get": {},
            "config_entries/subentries/list": {"entry_id": entry_id},
            "config/device_registry/list": {},
            "config/entity_registry/list": {},
            "config_entries/flow/progress": {},
            "persistent_notification/get": {},
            "repairs/list_issues": {},
        }.items():
            self.see(f"list {command}", await client.command(command, **fields))


def files(folder: Path) -> dict[str, bytes]:
    """Return every file in a folder that is not this repository's."""
    return {
        f"file {path.relative_to(folder)}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and path.name != "hass.log"
    }


async def simulated(house: House) -> list[Secret]:
    """Return all that the simulated cloud and cameras have handed out so far."""
    told = await house.control.secrets()
    texts = [Secret(kind, one) for kind, many in told["texts"].items() for one in many]
    raw = [Secret(kind, bytes.fromhex(one)) for kind, many in told["bytes"].items() for one in many]
    return texts + raw


def stored(house: House) -> list[Secret]:
    """Return what this integration makes itself and stores: private keys of sessions."""
    kept = json.loads((house.hass.directory / ".storage" / "mi_camera.keys").read_text())
    return [
        Secret("client key", bytes.fromhex(one["client_private"])) for one in kept["data"].values()
    ]


def mistyped() -> list[Secret]:
    """Return what the user typed that was nearly right."""
    return [
        Secret("wrong password", MISTYPED),
        Secret("wrong pass token", WRONG_PASS_TOKEN),
        Secret("wrong miio token", bytes.fromhex(WRONG_TOKEN)),
    ]


def sound(path: Path) -> None:
    """Write a second of some sound."""
    path.parent.mkdir(parents=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", "none"))
        file.writeframes(b"\0\x10" * 4000)


async def use(user: User, say: Callable[[str], None]) -> None:
    """Do everything once."""
    await user.by_qr_code()
    await user.by_tokens()
    await user.by_password()
    user.entities = await setup_home.wait_entities(user.house.client, user.house.plan)
    say("signed in by all ways …")
    await user.watch()
    await user.cast()
    await user.look()
    say("watched and cast …")
    await user.talk()
    await user.control()
    await user.reconfigure()
    await user.outage()
    say("asked for what there is, and what there is not …")
    await user.look()
    user.killed()
    await user.house.client.call("mi_camera.disable_all", {"reason": "Guests"})
    await user.look()
    await user.house.client.call("mi_camera.enable_all")
    await user.look()


@dataclass(frozen=True, slots=True)
class Left:
    """What a run has left."""

    secrets: list[Secret] = field(repr=False)
    removed: list[Secret] = field(repr=False)
    """Those of a sign-in that was removed again."""
    shown: dict[str, Any] = field(repr=False)
    programs: Counter[str]
    modes: dict[str, int]


async def run(directory: Path) -> Left:
    progress = Progress("secrets")
    async with AsyncExitStack() as stack:
        house = House(plan(directory), directory, free_port(), progress, extra_yaml=YAML)
        sound(house.hass.directory / "www" / "hello.wav")
        await stack.enter_async_context(house)
        user = User(house, house.entities)
        processes = Processes(house.hass.pid)
        sampling = asyncio.create_task(processes.watch(), name="processes")
        stack.callback(sampling.cancel)
        await user.listen()
        first = await simulated(house)
        entry = f"/api/config/config_entries/entry/{house.entities.entry_id}"
        await house.client.rest("DELETE", entry)
        await use(user, progress.say)
        everything = await simulated(house) + stored(house) + mistyped() + [*user.known]
        await user.try_addresses()
        sampling.cancel()
        # Much is written only now.
        await house.hass.stop()
        progress.say("looking for what was left …")
        shown = {**user.shown, **files(house.hass.directory), **files(directory / "tmp")}
        log = house.hass.log.read_text("utf-8", "replace")
        shown["log"] = log
        shown["our log"] = [
            f"{one.message}\n{one.detail}"
            for one in logs.records(log)
            if one.logger.startswith(OUR_LOGGER)
        ]
        shown["processes"] = b"\n".join(processes.seen)
        modes = {
            name: stat.S_IMODE((house.hass.directory / name).stat().st_mode) for name in PRIVATE
        }
    return Left(everything, first, shown, processes.programs, modes)


def test_no_secret_is_where_it_does_not_belong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_go2rtc() is None:
        pytest.skip("no go2rtc")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    left = asyncio.run(run(tmp_path))

    found = Search(left.secrets).in_all(left.shown)
    assert misplaced(found, BELONGS) == []
    # It has been looked for what there was, and found where it belongs.
    assert {one.kind for one in left.secrets} == KINDS
    for rule in BELONGS:
        for kind in rule.kind.split("|"):
            assert any(rule.allows(one.place, kind) for one in found if one.kind == kind), kind
    assert logs.relay_keys(tmp_path / "hass" / "hass.log") == 0
    assert left.programs["ffmpeg"] > 0
    assert len(left.shown["our log"]) > 5

    # Nothing is kept of an account that was removed, nor for anybody else to read.
    kept = {place: one for place, one in left.shown.items() if place.startswith("file ")}
    old = [one for one in left.removed if one.kind in OF_ONE_SIGN_IN]
    assert {one.kind for one in old} == OF_ONE_SIGN_IN
    assert Search(old).in_all(kept) == []
    assert left.modes == dict.fromkeys(PRIVATE, 0o600)
