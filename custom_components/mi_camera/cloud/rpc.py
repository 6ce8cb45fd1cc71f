"""A camera's miio calls, carried by its account's cloud instead of the LAN.

MIoT calls have paths of their own there (``/miotspec/...``), everything else goes to
``/home/rpc/{did}``. Each request names the camera by its did, and what names another one is
left out of the answer. The cloud has its own form of the codes that devices give: -70xxxxyyy,
of which the last three digits tell what a device says on the LAN (public protocol notes).
"""

from __future__ import annotations

from collections import deque
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from .errors import CloudApiError, CloudUnavailable, TooManyCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .device_calls import DeviceCalls
    from .transport import JsonValue

CALLS_PER_MINUTE: Final = 30
"""Requests for all cameras of one account."""
MINUTE: Final = 60.0
_CLOUD_FORM: Final = -700_000_000
_OFFLINE: Final = frozenset({11, 36})
"""Last three digits for a device that the cloud does not reach, or that does not answer it."""
_DEVICE_CODES: Final[Mapping[int, int]] = MappingProxyType(
    {
        1: -4007,
        2: -4003,
        3: -4003,
        4: -4003,
        5: -4003,
        13: -4001,
        23: -4002,
        25: -4006,
        35: -4006,
        43: -4005,
    }
)


class CallLimit:
    """Lets so many calls through within a minute, and no more."""

    def __init__(self, calls: int = CALLS_PER_MINUTE) -> None:
        """Have let none through."""
        self._calls = calls
        self._times: deque[float] = deque()

    def take(self, now: float) -> None:
        """Count a call at `now` (seconds); raises `TooManyCalls`."""
        while self._times and now - self._times[0] >= MINUTE:
            self._times.popleft()
        if len(self._times) >= self._calls:
            raise TooManyCalls
        self._times.append(now)


class CloudRpc:
    """One camera's calls through one account."""

    def __init__(self, account: DeviceCalls, did: str) -> None:
        """Ask about `did` and no other."""
        self._account = account
        self._did = did

    async def call(
        self, method: str, params: JsonValue, *, allowed: Callable[[], bool]
    ) -> JsonValue:
        """Carry out a miio call; params, result and codes are those of the LAN.

        Raises:
            CloudError: as of `XiaomiAccount`; `CloudApiError` with the device's own code where
                the device refused, and one that `is_offline` where the cloud does not reach it.
        """
        if method == "get_properties":
            ids = [_ids(item, "piid") for item in _objects(params)]
            items = await self._account.miot_get(self._did, ids, allowed=allowed)
            return self._own(items)
        if method == "set_properties":
            values = {_ids(item, "piid"): item["value"] for item in _objects(params)}
            items = await self._account.miot_set(self._did, values, allowed=allowed)
            return self._own(items)
        if method == "action":
            (action,) = _objects([params])
            siid, aiid = _ids(action, "aiid")
            inputs = action.get("in")
            try:
                out = await self._account.miot_action(
                    self._did,
                    siid,
                    aiid,
                    inputs if isinstance(inputs, list) else (),
                    allowed=allowed,
                )
            except CloudApiError as err:
                if is_offline(err):
                    raise
                return {"code": device_code(err.code), "out": []}
            return {"code": 0, "out": out}
        return await self._account.rpc(self._did, method, params, allowed=allowed)

    def _own(self, items: list[dict[str, JsonValue]]) -> JsonValue:
        """Return the items of this camera, with the device's codes."""
        own: list[JsonValue] = []
        for item in items:
            if str(item.get("did")) != self._did:
                continue
            code = item.get("code")
            if isinstance(code, bool) or not isinstance(code, int):
                raise CloudUnavailable("a property has no code")
            if is_offline(error := CloudApiError(code)):
                raise error
            own.append({**item, "code": device_code(code)})
        return own


def device_code(code: int) -> int:
    """Return the device's own code for one in the cloud's form; others are as they are."""
    return _DEVICE_CODES.get(-code % 1000, code) if code <= _CLOUD_FORM else code


def is_offline(error: CloudApiError) -> bool:
    """Whether the cloud said that it does not reach the device."""
    if error.code <= _CLOUD_FORM:
        return -error.code % 1000 in _OFFLINE
    return "offline" in error.message.lower()


def _objects(params: JsonValue) -> list[dict[str, JsonValue]]:
    items = params if isinstance(params, list) else []
    return [item for item in items if isinstance(item, dict)]


def _ids(item: Mapping[str, JsonValue], second: str) -> tuple[int, int]:
    siid, number = item.get("siid"), item.get(second)
    if not isinstance(siid, int) or not isinstance(number, int):
        raise ValueError("a call without numbers")  # noqa: TRY004 - the caller's mistake
    return siid, number
