"""The key book: signatures bind one client key to one camera until its keys are replaced."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, strategies as st

from simulator.keys import KeyBook


def test_device_keys_are_a_pair_and_stay() -> None:
    book = KeyBook()
    private = X25519PrivateKey.from_private_bytes(book.device_private(7))
    assert private.public_key().public_bytes_raw() == book.device_public(7)
    assert book.device_public(7) == book.device_public(7)
    assert book.device_public(7) != book.device_public(8)


@given(client=st.binary(min_size=32, max_size=32), other=st.binary(min_size=32, max_size=32))
def test_a_signature_is_good_for_its_camera_and_client_only(client: bytes, other: bytes) -> None:
    book = KeyBook()
    sign = book.sign(1, client)
    assert len(bytes.fromhex(sign)) == 32
    assert book.check(1, client, sign)
    assert not book.check(2, client, sign)
    assert book.check(1, other, sign) == (other == client)
    assert not KeyBook().check(1, client, sign)


@given(sign=st.text())
def test_rubbish_is_no_signature(sign: str) -> None:
    assert not KeyBook().check(1, bytes(32), sign)


def test_new_keys_void_old_signatures() -> None:
    book = KeyBook()
    public, sign = book.device_public(1), book.sign(1, bytes(32))
    book.rotate(1)
    assert book.device_public(1) != public
    assert not book.check(1, bytes(32), sign)
    assert book.check(1, bytes(32), book.sign(1, bytes(32)))


def test_secrets_are_not_shown() -> None:
    book = KeyBook()
    private = book.device_private(1)
    assert repr(private) not in repr(vars(book))
