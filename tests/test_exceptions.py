"""Errors of the layers below become translated ones."""

from __future__ import annotations

import pytest

from custom_components.mi_camera.camera_config import AccountConfig, CameraConfig
from custom_components.mi_camera.cloud import (
    CloudApiError,
    CloudError,
    CloudUnavailable,
    SessionExpired,
    TooManyCalls,
)
from custom_components.mi_camera.device import (
    MiioDeviceError,
    MiioError,
    MiioTimeout,
    MiioWrongDevice,
)
from custom_components.mi_camera.exceptions import session_error, translated
from custom_components.mi_camera.gate_record import GateRecord
from custom_components.mi_camera.media import Trouble, UpstreamError
from custom_components.mi_camera.miss import (
    MissBusy,
    MissClosed,
    MissError,
    MissRefused,
    MissUnreachable,
)


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (MiioTimeout("h", answered_hello=True), "camera_no_answer"),
        (MiioWrongDevice("h", 1, 2), "camera_other_device"),
        (MiioDeviceError(-4004, "x"), "camera_refused"),
        (MiioError("x"), "camera_failed"),
        (CloudUnavailable("x"), "cloud_unavailable"),
        (SessionExpired(), "cloud_signed_out"),
        (TooManyCalls(), "cloud_limit"),
        (CloudApiError(-704042011), "camera_offline"),
        (CloudApiError(-704220043), "camera_refused"),
        (CloudError("x"), "camera_failed"),
    ],
)
def test_each_kind_has_its_text(error: MiioError | CloudError, key: str) -> None:
    assert translated(error, "Kitchen").translation_key == key


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (UpstreamError(Trouble.BUSY), "camera_busy"),
        (UpstreamError(Trouble.UNREACHABLE), "camera_no_answer"),
        (UpstreamError(Trouble.REFUSED), "camera_no_keys"),
        (UpstreamError(Trouble.NO_KEYS), "camera_no_keys"),
        (UpstreamError(Trouble.ASLEEP), "camera_asleep"),
        (UpstreamError(Trouble.BROKEN), "camera_failed"),
        (MissBusy("x"), "camera_busy"),
        (MissUnreachable("x"), "camera_no_answer"),
        (MissRefused("x"), "camera_no_keys"),
        (MissClosed("x"), "camera_failed"),
    ],
)
def test_each_trouble_of_a_session_has_its_text(error: UpstreamError | MissError, key: str) -> None:
    assert session_error(error, "Kitchen").translation_key == key


@pytest.mark.parametrize(
    ("trouble", "key"),
    [(Trouble.ENCODER, "not_converted"), (Trouble.ENCODERS_TAKEN, "encoders_taken")],
)
def test_who_cannot_be_converted_for_is_named(trouble: Trouble, key: str) -> None:
    error = session_error(UpstreamError(trouble), "Kitchen", "Hall")
    assert error.translation_key == key
    assert error.translation_placeholders == {"camera": "Kitchen", "player": "Hall"}


CAMERA = {"did": "1", "name": "n", "model": "m", "host": "h", "token": "0" * 32}


@pytest.mark.parametrize(
    "damage",
    [
        {"did": "x"},
        {"did": "²"},
        {"did": "9" * 21},
        {"did": 5},
        {"did": ""},
        {"name": "n" * 256},
        {"host": None},
        {"token": "0" * 31},
        {"token": "g" * 32},
        {"token": "00 " * 10 + "00"},
        {"quality": "4K"},
        {"quality": None},
        {"sound": 1},
        {"region": "mars"},
        {"region": []},
    ],
)
def test_a_stored_camera_is_checked(damage: dict[str, object]) -> None:
    defaults = {"mac": None, "account": None, "quality": "best", "sound": True, "region": None}
    assert CameraConfig.parse(CAMERA).as_dict() == {**CAMERA, **defaults}
    changed = {**CAMERA, "quality": "low", "sound": False}
    assert CameraConfig.parse(changed).as_dict() == {**defaults, **changed}
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
