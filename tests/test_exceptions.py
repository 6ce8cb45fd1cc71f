"""Errors of the layers below become translated ones."""

from __future__ import annotations

import pytest

from custom_components.mi_camera.camera_config import AccountConfig, CameraConfig
from custom_components.mi_camera.cloud import CloudError, CloudUnavailable
from custom_components.mi_camera.device import (
    MiioDeviceError,
    MiioError,
    MiioTimeout,
    MiioWrongDevice,
)
from custom_components.mi_camera.exceptions import translated
from custom_components.mi_camera.gate_record import GateRecord


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (MiioTimeout("h", answered_hello=True), "camera_no_answer"),
        (MiioWrongDevice("h", 1, 2), "camera_other_device"),
        (MiioDeviceError(-4004, "x"), "camera_refused"),
        (MiioError("x"), "camera_failed"),
        (CloudUnavailable("x"), "cloud_unavailable"),
        (CloudError("x"), "camera_failed"),
    ],
)
def test_each_kind_has_its_text(error: MiioError | CloudError, key: str) -> None:
    assert translated(error, "Kitchen").translation_key == key


CAMERA = {"did": "1", "name": "n", "model": "m", "host": "h", "token": "0" * 32}


@pytest.mark.parametrize(
    "damage",
    [
        {"did": "x"},
        {"did": 5},
        {"did": ""},
        {"name": "n" * 256},
        {"host": None},
        {"token": "0" * 31},
        {"token": "g" * 32},
        {"token": "00 " * 10 + "00"},
    ],
)
def test_a_stored_camera_is_checked(damage: dict[str, object]) -> None:
    assert CameraConfig.parse(CAMERA).as_dict() == {**CAMERA, "mac": None, "account": None}
    with pytest.raises(ValueError, match="stored camera"):
        CameraConfig.parse({**CAMERA, **damage})


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"region": "xx", "session": {}},
        {"region": "de", "session": 1},
        {"region": "de", "session": {}},
    ],
)
def test_a_stored_account_is_checked(data: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        AccountConfig.parse(data)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"enabled": True},
        {"enabled": "yes", "epoch": 1},
        {"enabled": True, "epoch": 0},
        {"enabled": True, "epoch": -1},
        {"enabled": True, "epoch": 1.5},
        {"enabled": True, "epoch": 2**60},
        {"enabled": True, "epoch": 1, "reason": 5},
        {"enabled": True, "epoch": 1, "changed_at": []},
    ],
)
def test_a_gate_record_is_well_formed_or_nothing(data: object) -> None:
    assert GateRecord.parse(data) is None
    good = GateRecord(True, 3, "now", "why")
    assert GateRecord.parse(good.as_dict()) == good
