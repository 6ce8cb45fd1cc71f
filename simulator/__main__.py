"""Command line of the simulators: ``python -m simulator home FILE`` and single parts."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
import signal
import sys
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from simulator.camera.spec import AUDIO_CODECS
from simulator.cloud.server import REGIONS
from simulator.description import CLOUD_PORT, CONTROL_PORT, DescriptionError, HomeSpec
from simulator.display.models import MODELS
from simulator.home import HomeError, SimHome

if TYPE_CHECKING:
    from collections.abc import Sequence

DEMO = Path(__file__).with_name("homes") / "demo.json"
_CANNOT_START = 1
_BAD_DESCRIPTION = 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="Simulated Xiaomi cameras, their cloud and Cast displays, on addresses of "
        "this machine. Each prints one line that begins with 'ready' when it is up and runs "
        "until SIGINT or SIGTERM.",
    )
    commands = parser.add_subparsers(dest="command", required=True)

    home = commands.add_parser("home", help="a whole home from a description")
    home.add_argument(
        "file", type=Path, nargs="?", default=DEMO, help="JSON description (default: the demo home)"
    )
    home.add_argument(
        "--memory", type=Path, help="file in which the cloud remembers who is signed in"
    )

    camera = commands.add_parser("camera", help="one camera: miio and video")
    camera.add_argument("--did", type=int, default=1001001001, help="device id")
    camera.add_argument("--model", default="chuangmi.camera.021a04")
    camera.add_argument("--name", default="Camera")
    camera.add_argument("--scene", default="kitchen", help="what it sees")
    camera.add_argument("--address", default="127.0.0.11", help="IPv4 address of its own")
    camera.add_argument("--token", default="6b69746368656e2d746f6b656e2d3031", help="32 hex digits")
    camera.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    camera.add_argument("--codec", choices=("h264", "h265"), default="h264")
    camera.add_argument("--audio", choices=AUDIO_CODECS, default="pcma")
    camera.add_argument("--lenses", type=int, choices=(1, 2), default=1)
    camera.add_argument("--fps", type=int, default=15)
    camera.add_argument("--viewers", type=int, default=2, help="sessions it takes")
    camera.add_argument(
        "--go2rtc", action="store_true", help="print a stream URL for go2rtc, with keys, as well"
    )

    cloud = commands.add_parser(
        "cloud", help="the cloud alone, with an account that has no devices"
    )
    cloud.add_argument("--address", default="127.0.0.31")
    cloud.add_argument("--port", type=int, default=CLOUD_PORT)
    cloud.add_argument("--username", default="demo@example.com")
    cloud.add_argument("--password", default="open-sesame")
    cloud.add_argument("--region", choices=REGIONS, default="de")

    display = commands.add_parser("display", help="one Cast display")
    display.add_argument("--name", default="Hall display")
    display.add_argument("--address", default="127.0.0.21", help="IPv4 address of its own")
    display.add_argument("--model", choices=tuple(MODELS), default="Google Nest Hub")

    for command in (camera, cloud, display):
        command.add_argument(
            "--control",
            type=int,
            metavar="PORT",
            help=f"serve the control API on 127.0.0.1 (a home has it on {CONTROL_PORT})",
        )
    return parser


def _description(arguments: argparse.Namespace) -> HomeSpec:
    """Return what to run; raises `DescriptionError`."""
    if arguments.command == "home":
        return HomeSpec.read(arguments.file)
    part = dict(vars(arguments))
    command = part.pop("command")
    control = part.pop("control")
    part.pop("go2rtc", None)
    key = {"camera": "cameras", "display": "displays", "cloud": "cloud"}[command]
    return HomeSpec.parse(
        {
            key: part if key == "cloud" else [part],
            "control": None if control is None else {"port": control},
        }
    )


def _go2rtc_url(home: SimHome) -> str:
    """Return a URL that go2rtc plays without a cloud, for the first camera."""
    did, camera = next(iter(home.cameras.items()))
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return (
        f"xiaomi://{camera.spec.address}?vendor=cs2&model={camera.spec.model}&did={did}"
        f"&client_public={public.hex()}&client_private={private.private_bytes_raw().hex()}"
        f"&device_public={home.keys.device_public(did).hex()}&sign={home.keys.sign(did, public)}"
    )


async def _run(spec: HomeSpec, *, go2rtc: bool, memory: Path | None) -> None:
    """Run a home until a signal; raises `HomeError`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    home = SimHome(spec, memory=memory)
    await home.start()
    try:
        if go2rtc:
            print(_go2rtc_url(home), flush=True)
        where = ", ".join(f"{name} {address}" for name, address in home.addresses().items())
        print(f"ready: {where}" if where else "ready: an empty home", flush=True)
        await stop.wait()
    finally:
        await home.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        spec = _description(arguments)
        asyncio.run(
            _run(
                spec,
                go2rtc=getattr(arguments, "go2rtc", False),
                memory=getattr(arguments, "memory", None),
            )
        )
    except DescriptionError as err:
        print(f"simulator: {err}", file=sys.stderr)
        return _BAD_DESCRIPTION
    except HomeError as err:
        print(f"simulator: {err}", file=sys.stderr)
        return _CANNOT_START
    return 0


if __name__ == "__main__":
    sys.exit(main())
