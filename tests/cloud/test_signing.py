"""Signing: the public vector, and the simulator's independent implementation."""

from __future__ import annotations

import base64
import time

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.mi_camera.cloud.signing import new_nonce, sign_request
from simulator.cloud.signing import open_request

SSECURITY = bytes(range(16))
NONCE = bytes(range(0xA0, 0xA8)) + (28_000_000).to_bytes(4)
PATH = "/v2/home/device_list_page"


def test_vector() -> None:
    request = sign_request(PATH, "{}", SSECURITY, NONCE)
    assert base64.b64encode(request.key).decode() == "M+c27QGRjXQoYBcZHGrk0GFBYVtxJgXw/q83oTaP+2Y="
    assert request.form == {
        "data": "oyM=",
        "rc4_hash__": "7Rzbq+Hr+Q7Y4TUPPE/zKhAJpQVmqPZok5qpxw==",
        "signature": "bkZcLuXv0iOBkraJQ6Z6hng2EL8=",
        "_nonce": "oKGio6SlpqcBqz8A",
    }
    reply = b"o3zx/bLMoXyD9GdNHXT5Hx9D6Qtwi8t9+ezrn88r5h2+SMz9fg=="
    assert request.open(reply) == b'{"code":0,"message":"ok","result":{}}'


@settings(deadline=None, max_examples=60)
@given(
    ssecurity=st.binary(min_size=16, max_size=16),
    random=st.binary(min_size=8, max_size=8),
    data=st.text(max_size=200),
    answer=st.binary(max_size=200),
)
def test_the_other_end_agrees(ssecurity: bytes, random: bytes, data: str, answer: bytes) -> None:
    request = sign_request(PATH, data, ssecurity, random + bytes(4))
    opened = open_request(request.form, PATH, ssecurity)
    assert opened.parameters == {"data": data}
    assert request.open(opened.seal(answer)) == answer


@pytest.mark.parametrize("body", [b"&&&", b"abc", "ü".encode(), b"a\nb="])
def test_reply_that_is_not_base64(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        sign_request(PATH, "{}", SSECURITY, NONCE).open(body)


def test_nonce_holds_the_minute() -> None:
    nonce = new_nonce()
    assert abs(int.from_bytes(nonce[8:]) - time.time() / 60) < 2
    assert nonce[:8] != new_nonce()[:8]


def test_secrets_stay_out_of_repr() -> None:
    request = sign_request(PATH, "{}", SSECURITY, NONCE)
    assert repr(request) == "SignedRequest()"
