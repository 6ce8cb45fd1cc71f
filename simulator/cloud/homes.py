"""Homes and what is shared of them: who may see which devices, and how the lists tell it.

Every owner has one home with all devices in it. It may be shared as a whole; its devices then
stand only in the list of that home, or singly; then they stand in the guest's own device list.
Paths and fields are those public clients use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.camera.rpc import JSON
    from simulator.cloud.account import Account
    from simulator.cloud.devices import CloudDevice

MAX_PAGE: Final = 300
_HOME_IDS: Final = 500_000_000_000


class Homes:
    """Devices by owner, and whom they are shared with."""

    def __init__(self, accounts: Mapping[str, Account]) -> None:
        """Start with no devices; `accounts` are known by user name."""
        self._accounts = accounts
        self.devices: dict[str, dict[str, CloudDevice]] = {}
        """By owner's user name and did."""
        self.page_size = MAX_PAGE
        """Devices on a page at most."""
        self._guests: set[tuple[str, str]] = set()
        self._single: set[tuple[str, str, str]] = set()

    def add(self, username: str, device: CloudDevice) -> None:
        """Give a device to an account."""
        self.devices.setdefault(username, {})[device.did] = device

    def share_home(self, owner: str, guest: str) -> None:
        """Let a guest see all of an owner's home."""
        self._guests.add((owner, guest))

    def share_device(self, owner: str, did: str, guest: str) -> None:
        """Let a guest see one device."""
        self._single.add((owner, did, guest))

    def unshare(self, owner: str, guest: str) -> None:
        """Let a guest see nothing of an owner's any more."""
        self._guests.discard((owner, guest))
        self._single = {one for one in self._single if (one[0], one[2]) != (owner, guest)}

    def seen(self, account: Account, region: str) -> dict[str, CloudDevice]:
        """Return every device that an account may use there, by did."""
        found: dict[str, CloudDevice] = {}
        for owner in self._accounts.values():
            for did, device in self._of(owner, region).items():
                key = (owner.username, account.username)
                if owner == account or key in self._guests or self._is_single(owner, did, account):
                    found[did] = device
        return found

    def _is_single(self, owner: Account, did: str, guest: Account) -> bool:
        return (owner.username, did, guest.username) in self._single

    def _of(self, owner: Account, region: str) -> dict[str, CloudDevice]:
        return {
            did: device
            for did, device in self.devices.get(owner.username, {}).items()
            if (device.region or owner.region) == region
        }

    # --- lists ---

    def listed(self, account: Account, region: str) -> list[tuple[Account, CloudDevice]]:
        """Return what stands in an account's own list, each with its owner."""
        found = [(account, device) for device in self._of(account, region).values()]
        for owner in self._accounts.values():
            for did, device in self._of(owner, region).items():
                if owner != account and self._is_single(owner, did, account):
                    found.append((owner, device))
        return found

    def homes(self, account: Account, region: str, data: Mapping[str, JSON]) -> JSON:
        """Answer `gethome_merged`."""
        shared: list[JSON] = [
            self._home(owner, region)
            for owner in self._accounts.values()
            if (owner.username, account.username) in self._guests and self._has(owner, region)
        ]
        own: list[JSON] = [self._home(account, region)] if self._has(account, region) else []
        answer: dict[str, JSON] = {"homelist": own, "has_more": False, "max_id": ""}
        if data.get("fetch_share") is True:
            answer["share_home_list"] = shared
        return answer

    def _has(self, owner: Account, region: str) -> bool:
        return bool(self._of(owner, region))

    def _home(self, owner: Account, region: str) -> JSON:
        dids: list[JSON] = list(self._of(owner, region))
        return {
            "id": str(_HOME_IDS + int(owner.user_id)),
            "uid": int(owner.user_id),
            "name": f"Home of {owner.username}",
            "dids": dids,
            "roomlist": [],
        }

    def home(
        self, account: Account, region: str, data: Mapping[str, JSON]
    ) -> list[tuple[Account, CloudDevice]] | None:
        """Return what is in the home that is asked for; None if the account may not see it."""
        for owner in self._accounts.values():
            number = _HOME_IDS + int(owner.user_id)
            if str(data.get("home_id")) != str(number):
                continue
            if str(data.get("home_owner")) != owner.user_id:
                continue
            if owner == account or (owner.username, account.username) in self._guests:
                return [(owner, device) for device in self._of(owner, region).values()]
        return None

    def page[T: tuple[Account, CloudDevice]](
        self, items: list[T], data: Mapping[str, JSON]
    ) -> tuple[list[T], dict[str, JSON]]:
        """Return the part of a list that is asked for, and the fields that tell what follows."""
        limit, start = data.get("limit"), data.get("start_did")
        size = self.page_size
        if isinstance(limit, int) and limit > 0:
            size = min(size, limit)
        left = sorted(items, key=lambda one: one[1].did)
        if isinstance(start, str) and start:
            left = [one for one in left if one[1].did > start]
        part = left[:size]
        has_more = len(left) > size
        return part, {"has_more": has_more, "max_did": part[-1][1].did if has_more else ""}
