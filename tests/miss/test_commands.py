"""Commands and replies."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.miss import Command, MissBusy, MissProtocolError, MissRefused
from custom_components.mi_camera.miss.commands import (
    REPLY_TO,
    auth_request,
    check_auth_reply,
    load_json,
    load_status,
    pull_command,
    push_command,
    video_start,
)

from .fake import make_keys


@given(st.sampled_from(Command), st.binary(max_size=100))
def test_command(command: Command, body: bytes) -> None:
    assert pull_command(push_command(command, body)) == (command, body)


def test_known_bytes() -> None:
    body = video_start({0: 2}, audio=True)
    assert push_command(Command.VIDEO_START, body) == (
        bytes.fromhex("00000102") + b'{"videoquality":2,"enableaudio":1}'
    )


def test_other_byte_order_is_understood() -> None:
    assert pull_command(bytes.fromhex("01010000") + b"x") == (Command.AUTH_RES, b"x")
    # What is no command either way stays as it is.
    assert pull_command(bytes.fromhex("7fffffff")) == (0x7FFFFFFF, b"")


def test_replies_follow_their_commands() -> None:
    assert all(reply == command + 1 for command, reply in REPLY_TO.items())


@pytest.mark.parametrize(
    ("qualities", "audio", "expected"),
    [
        ({0: 2}, False, {"videoquality": 2, "enableaudio": 0}),
        ({1: 3}, True, {"videoquality": -1, "videoquality2": 3, "enableaudio": 1}),
        ({0: 1, 1: 3}, False, {"videoquality": 1, "videoquality2": 3, "enableaudio": 0}),
    ],
)
def test_video_start(qualities: dict[int, int], audio: bool, expected: dict[str, int]) -> None:
    assert json.loads(video_start(qualities, audio=audio)) == expected


def test_login() -> None:
    keys = make_keys()
    assert json.loads(auth_request(keys)) == {
        "public_key": keys.client_public.hex(),
        "sign": "c0ffee",
        "uuid": "",
        "support_encrypt": 0,
    }


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"result":"success"}', None),
        (b' {"channel":1,\n "result" : "success", "link_status": 2}\0\0', None),
        (b'{"result":"failed","code":3}', MissRefused),
        (b'{"result":"failed","code":15}', MissBusy),
        (b'{"result":"too many sessions"}', MissBusy),
        (b'{"result":"not \\"result\\":\\"success\\" at all"}', MissRefused),
        (b'{"other":{"result":"success"}}', MissRefused),
        (b'{"result":true}', MissRefused),
        (b'["result","success"]', MissProtocolError),
        (b'"result":"success"', MissProtocolError),
        (b"\xff\xfe", MissProtocolError),
        (b"", MissProtocolError),
        (b"[" * 60_000, MissProtocolError),
    ],
)
def test_login_reply(body: bytes, error: type[Exception] | None) -> None:
    if error is None:
        check_auth_reply(body)
    else:
        with pytest.raises(error) as caught:
            check_auth_reply(body)
        assert type(caught.value) is error


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (bytes(4), 0),
        (bytes.fromhex("17000000"), 23),
        (bytes.fromhex("fbffffff00"), -5),
        (b"0", 0),
        (b"0\0", 0),
        (b"-5\0", -5),
    ],
)
def test_status(body: bytes, status: int) -> None:
    assert load_status(body) == status


@given(st.binary(max_size=60))
def test_hostile_bytes(body: bytes) -> None:
    for load in (load_json, load_status, pull_command, check_auth_reply):
        with contextlib.suppress(MissProtocolError, MissRefused, MissBusy):
            load(body)


def test_no_status() -> None:
    with pytest.raises(MissProtocolError):
        load_status(b"\0\0\1")
