"""The owner of the demo's Home Assistant: created at the first start, logged in afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
import time
from typing import TYPE_CHECKING, Any

from simulator.house.errors import ApiError

if TYPE_CHECKING:
    import aiohttp

USERNAME = "demo"
PASSWORD = "demo-demo"
_NAME = "Demo"


@dataclass(slots=True)
class Tokens:
    """What the login gives to a browser."""

    client_id: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: float
    """Unix seconds."""

    @property
    def fresh(self) -> bool:
        """Whether the access token is good for another minute."""
        return time.time() < self.expires_at - 60


async def _post(http: aiohttp.ClientSession, url: str, **kwargs: Any) -> dict[str, Any]:
    async with http.post(url, **kwargs) as response:
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise ApiError(f"POST {response.url.path}", str(response.status), await response.text())
        answer: dict[str, Any] = await response.json()
        return answer


async def _exchange(http: aiohttp.ClientSession, url: str, code: str) -> Tokens:
    client_id = f"{url}/"
    answer = await _post(
        http,
        f"{url}/auth/token",
        data={"grant_type": "authorization_code", "code": code, "client_id": client_id},
    )
    return Tokens(
        client_id,
        answer["access_token"],
        answer["refresh_token"],
        time.time() + answer["expires_in"],
    )


async def refresh(http: aiohttp.ClientSession, url: str, tokens: Tokens) -> None:
    """Renew the access token in place."""
    answer = await _post(
        http,
        f"{url}/auth/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": tokens.refresh_token,
            "client_id": tokens.client_id,
        },
    )
    tokens.access_token = answer["access_token"]
    tokens.expires_at = time.time() + answer["expires_in"]


async def _create_owner(http: aiohttp.ClientSession, url: str) -> str:
    answer = await _post(
        http,
        f"{url}/api/onboarding/users",
        json={
            "name": _NAME,
            "username": USERNAME,
            "password": PASSWORD,
            "client_id": f"{url}/",
            "language": "en",
        },
    )
    return str(answer["auth_code"])


async def _log_in(http: aiohttp.ClientSession, url: str) -> str:
    client_id = f"{url}/"
    flow = await _post(
        http,
        f"{url}/auth/login_flow",
        json={
            "client_id": client_id,
            "handler": ["homeassistant", None],
            "redirect_uri": f"{url}/?auth_callback=1",
        },
    )
    answer = await _post(
        http,
        f"{url}/auth/login_flow/{flow['flow_id']}",
        json={"client_id": client_id, "username": USERNAME, "password": PASSWORD},
    )
    if answer["type"] != "create_entry":
        raise ApiError("login", "refused", str(answer.get("errors")))
    return str(answer["result"])


async def sign_in(http: aiohttp.ClientSession, url: str) -> Tokens:
    """Create the owner if there is none yet, log in, and return the tokens."""
    async with http.get(f"{url}/api/onboarding") as response:
        # Home Assistant takes the wizard's views away once everything is done.
        steps = await response.json() if response.status == HTTPStatus.OK else []
    new = any(step["step"] == "user" and not step["done"] for step in steps)
    code = await (_create_owner if new else _log_in)(http, url)
    return await _exchange(http, url, code)
