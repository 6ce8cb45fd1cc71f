"""Every device an account may see: its own, those shared singly, those of homes shared with it.

The first two stand in the device list, in pages; devices of a home that somebody else shares
stand in the list of that home alone (public protocol notes, the same in several clients).
Answers are bounded in number and in what is taken of each, and a did that was listed already
stays what it was: whoever shares a home cannot give out a device of it for another one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
import logging
import time
from typing import TYPE_CHECKING, Final

from .devices import DID, MAX_DEVICES, CloudDevice, parse_devices
from .errors import CloudApiError, CloudUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from .transport import JsonValue

    type Ask = Callable[[str, Mapping[str, JsonValue]], Awaitable[JsonValue]]

_LOGGER = logging.getLogger(__name__)

DEVICES: Final = "/v2/home/device_list_page"
HOMES: Final = "/v2/homeroom/gethome_merged"
HOME_DEVICES: Final = "/v2/home/home_device_list"
PAGE: Final = 200
"""Devices asked for at a time; the cloud may give more or fewer."""
MAX_PAGES: Final = 20
"""Of one list."""
MAX_HOMES: Final = 32
"""Homes of others that are looked into."""
MAX_REQUESTS: Final = 64
"""For all homes of others together."""
MAX_HOME_ENTRIES: Final = 512
SECONDS: Final = 60.0
"""After which no further list of a home of others is asked for."""
_MAX_ID: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class SharedHome:
    """A home of somebody else."""

    home_id: int
    owner: int
    """User id."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What an account may see in a region; `complete` unless some of it could not be listed.

    It iterates over the devices.
    """

    devices: tuple[CloudDevice, ...]
    complete: bool

    def __iter__(self) -> Iterator[CloudDevice]:
        """Go through the devices."""
        return iter(self.devices)

    def __len__(self) -> int:
        """Count the devices."""
        return len(self.devices)

    def in_region(self, region: str) -> Listing:
        """Return the same with each device's region."""
        return Listing(tuple(replace(one, region=region) for one in self.devices), self.complete)


async def list_devices(ask: Ask, user_id: str) -> Listing:
    """List the devices by `ask`, which gives the `result` of a path with these parameters.

    Raises `CloudError` kinds if the account's own list cannot be had, or its session is over.
    """
    found: dict[str, CloudDevice] = {}
    complete = await _take_pages(ask, DEVICES, {}, "list", found)
    try:
        complete &= await _take_homes(ask, user_id, found)
    except (CloudApiError, CloudUnavailable) as err:
        _LOGGER.debug("Homes that others share could not be listed: %s", err)
        complete = False
    return Listing(tuple(found.values()), complete)


async def _take_homes(ask: Ask, user_id: str, found: dict[str, CloudDevice]) -> bool:
    homes, complete = parse_homes(
        await ask(
            HOMES,
            {
                "fg": True,
                "fetch_share": True,
                "fetch_share_dev": True,
                "limit": 300,
                "app_ver": 7,
            },
        ),
        user_id,
    )
    asked, until = 0, time.monotonic() + SECONDS

    async def counted(path: str, data: Mapping[str, JsonValue]) -> JsonValue:
        nonlocal asked
        if asked >= MAX_REQUESTS or time.monotonic() >= until:
            raise CloudUnavailable("too many homes with too many devices, or too slow")
        asked += 1
        return await ask(path, data)

    for home in homes:
        of_home: Mapping[str, JsonValue] = {
            "home_owner": home.owner,
            "home_id": home.home_id,
            "limit": PAGE,
            "start_did": "",
            "get_split_device": True,
            "support_smart_home": True,
        }
        try:
            complete &= await _take_pages(counted, HOME_DEVICES, of_home, "device_info", found)
        except (CloudApiError, CloudUnavailable) as err:
            # The other homes are there all the same.
            _LOGGER.debug("A home that somebody shares could not be listed: %s", err)
            complete = False
    return complete


async def _take_pages(
    ask: Ask,
    path: str,
    data: Mapping[str, JsonValue],
    name: str,
    found: dict[str, CloudDevice],
) -> bool:
    """Add a list's devices to those found; False if there are more than could be had.

    Raises `CloudError` kinds if it cannot be begun.
    """
    for page in range(MAX_PAGES):
        try:
            result = await ask(path, data)
        except (CloudApiError, CloudUnavailable) as err:
            if not page:
                raise
            _LOGGER.debug("A list of devices broke off: %s", err)
            return False
        for device in parse_devices(result, name):
            if len(found) >= MAX_DEVICES:
                return False
            found.setdefault(device.did, device)
        if not isinstance(result, dict) or result.get("has_more") is not True:
            return True
        start = _next(result)
        if start is None or start == data.get("start_did"):
            return False
        data = {**data, "limit": PAGE, "start_did": start}
    return False


def _next(result: Mapping[str, JsonValue]) -> str | None:
    """Return the did to go on from, None if the page names none."""
    for name in ("max_did", "next_start_did"):
        did = result.get(name)
        if isinstance(did, int) and not isinstance(did, bool) and 0 < did < _MAX_ID:
            did = str(did)
        if isinstance(did, str) and DID.fullmatch(did):
            return did
    return None


def parse_homes(result: JsonValue, user_id: str) -> tuple[list[SharedHome], bool]:
    """Homes of others in a `gethome_merged` result, and whether those are all of them.

    Raises `CloudUnavailable` when the result is none.
    """
    if not isinstance(result, dict):
        raise CloudUnavailable("the homes are not an object")
    entries = list(_entries(result))
    homes = dict.fromkeys(
        home
        for entry in entries[:MAX_HOME_ENTRIES]
        if (home := _home(entry)) is not None and str(home.owner) != user_id
    )
    complete = len(homes) <= MAX_HOMES and len(entries) <= MAX_HOME_ENTRIES
    return list(homes)[:MAX_HOMES], complete and result.get("has_more") is not True


def _entries(result: Mapping[str, JsonValue]) -> Iterator[JsonValue]:
    for name in ("share_home_list", "homelist"):
        part = result.get(name)
        if isinstance(part, list):
            yield from part


def _home(entry: JsonValue) -> SharedHome | None:
    if not isinstance(entry, dict):
        return None
    home_id, owner = _number(entry.get("id")), _number(entry.get("uid"))
    return None if home_id is None or owner is None else SharedHome(home_id, owner)


def _number(value: JsonValue) -> int | None:
    """Return an id: a number, or one in decimal digits."""
    if isinstance(value, str) and len(value) < 20 and value.isascii() and value.isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MAX_ID:
        return value
    return None
