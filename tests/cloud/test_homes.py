"""What is shared with an account and what is elsewhere: lists kind, long and hostile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
import pytest

from custom_components.mi_camera.cloud import (
    CloudApiError,
    CloudError,
    CloudUnavailable,
    SessionExpired,
    homes as homes_module,
)
from custom_components.mi_camera.cloud.devices import MAX_DEVICES
from custom_components.mi_camera.cloud.homes import (
    DEVICES,
    HOME_DEVICES,
    HOMES,
    MAX_HOMES,
    MAX_PAGES,
    MAX_REQUESTS,
    PAGE,
    SharedHome,
    list_devices,
    parse_homes,
)
from simulator.camera.miio_methods import MiioMethods
from simulator.camera.spec import CameraSpec
from simulator.camera.state import CameraState
from simulator.cloud import Account, CloudDevice
from tests.cloud.conftest import DID, PASSWORD, USER, Cloud, always
from tests.cloud.test_devices import ENTRY, JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from custom_components.mi_camera.cloud import XiaomiAccount

FRIEND = "friend@example.com"
PUBLIC = bytes(range(32))


def camera(did: int, **changes: Any) -> CloudDevice:
    spec = CameraSpec(
        did=did,
        model="chuangmi.camera.046c04",
        name=f"Camera {did}",
        scene="porch",
        address=f"127.0.44.{did % 200}",
        mac="02:00:00:00:44:aa",
        token=bytes([did % 256]) * 16,
    )
    device = CloudDevice.camera(spec, MiioMethods(spec, CameraState(spec)))
    for name, value in changes.items():
        setattr(device, name, value)
    return device


@pytest.fixture
async def cloud(cloud: Cloud) -> Cloud:
    """The simulated cloud, in which somebody else has cameras too."""
    cloud.server.accounts._accounts[FRIEND] = Account(  # type: ignore[index]
        username=FRIEND, password=PASSWORD, user_id="3000000001"
    )
    for did in (31, 32, 33):
        cloud.server.add_device(FRIEND, camera(did))
    return cloud


# -- the simulated cloud ---------------------------------------------------------------------


async def test_a_shared_home_and_a_shared_camera(account: XiaomiAccount, cloud: Cloud) -> None:
    await account.login(USER, PASSWORD)
    homes = cloud.server.homes
    assert {one.did for one in await account.devices()} == {str(DID), "77"}
    homes.share_device(FRIEND, "32", USER)
    assert {one.did for one in await account.devices()} == {str(DID), "77", "32"}
    homes.share_home(FRIEND, USER)
    listing = await account.devices()
    assert listing.complete
    assert sorted(one.did for one in listing) == sorted({str(DID), "77", "31", "32", "33"})
    shared = next(one for one in listing if one.did == "31")
    assert (shared.token, shared.region, shared.is_camera) == (bytes([31]) * 16, "de", True)
    # What is shared can be seen and asked like one's own.
    vendor = await account.miss_vendor("31", PUBLIC, allowed=always)
    assert vendor.device_public == cloud.keys.device_public(31)
    assert cloud.keys.check(31, PUBLIC, vendor.sign)
    assert isinstance(await account.rpc("31", "miIO.info", [], allowed=always), dict)
    homes.unshare(FRIEND, USER)
    assert len(await account.devices()) == 2
    with pytest.raises(CloudApiError, match="Permit Deny"):
        await account.miss_vendor("31", PUBLIC, allowed=always)


async def test_lists_in_pages(account: XiaomiAccount, cloud: Cloud) -> None:
    await account.login(USER, PASSWORD)
    for did in range(101, 106):
        cloud.server.add_device(USER, camera(did))
    cloud.server.homes.share_home(FRIEND, USER)
    cloud.server.homes.page_size = 2
    listing = await account.devices()
    assert listing.complete
    dids = {one.did for one in listing}
    assert dids == {str(DID), "77", "31", "32", "33", *map(str, range(101, 106))}
    asked = cloud.server.requests_by_path
    assert (asked[DEVICES], asked[HOMES], asked[HOME_DEVICES]) == (4, 1, 2)


async def test_a_home_of_nobody_who_shares_it_is_closed(
    account: XiaomiAccount, cloud: Cloud
) -> None:
    await account.login(USER, PASSWORD)
    for owner, home in ((3000000001, 500_000_000_000 + 3000000001), (1, 2)):
        with pytest.raises(CloudApiError, match="Permit Deny"):
            await account._call(
                HOME_DEVICES, {"home_owner": owner, "home_id": home}, account._transport
            )


async def test_another_region_has_the_same_session(account: XiaomiAccount, cloud: Cloud) -> None:
    """Its session is renewed once for all regions, and what is renewed is everybody's."""
    account._endpoints = type(account._endpoints).from_mapping(
        {"account": cloud.server.url, "api": f"{cloud.server.url}/{{region}}/app"}
    )
    await account.login(USER, PASSWORD)
    cloud.server.add_device(USER, camera(41, region="sg"))
    there = account.at("sg")
    assert account.at("de") is account.at(None) is account
    assert [one.did for one in await there.devices()] == ["41"]
    assert (await there.devices()).devices[0].region == "sg"
    assert "41" not in {one.did for one in await account.devices()}
    cloud.server.accounts.expire_service_tokens()
    vendor, *lists = await asyncio.gather(
        there.miss_vendor("41", PUBLIC, allowed=always),
        account.devices(),
        account.at("us").devices(),
    )
    assert vendor.device_public == cloud.keys.device_public(41)
    assert [len(one) for one in lists] == [2, 0]
    assert cloud.server.accounts.silent_logins == 1
    with pytest.raises(CloudApiError):
        await account.miss_vendor("41", PUBLIC, allowed=always)
    assert there.call_limit is account.call_limit
    with pytest.raises(ValueError, match="unknown region"):
        account.at("mars")


# -- answers of somebody who means no good -----------------------------------------------------


class Answers:
    """Gives the results a test wants, and counts what was asked."""

    def __init__(self, **results: Any) -> None:
        self.results = {DEVICES: {"list": []}, HOMES: {}, HOME_DEVICES: {"device_info": []}}
        self.results |= {globals()[name]: result for name, result in results.items()}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def __call__(self, path: str, data: Mapping[str, Any]) -> Any:
        self.asked.append((path, data))
        result = self.results[path]
        if callable(result):
            result = result(data)
        if isinstance(result, CloudError):
            raise result
        return result

    def count(self, path: str) -> int:
        return sum(one == path for one, _data in self.asked)


def more(name: str, start: Callable[[int], Any]) -> Callable[[Mapping[str, Any]], Any]:
    """Return answers without end: each page has one device, and says where it goes on."""
    page = 0

    def answer(_data: Mapping[str, Any]) -> Any:
        nonlocal page
        page += 1
        entry = {**ENTRY, "did": str(page)}
        return {name: [entry], "has_more": True, "max_did": start(page)}

    return answer


@pytest.mark.parametrize(
    ("start", "pages"),
    [
        (str, MAX_PAGES),
        (lambda page: page, MAX_PAGES),
        (lambda page: "AB"[page % 2], MAX_PAGES),
        (lambda _page: "same", 2),
        (lambda _page: "", 1),
        (lambda _page: None, 1),
        (lambda _page: True, 1),
        (lambda _page: -1, 1),
        (lambda _page: 10**40, 1),
        (lambda _page: "../x", 1),
        (lambda _page: ["1"], 1),
    ],
)
async def test_a_list_without_end_ends(start: Callable[[int], Any], pages: int) -> None:
    ask = Answers(DEVICES=more("list", start))
    listing = await list_devices(ask, "1")
    assert not listing.complete
    assert len(listing) == ask.count(DEVICES) == pages
    assert all(data["limit"] == PAGE for path, data in ask.asked[1:] if path == DEVICES)


async def test_the_next_page_may_have_another_name() -> None:
    def answer(data: Mapping[str, Any]) -> Any:
        if data.get("start_did") == "5":
            return {"list": [{**ENTRY, "did": "6"}], "has_more": False, "max_did": "6"}
        return {"list": [{**ENTRY, "did": "5"}], "has_more": True, "next_start_did": "5"}

    listing = await list_devices(Answers(DEVICES=answer), "1")
    assert listing.complete
    assert [one.did for one in listing] == ["5", "6"]


async def test_homes_without_end_end() -> None:
    """Neither homes, nor pages, nor devices of others are listed beyond a measure."""
    homes = [{"id": str(number), "uid": 1000 + number} for number in range(1, 1000)]
    page = 0

    def answer(data: Mapping[str, Any]) -> Any:
        nonlocal page
        page += 1
        entries = [{**ENTRY, "did": f"{page}.{n}"} for n in range(PAGE)]
        return {"device_info": entries, "has_more": True, "max_did": str(page)}

    ask = Answers(HOMES={"share_home_list": homes}, HOME_DEVICES=answer)
    listing = await list_devices(ask, "1")
    assert not listing.complete
    assert len(listing) == MAX_DEVICES
    assert ask.count(HOME_DEVICES) <= MAX_REQUESTS
    found, complete = parse_homes({"share_home_list": homes}, "1")
    assert (len(found), complete) == (MAX_HOMES, False)


async def test_many_homes_of_many_pages_end() -> None:
    homes = [{"id": number, "uid": 1000 + number} for number in range(1, MAX_HOMES + 1)]
    pages = more("device_info", str)
    ask = Answers(HOMES={"share_home_list": homes}, HOME_DEVICES=pages)
    listing = await list_devices(ask, "1")
    assert not listing.complete
    assert len(listing) == ask.count(HOME_DEVICES) == MAX_REQUESTS


async def test_a_page_of_too_many_devices_is_cut() -> None:
    entries = [{**ENTRY, "did": str(number)} for number in range(1, 3 * MAX_DEVICES)]
    listing = await list_devices(Answers(DEVICES={"list": entries}), "1")
    assert len(listing) == MAX_DEVICES


async def test_whoever_shares_a_home_gives_out_no_camera_of_another() -> None:
    mine = {**ENTRY, "did": "1001"}
    theirs = {**ENTRY, "did": 1001, "localip": "192.168.1.66", "token": "ff" * 16}
    ask = Answers(
        DEVICES={"list": [mine]},
        HOMES={"share_home_list": [{"id": "5", "uid": 6}]},
        HOME_DEVICES={"device_info": [theirs, {**theirs, "did": "1002"}]},
    )
    listing = await list_devices(ask, "1")
    assert [(one.did, one.local_ip) for one in listing] == [
        ("1001", "192.168.1.20"),
        ("1002", "192.168.1.66"),
    ]
    (_, data) = ask.asked[-1]
    assert (data["home_owner"], data["home_id"]) == (6, 5)


@pytest.mark.parametrize("error", [CloudUnavailable("away"), CloudApiError(-6, "no")])
async def test_what_cannot_be_listed_hides_nothing_else(error: CloudError) -> None:
    mine = {"list": [ENTRY]}
    listing = await list_devices(Answers(DEVICES=mine, HOMES=error), "1")
    assert (len(listing), listing.complete) == (1, False)

    def homes(data: Mapping[str, Any]) -> Any:
        return error if data["home_id"] == 5 else {"device_info": [{**ENTRY, "did": "2"}]}

    shared = {"share_home_list": [{"id": 5, "uid": 6}], "homelist": [{"id": "7", "uid": "8"}]}
    ask = Answers(DEVICES=mine, HOMES=shared, HOME_DEVICES=homes)
    listing = await list_devices(ask, "1")
    assert (len(listing), listing.complete) == (2, False)

    def second(data: Mapping[str, Any]) -> Any:
        return error if data else {"list": [ENTRY], "has_more": True, "max_did": "9"}

    listing = await list_devices(Answers(DEVICES=second), "1")
    assert (len(listing), listing.complete) == (1, False)
    with pytest.raises(type(error)):
        await list_devices(Answers(DEVICES=error), "1")


@pytest.mark.parametrize("at", ["DEVICES", "HOMES", "HOME_DEVICES"])
async def test_a_session_that_has_ended_is_told(at: str) -> None:
    answers: dict[str, Any] = {"HOMES": {"share_home_list": [{"id": 5, "uid": 6}]}}
    with pytest.raises(SessionExpired):
        await list_devices(Answers(**answers | {at: SessionExpired()}), "1")


async def test_slow_homes_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homes_module, "SECONDS", 0.0)
    ask = Answers(DEVICES={"list": [ENTRY]}, HOMES={"share_home_list": [{"id": 5, "uid": 6}]})
    listing = await list_devices(ask, "1")
    assert (len(listing), listing.complete) == (1, False)
    assert ask.count(HOME_DEVICES) == 0


def test_only_homes_of_others_are_looked_into() -> None:
    result = {
        "homelist": [{"id": "1", "uid": 77}, {"id": "2", "uid": "88"}],
        "share_home_list": [
            {"id": 3, "uid": 99},
            {"id": 3, "uid": 99},
            {"id": True, "uid": 99},
            {"id": "-4", "uid": 99},
            {"id": "٤", "uid": 99},
            {"id": "9" * 30, "uid": 99},
            {"id": 5, "uid": None},
            {"id": 5, "uid": 2**70},
            {"id": 5.0, "uid": 6},
            "home",
            None,
        ],
    }
    assert parse_homes(result, "77") == ([SharedHome(3, 99), SharedHome(2, 88)], True)
    assert parse_homes({"homelist": 5, "has_more": True}, "77") == ([], False)
    with pytest.raises(CloudUnavailable):
        parse_homes(["home"], "77")


@settings(deadline=None)
@given(JSON, JSON, JSON)
def test_any_json(devices: Any, homes: Any, home: Any) -> None:
    ask = Answers()
    ask.results = {DEVICES: devices, HOMES: homes, HOME_DEVICES: home}
    with suppress(CloudUnavailable):
        asyncio.run(list_devices(ask, "1"))
    shared = {"share_home_list": [{"id": 5, "uid": 6}]}
    ask.results = {DEVICES: {"list": [ENTRY]}, HOMES: shared, HOME_DEVICES: home}
    assert len(asyncio.run(list_devices(ask, "1"))) >= 1
    assert len(ask.asked) <= MAX_PAGES + MAX_REQUESTS + 1
