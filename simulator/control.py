"""The control API of a running simulated home: what happened, and what shall happen.

    GET  /state                              counters of everything
    GET  /displays/{name}/frames?since=N     frames a display has presented
    GET  /displays/{name}/requests?since=N   what it has asked for, and when
    POST /displays/{name}/reboot             {"downtime": seconds}, may be left out
    POST /displays/{name}/refuse             {"loads": how many of the next it refuses}
    GET  /cameras/{did}/speaker              what was said there of late: seconds, RMS, pitch
    POST /cameras/{did}/reboot               {"downtime": seconds}, may be left out
    POST /cameras/{did}/power                {"on": bool}: the lens awake or asleep
    POST /cameras/{did}/silent               {"on": bool}: off the network
    POST /cameras/{did}/garbage              {"on": bool}: sends rubbish only
    POST /cameras/{did}/network              {"loss", "duplicate": share, "delay": seconds,
                                              "foreign": per second, "silent": bool}
    POST /cameras/{did}/quirks               {name: value}, names as in `Quirks`
    POST /cameras/{did}/speaker              {"busy": bool}: refuse whoever wants to speak
    POST /cameras/{did}/event                {"type"}: the cloud lists that it noticed something
    POST /cameras/{did}/wake                 a battery camera: somebody rang
    POST /cameras/{did}/swap                 {"with": did}: exchange addresses, as DHCP may
    GET  /cloud                              what a user would see elsewhere: "captcha" (what the
                                              picture says), "codes" (in the mail and on the
                                              phone), "qr" (whether a code waits to be scanned)
    GET  /secrets                            what must be seen nowhere: {"texts", "bytes": {kind:
                                              [value]}}; those of cameras and cloud together
    POST /cloud/scan                         {"username"}: scan the newest QR code in the app
    POST /cloud/sign_in                      {"captcha", "verification", "captcha_before_code":
                                              bool}: what password log-ins are asked for
    POST /cloud                              {"down": bool, "how": "refused" or "unavailable"}

Errors are {"error": text} with status 400, 404 or 503.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from aiohttp import web
import numpy as np

from simulator.cloud import Outage
from simulator.cloud.events import TYPES
from simulator.control_state import camera_state, cloud_state, secrets_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler
    from numpy.typing import NDArray

    from simulator.camera import SimCamera
    from simulator.cloud import SimCloud
    from simulator.display import CastDisplay
    from simulator.home import SimHome

MAX_BODY: Final = 4096
MAX_DOWNTIME: Final = 60.0
MAX_DELAY: Final = 10.0
MAX_RATE: Final = 100.0
MAX_LOADS: Final = 1000
_JUDGED_SECONDS: Final = 5
_QUIRK_FLAGS: Final = frozenset(
    {
        "both_ready",
        "ready_address",
        "timestamps_in_seconds",
        "audio_timestamps_zero",
    }
)
_QUIRK_NUMBERS: Final[dict[str, float]] = {
    "chatter": MAX_RATE,
    "timestamp_shift_ms": 1e12,
    "garbage_payload": 1.0,
    "lens_flags_missing": 1000,
    "slot_seconds": 600.0,
}
"""The largest value of each."""
_SIGN_IN: Final = frozenset({"captcha", "verification", "captcha_before_code"})
_WHOLE: Final = frozenset({"timestamp_shift_ms", "lens_flags_missing"})
_SIGNED: Final = frozenset({"timestamp_shift_ms"})


class _Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class ControlServer:
    """Serves the control API of a home; it owns nothing of the home."""

    def __init__(self, home: SimHome, address: str, port: int) -> None:
        """Prepare; port 0 takes any free one."""
        self.address = address
        self.port = port
        self._home = home
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Base of the API."""
        return f"http://{self.address}:{self.port}"

    async def start(self) -> None:
        """Listen; raises `OSError` when the address is taken."""
        app = web.Application(client_max_size=MAX_BODY, middlewares=[_errors])
        app.router.add_get("/state", self._state)
        app.router.add_get("/displays/{name}/frames", self._frames)
        app.router.add_get("/displays/{name}/requests", self._requests)
        app.router.add_post("/displays/{name}/reboot", self._reboot_display)
        app.router.add_post("/displays/{name}/refuse", self._refuse)
        app.router.add_post("/cameras/{did}/reboot", self._reboot)
        app.router.add_post("/cameras/{did}/power", self._power)
        app.router.add_post("/cameras/{did}/silent", self._silent)
        app.router.add_post("/cameras/{did}/garbage", self._garbage)
        app.router.add_post("/cameras/{did}/network", self._network)
        app.router.add_post("/cameras/{did}/quirks", self._quirks)
        app.router.add_get("/cameras/{did}/speaker", self._heard)
        app.router.add_post("/cameras/{did}/speaker", self._speaker)
        app.router.add_post("/cameras/{did}/wake", self._wake)
        app.router.add_post("/cameras/{did}/swap", self._swap)
        app.router.add_post("/cameras/{did}/event", self._event)
        app.router.add_get("/cloud", self._challenges)
        app.router.add_get("/secrets", self._secrets)
        app.router.add_post("/cloud", self._cloud)
        app.router.add_post("/cloud/scan", self._scan)
        app.router.add_post("/cloud/sign_in", self._sign_in)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.address, self.port).start()
        except OSError:
            await self.stop()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # --- what happened ---

    async def _state(self, request: web.Request) -> web.Response:
        del request
        home = self._home
        return web.json_response(
            {
                "cameras": {str(did): camera_state(c) for did, c in home.cameras.items()},
                "displays": {name: d.state() for name, d in home.displays.items()},
                "cloud": None if home.cloud is None else cloud_state(home.cloud),
            }
        )

    async def _frames(self, request: web.Request) -> web.Response:
        return web.json_response({"frames": self._display(request).frames(_since(request))})

    async def _requests(self, request: web.Request) -> web.Response:
        return web.json_response({"requests": self._display(request).requests(_since(request))})

    async def _heard(self, request: web.Request) -> web.Response:
        speaker = self._camera(request).miss.speaker
        samples, rate = await asyncio.to_thread(speaker.sound)
        return web.json_response(
            {
                "seconds": round(len(samples) / rate, 3),
                "rms": _rms(samples),
                "dominant_hz": _dominant_hz(samples, rate),
                "refused": dict(speaker.refused),
            }
        )

    def _display(self, request: web.Request) -> CastDisplay:
        display = self._home.displays.get(request.match_info["name"])
        if display is None:
            raise _Refused(404, "no such display")
        return display

    async def _secrets(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(secrets_of(self._home))

    # --- what shall happen ---

    async def _reboot_display(self, request: web.Request) -> web.Response:
        display = self._display(request)
        downtime = _number(await _body(request), "downtime", MAX_DOWNTIME, 0.0)
        await self._home.reboot_display(display.name, downtime=downtime)
        return web.json_response({})

    async def _refuse(self, request: web.Request) -> web.Response:
        display = self._display(request)
        display.refuse(int(_number(await _body(request), "loads", MAX_LOADS, 0.0)))
        return web.json_response({})

    def _camera(self, request: web.Request) -> SimCamera:
        return self._camera_of(request.match_info["did"])

    def _camera_of(self, did: object) -> SimCamera:
        text = str(did)
        number = int(text) if text.isdecimal() and len(text) <= 20 else -1
        if (camera := self._home.cameras.get(number)) is None:
            raise _Refused(404, "no such camera")
        return camera

    async def _reboot(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        body = await _body(request)
        await self._home.reboot(
            camera.spec.did, downtime=_number(body, "downtime", MAX_DOWNTIME, 0.0)
        )
        return web.json_response({})

    async def _power(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        camera.power = _flag(await _body(request), "on")
        return web.json_response({})

    async def _silent(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        camera.miio.knobs.silent = camera.miss.silent = _flag(await _body(request), "on")
        return web.json_response({})

    async def _garbage(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        camera.miio.knobs.garbage = camera.miss.garbage = _flag(await _body(request), "on")
        return web.json_response({})

    async def _network(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        body = await _body(request)
        loss = _number(body, "loss", 1.0, camera.miss.loss)
        duplicate = _number(body, "duplicate", 1.0, camera.miss.duplicate)
        delay = _number(body, "delay", MAX_DELAY, camera.miss.delay)
        foreign = _number(body, "foreign", MAX_RATE, camera.miss.foreign)
        if "silent" in body:
            camera.miio.knobs.silent = camera.miss.silent = _flag(body, "silent")
        camera.miss.foreign = foreign
        camera.miss.loss = camera.miio.knobs.drop_rate = loss
        camera.miss.duplicate = duplicate
        camera.miss.delay = camera.miio.knobs.latency = delay
        return web.json_response({})

    async def _quirks(self, request: web.Request) -> web.Response:
        miss = self._camera(request).miss
        body = await _body(request)
        changes: dict[str, object] = {}
        for name in body:
            if name in _QUIRK_FLAGS:
                changes[name] = _flag(body, name)
            elif name == "picture_size":
                changes[name] = _size(body[name])
            elif name in _QUIRK_NUMBERS:
                high = _QUIRK_NUMBERS[name]
                low = -high if name in _SIGNED else 0.0
                value = _number(body, name, high, 0.0, low=low)
                changes[name] = int(value) if name in _WHOLE else value
            else:
                raise _Refused(400, f"{name} is no quirk")
        for name, wanted in changes.items():
            setattr(miss, name, wanted)
        return web.json_response({})

    async def _speaker(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        camera.miss.speaker_busy = _flag(await _body(request), "busy")
        return web.json_response({})

    async def _wake(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        if not camera.spec.asleep:
            raise _Refused(400, "this camera never sleeps")
        camera.wake()
        return web.json_response({})

    async def _swap(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        other = self._camera_of((await _body(request)).get("with"))
        await self._home.swap_addresses(camera.spec.did, other.spec.did)
        return web.json_response({})

    async def _event(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        name = (await _body(request)).get("type")
        if name not in TYPES:
            raise _Refused(400, f"type must be one of {', '.join(TYPES)}")
        self._the_cloud().events.add(str(camera.spec.did), str(name))
        return web.json_response({})

    def _the_cloud(self) -> SimCloud:
        if self._home.cloud is None:
            raise _Refused(404, "this home has no cloud")
        return self._home.cloud

    async def _challenges(self, request: web.Request) -> web.Response:
        del request
        challenges = self._the_cloud().accounts.challenges
        return web.json_response(
            {
                "captcha": challenges.captcha,
                "codes": challenges.codes,
                "qr": bool(challenges.ticket),
            }
        )

    async def _scan(self, request: web.Request) -> web.Response:
        username = (await _body(request)).get("username")
        if not self._the_cloud().accounts.scan(
            username=None if username is None else str(username)
        ):
            raise _Refused(400, "no code waits to be scanned by this account")
        return web.json_response({})

    async def _sign_in(self, request: web.Request) -> web.Response:
        accounts = self._the_cloud().accounts
        body = await _body(request)
        wanted = {name: _flag(body, name) for name in body if name in _SIGN_IN}
        if wanted.keys() != body.keys():
            raise _Refused(400, f"there are {', '.join(sorted(_SIGN_IN))}")
        for name, on in wanted.items():
            setattr(accounts, name, on)
        return web.json_response({})

    async def _cloud(self, request: web.Request) -> web.Response:
        cloud = self._the_cloud()
        body = await _body(request)
        down = _flag(body, "down")
        try:
            how = Outage(str(body.get("how", Outage.REFUSED)))
        except ValueError:
            raise _Refused(400, f"how must be one of {', '.join(Outage)}") from None
        await cloud.set_outage(how if down else None)
        return web.json_response({})


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except _Refused as err:
        return web.json_response({"error": err.text}, status=err.status)
    except OSError as err:  # a camera that did not get its ports back
        return web.json_response({"error": str(err)}, status=503)
    except web.HTTPError as err:
        return web.json_response({"error": err.reason}, status=err.status)


def _since(request: web.Request) -> int:
    since = request.query.get("since", "0")
    if not since.isdecimal() or len(since) > 18:
        raise _Refused(400, "since must be a whole number")
    return int(since)


async def _body(request: web.Request) -> Mapping[str, object]:
    """Return the JSON object sent, empty when nothing was."""
    content = await request.read()
    if not content.strip():
        return {}
    try:
        data = json.loads(content)
    except ValueError, RecursionError:
        data = None
    if not isinstance(data, dict):
        raise _Refused(400, "the body must be a JSON object")
    return data


def _flag(body: Mapping[str, object], name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise _Refused(400, f"{name} must be true or false")
    return value


def _number(
    body: Mapping[str, object], name: str, high: float, default: float, *, low: float = 0.0
) -> float:
    value = body.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise _Refused(400, f"{name} must be a number from {low:g} to {high:g}")
    return float(value)


def _size(value: object) -> tuple[int, int] | None:
    match value:
        case None:
            return None
        case [int(width), int(height)] if 160 <= width <= 4096 and 90 <= height <= 2304:
            if width % 2 == height % 2 == 0:
                return width, height
    raise _Refused(400, "picture_size must be two even sides, or null")


def _rms(samples: NDArray[np.int16]) -> float:
    """Return the loudness, 0 to 1."""
    if not len(samples):
        return 0.0
    return round(float(np.sqrt(np.mean((samples / 32768) ** 2))), 4)


def _dominant_hz(samples: NDArray[np.int16], rate: int) -> float | None:
    """Return the loudest pitch of the last seconds, None when nothing is heard."""
    last = samples[-_JUDGED_SECONDS * rate :]
    if len(last) < rate // 10 or not last.any():
        return None
    spectrum = np.abs(np.fft.rfft(last * np.hanning(len(last))))
    return round(float(np.argmax(spectrum)) * rate / len(last), 1)
