"""The device API under ``/app``: what an account may ask, and the answers.

Paths and fields are those public clients use. Error codes are as far as those clients name
them; where none does, the code is this simulator's own and marked so.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from simulator.camera.miio_methods import ASLEEP
from simulator.camera.rpc import (
    BAD_ARGUMENTS,
    BAD_VALUE,
    NO_SUCH,
    UNREADABLE,
    UNWRITABLE,
    WRONG_DID,
    RpcError,
)
from simulator.cloud.events import PATH as EVENTS_PATH
from simulator.cloud.homes import Homes
from simulator.cloud.pictures import PATH as PICTURE_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.camera.rpc import JSON
    from simulator.cloud.account import Account
    from simulator.cloud.devices import CloudDevice
    from simulator.cloud.events import EventLists
    from simulator.keys import KeyBook

    type _Seen = Mapping[str, CloudDevice]

MAX_ITEMS: Final = 100
FIRMWARE: Final = "4.3.4_0459"
"""What simulated cameras run."""
DEVICE_UNKNOWN: Final = -704040001
DEVICE_OFFLINE: Final = -704042011
_ACTION_UNKNOWN: Final = -704040005
_CLOUD_CODES: Final = {
    UNREADABLE: -704030013,
    UNWRITABLE: -704030023,
    NO_SUCH: -704040003,
    BAD_VALUE: -704220043,
    BAD_ARGUMENTS: -704220035,
    WRONG_DID: DEVICE_UNKNOWN,
}
_RPC_PATH: Final = re.compile(r"/home/rpc/([0-9A-Za-z._-]{1,64})")


class ApiError(Exception):
    """An answer with a code other than 0."""

    def __init__(self, code: int, message: str) -> None:
        """Keep what goes on the wire."""
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


class DeviceApi:
    """Answers for the devices of all accounts, each seeing its own and what is shared with it."""

    def __init__(self, keys: KeyBook, events: EventLists, accounts: Mapping[str, Account]) -> None:
        """Start with no devices; `keys` makes the answers that cameras believe."""
        self._events = events
        self._keys = keys
        self.homes = Homes(accounts)
        """Whose the devices are."""
        self._lists: dict[str, Callable[[Account, str, Mapping[str, JSON]], JSON]] = {
            "/home/device_list": self._device_list,
            "/v2/home/device_list_page": self._device_list_page,
            "/v2/homeroom/gethome_merged": self.homes.homes,
            "/v2/home/home_device_list": self._home_device_list,
        }
        self._paths: dict[str, Callable[[_Seen, Mapping[str, JSON]], JSON]] = {
            "/v2/device/miss_get_vendor": self._miss_get_vendor,
            "/miotspec/prop/get": self._prop_get,
            "/miotspec/prop/set": self._prop_set,
            "/miotspec/action": self._action,
            "/v2/message/v2/check_new_msg": self._check_new_msg,
            EVENTS_PATH: self._event_list,
            "/home/checkversion": self._check_version,
        }

    @property
    def models(self) -> set[str]:
        """Models of all devices of all accounts."""
        owned = self.homes.devices.values()
        return {device.model for devices in owned for device in devices.values()}

    def name_of(self, path: str) -> str | None:
        """Return the path to count a request under, or None for a path that is none."""
        if path in self._paths or path in self._lists or path == PICTURE_PATH:
            return path
        return "/home/rpc" if _RPC_PATH.fullmatch(path) else None

    def answer(self, account: Account, region: str, path: str, data: Mapping[str, JSON]) -> JSON:
        """Return the `result`; raises `ApiError`. In another region an account has no devices."""
        if (list_ := self._lists.get(path)) is not None:
            return list_(account, region, data)
        seen = self.homes.seen(account, region)
        if not seen and region != account.region:
            raise _denied()
        if (call := self._paths.get(path)) is not None:
            return call(seen, data)
        if (match := _RPC_PATH.fullmatch(path)) is not None:
            return self._rpc(seen, match[1], data)
        raise ApiError(-3, "no such api")  # the simulator's own code

    # --- lists ---

    def _device_list_page(self, account: Account, region: str, data: Mapping[str, JSON]) -> JSON:
        part, more = self.homes.page(self.homes.listed(account, region), data)
        return {"list": [_entry(*one, account) for one in part], **more}

    def _device_list(self, account: Account, region: str, data: Mapping[str, JSON]) -> JSON:
        del data
        entries = [_entry(*one, account) for one in self.homes.listed(account, region)]
        return {"list": entries, "virtualModels": []}

    def _home_device_list(self, account: Account, region: str, data: Mapping[str, JSON]) -> JSON:
        devices = self.homes.home(account, region, data)
        if devices is None:
            raise _denied()
        part, more = self.homes.page(devices, data)
        return {"device_info": [_entry(*one, account) for one in part], **more}

    def _check_version(self, seen: _Seen, data: Mapping[str, JSON]) -> JSON:
        device = _owned(seen, data.get("did"))
        if device is None:
            raise _denied()
        latest = device.firmware or FIRMWARE
        return {
            "curr": FIRMWARE,
            "latest": latest,
            "isLatest": latest == FIRMWARE,
            "updating": False,
            "description": "",
            "force": 0,
            "ota_status": "idle",
            "ota_progress": 0,
        }

    def _check_new_msg(self, seen: _Seen, data: Mapping[str, JSON]) -> JSON:
        del seen, data
        return {"new_msg": False}

    def _event_list(self, seen: _Seen, data: Mapping[str, JSON]) -> JSON:
        device = _owned(seen, data.get("did"))
        if device is None:
            raise _denied()
        if self._events.refuse is not None:
            raise ApiError(self._events.refuse, "refused")
        return self._events.answer(device.did, data)

    def picture(
        self, account: Account, region: str, data: Mapping[str, JSON], secret: bytes
    ) -> bytes:
        """Return the body that has an event's picture; raises `ApiError`."""
        device = _owned(self.homes.seen(account, region), data.get("did"))
        if device is None:
            raise _denied()
        body = self._events.pictures.answer(device.did, data, secret)
        if body is None:
            raise ApiError(-8, "no such file")  # the simulator's own code
        return body

    # --- pictures ---

    def _miss_get_vendor(self, seen: _Seen, data: Mapping[str, JSON]) -> JSON:
        device = _owned(seen, data.get("did"))
        if device is None or device.vendor is None:
            raise _denied()
        vendors = data.get("support_vendors")
        if not isinstance(vendors, str) or "CS2" not in vendors.split("_"):
            raise ApiError(-8, "no available vendor support")  # the text is the real one's
        key = data.get("app_pubkey")
        try:
            public = bytes.fromhex(key) if isinstance(key, str) else b""
        except ValueError:
            public = b""
        if len(public) != 32:
            raise ApiError(-8, "data type error")
        if device.methods is not None and device.methods.sleeping:
            raise ApiError(-8, ASLEEP)  # the text is the real one's
        did = int(device.did)
        return {
            "vendor": {"vendor": device.vendor, "vendor_params": {"p2p_id": ""}},
            "public_key": self._keys.device_public(did).hex(),
            "sign": self._keys.sign(did, public),
            "token": "",
        }

    # --- requests for the device ---

    def _rpc(self, seen: _Seen, did: str, data: Mapping[str, JSON]) -> JSON:
        device = _owned(seen, did)
        if device is None:
            raise _denied()
        if device.methods is None or not device.online():
            raise ApiError(-2, "device offline")  # the simulator's own code
        method = data.get("method")
        if not isinstance(method, str):
            raise ApiError(-8, "data type error")
        try:
            return device.methods.reply(method, data.get("params", []))["result"]
        except RpcError as err:
            raise ApiError(err.code, err.message) from err

    def _prop_get(self, seen: _Seen, data: Mapping[str, JSON]) -> JSON:
        return [self._prop(seen, "get_properties", item) for item in _items(data)]

    def _prop_set(self, seen: _Seen, data: Mapping[str, JSON]) -> JSON:
        return [self._prop(seen, "set_properties", item) for item in _items(data)]

    def _prop(self, seen: _Seen, method: str, item: dict[str, JSON]) -> JSON:
        answer: dict[str, JSON] = {
            "did": item.get("did"),
            "iid": f"0.{item.get('siid')}.{item.get('piid')}",
            "siid": item.get("siid"),
            "piid": item.get("piid"),
        }
        code, reply = self._forward(seen, method, item, [item])
        answer["code"] = code
        if "value" in reply:
            answer |= {"value": reply["value"], "updateTime": int(time.time())}
        return answer

    def _action(self, seen: _Seen, data: Mapping[str, JSON]) -> JSON:
        params = data.get("params")
        if not isinstance(params, dict):
            raise ApiError(-8, "data type error")
        answer: dict[str, JSON] = {
            "did": params.get("did"),
            "miid": 0,
            "siid": params.get("siid"),
            "aiid": params.get("aiid"),
        }
        code, reply = self._forward(seen, "action", params, params)
        answer["code"] = _ACTION_UNKNOWN if reply.get("code") == NO_SUCH else code
        answer["out"] = reply.get("out", [])
        return answer

    def _forward(
        self, seen: _Seen, method: str, item: Mapping[str, JSON], params: JSON
    ) -> tuple[int, Mapping[str, JSON]]:
        """Return a code in the cloud's form, and the device's answer if it was reached."""
        device = _owned(seen, item.get("did"))
        if device is None:
            return DEVICE_UNKNOWN, {}
        if device.methods is None or not device.online():
            return DEVICE_OFFLINE, {}
        try:
            reply = device.methods.miot_reply(method, params)
        except RpcError as err:
            raise ApiError(-8, "data type error") from err
        result = reply["result"]
        answer = result[0] if isinstance(result, list) else result
        assert isinstance(answer, dict)
        code = answer["code"]
        assert isinstance(code, int)
        return _CLOUD_CODES.get(code, code), answer


def _denied() -> ApiError:
    """Return the error for a device that is not this account's (only its text is known)."""
    return ApiError(-4, "Permit Deny")


def _owned(seen: _Seen, did: JSON) -> CloudDevice | None:
    if isinstance(did, int):
        did = str(did)
    return seen.get(did) if isinstance(did, str) else None


def _items(data: Mapping[str, JSON]) -> list[dict[str, JSON]]:
    params = data.get("params")
    if not isinstance(params, list) or len(params) > MAX_ITEMS:
        raise ApiError(-8, "data type error")
    items = [item for item in params if isinstance(item, dict)]
    if len(items) != len(params):
        raise ApiError(-8, "data type error")
    return items


def _entry(owner: Account, device: CloudDevice, account: Account) -> JSON:
    shared = owner != account
    return {
        "did": device.did,
        "uid": int(owner.user_id),
        "token": device.token.hex(),
        "name": device.name,
        "pid": str(device.pid),
        "localip": device.address,
        "mac": device.mac,
        "ssid": "home",
        "bssid": "02:00:00:00:00:01",
        "rssi": -48,
        "longitude": "0.0",
        "latitude": "0.0",
        "parent_id": device.parent_id,
        "parent_model": "",
        "model": device.model,
        "desc": "",
        "show_mode": 1,
        "adminFlag": 0 if shared else 1,
        "shareFlag": 1 if shared else 0,
        "permitLevel": 4 if shared else 16,
        "isOnline": device.online(),
        "extra": {"isSetPincode": 0, "fw_version": FIRMWARE},
    }
