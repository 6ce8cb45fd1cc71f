"""What an account's cloud tells of cameras: events, their pictures, firmware, others' homes."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from PIL import Image

from custom_components.mi_camera.cloud.camera_events import MAX_ITEMS, EventKind, parse_page
from custom_components.mi_camera.cloud.errors import CloudUnavailable
from custom_components.mi_camera.cloud.event_pictures import (
    IV_BYTES,
    MAX_SIDE,
    NotAPictureError,
    check_picture,
    open_picture,
)
from custom_components.mi_camera.cloud.firmware import parse_firmware
from custom_components.mi_camera.cloud.homes import MAX_HOMES, parse_homes

from ..target import Target, ensure

if TYPE_CHECKING:
    from custom_components.mi_camera.cloud.transport import JsonValue

    from ..case import Case
    from ..target import Feed

_DID = "1001"
_BEGIN, _END = 1_700_000_000_000, 1_700_000_060_000
_USER = "57"
_SECRET, _IV = bytes(range(16)), bytes(range(16, 16 + IV_BYTES))


def _json(data: bytes) -> JsonValue:
    try:
        value: JsonValue = json.loads(data)
    except ValueError, RecursionError:
        raise CloudUnavailable("not JSON") from None
    return value


def _page() -> Feed:
    def feed(data: bytes) -> None:
        value = _json(data)
        page = parse_page(value, _DID, _BEGIN, _END)
        ensure(len(page.events) + page.foreign + page.odd <= MAX_ITEMS, "a bounded list")
        for event in page.events:
            ensure(isinstance(event.kind, EventKind), "a kind that is known")
            ensure(_BEGIN <= event.at_ms <= _END, "of the time that was asked for")
        ensure(page.older_ms is None or _BEGIN <= page.older_ms < _END, "it goes back in time")
        units = value.get("thirdPartPlayUnits") if isinstance(value, dict) else None
        dids = [one.get("did") for one in units or () if isinstance(one, dict)]  # type: ignore[union-attr]
        named = [did for did in dids if did is not None]
        if page.events:
            ensure(len(named) < len(dids) or _DID in map(str, named), "of no other device")
        if any(event.picture for event in page.events):
            ensure(_DID in map(str, named), "a picture is of a device that was named")

    return feed


def _picture() -> Feed:
    """Take inputs of a picture in clear."""

    def feed(data: bytes) -> None:
        picture = check_picture(data)
        ensure(picture.data == data, "what was checked is what is shown")
        with Image.open(io.BytesIO(data)) as image:
            ensure(max(image.size) <= MAX_SIDE, "a bounded size")

    return feed


def _sealed_picture() -> Feed:
    def feed(data: bytes) -> None:
        clear = open_picture(data, _SECRET, _IV)
        ensure(len(clear) < len(data), "nothing is added")

    return feed


def _firmware() -> Feed:
    def feed(data: bytes) -> None:
        found = parse_firmware(_json(data))
        for version in (found.latest, found.current or "0"):
            ensure(version.isprintable() and 0 < len(version) <= 64, "a version to be shown")
        ensure(len(found.notes) <= 64 * 1024, "notes that fit a state")

    return feed


def _homes() -> Feed:
    def feed(data: bytes) -> None:
        homes, _complete = parse_homes(_json(data), _USER)
        ensure(len(homes) <= MAX_HOMES == 32, "a bounded list")
        ensure(len(set(homes)) == len(homes), "each once")
        for home in homes:
            ensure(str(home.owner) != _USER and home.home_id > 0, "homes of others")

    return feed


_EVENTS = {
    "isContinue": True,
    "nextTime": _BEGIN + 5,
    "thirdPartPlayUnits": [
        {
            "did": _DID,
            "createTime": _BEGIN + 10,
            "eventType": "Pass:Bell",
            "fileId": "file",
            "imgStoreId": "picture",
        },
        {"did": "1002", "createTime": _BEGIN + 20, "eventType": "ObjectMotion"},
        {"createTime": str(_BEGIN + 30), "eventType": "PeopleMotion", "fileId": "file"},
    ],
}
_FIRMWARE = {"latest": "4.1.6_0025", "curr": "4.1.5", "isLatest": False, "description": "Faster"}
_SHARED = {
    "homelist": [{"id": "5", "uid": 57}],
    "share_home_list": [{"id": 6, "uid": "58"}, {"id": 7, "uid": 59}],
    "has_more": False,
}


def _seeds(*values: object) -> list[Case]:
    return [(json.dumps(value).encode(),) for value in values]


def _pictures() -> list[Case]:
    found: list[Case] = []
    for kind in ("JPEG", "PNG"):
        file = io.BytesIO()
        Image.new("RGB", (8, 8), (40, 90, 160)).save(file, kind)
        found.append((file.getvalue(),))
    return found


def _sealed_pictures() -> list[Case]:
    found: list[Case] = []
    for (clear,) in _pictures():
        padding = 16 - len(clear) % 16
        encryptor = Cipher(AES(_SECRET), CBC(_IV)).encryptor()
        sealed = encryptor.update(clear + bytes([padding]) * padding) + encryptor.finalize()
        found.append((sealed,))
    return found


TARGETS = (
    Target(
        "camera-events",
        lambda: _seeds(_EVENTS, {"thirdPartPlayUnits": []}, {}),
        _page,
        permits=(CloudUnavailable,),
        json=True,
        weight=2,
    ),
    Target("event-picture", _pictures, _picture, permits=(NotAPictureError,)),
    Target("event-picture-sealed", _sealed_pictures, _sealed_picture, permits=(NotAPictureError,)),
    Target(
        "cloud-firmware",
        lambda: _seeds(_FIRMWARE, {"latest": "1"}),
        _firmware,
        permits=(CloudUnavailable,),
        json=True,
    ),
    Target(
        "cloud-homes",
        lambda: _seeds(_SHARED, {}),
        _homes,
        permits=(CloudUnavailable,),
        json=True,
    ),
)
