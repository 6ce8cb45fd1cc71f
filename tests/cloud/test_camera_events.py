"""What the cloud lists of cameras' events: asked as public clients do, and taken as hostile."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web
from hypothesis import given, settings, strategies as st
import pytest

from custom_components.mi_camera.cloud import (
    PRODUCTION,
    REGIONS,
    AccountSession,
    CameraEvent,
    CloudApiError,
    CloudEndpoints,
    CloudUnavailable,
    EventKind,
    EventPage,
    NotAllowed,
    SessionExpired,
    XiaomiAccount,
)
from custom_components.mi_camera.cloud.camera_events import LIMIT, MAX_ITEMS, PATH, parse_page
from custom_components.mi_camera.cloud.signing import sign_request
from custom_components.mi_camera.cloud.transport import SMALL
from simulator.cloud.events import TYPES
from simulator.cloud.signing import SignatureError, open_request
from tests.cloud.conftest import DID, PASSWORD, USER, Cloud, always

if TYPE_CHECKING:
    import aiohttp

    from tests.cloud.conftest import Scripted

MODEL = "chuangmi.camera.046c04"
SSECURITY = bytes(range(16))
SESSION = AccountSession(
    user_id="1",
    pass_token="pass",
    ssecurity=base64.b64encode(SSECURITY).decode(),
    service_token="service+/=",
    device_id="device",
)
BEGIN, END = 1_000_000, 2_000_000


def now_ms() -> int:
    return int(time.time() * 1000)


async def ask(account: XiaomiAccount, did: str = str(DID), **changes: Any) -> EventPage:
    end = now_ms() + 60_000
    wanted: dict[str, Any] = {"doorbell": False, "allowed": always} | changes
    return await account.camera_events(did, MODEL, end - 240_000, end, **wanted)


def test_where_events_are_listed() -> None:
    assert set(PRODUCTION.events) == set(REGIONS)
    assert PRODUCTION.events["cn"] == "https://business.smartcamera.api.io.mi.com"
    assert PRODUCTION.events["de"] == "https://de.business.smartcamera.api.io.mi.com"
    for api, expected in (
        ("http://127.0.0.31:8130", "http://127.0.0.31:8130"),
        ("http://127.0.0.31:8130/app/", "http://127.0.0.31:8130"),
        ("http://127.0.0.31:8130/de/app", "http://127.0.0.31:8130/de"),
    ):
        made = CloudEndpoints.from_mapping({"account": "http://127.0.0.31", "api": api})
        assert made.events == dict.fromkeys(REGIONS, expected)


async def test_a_cloud_without_the_service(http: aiohttp.ClientSession) -> None:
    """Another cloud's account never asks Xiaomi's own service."""
    endpoints = CloudEndpoints("http://127.0.44.202:1", {"de": "http://127.0.44.202:1/app"})
    with pytest.raises(CloudUnavailable, match="lists no events"):
        await ask(XiaomiAccount(http, endpoints, "de", SESSION))


def test_the_signature_is_over_the_method() -> None:
    nonce = bytes(12)
    query = sign_request(PATH, "{}", SSECURITY, nonce, "GET").form
    assert open_request(query, PATH, SSECURITY, "GET").parameters == {"data": "{}"}
    with pytest.raises(SignatureError):
        open_request(query, PATH, SSECURITY)
    with pytest.raises(SignatureError):
        open_request(sign_request(PATH, "{}", SSECURITY, nonce).form, PATH, SSECURITY, "GET")


async def test_newest_first_with_all_names(account: XiaomiAccount, cloud: Cloud) -> None:
    await account.login(USER, PASSWORD)
    now = now_ms()
    for age, name in enumerate((*TYPES, "Something new")):
        cloud.server.events.add(str(DID), name, now - age)
    page = await ask(account)
    assert [event.kind.value for event in page.events] == [
        "motion",
        "person",
        "baby_cry",
        "face",
        "face",
        "other",
        "person",
        "person",
        "doorbell",
        "doorbell",
        "other",
    ]
    assert [event.at_ms for event in page.events] == [now - age for age in range(11)]
    assert page.events[0].file_id == "file-1"
    assert "file-1" not in repr(page)
    assert (page.foreign, page.odd, page.older_ms) == (0, 0, None)
    (asked,) = cloud.server.events.asked
    assert asked | {"beginTime": 0, "endTime": 0} == {
        "did": str(DID),
        "model": MODEL,
        "doorBell": False,
        "eventType": "Default",
        "needMerge": True,
        "sortType": "DESC",
        "region": "DE",
        "language": "en_US",
        "beginTime": 0,
        "endTime": 0,
        "limit": LIMIT,
    }


async def test_what_goes_over_the_wire(scripted: Scripted, http: aiohttp.ClientSession) -> None:
    """Everything is in the query, unreadable, with the cookies public clients send."""

    async def answer(request: web.Request) -> web.StreamResponse:
        opened = open_request(dict(request.query), PATH, SSECURITY, request.method)
        data = {"code": 0, "data": {"thirdPartPlayUnits": []}}
        return web.Response(body=opened.seal(json.dumps(data).encode()))

    scripted.answer = answer
    account = XiaomiAccount(http, scripted.endpoints, "de", SESSION)
    assert await ask(account, doorbell=True) == EventPage()
    (request,) = scripted.requests
    assert (request.method, request.path) == ("GET", PATH)
    assert set(request.query) == {"data", "rc4_hash__", "signature", "_nonce"}
    assert str(DID) not in str(request.url)
    assert request.headers["MIOT-ENCRYPT-ALGORITHM"] == "ENCRYPT-RC4"
    sent = dict(part.split("=", 1) for part in request.headers["Cookie"].split("; "))
    assert sent["yetAnotherServiceToken"] == sent["serviceToken"] == "service+/="


async def test_more_pages(account: XiaomiAccount, cloud: Cloud) -> None:
    await account.login(USER, PASSWORD)
    now = now_ms()
    for age in range(LIMIT + 5):
        cloud.server.events.add(str(DID), "ObjectMotion", now - age * 10)
    first = await ask(account)
    assert len(first.events) == LIMIT
    assert first.older_ms is not None
    second = await account.camera_events(
        str(DID), MODEL, now - 60_000, first.older_ms, doorbell=False, allowed=always
    )
    assert len(second.events) == 5
    assert second.older_ms is None


async def test_a_token_that_is_refused_is_renewed(account: XiaomiAccount, cloud: Cloud) -> None:
    await account.login(USER, PASSWORD)
    cloud.server.events.add(str(DID), "BabyCry")
    cloud.server.accounts.expire_service_tokens()
    page = await ask(account)
    assert [event.kind for event in page.events] == [EventKind.BABY_CRY]
    assert cloud.server.requests_by_path[PATH] == 2


async def test_another_accounts_camera_is_denied(account: XiaomiAccount, cloud: Cloud) -> None:
    await account.login(USER, PASSWORD)
    with pytest.raises(CloudApiError):
        await ask(account, "4711")
    with pytest.raises(NotAllowed):
        await ask(account, allowed=lambda: False)
    assert cloud.server.requests_by_path[PATH] == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"", CloudUnavailable),
        (200, b"&&&", CloudUnavailable),
        (200, b'{"code":0,"data":{"thirdPartPlayUnits":[]}}', CloudUnavailable),
        (200, b"x" * (SMALL + 1), CloudUnavailable),
        (302, b"", CloudUnavailable),
        (404, b"", CloudUnavailable),
        (503, b"", CloudUnavailable),
        (401, b"", SessionExpired),
    ],
)
async def test_no_answer(
    scripted: Scripted,
    http: aiohttp.ClientSession,
    status: int,
    body: bytes,
    kind: type[Exception],
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == PATH:
            return web.Response(body=body, status=status)
        return web.Response(text='&&&START&&&{"code":70016,"_sign":"s","qs":"q","callback":"c"}')

    scripted.answer = answer
    account = XiaomiAccount(http, scripted.endpoints, "de", SESSION)
    with pytest.raises(kind) as caught:
        await ask(account)
    assert "http" not in str(caught.value)


@pytest.mark.parametrize("data", [None, [], "x", 7, {"thirdPartPlayUnits": {}}])
def test_not_a_list(data: Any) -> None:
    with pytest.raises(CloudUnavailable):
        parse_page(data, "7", BEGIN, END)


def unit(**changes: Any) -> dict[str, Any]:
    return {"createTime": BEGIN + 5, "eventType": "Face", "fileId": "f"} | changes


@pytest.mark.parametrize(
    "odd",
    [
        None,
        7,
        [],
        {},
        unit(createTime=BEGIN - 1),
        unit(createTime=END + 1),
        unit(createTime=0),
        unit(createTime=-5),
        unit(createTime=True),
        unit(createTime=1.5e6),
        unit(createTime="soon"),
        unit(createTime="²"),
        unit(createTime="9" * 5000),
        unit(createTime=10**40),
        unit(eventType=None),
        unit(eventType=["Face"]),
        unit(eventType="x" * 129),
    ],
)
def test_odd_items_are_left_out_and_counted(odd: Any) -> None:
    page = parse_page({"thirdPartPlayUnits": [odd, unit()]}, "7", BEGIN, END)
    assert page == EventPage((CameraEvent(EventKind.FACE, BEGIN + 5, "f"),), odd=1)


@pytest.mark.parametrize("did", ["8", 8, "", "07", [], {}, True, 7.0])
def test_items_of_another_device_are_left_out_and_counted(did: Any) -> None:
    page = parse_page({"thirdPartPlayUnits": [unit(did=did)]}, "7", BEGIN, END)
    assert page == EventPage(foreign=1)


@pytest.mark.parametrize("did", ["7", 7, None])
def test_items_may_name_the_camera_or_nobody(did: Any) -> None:
    page = parse_page({"thirdPartPlayUnits": [unit(did=did)]}, "7", BEGIN, END)
    assert len(page.events) == 1


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ("Pass:Bell", "doorbell"),
        ("ObjectMotion:PeopleMotion", "person"),
        ("ObjectMotion:AI", "motion"),
        ("AI:Unknown", "other"),
        ("pet", "pet"),
        ("", "other"),
    ],
)
def test_of_several_names_the_most_telling_counts(names: str, kind: str) -> None:
    page = parse_page({"thirdPartPlayUnits": [unit(eventType=names)]}, "7", BEGIN, END)
    assert page.events[0].kind == kind


@pytest.mark.parametrize(
    "odd", [None, 7, ["x"], "f" * 513], ids=["none", "number", "list", "too long"]
)
def test_an_odd_file_is_none(odd: Any) -> None:
    page = parse_page({"thirdPartPlayUnits": [unit(fileId=odd)]}, "7", BEGIN, END)
    assert page.events[0].file_id == ""


def test_no_more_than_a_hundred_items_are_looked_at() -> None:
    units = [unit(createTime=BEGIN + number) for number in range(MAX_ITEMS + 50)]
    assert len(parse_page({"thirdPartPlayUnits": units}, "7", BEGIN, END).events) == MAX_ITEMS


@pytest.mark.parametrize(
    ("told", "older"),
    [
        (BEGIN + 5, BEGIN + 5),
        (str(BEGIN + 5), BEGIN + 5),
        (END, None),
        (BEGIN - 1, None),
        (0, None),
        (None, None),
        ("x", None),
    ],
)
def test_it_goes_on_only_backwards_and_within_the_time(told: Any, older: int | None) -> None:
    data = {"thirdPartPlayUnits": [], "isContinue": True, "nextTime": told}
    assert parse_page(data, "7", BEGIN, END).older_ms == older
    assert parse_page(data | {"isContinue": 1}, "7", BEGIN, END).older_ms is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["thirdPartPlayUnits", "createTime", "eventType", "fileId", "did", "nextTime"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200)
@given(_JSON)
def test_whatever_is_answered_yields_only_events_of_the_time(data: Any) -> None:
    try:
        page = parse_page(data, "7", BEGIN, END)
    except CloudUnavailable:
        return
    assert all(BEGIN <= event.at_ms <= END for event in page.events)
