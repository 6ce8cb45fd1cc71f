"""The codec: python-miio's, held to the public vector and to a second implementation."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.mi_camera.device.errors import MiioError
from custom_components.mi_camera.device.packet import (
    HELLO,
    MAX_REPLY,
    MAX_REQUEST,
    Hello,
    PacketCodec,
    PacketError,
    read_hello,
)
from simulator.camera.miio_packet import TokenCipher, hello_reply, is_hello, read_header

if TYPE_CHECKING:
    from custom_components.mi_camera.device.library import MiioLibrary

VECTOR_TOKEN = bytes.fromhex("00112233445566778899aabbccddeeff")
VECTOR = bytes.fromhex(
    "2131005000000000075bcd15000003e93f1868cc6877339a2bfa24e0b4258beea5516ec6151955dc2bb2d43e7c84c183"
    "3ad6abd2560c09de4318b095b7713e230bbed4ee40764c0304f323716693cc0a"
)
TOKENS = st.binary(min_size=16, max_size=16)
WORDS = st.integers(min_value=0, max_value=0xFFFFFFFF)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def codec(library: MiioLibrary) -> PacketCodec:
    return PacketCodec(library)


def test_vector_opens(codec: PacketCodec) -> None:
    stamp, payload = codec.open(VECTOR_TOKEN, VECTOR)
    assert stamp == 1001
    assert payload == {"id": 1, "method": "get_prop", "params": ["power"]}


def test_hello_has_the_form_devices_know() -> None:
    assert is_hello(HELLO)
    assert len(HELLO) == 32


@QUICK
@given(token=TOKENS, did=WORDS, stamp=WORDS, params=JSON)
def test_seal_is_what_a_device_opens(
    codec: PacketCodec, token: bytes, did: int, stamp: int, params: object
) -> None:
    request = {"id": 5, "method": "m", "params": params}
    packet = codec.seal(token, did, stamp, request)  # type: ignore[arg-type]
    header = read_header(packet)
    assert (header.device_id, header.stamp, header.reserved) == (did, stamp, 0)
    assert json.loads(TokenCipher(token).open(packet)) == request


@QUICK
@given(token=TOKENS, stamp=WORDS, result=JSON, nuls=st.integers(0, 3), reserved=WORDS)
def test_open_takes_what_devices_send(
    codec: PacketCodec, token: bytes, stamp: int, result: object, nuls: int, reserved: int
) -> None:
    reply = {"id": 9, "result": result}
    packet = TokenCipher(token).seal(
        3, stamp, json.dumps(reply).encode() + bytes(nuls), reserved=reserved
    )
    assert codec.open(token, packet) == (stamp, reply)


@QUICK
@given(data=st.binary(max_size=200), token=TOKENS)
def test_open_refuses_noise(codec: PacketCodec, data: bytes, token: bytes) -> None:
    with pytest.raises(PacketError):
        codec.open(token, data)


@QUICK
@given(position=st.integers(0, len(VECTOR) - 1), bit=st.integers(0, 7))
def test_open_refuses_every_flipped_bit(codec: PacketCodec, position: int, bit: int) -> None:
    changed = bytearray(VECTOR)
    changed[position] ^= 1 << bit
    with pytest.raises(PacketError):
        codec.open(VECTOR_TOKEN, bytes(changed))


@QUICK
@given(text=st.binary(max_size=64))
def test_open_refuses_sealed_rubbish(codec: PacketCodec, text: bytes) -> None:
    """The right token, but not JSON, not UTF-8, or not an object."""
    packet = TokenCipher(VECTOR_TOKEN).seal(1, 1, text)
    try:
        payload = json.loads(text.rstrip(b"\x00"))
    except ValueError, RecursionError:
        payload = None
    if not isinstance(payload, dict):
        with pytest.raises(PacketError):
            codec.open(VECTOR_TOKEN, packet)


@pytest.mark.parametrize(
    "text",
    [b"\xff\xfe\xfd", b"[1]", b'"x"', b"{", b"[" * 5000, b'{"id":' + b"9" * 6000 + b"}", b""],
)
def test_open_refuses(codec: PacketCodec, text: bytes) -> None:
    with pytest.raises(PacketError):
        codec.open(VECTOR_TOKEN, TokenCipher(VECTOR_TOKEN).seal(1, 1, text))


def test_open_takes_the_broken_json_of_some_firmwares(codec: PacketCodec) -> None:
    text = b'{"id":1,"result":{"life":1,,"otu_stat":[1]}}\x00'
    _, payload = codec.open(VECTOR_TOKEN, TokenCipher(VECTOR_TOKEN).seal(1, 1, text))
    assert payload["result"] == {"life": 1, "otu_stat": [1]}


def test_open_refuses_sizes(codec: PacketCodec) -> None:
    cipher = TokenCipher(VECTOR_TOKEN)
    with pytest.raises(PacketError, match="size"):
        codec.open(VECTOR_TOKEN, cipher.seal(1, 1, b" " * MAX_REPLY))
    with pytest.raises(PacketError, match="blocks"):
        codec.open(VECTOR_TOKEN, hello_reply(1, 1))


def test_seal_refuses_what_devices_would_drop(codec: PacketCodec) -> None:
    with pytest.raises(MiioError, match="larger"):
        codec.seal(VECTOR_TOKEN, 1, 1, {"params": "x" * MAX_REQUEST})


def test_a_secret_in_broken_json_is_not_logged(
    codec: PacketCodec, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    text = b'{"id":1,"result":{"token":"5ec5ec5ec5ec"'
    with pytest.raises(PacketError):
        codec.open(VECTOR_TOKEN, TokenCipher(VECTOR_TOKEN).seal(1, 1, text))
    assert "5ec5ec" not in caplog.text
    assert not logging.getLogger("miio.protocol").disabled


@QUICK
@given(did=WORDS, stamp=WORDS, reserved=WORDS, tail=TOKENS)
def test_hello(did: int, stamp: int, reserved: int, tail: bytes) -> None:
    assert read_hello(hello_reply(did, stamp, reserved=reserved, tail=tail)) == Hello(did, stamp)


@pytest.mark.parametrize(
    "packet", [b"", VECTOR, bytes(32), hello_reply(1, 1)[:31], b"\x21\x31\x00\x21" + bytes(28)]
)
def test_no_hello(packet: bytes) -> None:
    with pytest.raises(PacketError):
        read_hello(packet)
