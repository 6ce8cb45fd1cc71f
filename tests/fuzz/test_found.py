"""What long runs of `script/fuzz` found, so that it is found again at once."""

from __future__ import annotations

import json

import pytest

from script.fuzzing import case
from script.fuzzing.targets import TARGETS
from script.fuzzing.targets.connection import BURST

LOGIN = (
    b"&&&START&&&"
    + json.dumps(
        {"code": 0, "location": "https://sts.api.io.mi.com/", "userId": 57, "passToken": "\0"}
    ).encode()
)

QR_CODE = (
    b"&&&START&&&"
    + json.dumps(
        {"loginUrl": "https://a.xiaomi.com", "lp": "https://a.xiaomi.com", "timeout": 10**400}
    ).encode()
)

PROPERTIES = json.dumps({"result": [{"siid": 2, "piid": 1, "code": 10**400}]}).encode()
REFUSAL = json.dumps({"code": 10**4000}).encode()

# Empty packets ahead of large ones, each behind a hole of its own.
HOLES = (bytes((BURST, 2, 255, 2, 0)), bytes((BURST, 2, 255, 16, 2)))

FOUND = {
    # Giving up one hole for each packet that came was not enough: the empty one behind it
    # freed nothing, and the packets held grew beyond every bound.
    "holes": case.show("connection-udp", HOLES),
    # A code of hundreds of digits was an error's text of hundreds of letters.
    "device code": case.show("miio-properties", (PROPERTIES,)),
    "cloud code": case.show("cloud-sealed", (REFUSAL,)),
    # A renewed pass token that no cookie can hold was a ValueError.
    "pass token": case.show("cloud-login", (LOGIN,)),
    # The time for which a QR code is good, of as many digits, was no float.
    "QR code": case.show("sign-in-qr", (QR_CODE,)),
    # Parameter sets that say 125166 pixels were believed.
    "picture size": "picture-size:000000016742c00cda0007a3c50aa800000168ce000001658884",
}


@pytest.mark.parametrize("text", FOUND.values(), ids=FOUND)
def test_found_once(text: str) -> None:
    name, inputs = case.read(text)
    next(target for target in TARGETS if target.name == name).run(inputs)
