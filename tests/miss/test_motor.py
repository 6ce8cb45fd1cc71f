"""What is asked of the motor, and what of its answers is believed."""

from __future__ import annotations

import json

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.miss import (
    MotorDialect,
    MotorMove,
    MotorOperation as Op,
    MotorPosition,
)
from custom_components.mi_camera.miss.motor import pull_motor_reply


@pytest.mark.parametrize(
    ("operation", "number"),
    [
        (Op.LEFT, 1),
        (Op.RIGHT, 2),
        (Op.UP, 3),
        (Op.DOWN, 4),
        (Op.CALIBRATE, 5),
        (Op.POSITION, 6),
        (Op.STOP, -1001),
    ],
)
def test_usual_firmware(operation: Op, number: int) -> None:
    assert MotorMove(operation).body() == b'{"operation":%d}' % number


def test_position_is_gone_to() -> None:
    body = MotorMove(Op.ABSOLUTE, angle=1, elevation=101).body()
    assert body == b'{"operation":13,"angle":1,"elevation":101}'


@pytest.mark.parametrize(
    ("operation", "number"),
    [
        (Op.UP, 1),
        (Op.DOWN, 2),
        (Op.LEFT, 3),
        (Op.LEFT_UP, 4),
        (Op.LEFT_DOWN, 5),
        (Op.RIGHT, 6),
        (Op.RIGHT_UP, 7),
        (Op.RIGHT_DOWN, 8),
        (Op.HOME, 10),
    ],
)
def test_other_firmware(operation: Op, number: int) -> None:
    body = MotorMove(operation, dialect=MotorDialect.QCY).body()
    assert body == b'{"motor_operation":%d,"operation":1}' % number


@pytest.mark.parametrize("dialect", list(MotorDialect))
def test_what_a_dialect_lacks_cannot_be_asked(dialect: MotorDialect) -> None:
    for operation in Op:
        position = 50 if operation is Op.ABSOLUTE else None
        if operation in dialect.operations:
            assert MotorMove(operation, position, position, dialect).body()
        else:
            with pytest.raises(ValueError, match="dialect"):
                MotorMove(operation, position, position, dialect)


@pytest.mark.parametrize(
    ("operation", "angle", "elevation"),
    [
        (Op.ABSOLUTE, None, 50),
        (Op.ABSOLUTE, 50, None),
        (Op.ABSOLUTE, 0, 50),
        (Op.ABSOLUTE, 50, 102),
        (Op.LEFT, 50, None),
    ],
)
def test_impossible_positions(operation: Op, angle: int | None, elevation: int | None) -> None:
    with pytest.raises(ValueError, match="position"):
        MotorMove(operation, angle, elevation)


@pytest.mark.parametrize(
    ("body", "position"),
    [
        (b'{"angle":12,"elevation":101,"ret":0}\0\0', MotorPosition(12, 101)),
        (b'{"angle":1,"elevation":50,"ret":-5}', MotorPosition(1, 50, at_end=True, status=-5)),
        (b'{"ret":23}', MotorPosition(None, None, status=23)),
        (b'{"angle":7}', MotorPosition(7, None)),
        (b'{"angle":0,"elevation":1e9,"ret":0}', MotorPosition(None, None)),
        (b'{"angle":true,"elevation":"50","ret":0}', MotorPosition(None, None)),
        (b'{"angle":99999999999999999999,"ret":99999999999999999999}', None),
        (b"{}", None),
        (b"[]", None),
        (b"0", None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"[" * 60_000, None),
    ],
)
def test_replies(body: bytes, position: MotorPosition | None) -> None:
    assert pull_motor_reply(body) == position


@given(
    st.one_of(
        st.binary(max_size=80),
        st.dictionaries(
            st.sampled_from(["angle", "elevation", "ret", "x"]),
            st.one_of(st.integers(), st.floats(), st.text(), st.none(), st.booleans()),
        ).map(lambda reply: json.dumps(reply).encode()),
    )
)
def test_hostile_replies(body: bytes) -> None:
    position = pull_motor_reply(body)
    if position is not None:
        assert position.angle is None or 1 <= position.angle <= 101
        assert position.elevation is None or 1 <= position.elevation <= 101
        assert abs(position.status) <= 1 << 31
