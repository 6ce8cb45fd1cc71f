"""Waking cameras and doorbells that sleep to save their battery.

The call goes over this network and through the account's cloud at the same time: which of
them a sleeping model hears differs, and a viewer waits meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
import time
from typing import TYPE_CHECKING

from .cloud import CloudError
from .const import LOGGER
from .device import MiioError
from .media import Trouble, UpstreamError
from .miss.models import WakeAction, WakeCall, WakeRewrite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .cloud import DeviceCalls
    from .device.packet import JsonValue
    from .gate import Permit
    from .miss.models import Wake

type Allowed = Callable[[], bool]
"""Whether leave to ask has not been lost; for before each datagram."""
type LocalCall = Callable[[str, JsonValue, Allowed], Awaitable[JsonValue]]
"""Carry out a miio method with parameters on this network; raises `MiioError`."""

CALL_TIMEOUT = 10.0
"""Seconds for the call itself, by either way."""
LOOK_EVERY = 0.5


class Waker:
    """Wakes one camera."""

    def __init__(
        self,
        did: str,
        wake: Wake,
        *,
        call: LocalCall,
        accounts: Callable[[], Sequence[DeviceCalls]],
        awake: Callable[[Allowed], Awaitable[bool]],
        permit: Callable[[], Permit | None],
    ) -> None:
        """Prepare; `awake` asks on this network, within about a second, if it is there.

        Nothing is sent without a `permit`, or after it has become invalid.
        """
        self._did = did
        self._wake = wake
        self._call = call
        self._accounts = accounts
        self._awake = awake
        self._permit = permit

    async def __call__(self) -> None:
        """Wake the camera, and wait until it is there, for `Wake.seconds` at most.

        One that answers nothing on this network but video passes for awake then.

        Raises:
            UpstreamError: nobody passed the call on, or pictures are switched off.
        """
        if (permit := self._permit()) is None:
            raise UpstreamError(Trouble.BROKEN)
        called = await self._called(permit)
        _require(permit)
        if not called:
            raise UpstreamError(Trouble.ASLEEP)
        until = time.monotonic() + self._wake.seconds
        while not await self._awake(lambda: permit.valid):
            if time.monotonic() >= until:
                LOGGER.debug("Camera %s was called and answers no hello", self._did)
                return
            await asyncio.sleep(LOOK_EVERY)
            _require(permit)

    async def _called(self, permit: Permit) -> bool:
        """Call by both ways; whether one of them worked, as soon as one did."""
        ways = {
            asyncio.ensure_future(self._locally(permit)),
            asyncio.ensure_future(self._through_the_cloud(permit)),
        }
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                for way in asyncio.as_completed(ways):
                    if await way:
                        return True
        except TimeoutError:
            LOGGER.debug("Calling camera %s took too long", self._did)
        finally:
            for one in ways:
                one.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        return False

    async def _locally(self, permit: Permit) -> bool:
        def allowed() -> bool:
            return permit.valid

        _require(permit)
        try:
            match self._wake.how:
                case WakeAction(siid, aiid):
                    await self._call(
                        "action",
                        {"did": self._did, "siid": siid, "aiid": aiid, "in": []},
                        allowed,
                    )
                case WakeCall(method, params):
                    await self._call(method, dict(params), allowed)
                case WakeRewrite(siid, piid):
                    item: dict[str, JsonValue] = {
                        "did": self._did,
                        "siid": siid,
                        "piid": piid,
                    }
                    value = _value(await self._call("get_properties", [item], allowed))
                    if value is None:
                        return False
                    _require(permit)
                    await self._call("set_properties", [{**item, "value": value}], allowed)
        except MiioError as err:
            LOGGER.debug("Camera %s was not woken on this network: %s", self._did, err)
            return False
        return True

    async def _through_the_cloud(self, permit: Permit) -> bool:
        for account in self._accounts():
            _require(permit)
            try:
                if await self._by(account, permit):
                    return True
            except CloudError as err:
                LOGGER.debug("Camera %s was not woken by one account: %s", self._did, err)
        return False

    async def _by(self, account: DeviceCalls, permit: Permit) -> bool:
        def allowed() -> bool:
            return permit.valid

        match self._wake.how:
            case WakeAction(siid, aiid):
                await account.miot_action(self._did, siid, aiid, allowed=allowed)
            case WakeCall(method, params):
                await account.rpc(self._did, method, dict(params), allowed=allowed)
            case WakeRewrite(siid, piid):
                value = _value(await account.miot_get(self._did, [(siid, piid)], allowed=allowed))
                if value is None:
                    return False
                _require(permit)
                await account.miot_set(self._did, {(siid, piid): value}, allowed=allowed)
        return True


def _require(permit: Permit) -> None:
    """Go on only while pictures stay allowed; for before each step, as others have been awaited.

    Raises:
        UpstreamError: they have been switched off.
    """
    if not permit.valid:
        raise UpstreamError(Trouble.BROKEN)


def _value(items: object) -> JsonValue:
    """Return the one property's value, None unless it could be read."""
    if isinstance(items, list) and len(items) == 1 and isinstance(items[0], dict):
        value = items[0].get("value")
        if items[0].get("code") == 0 and isinstance(value, bool | int | str):
            return value
    return None
