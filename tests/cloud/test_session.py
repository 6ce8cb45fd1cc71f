"""What is stored of a log-in."""

from __future__ import annotations

import base64
from contextlib import suppress
import json

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.cloud.session import AccountSession, new_device_id

SECRET = base64.b64encode(bytes(range(16))).decode()
GOOD = {
    "user_id": "2000000001",
    "pass_token": "V1:pass/to+ken=",
    "ssecurity": SECRET,
    "service_token": "service/tok+en=",
    "device_id": "abcdefgh12345678",
    "c_user_id": "enc",
}


def test_round_trip() -> None:
    session = AccountSession.from_dict(GOOD)
    assert session.as_dict() == GOOD
    assert AccountSession.from_dict(json.loads(json.dumps(session.as_dict()))) == session
    assert session.secret == bytes(range(16))


def test_repr_holds_no_secret() -> None:
    text = repr(AccountSession.from_dict(GOOD))
    for name in ("pass_token", "ssecurity", "service_token"):
        assert GOOD[name] not in text


def test_encrypted_user_id_may_be_missing() -> None:
    data = {name: value for name, value in GOOD.items() if name != "c_user_id"}
    assert AccountSession.from_dict(data).c_user_id == ""


@pytest.mark.parametrize("name", [name for name in GOOD if name != "c_user_id"])
@pytest.mark.parametrize("bad", [None, "", 7, "a b", "a;b", "a\r\nb: c", "ü", "x" * 5000, ["a"]])
def test_damaged(name: str, bad: object) -> None:
    with pytest.raises(ValueError, match=name):
        AccountSession.from_dict({**GOOD, name: bad})


@pytest.mark.parametrize("bad", ["AAAA", "not-base64", "A" * 400])
def test_secret_of_a_wrong_size(bad: str) -> None:
    with pytest.raises(ValueError, match="ssecurity"):
        AccountSession.from_dict({**GOOD, "ssecurity": bad})


@given(st.dictionaries(st.sampled_from([*GOOD, "other"]), st.text() | st.integers() | st.none()))
def test_anything_stored(data: dict[str, object]) -> None:
    with suppress(ValueError):
        assert AccountSession.from_dict(data).user_id == data["user_id"]


def test_device_ids() -> None:
    first, second = new_device_id(), new_device_id()
    assert first != second
    assert len(first) == 16
    assert first.isalnum()
