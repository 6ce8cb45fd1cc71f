"""What an account asks of devices in one region: their list, keys, calls and events."""

from __future__ import annotations

from abc import ABC, abstractmethod
import secrets
from typing import TYPE_CHECKING, Final

from .api_call import ApiCall
from .camera_events import PATH as EVENTS_PATH, EventPage, event_query, parse_page
from .devices import DID, MissVendor, parse_vendor
from .errors import CloudApiError, CloudUnavailable
from .event_pictures import (
    IV_BYTES,
    MAX_BYTES as PICTURE_BYTES,
    PATH as PICTURE_PATH,
    NotAPictureError,
    open_picture,
    picture_query,
)
from .firmware import PATH as FIRMWARE_PATH, FirmwareCheck, firmware_query, parse_firmware
from .homes import Listing, list_devices
from .transport import LARGE, SMALL, JsonValue, Transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from .endpoints import CloudEndpoints
    from .event_pictures import PictureRef
    from .rpc import CallLimit
    from .session import AccountSession

SUPPORTED_VENDORS: Final = "TUTK_CS2_MTP"


class DeviceCalls(ABC):
    """Requests about an account's devices in `region`; see `XiaomiAccount` for the errors."""

    region: str
    call_limit: CallLimit
    """For those who call cameras instead of the LAN; asked by them, not here."""
    _endpoints: CloudEndpoints

    @property
    @abstractmethod
    def _user_id(self) -> str:
        """User id of the account, empty before the first log-in."""

    @property
    @abstractmethod
    def _requests(self) -> Transport:
        """What carries the requests."""

    @abstractmethod
    async def _with_session[T](
        self, ask: Callable[[AccountSession], Awaitable[T]], transport: Transport
    ) -> T:
        """Ask with the session, and once more with a renewed one if its token is refused."""

    async def _call(
        self,
        path: str,
        data: Mapping[str, JsonValue],
        transport: Transport,
        *,
        limit: int = SMALL,
        list_at: str | None = None,
    ) -> JsonValue:
        """Ask the device API, or by GET the service at `list_at`."""
        base = list_at or self._endpoints.api[self.region]
        call = ApiCall("GET" if list_at else "POST", base, path, data)

        async def ask(session: AccountSession) -> JsonValue:
            answer = await call.send(transport, session, limit)
            return answer.read("data" if list_at else "result")

        return await self._with_session(ask, transport)

    async def devices(self, allowed: Callable[[], bool] = lambda: True) -> Listing:
        """Every device the account may see in this region; `allowed` is asked before each page."""
        requests = self._requests.while_allowed(allowed)

        async def ask(path: str, data: Mapping[str, JsonValue]) -> JsonValue:
            return await self._call(path, data, requests, limit=LARGE)

        return (await list_devices(ask, self._user_id)).in_region(self.region)

    async def miss_vendor(
        self,
        did: str,
        client_public: bytes,
        *,
        allowed: Callable[[], bool],
    ) -> MissVendor:
        """Fetch what a MISS session with a camera needs, for our X25519 public key (32 bytes)."""
        return parse_vendor(
            await self._call(
                "/v2/device/miss_get_vendor",
                {
                    "app_pubkey": client_public.hex(),
                    "did": did,
                    "support_vendors": SUPPORTED_VENDORS,
                },
                self._requests.while_allowed(allowed),
            )
        )

    async def rpc(
        self,
        did: str,
        method: str,
        params: JsonValue,
        *,
        allowed: Callable[[], bool],
    ) -> JsonValue:
        """Carry out a miio call through the cloud."""
        if not DID.fullmatch(did):
            raise ValueError("not a did")
        call: dict[str, JsonValue] = {
            "id": secrets.randbelow(1 << 31) + 1,
            "method": method,
            "params": params,
        }
        transport = self._requests.while_allowed(allowed)
        return await self._call(f"/home/rpc/{did}", call, transport)

    async def miot_get(
        self,
        did: str,
        ids: Sequence[tuple[int, int]],
        *,
        allowed: Callable[[], bool],
    ) -> list[dict[str, JsonValue]]:
        """Read properties by (siid, piid): items with `siid`, `piid`, `code` and `value`."""
        params: list[JsonValue] = [{"did": did, "siid": siid, "piid": piid} for siid, piid in ids]
        transport = self._requests.while_allowed(allowed)
        return _items(await self._call("/miotspec/prop/get", {"params": params}, transport))

    async def miot_set(
        self,
        did: str,
        values: Mapping[tuple[int, int], JsonValue],
        *,
        allowed: Callable[[], bool],
    ) -> list[dict[str, JsonValue]]:
        """Write properties by (siid, piid): items with `siid`, `piid` and `code`."""
        params: list[JsonValue] = [
            {"did": did, "siid": siid, "piid": piid, "value": value}
            for (siid, piid), value in values.items()
        ]
        transport = self._requests.while_allowed(allowed)
        return _items(await self._call("/miotspec/prop/set", {"params": params}, transport))

    async def miot_action(
        self,
        did: str,
        siid: int,
        aiid: int,
        arguments: Sequence[JsonValue] = (),
        *,
        allowed: Callable[[], bool],
    ) -> list[JsonValue]:
        """Carry out an action; gives its output values, raises `CloudApiError` for its code."""
        params: dict[str, JsonValue] = {
            "did": did,
            "siid": siid,
            "aiid": aiid,
            "in": list(arguments),
        }
        transport = self._requests.while_allowed(allowed)
        result = await self._call("/miotspec/action", {"params": params}, transport)
        code = result.get("code") if isinstance(result, dict) else None
        if not isinstance(result, dict) or not isinstance(code, int):
            raise CloudUnavailable("the action's result has no code")
        if code not in {0, 1}:
            raise CloudApiError(code)
        out = result.get("out")
        return out if isinstance(out, list) else []

    async def camera_events(
        self,
        did: str,
        model: str,
        begin_ms: int,
        end_ms: int,
        *,
        doorbell: bool,
        allowed: Callable[[], bool],
    ) -> EventPage:
        """Return what a camera noticed from `begin_ms` to `end_ms`, newest first; one request."""
        if (base := self._endpoints.events.get(self.region)) is None:
            raise CloudUnavailable("this cloud lists no events")
        query = event_query(did, model, self.region, begin_ms, end_ms, doorbell=doorbell)
        transport = self._requests.while_allowed(allowed)
        data = await self._call(EVENTS_PATH, query, transport, list_at=base)
        return parse_page(data, did, begin_ms, end_ms)

    async def firmware_check(self, did: str, *, allowed: Callable[[], bool]) -> FirmwareCheck:
        """Ask which firmware there is for a device; nothing is installed."""
        transport = self._requests.while_allowed(allowed)
        return parse_firmware(await self._call(FIRMWARE_PATH, firmware_query(did), transport))

    async def event_picture(
        self,
        did: str,
        ref: PictureRef,
        *,
        allowed: Callable[[], bool],
    ) -> bytes:
        """Fetch the picture of an event: what `check_picture` takes, at most 2 MiB."""
        if (base := self._endpoints.pictures.get(self.region)) is None:
            raise CloudUnavailable("this cloud keeps no pictures")
        transport, iv = self._requests.while_allowed(allowed), secrets.token_bytes(IV_BYTES)

        async def ask(session: AccountSession) -> bytes:
            query = picture_query(did, ref, iv)
            # Whoever asks for pictures says the token here too (public clients).
            extra = {"yetAnotherServiceToken": session.service_token}
            call = ApiCall("GET", base, PICTURE_PATH, query, extra)
            answer = await call.send(transport, session, PICTURE_BYTES)
            try:
                return open_picture(answer.body, session.secret, iv)
            except NotAPictureError as err:
                answer.read("data")
                raise CloudUnavailable(f"no picture: {err}") from None

        return await self._with_session(ask, transport)


def _items(result: JsonValue) -> list[dict[str, JsonValue]]:
    if not isinstance(result, list):
        raise CloudUnavailable("the properties are not a list")
    return [item for item in result if isinstance(item, dict)]
