"""Specifications of models, as the public service gives them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from custom_components.mi_camera.cloud.errors import CloudUnavailable
from custom_components.mi_camera.cloud.transport import read_object
from custom_components.mi_camera.device.miot_spec import (
    MAX_DESCRIPTION,
    MAX_IID,
    MAX_VALUES,
    MiotSpec,
    SpecError,
    find_urn,
)

from ..target import Target, ensure

if TYPE_CHECKING:
    from ..case import Case
    from ..target import Feed

_MODEL = "isa.camera.hlc7"
_URN = "urn:miot-spec-v2:device:camera:0000A01C:isa-hlc7:2"


def _instance() -> Feed:
    def feed(data: bytes) -> None:
        spec = MiotSpec.parse(read_object(data))
        for name, one in spec.properties.items():
            ensure(":" in name and len(name) <= 200, "names are short")
            ensure(0 < one.ids.siid <= MAX_IID and 0 < one.ids.piid <= MAX_IID, "numbers fit")
            ensure(len(one.values) <= MAX_VALUES, "lists are bounded")
            ensure(len(one.description) <= MAX_DESCRIPTION, "texts are bounded")
            for value in (True, 0, -1, 2.5, "08:00", one.values[0].value if one.values else 7):
                try:
                    sent = one.check(value)
                except ValueError:
                    continue
                ensure(sent == value, "what is sent is what was asked for")

    return feed


def _list() -> Feed:
    def feed(data: bytes) -> None:
        urn = find_urn(read_object(data), _MODEL)
        ensure(urn is None or urn.startswith("urn:"), "a name or nothing")

    return feed


def _instances() -> list[Case]:
    def member(kind: str, iid: int, name: str, **rest: object) -> dict[str, object]:
        return {"iid": iid, "type": f"urn:miot-spec-v2:{kind}:{name}:00000057:isa-hlc7:1", **rest}

    access = ["read", "write", "notify"]
    service = member(
        "service",
        2,
        "camera-control",
        properties=[
            member("property", 1, "on", format="bool", access=access),
            member(
                "property",
                3,
                "night-shot",
                format="uint8",
                access=access,
                **{"value-list": [{"value": 0, "description": "Off"}]},
            ),
            member(
                "property",
                4,
                "alarm-interval",
                format="uint8",
                access=access,
                unit="minutes",
                **{"value-range": [1, 30, 1]},
            ),
        ],
        actions=[member("action", 1, "format", **{"in": [1], "out": []})],
        events=[member("event", 1, "motion", arguments=[1])],
    )
    return [(json.dumps({"type": _URN, "services": [service]}).encode(),)]


def _lists() -> list[Case]:
    entry = {"status": "released", "model": _MODEL, "version": 2, "type": _URN, "ts": 1}
    return [(json.dumps({"instances": [entry, entry | {"version": 1}]}).encode(),)]


_ERRORS = (SpecError, CloudUnavailable)
TARGETS = (
    Target("miot-spec", _instances, _instance, permits=_ERRORS, json=True),
    Target("miot-spec-list", _lists, _list, permits=_ERRORS, json=True),
)
