"""What the check makes of what it finds; the check itself runs in a house (e2e)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from simulator.house import browser as chromium
from simulator.house.check import Check
from simulator.house.errors import HassFailed
from simulator.house.home_process import HomePlan
from simulator.house.pictures import Picture, now_ms
from simulator.house.progress import Progress
from simulator.house.soak_home import write
from simulator.tag import Tag

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.house.house import House


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """A check of a house that is only a plan, whose steps do nothing."""
    log = tmp_path / "hass.log"
    log.touch()
    house = SimpleNamespace(
        plan=HomePlan.read(write(2, tmp_path / "home.json")),
        hass=SimpleNamespace(log=log),
        go2rtc=None,
        client=SimpleNamespace(url="http://127.0.41.5:1", tokens=None),
    )
    check = Check(cast("House", house), Progress("test", quiet=True), tmp_path / "screenshots")

    async def nothing() -> None:
        return None

    monkeypatch.setattr(check, "_steps", nothing)
    return check


def picture(did: int, *, age: float = 100.0) -> Picture:
    now = now_ms()
    return Picture("hls", Tag(did, 0, 1, int(now - age)), now, now)


async def test_nothing_wrong(check: Check) -> None:
    result = await check.run()
    assert result["ok"] is True
    assert result["cameras"] == 2
    assert "failed" not in result
    assert "skipped" not in result
    assert result["webrtc_ms"] is None


@pytest.mark.parametrize(
    ("did", "age", "count"), [(8, 100.0, "foreign"), (7, 60_000.0, "stale"), (8, 60_000.0, "stale")]
)
async def test_a_forbidden_picture_fails_the_check(
    check: Check, did: int, age: float, count: str
) -> None:
    check.findings.judge.take(picture(did, age=age), 7)
    result = await check.run()
    assert result["ok"] is False
    assert result[count] == 1
    assert result["failed"]


async def test_a_picture_in_the_dark_fails_the_check(check: Check) -> None:
    check.findings.judge.killed(now_ms() - 1000)
    check.findings.judge.take(picture(7), 7)
    result = await check.run()
    assert result["ok"] is False
    assert result["failed"] == ["1 pictures after the kill"]


async def test_bytes_after_the_kill_fail_the_check(check: Check) -> None:
    check.findings.bytes_after_kill = 1
    assert (await check.run())["ok"] is False


async def test_unreadable_pictures_fail_the_check(check: Check) -> None:
    check.findings.judge.take(Picture("hls", None, now_ms(), now_ms()), 7)
    result = await check.run()
    assert result["failed"] == ["1 pictures without a readable tag"]


async def test_an_error_in_the_log_fails_the_check(check: Check, tmp_path: Path) -> None:
    (tmp_path / "hass.log").write_text(
        "2026-11-24 05:00:00.000 ERROR (MainThread) [custom_components.mi_camera] oh no\n"
    )
    result = await check.run()
    assert result["failed"] == ["hass log: ERROR [custom_components.mi_camera] oh no"]


async def test_a_key_of_the_relay_in_a_log_fails_the_check(check: Check, tmp_path: Path) -> None:
    (tmp_path / "hass.log").write_text("http://127.0.0.1:1/live.ts?auth=0123456789abcdef-_x\n")
    assert (await check.run())["failed"] == ["hass.log has 1 keys of the relay"]


@pytest.mark.parametrize("ci", [False, True])
async def test_without_go2rtc_the_webrtc_part_is_skipped_but_not_in_ci(
    check: Check, monkeypatch: pytest.MonkeyPatch, ci: bool
) -> None:
    monkeypatch.delenv("CI", raising=False)
    if ci:
        monkeypatch.setenv("CI", "true")

    async def only_webrtc() -> None:
        assert check._webrtc(None) is None

    monkeypatch.setattr(check, "_steps", only_webrtc)
    result = await check.run()
    assert result["skipped"] == ["webrtc"]
    assert result["webrtc_ms"] is None
    assert result["ok"] is not ci


async def test_a_house_that_breaks_fails_the_check(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks() -> None:
        raise HassFailed("it is gone")

    monkeypatch.setattr(check, "_steps", breaks)
    assert (await check.run())["failed"] == ["HassFailed: it is gone"]


@pytest.mark.parametrize("ci", [False, True])
async def test_without_chromium_the_browser_part_is_skipped_but_not_in_ci(
    check: Check, monkeypatch: pytest.MonkeyPatch, ci: bool
) -> None:
    monkeypatch.setattr(chromium, "PROGRAMS", ("no-such-browser",))
    monkeypatch.setattr(chromium.Path, "home", lambda: chromium.Path("/nonexistent"))
    monkeypatch.delenv("CI", raising=False)
    if ci:
        monkeypatch.setenv("CI", "true")

    async def only_the_browser() -> None:
        assert await check._open_browser() is None

    monkeypatch.setattr(check, "_steps", only_the_browser)
    result = await check.run()
    assert result["skipped"] == ["browser"]
    assert result["ok"] is not ci
