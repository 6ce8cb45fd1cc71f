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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.camera.rpc import JSON
    from simulator.cloud.account import Account
    from simulator.cloud.devices import CloudDevice
    from simulator.cloud.events import EventLists
    from simulator.keys import KeyBook

MAX_ITEMS: Final = 100
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
    """Answers for the devices of all accounts, each account seeing only its own."""

    def __init__(self, keys: KeyBook, events: EventLists) -> None:
        """Start with no devices; `keys` makes the answers that cameras believe."""
        self._events = events
        self._keys = keys
        self._devices: dict[str, dict[str, CloudDevice]] = {}
        self._paths: dict[str, Callable[[Account, Mapping[str, JSON]], JSON]] = {
            "/home/device_list": self._device_list,
            "/v2/home/device_list_page": self._device_list_page,
            "/v2/device/miss_get_vendor": self._miss_get_vendor,
            "/miotspec/prop/get": self._prop_get,
            "/miotspec/prop/set": self._prop_set,
            "/miotspec/action": self._action,
            "/v2/message/v2/check_new_msg": self._check_new_msg,
            EVENTS_PATH: self._event_list,
        }

    def add(self, username: str, device: CloudDevice) -> None:
        """Give a device to an account."""
        self._devices.setdefault(username, {})[device.did] = device

    @property
    def models(self) -> set[str]:
        """Models of all devices of all accounts."""
        return {device.model for devices in self._devices.values() for device in devices.values()}

    def name_of(self, path: str) -> str | None:
        """Return the path to count a request under, or None for a path that is none."""
        if path in self._paths:
            return path
        return "/home/rpc" if _RPC_PATH.fullmatch(path) else None

    def answer(self, account: Account, region: str, path: str, data: Mapping[str, JSON]) -> JSON:
        """Return the `result`; raises `ApiError`. In another region an account has no devices."""
        if region != account.region:
            if path in {"/home/device_list", "/v2/home/device_list_page"}:
                return {"list": []}
            raise _denied()
        if (call := self._paths.get(path)) is not None:
            return call(account, data)
        if (match := _RPC_PATH.fullmatch(path)) is not None:
            return self._rpc(account, match[1], data)
        raise ApiError(-3, "no such api")  # the simulator's own code

    def _owned(self, account: Account, did: JSON) -> CloudDevice | None:
        if isinstance(did, int):
            did = str(did)
        return self._devices.get(account.username, {}).get(did) if isinstance(did, str) else None

    # --- lists ---

    def _device_list_page(self, account: Account, data: Mapping[str, JSON]) -> JSON:
        del data
        devices = self._devices.get(account.username, {}).values()
        entries: list[JSON] = [_entry(account, device) for device in devices]
        return {"list": entries, "has_more": False, "max_did": ""}

    def _device_list(self, account: Account, data: Mapping[str, JSON]) -> JSON:
        del data
        devices = self._devices.get(account.username, {}).values()
        entries: list[JSON] = [_entry(account, device) for device in devices]
        return {"list": entries, "virtualModels": []}

    def _check_new_msg(self, account: Account, data: Mapping[str, JSON]) -> JSON:
        del account, data
        return {"new_msg": False}

    def _event_list(self, account: Account, data: Mapping[str, JSON]) -> JSON:
        device = self._owned(account, data.get("did"))
        if device is None:
            raise _denied()
        if self._events.refuse is not None:
            raise ApiError(self._events.refuse, "refused")
        return self._events.answer(device.did, data)

    # --- pictures ---

    def _miss_get_vendor(self, account: Account, data: Mapping[str, JSON]) -> JSON:
        device = self._owned(account, data.get("did"))
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

    def _rpc(self, account: Account, did: str, data: Mapping[str, JSON]) -> JSON:
        device = self._owned(account, did)
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

    def _prop_get(self, account: Account, data: Mapping[str, JSON]) -> JSON:
        return [self._prop(account, "get_properties", item) for item in _items(data)]

    def _prop_set(self, account: Account, data: Mapping[str, JSON]) -> JSON:
        return [self._prop(account, "set_properties", item) for item in _items(data)]

    def _prop(self, account: Account, method: str, item: dict[str, JSON]) -> JSON:
        answer: dict[str, JSON] = {
            "did": item.get("did"),
            "iid": f"0.{item.get('siid')}.{item.get('piid')}",
            "siid": item.get("siid"),
            "piid": item.get("piid"),
        }
        code, reply = self._forward(account, method, item, [item])
        answer["code"] = code
        if "value" in reply:
            answer |= {"value": reply["value"], "updateTime": int(time.time())}
        return answer

    def _action(self, account: Account, data: Mapping[str, JSON]) -> JSON:
        params = data.get("params")
        if not isinstance(params, dict):
            raise ApiError(-8, "data type error")
        answer: dict[str, JSON] = {
            "did": params.get("did"),
            "miid": 0,
            "siid": params.get("siid"),
            "aiid": params.get("aiid"),
        }
        code, reply = self._forward(account, "action", params, params)
        answer["code"] = _ACTION_UNKNOWN if reply.get("code") == NO_SUCH else code
        answer["out"] = reply.get("out", [])
        return answer

    def _forward(
        self, account: Account, method: str, item: Mapping[str, JSON], params: JSON
    ) -> tuple[int, Mapping[str, JSON]]:
        """Return a code in the cloud's form, and the device's answer if it was reached."""
        device = self._owned(account, item.get("did"))
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


def _items(data: Mapping[str, JSON]) -> list[dict[str, JSON]]:
    params = data.get("params")
    if not isinstance(params, list) or len(params) > MAX_ITEMS:
        raise ApiError(-8, "data type error")
    items = [item for item in params if isinstance(item, dict)]
    if len(items) != len(params):
        raise ApiError(-8, "data type error")
    return items


def _entry(account: Account, device: CloudDevice) -> JSON:
    return {
        "did": device.did,
        "uid": int(account.user_id),
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
        "adminFlag": 1,
        "shareFlag": 0,
        "permitLevel": 16,
        "isOnline": device.online(),
        "extra": {"isSetPincode": 0, "fw_version": "4.3.4_0459"},
    }
