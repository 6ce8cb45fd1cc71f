"""Where the cloud is, and where a log-in may lead."""

from __future__ import annotations

import pytest

from custom_components.mi_camera.cloud import PRODUCTION, REGIONS, CloudEndpoints


def test_production() -> None:
    assert set(PRODUCTION.api) == set(REGIONS)
    assert PRODUCTION.api["cn"] == "https://api.io.mi.com/app"
    assert PRODUCTION.api["de"] == "https://de.api.io.mi.com/app"
    assert PRODUCTION.account == "https://account.xiaomi.com"


@pytest.mark.parametrize(
    ("api", "expected"),
    [
        ("http://127.0.0.31:8130", "http://127.0.0.31:8130/app"),
        ("http://127.0.0.31:8130/", "http://127.0.0.31:8130/app"),
        ("http://127.0.0.31:8130/app/", "http://127.0.0.31:8130/app"),
        ("https://cloud.test/x/app", "https://cloud.test/x/app"),
    ],
)
def test_another_cloud(api: str, expected: str) -> None:
    endpoints = CloudEndpoints.from_mapping({"account": "http://127.0.0.31:8130/", "api": api})
    assert endpoints.account == "http://127.0.0.31:8130"
    assert endpoints.api == dict.fromkeys(REGIONS, expected)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        "",
        "ftp://a.test",
        "a.test",
        "http://",
        "http://u:p@a.test",
        "http://a.test?x=1",
        "http://a.test#x",
        "http://a.test:99999",
        "http://a.test/" + "x" * 300,
    ],
)
def test_no_cloud(bad: object) -> None:
    good = "http://127.0.0.31"
    for data in ({"account": bad, "api": good}, {"account": good, "api": bad}, {"account": good}):
        with pytest.raises(ValueError, match=r"."):
            CloudEndpoints.from_mapping(data)


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://sts.api.io.mi.com/sts?auth=a%2Fb%3D", True),
        ("https://account.xiaomi.com/pass", True),
        ("http://sts.api.io.mi.com/sts", False),
        ("https://sts.api.io.mi.com:8443/sts", False),
        ("https://evil-mi.com/sts", False),
        ("https://mi.com.evil.test/sts", False),
        ("https://evil.test/?x=.mi.com", False),
        ("//sts.api.io.mi.com/sts", False),
        ("file:///etc/passwd", False),
        ("javascript:alert(1)", False),
        ("", False),
        ("https://[::1", False),
        ("https://a.mi.com:x/", False),
    ],
)
def test_trusted(url: str, trusted: bool) -> None:
    found = PRODUCTION.trusted(url)
    assert (found is not None) is trusted
    if found is not None:
        assert str(found) == url  # not re-encoded: it is signed


def test_the_server_itself_is_trusted() -> None:
    endpoints = CloudEndpoints.from_mapping({"account": "http://1.test:81", "api": "http://2.test"})
    assert endpoints.trusted("http://1.test:81/sts") is not None
    assert endpoints.trusted("http://2.test/sts") is not None
    assert endpoints.trusted("http://1.test/sts") is None


def test_a_cloud_for_development_may_have_its_regions_apart() -> None:
    endpoints = CloudEndpoints.from_mapping(
        {"account": "http://127.0.0.1:1", "api": "http://127.0.0.1:1/{region}/app"}
    )
    assert endpoints.api["de"] == "http://127.0.0.1:1/de/app"
    assert len(set(endpoints.api.values())) == len(endpoints.api)


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("/pass/getCode?x=%2F", "https://account.xiaomi.com/pass/getCode?x=%2F"),
        ("https://account.xiaomi.com/x", "https://account.xiaomi.com/x"),
        ("https://account.xiaomi.com:8443/x", None),
        ("http://account.xiaomi.com/x", None),
        ("https://sts.api.io.mi.com/x", None),
        ("https://me@account.xiaomi.com/x", None),
        ("//evil.test/x", None),
        ("https://account.xiaomi.com.evil.test/x", None),
        ("javascript:alert(1)", None),
        ("http://[::1", None),
    ],
)
def test_what_is_the_account_services_own(text: str, own: str | None) -> None:
    found = PRODUCTION.own(text)
    assert (str(found) if found else None) == own
