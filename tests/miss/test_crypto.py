"""Keys and cipher."""

from __future__ import annotations

import logging

from hypothesis import given, strategies as st
from nacl.bindings import crypto_scalarmult_base
import pytest

from custom_components.mi_camera.miss import (
    MissClient,
    MissKeys,
    MissProtocolError,
    MissRefused,
    new_client_key,
)
from custom_components.mi_camera.miss.crypto import RecordCipher, session_key

PRIVATE = bytes(range(32))
PUBLIC = bytes.fromhex("8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f")
DEVICE = bytes.fromhex("358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254")
KEY = bytes.fromhex("429b61f5d96e37268dfc5114849d599c9ceabffdb68c1f52cd0499af30f5b377")
NONCE = bytes.fromhex("0102030405060708")
PLAIN = bytes.fromhex("00000102") + b'{"videoquality":2,"enableaudio":1}'
SEALED = bytes.fromhex(
    "0102030405060708f885e502c2b06490c11ef07f201f4c5f2444bcb82253d96e6fe215891743fc562feaefb1a221"
)


def test_session_key_vector() -> None:
    assert crypto_scalarmult_base(PRIVATE) == PUBLIC
    assert session_key(MissKeys(PRIVATE, PUBLIC, DEVICE, "")) == KEY


def test_cipher_vector() -> None:
    cipher = RecordCipher(KEY)
    assert cipher.encrypt(PLAIN, NONCE) == SEALED
    assert cipher.decrypt(SEALED) == PLAIN
    assert cipher.decrypt(memoryview(b"head" + SEALED)[4:]) == PLAIN


@given(st.binary(max_size=500))
def test_round_trip_with_a_nonce_of_its_own(plain: bytes) -> None:
    cipher = RecordCipher(KEY)
    first, second = cipher.encrypt(plain), cipher.encrypt(plain)
    assert first != second
    assert len(first) == len(plain) + 8
    assert cipher.decrypt(first) == cipher.decrypt(second) == plain


@given(st.binary(max_size=7))
def test_shorter_than_a_nonce(record: bytes) -> None:
    with pytest.raises(MissProtocolError):
        RecordCipher(KEY).decrypt(record)


def test_degenerate_device_key() -> None:
    with pytest.raises(MissRefused):
        session_key(MissKeys(PRIVATE, PUBLIC, bytes(32), ""))


def test_new_keys_are_pairs_and_differ() -> None:
    (private, public), (other, _) = new_client_key(), new_client_key()
    assert crypto_scalarmult_base(private) == public
    assert private != other


@pytest.mark.parametrize("field", ["client_private", "client_public", "device_public"])
def test_keys_of_a_wrong_size(field: str) -> None:
    fields = {"client_private": PRIVATE, "client_public": PUBLIC, "device_public": DEVICE}
    fields[field] = b"\xab" * 31
    with pytest.raises(ValueError, match=field) as caught:
        MissKeys(**fields, sign="")
    assert "ab" * 4 not in str(caught.value)


def test_signature_must_be_plain_text() -> None:
    with pytest.raises(ValueError, match="sign"):
        MissKeys(PRIVATE, PUBLIC, DEVICE, 'é"')


def test_no_secret_in_any_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys = MissKeys(PRIVATE, PUBLIC, DEVICE, "5ec4e7")
    client = MissClient("127.0.43.9", keys, on_frame=print, on_closed=print)
    text = f"{keys!r} {RecordCipher(KEY)!r} {client!r} {caplog.text}"
    for secret in (PRIVATE, KEY):
        assert secret.hex() not in text
        assert repr(secret)[2:-1] not in text
    assert "5ec4e7" not in text
