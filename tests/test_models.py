"""The table of camera models: what holds for every row, and the documented exceptions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from custom_components.mi_camera.miss.frames import Codec
from custom_components.mi_camera.miss.models import (
    _EXACT,
    _FAMILIES,
    UNKNOWN,
    CameraModel,
    WakeAction,
    WakeCall,
    WakeRewrite,
    camera_model,
)
from custom_components.mi_camera.miss.motor import MotorDialect

ROWS = {**_EXACT, **dict(_FAMILIES)}


@pytest.mark.parametrize("model", ROWS.values(), ids=ROWS)
def test_every_row_is_sound_and_says_where_it_is_from(model: CameraModel) -> None:
    assert len(model.source) > 10
    assert model.transports
    assert set(model.transports) <= {"udp", "tcp"}
    for ladder in (model.qualities, model.low_qualities):
        assert ladder
        assert len(set(ladder)) == len(ladder)
        assert all(0 <= quality <= 9 for quality in ladder)
    # Low ends on something that every model with a low picture has.
    assert 1 in model.low_qualities
    assert model.lenses in {1, 2}
    assert not (model.interleaves and model.lenses == 1)
    assert model.motor_known or model.motor is None
    if model.speaker is not None:
        assert model.speaker >= Codec.PCM
    assert model.speaker_rate == (48000 if model.speaker is Codec.OPUS else 8000)
    if model.wake is not None:
        assert 3 <= model.wake.seconds <= 15
        assert model.wake.awake > model.wake.seconds
    # A row that says nothing has no place in the table.
    assert replace(model, source="", probe=True) != UNKNOWN
    # Who looks into a doorbell, or pays with a battery, does not wait for a larger picture.
    assert not (model.probe and model.wake is not None)


@pytest.mark.parametrize("name", _EXACT)
def test_exact_names_are_names(name: str) -> None:
    vendor, kind, _model = name.split(".")
    assert vendor.isalpha()
    assert kind in {"camera", "cateye"}
    assert camera_model(name) is _EXACT[name]


def test_a_model_nobody_has_described_is_probed() -> None:
    model = camera_model("acme.camera.x1")
    assert model == CameraModel(probe=True)
    assert model.transports == ("udp", "tcp")
    assert model.qualities == (2, 3, 1, 0)
    assert model.low_qualities == (1,)
    assert (model.lenses, model.interleaves) == (1, False)
    assert (model.motor, model.motor_known) == (None, False)
    assert model.wake is None
    assert camera_model("") == model
    assert camera_model("*") == model


@pytest.mark.parametrize(
    ("name", "qualities"),
    [
        ("chuangmi.camera.046c04", (3, 2, 1, 0)),
        ("chuangmi.camera.72ac1", (3, 2, 1, 0)),
        ("mxiang.camera.mod11", (3, 2, 1, 0)),
        ("isa.camera.hlc8", (3, 5, 2, 1, 0)),
        ("isa.camera.hlc8a", (3, 2, 1, 0)),
        ("isa.camera.500dh", (3, 2, 1, 0)),
        ("chuangmi.camera.81ac1", (3, 2, 1, 0)),
        ("mxiang.camera.c500ch", (2, 1, 0)),
    ],
)
def test_qualities_that_differ_from_the_usual(name: str, qualities: tuple[int, ...]) -> None:
    assert camera_model(name).qualities == qualities


def test_whose_qualities_are_known_is_not_probed() -> None:
    for name, model in _EXACT.items():
        if model.qualities != CameraModel().qualities and name != "mxiang.camera.mod13":
            assert not model.probe
    for name in ("chuangmi.camera.021a04", "isa.camera.hlc7", "xiaomi.camera.c01a01"):
        assert not camera_model(name).probe
    for name in ("chuangmi.camera.026c02", "isa.camera.cw501d", "mxiang.camera.mod13"):
        assert camera_model(name).probe


def test_only_the_family_it_was_seen_on_interleaves() -> None:
    assert {name for name, model in ROWS.items() if model.interleaves} == {
        "isa.camera.500dh",
        "isa.camera.hlmax",
    }
    assert {name for name, model in ROWS.items() if model.lenses == 2} == {
        "isa.camera.500dh",
        "isa.camera.hlmax",
        "isa.camera.cw501d",
        "chuangmi.camera.068ac1",
        "chuangmi.camera.111ac1",
        "chuangmi.camera.075ae1",
        "chuangmi.camera.72ac1",
        "xiaomi.camera.082ac1",
        "mxiang.camera.c500ch",
    }


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("isa.camera.hlc6", Codec.PCM),
        ("isa.camera.df3", Codec.PCM),
        ("isa.camera.isc5c1", Codec.PCM),
        ("chuangmi.camera.72ac1", Codec.OPUS),
        ("chuangmi.camera.069a01", Codec.OPUS),
        ("chuangmi.camera.021a04", Codec.PCMA),
    ],
)
def test_speakers(name: str, speaker: Codec) -> None:
    assert camera_model(name).speaker is speaker


def test_motors() -> None:
    for name in ("isa.camera.hlc8", "isa.camera.hlmax", "xiaomi.camera.c01a01"):
        assert camera_model(name).motor is MotorDialect.OPERATION
    for name in ("isa.camera.hlc7", "mijia.camera.v3", "loock.cateye.v02"):
        assert camera_model(name).motor is None
        assert camera_model(name).motor_known


def test_how_battery_cameras_are_woken() -> None:
    ways = {
        "loock.cateye.v06": WakeAction(7, 1),
        "loock.cateye.v02": WakeCall("wakeup", {"video": "1"}),
        "midr.cateye.sd400": WakeCall("wakeup_host"),
        "midr.camera.bw300": WakeRewrite(12, 1),
        "midr.camera.bw400": WakeRewrite(12, 1),
    }
    for name, way in ways.items():
        wake = camera_model(name).wake
        assert wake is not None
        assert wake.how == way
    assert {name for name, model in ROWS.items() if model.wake is not None} == {
        "loock.cateye.v06",
        "*.cateye.*",
        "midr.cateye.*",
        "midr.camera.bw*",
    }
