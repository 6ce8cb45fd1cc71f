"""What the flows ask of the cloud and of cameras, with errors as form keys."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import DummyCookieJar
from homeassistant.helpers.aiohttp_client import async_create_clientsession

from .camera_config import AccountConfig, CameraConfig
from .cloud import (
    AccountSession,
    CloudDevice,
    CloudEndpoints,
    CloudError,
    CloudUnavailable,
    InvalidCredentials,
    Listing,
    NotAllowed,
    QrCodeExpired,
    SessionExpired,
    SignIn,
    TooManyAttempts,
    WrongCode,
    XiaomiAccount,
)
from .const import LOGGER
from .device import CameraDevice, MiioEndpoint, MiioError, MiioTimeout, MiioWrongDevice, ungated
from .did import is_did

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from homeassistant.core import HomeAssistant


MAX_NAME = 100


class FormError(Exception):
    """Something to tell the user in the form: a key of the translations."""

    def __init__(self, key: str) -> None:
        """Take the key."""
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session, the region most of its account's cameras are in, and all of them."""

    config: AccountConfig
    cameras: tuple[CloudDevice, ...]


def begin_sign_in(hass: HomeAssistant, endpoints: CloudEndpoints, device_id: str | None) -> SignIn:
    """Return a sign-in that has not asked anybody yet."""
    http = async_create_clientsession(hass, cookie_jar=DummyCookieJar())
    return SignIn(http, endpoints, device_id)


@dataclass(frozen=True, slots=True)
class FoundCameras:
    """Cameras of an account by region, none twice; `complete` unless some could not be listed."""

    by_region: Mapping[str, tuple[CloudDevice, ...]]
    complete: bool

    @property
    def cameras(self) -> tuple[CloudDevice, ...]:
        """Those of all regions."""
        return tuple(camera for cameras in self.by_region.values() for camera in cameras)


async def async_find_cameras(
    hass: HomeAssistant, endpoints: CloudEndpoints, session: AccountSession, region: str | None
) -> tuple[AccountSession, FoundCameras]:
    """List the cameras of a new session; all regions are asked unless one is named.

    The session may be newer than the one given.

    Raises:
        FormError: what the user can do something about.
    """
    account = XiaomiAccount(
        async_create_clientsession(hass, cookie_jar=DummyCookieJar()),
        endpoints,
        region or endpoints.regions[0],
        session,
    )
    found = await async_list_cameras(account, (region,) if region else endpoints.regions)
    return account.session or session, found


async def async_list_cameras(
    account: XiaomiAccount, regions: Sequence[str], allowed: Callable[[], bool] = lambda: True
) -> FoundCameras:
    """List the cameras of an account that is signed in, in these regions.

    One region that is away hides no other. Regions without cameras are not in the answer; nor
    is a did that two regions list with different tokens, as one of them is not the camera's.
    `allowed` is asked before each request.

    Raises:
        FormError: what the user can do something about.
        NotAllowed: no request is allowed any more.
    """

    async def ask(region: str) -> Listing | CloudError:
        try:
            return await account.at(region).devices(allowed)
        except CloudError as err:
            return err

    found: dict[str, tuple[CloudDevice, ...]] = {}
    complete, failed = True, None
    answers = await asyncio.gather(*map(ask, regions))
    tokens: dict[str, set[bytes | None]] = {}
    for answer in answers:
        if isinstance(answer, NotAllowed):
            raise answer
        for one in () if isinstance(answer, CloudError) else answer.devices:
            tokens.setdefault(one.did, set()).add(one.token)
    if doubtful := {did for did, known in tokens.items() if len(known) > 1}:
        LOGGER.warning("Regions list different cameras under one id; left out: %s", len(doubtful))
        complete = False
    dids = set(doubtful)
    for region, answer in zip(regions, answers, strict=True):
        if isinstance(answer, CloudError):
            complete, failed = False, answer
            continue
        complete &= answer.complete
        cameras = [one for one in answer.devices if one.is_camera and one.did not in dids]
        if cameras:
            found[region] = tuple(cameras)
            dids |= {one.did for one in cameras}
    if failed is not None and (not found or isinstance(failed, SessionExpired)):
        raise FormError(form_key(failed)) from failed
    return FoundCameras(found, complete)


def sign_in_key(err: CloudError) -> str:
    """Return the translation key of what to tell the user about an error of a sign-in."""
    match err:
        case InvalidCredentials():
            return "invalid_auth"
        case WrongCode():
            return "wrong_code"
        case TooManyAttempts():
            return "blocked"
        case QrCodeExpired():
            return "qr_expired"
    return form_key(err)


def form_key(err: CloudError) -> str:
    """Return the translation key of what to tell the user about an error of the cloud."""
    match err:
        case SessionExpired():
            return "session_expired"
        case CloudUnavailable():
            return "cannot_connect"
    LOGGER.warning("The Xiaomi cloud answered with an error: %s", err)
    return "cloud_error"


def camera_from_cloud(device: CloudDevice, account: str) -> CameraConfig | None:
    """Return what to store of a listed camera, or None when it cannot be reached by LAN."""
    if device.token is None or not device.local_ip or not is_did(device.did):
        return None
    return CameraConfig(
        did=device.did,
        name=device.name[:MAX_NAME] or device.model,
        model=device.model,
        host=device.local_ip,
        token=device.token.hex(),
        mac=device.mac,
        account=account,
        region=device.region,
    )


async def async_probe_camera(
    host: str,
    token: str,
    *,
    name: str | None = None,
    did: str | None = None,
    allowed: Callable[[], bool] = ungated,
) -> CameraConfig:
    """Ask a camera at an address who it is.

    `did`, when given, is who it must be. `allowed` is asked before each datagram.

    Raises:
        FormError: no answer, a token it does not know, or another device.
    """
    try:
        key = bytes.fromhex(token)
    except ValueError:
        key = b""
    if len(key) != 16:
        raise FormError("invalid_token")
    endpoint = MiioEndpoint()
    try:
        await endpoint.open()
    except OSError as err:
        raise FormError("cannot_connect_camera") from err
    try:
        await endpoint.hello(host, timeout=3.0, allowed=allowed)
        device = CameraDevice(endpoint, host, key, "", did=int(did) if did else None)
        try:
            info = await device.info(allowed=allowed)
        except MiioTimeout as err:
            # It says hello to everybody but answers only who knows its token.
            raise FormError("wrong_token") from err
    except MiioWrongDevice as err:
        raise FormError("other_device") from err
    except (MiioError, OSError) as err:
        raise FormError("cannot_connect_camera") from err
    finally:
        await endpoint.close()
    return CameraConfig(
        did=did or str(info.did),
        name=(name or "").strip()[:MAX_NAME] or info.model,
        model=info.model,
        host=host,
        token=key.hex(),
        mac=info.mac,
    )
