"""What is stored of a camera and of an account, checked on the way in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from string import hexdigits
from typing import Any, Final, Literal, Self

from homeassistant.const import CONF_HOST, CONF_MODEL, CONF_NAME, CONF_REGION, CONF_TOKEN

from .cloud import REGIONS, AccountSession, BackOff
from .did import is_did

CONF_DID = "did"
CONF_MAC = "mac"
CONF_ACCOUNT = "account"
CONF_SESSION = "session"
CONF_BACK_OFF = "back_off"
CONF_QUALITY = "quality"
CONF_SOUND = "sound"

QUALITY_BEST: Final = "best"
QUALITY_LOW: Final = "low"
QUALITIES = (QUALITY_BEST, QUALITY_LOW)


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """A camera subentry. `account` is the user id of the account that lists it.

    `quality` is one of `QUALITIES`; `sound` is whether its microphone is listened to. What
    was stored before there were these two has neither. `region` is where the account lists it,
    None for the account's own.
    """

    did: str
    name: str
    model: str
    host: str
    token: str = field(repr=False)
    mac: str | None = None
    account: str | None = None
    quality: Literal["best", "low"] = QUALITY_BEST
    sound: bool = True
    region: str | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read a subentry's data.

        Raises:
            ValueError: it was damaged in storage.
        """
        did, token = _text(data, CONF_DID), _text(data, CONF_TOKEN)
        if not is_did(did):
            raise ValueError("a stored camera has no valid did")
        if len(token) != 32 or not all(digit in hexdigits for digit in token):
            raise ValueError("a stored camera has no valid token")
        quality, sound = data.get(CONF_QUALITY, QUALITY_BEST), data.get(CONF_SOUND, True)
        if quality not in QUALITIES:
            raise ValueError("a stored camera has no valid quality")
        if sound is not True and sound is not False:
            raise ValueError("a stored camera has no valid sound")
        region = data.get(CONF_REGION)
        if region is not None and region not in REGIONS:
            raise ValueError("a stored camera has no valid region")
        return cls(
            did=did,
            name=_text(data, CONF_NAME),
            model=_text(data, CONF_MODEL),
            host=_text(data, CONF_HOST),
            token=token,
            mac=data.get(CONF_MAC),
            account=data.get(CONF_ACCOUNT),
            quality=quality,
            sound=sound,
            region=region,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return a subentry's data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """An account subentry. There is no password in it."""

    region: str
    session: AccountSession
    back_off: BackOff = field(default_factory=BackOff)

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read a subentry's data.

        Raises:
            ValueError: it was damaged in storage.
        """
        region, session = data.get(CONF_REGION), data.get(CONF_SESSION)
        if region not in REGIONS or not isinstance(session, Mapping):
            raise ValueError("a stored account is damaged")
        return cls(
            region, AccountSession.from_dict(session), BackOff.parse(data.get(CONF_BACK_OFF))
        )

    def as_dict(self) -> dict[str, Any]:
        """Return a subentry's data."""
        data: dict[str, Any] = {
            CONF_REGION: self.region,
            CONF_SESSION: self.session.as_dict(),
        }
        if self.back_off.failures:
            data[CONF_BACK_OFF] = self.back_off.as_dict()
        return data


def _text(data: Mapping[str, Any], key: str) -> str:
    text = data.get(key)
    if not isinstance(text, str) or not 0 < len(text) <= 255:
        raise ValueError(f"a stored camera has no valid {key}")
    return text
