"""The description of a simulated home: a JSON file, checked field by field.

    {"cameras":  [{"did", "model", "name", "address", "token", …}, …],
     "displays": [{"name", "address", "model"}, …],
     "cloud":    {"address", "port", "username", "password", "region", "others"},
     "control":  {"address", "port"}}

Every part may be left out. What a camera may say is in `CameraSpec`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import ipaddress
import json
import re
from typing import TYPE_CHECKING, Final, Literal, Self

from simulator.camera.spec import AUDIO_CODECS, CameraSpec
from simulator.cloud.server import REGIONS
from simulator.display.models import MODELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from simulator.camera.spec import AudioCodec, MotorForm, SearchKind, Transport, VideoCodec

MAX_SIZE: Final = 1 << 20
CLOUD_PORT: Final = 8130
CONTROL_PORT: Final = 8120
_MAC: Final = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_REQUIRED: Final = object()
_TRANSPORTS: Final[tuple[Transport, ...]] = ("udp", "tcp")
_VIDEO_CODECS: Final[tuple[VideoCodec, ...]] = ("h264", "h265")
_SPEAKERS: Final[tuple[AudioCodec | Literal["auto"], ...]] = ("auto", *AUDIO_CODECS)
_MOTORS: Final[tuple[MotorForm, ...]] = ("operation", "qcy")
_SEARCHES: Final[tuple[SearchKind, ...]] = ("any", "broadcast")


class DescriptionError(Exception):
    """A description that cannot be used; the text is one line that says where and why."""


@dataclass(frozen=True, slots=True)
class DisplaySpec:
    """A simulated Cast display."""

    name: str
    address: str
    model: str


@dataclass(frozen=True, slots=True)
class OtherDevice:
    """A device that the cloud lists and nothing simulates."""

    did: str
    model: str
    name: str
    mac: str


@dataclass(frozen=True, slots=True)
class CloudSpec:
    """The simulated cloud and its one account."""

    address: str
    port: int
    username: str
    password: str = field(repr=False)
    region: str
    others: tuple[OtherDevice, ...]


@dataclass(frozen=True, slots=True)
class ControlSpec:
    """Where the control API listens."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class HomeSpec:
    """A whole home."""

    cameras: tuple[CameraSpec, ...] = ()
    displays: tuple[DisplaySpec, ...] = ()
    cloud: CloudSpec | None = None
    control: ControlSpec | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file; raises `DescriptionError`."""
        try:
            with path.open("rb") as file:
                content = file.read(MAX_SIZE + 1)
        except OSError as err:
            raise DescriptionError(f"{path}: {err.strerror}") from err
        if len(content) > MAX_SIZE:
            raise DescriptionError(f"{path}: larger than {MAX_SIZE} bytes")
        try:
            data = json.loads(content)
        except json.JSONDecodeError as err:
            raise DescriptionError(f"{path}, line {err.lineno}: {err.msg}") from err
        except (UnicodeDecodeError, RecursionError) as err:
            raise DescriptionError(f"{path}: not JSON") from err
        try:
            return cls.parse(data)
        except DescriptionError as err:
            raise DescriptionError(f"{path}: {err}") from err

    @classmethod
    def parse(cls, data: object) -> Self:
        """Check decoded JSON; raises `DescriptionError`."""
        home = _Fields("", data)
        cameras = tuple(_camera(fields) for fields in home.objects("cameras"))
        displays = tuple(_display(fields) for fields in home.objects("displays"))
        cloud = home.object("cloud")
        control = home.object("control")
        spec = cls(
            cameras,
            displays,
            None if cloud is None else _cloud(cloud),
            None if control is None else _control(control),
        )
        home.end()
        _unique("did", (camera.did for camera in cameras))
        addresses = [camera.address for camera in cameras]
        _unique("address", addresses + [display.address for display in displays])
        _unique("display name", (display.name for display in displays))
        return spec


class _Fields:
    """Reads the fields of one JSON object, each once, and knows where it is."""

    def __init__(self, where: str, data: object) -> None:
        self._where = where
        if not isinstance(data, dict):
            raise DescriptionError(f"{where or 'description'} must be an object")
        self._data: dict[str, object] = dict(data)

    def fail(self, name: str, problem: str) -> DescriptionError:
        path = f"{self._where}.{name}" if self._where else name
        return DescriptionError(f"{path} {problem}")

    def _take(self, name: str, default: object) -> object:
        value = self._data.pop(name, default)
        if value is _REQUIRED:
            raise self.fail(name, "is missing")
        return value

    def end(self) -> None:
        """Refuse fields nobody read: a typing mistake would pass unnoticed."""
        if self._data:
            raise self.fail(min(self._data), "is not known here")

    def text(self, name: str, default: object = _REQUIRED) -> str:
        value = self._take(name, default)
        if not isinstance(value, str) or not 0 < len(value) <= 200:
            raise self.fail(name, "must be a text, not empty")
        return value

    def choice[T: str](self, name: str, choices: Iterable[T], default: object = _REQUIRED) -> T:
        value = self._take(name, default)
        for known in (all_known := tuple(choices)):
            if value == known:
                return known
        raise self.fail(name, f"must be one of {', '.join(all_known)}")

    def choice_or_none[T: str](self, name: str, choices: Iterable[T], default: T) -> T | None:
        """Return one of the choices, or None for a null."""
        if name in self._data and self._data[name] is None:
            del self._data[name]
            return None
        return self.choice(name, choices, default)

    def number(self, name: str, low: int, high: int, default: object = _REQUIRED) -> int:
        value = self._take(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.fail(name, f"must be a whole number from {low} to {high}")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise self.fail(name, "must be true or false")
        return value

    def seconds(self, name: str, low: float, high: float, default: float) -> float:
        value = self._take(name, default)
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not low <= value <= high
        ):
            raise self.fail(name, f"must be a number of seconds from {low} to {high}")
        return float(value)

    def address(self, name: str, default: object = _REQUIRED) -> str:
        value = self._take(name, default)
        try:
            return str(ipaddress.IPv4Address(value if isinstance(value, str) else ""))
        except ValueError:
            raise self.fail(name, "must be an IPv4 address") from None

    def matching(self, name: str, pattern: re.Pattern[str], what: str, default: object) -> str:
        value = self._take(name, default)
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise self.fail(name, f"must be {what}")
        return value

    def token(self, name: str) -> bytes:
        value = self._take(name, _REQUIRED)
        try:
            token = bytes.fromhex(value) if isinstance(value, str) else b""
        except ValueError:
            token = b""
        if len(token) != 16:
            raise self.fail(name, "must be 32 hexadecimal digits")
        return token

    def sizes(self, name: str) -> dict[int, tuple[int, int]] | None:
        value = self._take(name, None)
        if value is None:
            return None
        wrong = self.fail(name, 'must look like {"2": [1280, 720]}')
        if not isinstance(value, dict) or not 0 < len(value) <= 8:
            raise wrong
        sizes: dict[int, tuple[int, int]] = {}
        for quality, size in value.items():
            match size:
                case [int(width), int(height)] if quality.isdecimal():
                    sizes[int(quality)] = width, height
                    if not (160 <= width <= 4096 and 90 <= height <= 2304):
                        raise wrong
                    if width % 2 or height % 2:
                        raise self.fail(name, "must have even sides")
                case _:
                    raise wrong
        return sizes

    def object(self, name: str) -> _Fields | None:
        value = self._take(name, None)
        where = f"{self._where}.{name}" if self._where else name
        return None if value is None else _Fields(where, value)

    def objects(self, name: str) -> Sequence[_Fields]:
        value = self._take(name, [])
        if not isinstance(value, list):
            raise self.fail(name, "must be a list")
        where = f"{self._where}.{name}" if self._where else name
        return [_Fields(f"{where}[{index}]", item) for index, item in enumerate(value)]


def _camera(fields: _Fields) -> CameraSpec:
    did = fields.number("did", 1, (1 << 64) - 1)
    suffix = ":".join(f"{did >> shift & 0xFF:02x}" for shift in (16, 8, 0))
    sizes = fields.sizes("qualities")
    name = fields.text("name")
    camera = CameraSpec(
        did=did,
        model=fields.text("model"),
        name=name,
        scene=fields.text("scene", name.lower()),
        address=fields.address("address"),
        mac=fields.matching("mac", _MAC, "a MAC address", f"50:ec:50:{suffix}").lower(),
        token=fields.token("token"),
        transport=fields.choice("transport", _TRANSPORTS, "udp"),
        codec=fields.choice("codec", _VIDEO_CODECS, "h264"),
        audio=fields.choice("audio", AUDIO_CODECS, "pcma"),
        speaker=fields.choice_or_none("speaker", _SPEAKERS, "auto"),
        motor=fields.choice_or_none("motor", _MOTORS, "operation"),
        search=fields.choice("search", _SEARCHES, "any"),
        asleep=fields.flag("asleep", default=False),
        lenses=fields.number("lenses", 1, 2, 1),
        interleaves=fields.flag("interleaves", default=True),
        fps=fields.number("fps", 1, 60, 15),
        gop_seconds=fields.seconds("gop_seconds", 0.1, 20.0, 2.0),
        replay=fields.flag("replay", default=False),
        viewers=fields.number("viewers", 1, 32, 2),
    )
    if sizes is not None:
        camera.qualities = sizes
    fields.end()
    return camera


def _display(fields: _Fields) -> DisplaySpec:
    spec = DisplaySpec(
        fields.text("name"),
        fields.address("address"),
        fields.choice("model", MODELS, "Google Nest Hub"),
    )
    fields.end()
    return spec


def _cloud(fields: _Fields) -> CloudSpec:
    spec = CloudSpec(
        fields.address("address"),
        fields.number("port", 0, 65535, CLOUD_PORT),
        fields.text("username"),
        fields.text("password"),
        fields.choice("region", REGIONS, "de"),
        tuple(_other(other) for other in fields.objects("others")),
    )
    fields.end()
    return spec


def _other(fields: _Fields) -> OtherDevice:
    spec = OtherDevice(
        fields.text("did"),
        fields.text("model"),
        fields.text("name"),
        fields.matching("mac", _MAC, "a MAC address", _REQUIRED),
    )
    fields.end()
    return spec


def _control(fields: _Fields) -> ControlSpec:
    spec = ControlSpec(
        fields.address("address", "127.0.0.1"), fields.number("port", 0, 65535, CONTROL_PORT)
    )
    fields.end()
    return spec


def _unique(what: str, values: Iterable[object]) -> None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise DescriptionError(f"{what} {value} is there twice")
        seen.add(value)
