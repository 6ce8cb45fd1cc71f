"""Specifications of models: read whole, or left out where they make no sense."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.mi_camera.device.miot_names import PropertyId
from custom_components.mi_camera.device.miot_spec import (
    Access,
    MiotSpec,
    SpecAction,
    SpecError,
    SpecEvent,
    SpecProperty,
    Steps,
    Value,
    find_urn,
)

if TYPE_CHECKING:
    from custom_components.mi_camera.device.packet import JsonValue

URN = "urn:miot-spec-v2:device:camera:0000A01C:isa-hlc7:2"


def service(iid: int, name: str, **members: list[Any]) -> dict[str, Any]:
    return {
        "iid": iid,
        "type": f"urn:miot-spec-v2:service:{name}:0000782F:isa-hlc7:1",
        "description": name,
        **members,
    }


def member(kind: str, iid: int, name: str, **rest: Any) -> dict[str, Any]:
    return {"iid": iid, "type": f"urn:miot-spec-v2:{kind}:{name}:00000057:isa-hlc7:1", **rest}


NIGHT = member(
    "property",
    3,
    "night-shot",
    description="Night Shot",
    format="uint8",
    access=["read", "write", "notify"],
    unit="none",
    **{"value-list": [{"value": 0, "description": "Off"}, {"value": 2, "description": "Auto"}]},
)
INTERVAL = member(
    "property",
    2,
    "alarm-interval",
    format="uint8",
    access=["read", "write"],
    unit="minutes",
    **{"value-range": [1, 30, 1]},
)


def test_an_instance() -> None:
    data = {
        "type": URN,
        "description": "Camera",
        "services": [
            service(2, "camera-control", properties=[NIGHT]),
            service(
                4,
                "memory-card-management",
                actions=[member("action", 1, "format", **{"in": [], "out": [1, {"piid": 2}]})],
            ),
            service(5, "motion-detection", properties=[INTERVAL]),
            service(
                6,
                "other-functions",
                events=[member("event", 4, "motion", arguments=[1], description="Motion")],
            ),
            service(9, "motion-detection", properties=[INTERVAL]),
        ],
    }
    spec = MiotSpec.parse(data)
    assert spec.urn == URN
    assert spec.properties == {
        "camera-control:night-shot": SpecProperty(
            PropertyId(2, 3),
            "uint8",
            frozenset(Access),
            "Night Shot",
            None,
            (Value(0, "Off"), Value(2, "Auto")),
        ),
        "motion-detection:alarm-interval": SpecProperty(
            PropertyId(5, 2),
            "uint8",
            frozenset({Access.READ, Access.WRITE}),
            "",
            "minutes",
            (),
            Steps(1, 30, 1),
        ),
        "motion-detection-9:alarm-interval": SpecProperty(
            PropertyId(9, 2),
            "uint8",
            frozenset({Access.READ, Access.WRITE}),
            "",
            "minutes",
            (),
            Steps(1, 30, 1),
        ),
    }
    assert spec.actions == {"memory-card-management:format": SpecAction(4, 1, (), (1, 2))}
    assert spec.events == {"other-functions:motion": SpecEvent(6, 4, (1,), "Motion")}
    night = spec.properties["camera-control:night-shot"]
    assert night.readable
    assert night.writable


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"type": URN},
        {"type": 5, "services": []},
        {"type": URN.replace("device", "service"), "services": []},
        {"type": URN, "services": [{}] * 65},
        {"type": URN, "services": [service(2, "x", properties=[{}] * 257)]},
        {"type": URN, "services": [service(2, "x", events=5)]},  # type: ignore[arg-type]
    ],
)
def test_no_instance(data: JsonValue) -> None:
    with pytest.raises(SpecError):
        MiotSpec.parse(data)


@pytest.mark.parametrize(
    "broken",
    [
        NIGHT | {"iid": 0},
        NIGHT | {"iid": True},
        NIGHT | {"iid": 70000},
        NIGHT | {"type": "night-shot"},
        NIGHT | {"format": "hex"},
        NIGHT | {"format": ["uint8"]},
        "night-shot",
    ],
)
def test_a_member_that_makes_no_sense_is_left_out(broken: Any) -> None:
    data: JsonValue = {
        "type": URN,
        "services": [
            "nothing",
            {"iid": 3},
            service(2, "camera-control", properties=[broken, NIGHT]),
        ],
    }
    assert list(MiotSpec.parse(data).properties) == ["camera-control:night-shot"]


def test_lists_and_ranges_that_make_no_sense_are_none() -> None:
    def parsed(**rest: Any) -> SpecProperty:
        data: JsonValue = {
            "type": URN,
            "services": [service(2, "camera-control", properties=[NIGHT | rest])],
        }
        return MiotSpec.parse(data).properties["camera-control:night-shot"]

    assert parsed(**{"value-list": [{"value": "0"}, {"value": True}, 5]}).values == ()
    assert parsed(**{"value-list": [{"value": 1}] * 65}).values == ()
    for wrong in ([1, 30], [30, 1, 1], [1, 30, 0], [True, 30, 1], ["1", 2, 3], "1-30"):
        assert parsed(**{"value-range": wrong}).steps is None
    assert parsed(access="read").access == frozenset()
    assert parsed(unit="x" * 33).unit is None
    assert parsed(description="a\nb").description == ""
    assert len(parsed(description="a" * 500).description) == 120


INT = SpecProperty(PropertyId(2, 1), "uint8", frozenset(Access))


@pytest.mark.parametrize(
    ("prop", "value"),
    [
        (SpecProperty(PropertyId(2, 1), "bool", frozenset()), 1),
        (SpecProperty(PropertyId(2, 1), "string", frozenset()), 1),
        (SpecProperty(PropertyId(2, 1), "string", frozenset()), "x" * 257),
        (SpecProperty(PropertyId(2, 1), "string", frozenset()), "a\0b"),
        (INT, True),
        (INT, "5"),
        (INT, 1.5),
        (INT, -1),
        (INT, 256),
        (INT, math.inf),
        (INT, math.nan),
        (SpecProperty(PropertyId(2, 1), "float", frozenset()), math.nan),
        (SpecProperty(PropertyId(2, 1), "float", frozenset()), math.inf),
        (SpecProperty(PropertyId(2, 1), "int8", frozenset(), values=(Value(1, ""),)), 2),
        (SpecProperty(PropertyId(2, 1), "int8", frozenset(), steps=Steps(0, 10, 5)), 11),
        (SpecProperty(PropertyId(2, 1), "int8", frozenset(), steps=Steps(0, 10, 5)), 3),
    ],
)
def test_a_value_that_may_not_be_sent(prop: SpecProperty, value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which of its texts is of no matter
        prop.check(value)


def test_a_value_that_may_be_sent() -> None:
    assert SpecProperty(PropertyId(2, 1), "bool", frozenset()).check(False) is False
    assert SpecProperty(PropertyId(2, 1), "string", frozenset()).check("08:00") == "08:00"
    assert INT.check(255.0) == 255
    assert type(INT.check(255.0)) is int
    assert SpecProperty(PropertyId(2, 1), "float", frozenset()).check(1) == 1.0
    steps = Steps(0.1, 1.0, 0.1)
    assert SpecProperty(PropertyId(2, 1), "float", frozenset(), steps=steps).check(0.3) == 0.3


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(
                [
                    "iid",
                    "type",
                    "services",
                    "properties",
                    "actions",
                    "events",
                    "format",
                    "access",
                    "value-list",
                    "value-range",
                    "in",
                    "out",
                    "unit",
                    "arguments",
                    "value",
                ]
            ),
            inner | st.sampled_from([URN, NIGHT["type"], "uint8", 3]),
            max_size=6,
        )
    ),
    max_leaves=30,
)


@settings(max_examples=300)
@given(json, st.one_of(json, st.just({"type": URN, "services": []})))
def test_hostile_instances(services: Any, outer: Any) -> None:
    for data in (outer, {"type": URN, "services": services}, {"instances": services}):
        try:
            spec = MiotSpec.parse(data)
        except SpecError:
            pass
        else:
            assert all(":" in name for name in (*spec.properties, *spec.actions, *spec.events))
        with contextlib.suppress(SpecError):
            assert find_urn(data, "isa.camera.hlc7") is None


def test_the_newest_released_specification() -> None:
    def entry(version: Any, **rest: Any) -> dict[str, Any]:
        return {
            "status": "released",
            "model": "isa.camera.hlc7",
            "version": version,
            "type": URN[:-1] + str(version),
        } | rest

    data: JsonValue = {
        "instances": [
            entry(1),
            entry(3),
            entry(2),
            entry(4, status="debug"),
            entry(5, model="isa.camera.hlc6"),
            entry("6"),
            entry(7, type="urn:elsewhere"),
            "x",
        ]
    }
    assert find_urn(data, "isa.camera.hlc7") == URN[:-1] + "3"
    assert find_urn(data, "nobody.camera.x") is None
    with pytest.raises(SpecError):
        find_urn([], "isa.camera.hlc7")
