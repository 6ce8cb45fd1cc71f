"""Answers about devices, kind and hostile."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.mi_camera.cloud import CloudDevice, CloudUnavailable
from custom_components.mi_camera.cloud.devices import (
    MAX_DEVICES,
    MAX_SIGN,
    parse_devices,
    parse_vendor,
)

ENTRY = {
    "did": "1001",
    "model": "isa.camera.hlc7",
    "name": "Porch",
    "mac": "02:00:00:00:44:01",
    "localip": "192.168.1.20",
    "token": "000102030405060708090a0b0c0d0e0f",
    "isOnline": True,
}
VENDOR = {
    "vendor": {"vendor": 4, "vendor_params": {"p2p_id": "abc", "n": 1, "deep": {}}},
    "public_key": "ab" * 32,
    "sign": "signature",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)


def one(**changed: object) -> list[CloudDevice]:
    return parse_devices({"list": [{**ENTRY, **changed}]})  # type: ignore[dict-item]


def test_device() -> None:
    assert one() == [
        CloudDevice(
            did="1001",
            model="isa.camera.hlc7",
            name="Porch",
            mac="02:00:00:00:44:01",
            local_ip="192.168.1.20",
            token=bytes(range(16)),
            online=True,
        )
    ]
    assert "0102030405" not in repr(one())
    assert repr(bytes(range(16)))[2:-1] not in repr(one())


@pytest.mark.parametrize(
    ("model", "camera"),
    [
        ("isa.camera.hlc7", True),
        ("loock.cateye.v06", True),
        ("mmgg.feeder.fi1", True),
        ("yeelink.light.lamp1", False),
        ("chuangmi.plug.m1", False),
    ],
)
def test_cameras(model: str, camera: bool) -> None:
    assert one(model=model)[0].is_camera is camera


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("did", 1002, "1002"),
        ("name", "a\x00b\n", "ab"),
        ("name", "n" * 500, "n" * 128),
        ("name", None, "isa.camera.hlc7"),
        ("mac", "aabbccddeeff", "AA:BB:CC:DD:EE:FF"),
        ("mac", "nonsense", None),
        ("mac", 5, None),
        ("localip", "", None),
        ("localip", "224.0.0.1", None),
        ("localip", "0.0.0.0", None),
        ("localip", "255.255.255.255", None),
        ("localip", "fe80::1", None),
        ("localip", 17, None),
        ("token", "", None),
        ("token", "zz" * 16, None),
        ("token", "00" * 15, None),
        ("token", None, None),
        ("isOnline", "yes", False),
        ("isOnline", 1, False),
    ],
)
def test_fields(field: str, value: object, expected: object) -> None:
    name = {"localip": "local_ip", "isOnline": "online"}.get(field, field)
    assert getattr(one(**{field: value})[0], name) == expected


def test_token_of_a_yi_camera() -> None:
    found = one(token="notHexAtAll12345", extra={"token": "ff" * 16})
    assert found[0].token == b"\xff" * 16


@pytest.mark.parametrize(
    "bad",
    [
        {"did": ""},
        {"did": "../x"},
        {"did": "1" * 65},
        {"did": True},
        {"did": -1},
        {"did": None},
        {"model": ""},
        {"model": "nodots"},
        {"model": None},
        {"model": "a.b\n"},
        {"model": "x" * 99},
    ],
)
def test_odd_entries_are_left_out(bad: dict[str, object]) -> None:
    assert one(**bad) == []


def test_number_of_devices_is_bounded() -> None:
    entries = [{**ENTRY, "did": str(n)} for n in range(MAX_DEVICES + 50)]
    assert len(parse_devices({"list": entries})) == MAX_DEVICES  # type: ignore[dict-item]


def test_same_did_twice_counts_once() -> None:
    assert len(parse_devices({"list": [ENTRY, ENTRY, 5, None, "x"]})) == 1  # type: ignore[list-item]


@pytest.mark.parametrize("bad", [None, 1, "list", [], {}, {"list": None}, {"list": {}}])
def test_no_list(bad: object) -> None:
    with pytest.raises(CloudUnavailable):
        parse_devices(bad)  # type: ignore[arg-type]


@settings(deadline=None)
@given(JSON, st.dictionaries(st.sampled_from([*ENTRY, "extra"]), JSON))
def test_any_json(anything: object, entry: dict[str, object]) -> None:
    with suppress(CloudUnavailable):
        parse_devices(anything)  # type: ignore[arg-type]
    with suppress(CloudUnavailable):
        parse_vendor(anything)  # type: ignore[arg-type]
    for device in parse_devices({"list": [{**ENTRY, **entry}]}):  # type: ignore[dict-item]
        assert device.token is None or len(device.token) == 16
        assert device.name.isprintable()


def test_vendor() -> None:
    vendor = parse_vendor(VENDOR)  # type: ignore[arg-type]
    assert (vendor.vendor, vendor.device_public, vendor.sign) == (4, b"\xab" * 32, "signature")
    assert vendor.parameters == {"p2p_id": "abc", "n": 1}
    assert vendor.peer_id == "abc"
    assert "signature" not in repr(vendor)
    assert "abc" not in repr(vendor)


@pytest.mark.parametrize(
    "bad",
    [
        {"vendor": None},
        {"vendor": {}},
        {"vendor": {"vendor": "4"}},
        {"vendor": {"vendor": True}},
        {"public_key": "ab"},
        {"public_key": None},
        {"public_key": "zz" * 32},
        {"sign": ""},
        {"sign": None},
        {"sign": "x" * (MAX_SIGN + 1)},
        {"sign": "a\nb"},
    ],
)
def test_bad_vendor(bad: dict[str, object]) -> None:
    with pytest.raises(CloudUnavailable):
        parse_vendor({**VENDOR, **bad})  # type: ignore[dict-item]


@pytest.mark.parametrize("parameters", [None, [], "x"])
def test_vendor_without_parameters(parameters: object) -> None:
    vendor = parse_vendor(
        {**VENDOR, "vendor": {"vendor": 6, "vendor_params": parameters}}  # type: ignore[dict-item]
    )
    assert vendor.parameters == {}
    assert vendor.peer_id == ""


@pytest.mark.parametrize("text", ["", 7, "a b", "é", "x" * 65, "line\n"])
def test_a_name_on_the_transport_that_cannot_be_one_is_none(text: object) -> None:
    vendor = parse_vendor(
        {**VENDOR, "vendor": {"vendor": 1, "vendor_params": {"p2p_id": text}}}  # type: ignore[dict-item]
    )
    assert vendor.peer_id == ""
