"""What is kept of a log-in."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass, field, fields
import re
import secrets
import string
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FIELD: Final = 4096
_COOKIE_SAFE: Final = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*", re.ASCII)
"""What a cookie's value may be made of (RFC 6265): nothing that could start another one."""
_DEVICE_ID_CHARS: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class AccountSession:
    """A log-in to a Xiaomi account; there is no password in it."""

    user_id: str
    pass_token: str = field(repr=False)
    """Good for weeks: gets new service tokens without the user."""
    ssecurity: str = field(repr=False)
    """Base64 of the secret that requests are signed with; belongs to `service_token`."""
    service_token: str = field(repr=False)
    """Good for hours to days."""
    device_id: str
    """Made up once per account: a new one would look like a new phone."""
    c_user_id: str = ""
    """The user id in a form the account service encrypts; some API hosts look for it."""

    def __post_init__(self) -> None:
        """Refuse what cannot be a session; the text quotes nothing."""
        for item in fields(self):
            value = getattr(self, item.name)
            if (
                not isinstance(value, str)
                or len(value) > MAX_FIELD
                or not _COOKIE_SAFE.fullmatch(value)
                or not (value or item.name == "c_user_id")
            ):
                raise ValueError(f"{item.name} of a session is not valid")
        if not 8 <= len(self.secret) <= 64:
            raise ValueError("ssecurity of a session is not valid")

    @property
    def secret(self) -> bytes:
        """`ssecurity` as bytes."""
        try:
            return base64.b64decode(self.ssecurity, validate=True)
        except ValueError:
            raise ValueError("ssecurity of a session is not base64") from None

    def as_dict(self) -> dict[str, str]:
        """Return what `from_dict` takes; it holds the secrets."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Self:
        """Read a stored session; raises `ValueError`."""
        values = {item.name: data.get(item.name, "") for item in fields(cls)}
        return cls(**values)  # type: ignore[arg-type]  # checked by __post_init__


def new_device_id() -> str:
    """Make up the id of a client, 16 characters."""
    return "".join(secrets.choice(_DEVICE_ID_CHARS) for _ in range(16))
