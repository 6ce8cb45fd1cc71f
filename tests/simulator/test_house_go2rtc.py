"""The go2rtc of the house: what it is told, what it keeps, and how it fails."""

from __future__ import annotations

from pathlib import Path
import sys

import aiohttp
import pytest

from simulator.house import go2rtc as module
from simulator.house.errors import Go2rtcFailed
from simulator.house.go2rtc import Go2rtc, find_go2rtc
from simulator.house.hass import Hass
from simulator.house.home_process import HomePlan
from simulator.house.house import House
from simulator.house.progress import Progress
from simulator.house.soak_home import write


def program(tmp_path: Path, code: str) -> Path:
    path = tmp_path / "program"
    path.write_text(f"#!{sys.executable}\n{code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def real() -> Path:
    found = find_go2rtc()
    if found is None:
        pytest.skip("go2rtc is not here: run script/setup, or set MI_CAMERA_GO2RTC")
    return found


def test_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MI_CAMERA_GO2RTC", "/somewhere/go2rtc")
    assert find_go2rtc() == Path("/somewhere/go2rtc")
    monkeypatch.delenv("MI_CAMERA_GO2RTC")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "ROOT", tmp_path)
    assert find_go2rtc() is None
    installed = tmp_path / "go2rtc" / "1.9.14" / "go2rtc"
    installed.parent.mkdir(parents=True)
    installed.touch()
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "root").write_text(f"{tmp_path}\n")
    assert find_go2rtc() == installed


async def test_one_that_ends_at_once_is_one_line(tmp_path: Path) -> None:
    go2rtc = Go2rtc(program(tmp_path, "print('no such option')"), tmp_path / "go2rtc")
    with pytest.raises(Go2rtcFailed, match="go2rtc ended at once: no such option") as error:
        await go2rtc.start()
    assert "\n" not in str(error.value)
    assert not go2rtc.running


async def test_one_that_cannot_be_run_is_one_line(tmp_path: Path) -> None:
    go2rtc = Go2rtc(tmp_path / "nothing", tmp_path / "go2rtc")
    with pytest.raises(Go2rtcFailed, match="No such file"):
        await go2rtc.start()


async def test_one_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_TIMEOUT", 0.5)
    go2rtc = Go2rtc(program(tmp_path, "import time; time.sleep(60)"), tmp_path / "go2rtc")
    with pytest.raises(Go2rtcFailed, match="did not answer"):
        await go2rtc.start()
    assert not go2rtc.running


async def test_the_real_one_wants_its_password_and_keeps_streams_to_itself(
    tmp_path: Path, real: Path
) -> None:
    folder = tmp_path / "go2rtc"
    go2rtc = Go2rtc(real, folder)
    assert go2rtc.access.password not in repr(go2rtc.access)
    await go2rtc.start()
    try:
        assert go2rtc.running
        assert folder.stat().st_mode & 0o077 == 0
        assert go2rtc.sources() == []
        login = aiohttp.encode_basic_auth(go2rtc.access.username, go2rtc.access.password)
        stream = f"{go2rtc.access.url}api/streams"
        sources = [f"http://127.0.0.1:9/live.ts?auth=key-{number}" for number in range(2)]
        async with aiohttp.ClientSession() as http:
            async with http.get(stream) as response:
                assert response.status == 401
            for number, source in enumerate(sources):
                # As Home Assistant's client does it, with the sound it adds.
                query = [("name", f"camera_{number}"), ("src", source)]
                query.append(("src", f"ffmpeg:camera_{number}#audio=opus"))
                headers = {"Authorization": login}
                async with http.put(stream, params=query, headers=headers) as response:
                    assert response.ok
        assert sorted(go2rtc.sources()) == sources
        assert go2rtc.streams() == {"camera_0": sources[0], "camera_1": sources[1]}
        assert go2rtc.rtsp("camera_0").startswith("rtsp://127.0.0.1:")
    finally:
        await go2rtc.stop()
    assert go2rtc.sources() == [], "its configuration goes with it"
    assert not go2rtc.running


def test_home_assistant_is_told_of_it(tmp_path: Path) -> None:
    access = module.Access("http://127.0.0.1:1/", "somebody", "secret")
    Hass(tmp_path / "with", 8199, cloud=None, go2rtc=access).prepare()
    text = (tmp_path / "with" / "configuration.yaml").read_text()
    assert "go2rtc:\n  url: http://127.0.0.1:1/\n  username: somebody\n  password: secret\n" in text
    assert "stun:127.0.0.1" in text, "no server on the internet is asked for addresses"
    Hass(tmp_path / "without", 8199, cloud=None).prepare()
    assert "go2rtc" not in (tmp_path / "without" / "configuration.yaml").read_text()


def test_a_house_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.house.house.find_go2rtc", lambda: None)
    plan = HomePlan.read(write(1, tmp_path / "home.json"))
    assert House(plan, tmp_path, 8199, Progress("test", quiet=True)).go2rtc is None
