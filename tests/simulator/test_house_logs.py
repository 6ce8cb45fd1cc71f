"""Which records of a log are part of a good run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.house import logs

if TYPE_CHECKING:
    from pathlib import Path

LINE = "2026-11-24 07:00:00.000 {level} (MainThread) [{logger}] {message}\n"
TRACEBACK = "Traceback (most recent call last):\n  File x\nOSError: no\n"


@pytest.mark.parametrize(
    ("level", "logger", "message", "bad"),
    [
        ("ERROR", "haffmpeg.core", "FFmpeg fails [Errno 2] No such file or directory: 'ffmpeg'", 0),
        ("ERROR", "haffmpeg.core", "FFmpeg fails [Errno 12] Cannot allocate memory", 1),
        ("ERROR", "homeassistant.setup", "Setup failed for 'infrared': no", 0),
        ("ERROR", "homeassistant.setup", "Setup failed for custom integration 'mi_camera': no", 1),
        ("ERROR", "custom_components.mi_camera", "anything", 1),
        ("WARNING", "custom_components.mi_camera", "anything", 0),
    ],
)
def test_what_is_expected_is_told_from_what_is_not(
    tmp_path: Path, level: str, logger: str, message: str, bad: int
) -> None:
    path = tmp_path / "hass.log"
    path.write_text(LINE.format(level=level, logger=logger, message=message))
    assert len(logs.errors(path)) == bad


def test_one_slip_of_the_frontend_is_let_through(tmp_path: Path) -> None:
    path = tmp_path / "hass.log"
    line = LINE.format(level="ERROR", logger="frontend.js.modern.202609305", message="Uncaught")
    slip = "TypeError: Cannot read properties of null (reading 'srcObject')\n"
    path.write_text(line + slip + "srcObject (src/components/ha-web-rtc-player.ts:424:25)\n")
    assert logs.errors(path) == []
    path.write_text(line + slip + "srcObject (src/components/another.ts:1:2)\n")
    assert len(logs.errors(path)) == 1


def test_keys_of_the_relay(tmp_path: Path) -> None:
    path = tmp_path / "go2rtc.log"
    path.write_text("url=http://127.0.0.1:1/live.ts?auth=**** and live.ts?auth=***\n")
    assert logs.relay_keys(path) == 0
    path.write_text("GET http://127.0.0.1:1/live.ts?auth=cPMpDs5kRHvefOZ-14zPQDu8VpPQKrnl: 404\n")
    assert logs.relay_keys(path) == 1


def test_a_traceback_is_bad_at_any_level_and_missing_ffmpeg_may_have_one(tmp_path: Path) -> None:
    path = tmp_path / "hass.log"
    path.write_text(LINE.format(level="INFO", logger="x", message="hm") + TRACEBACK)
    assert len(logs.errors(path)) == 1
    message = "FFmpeg fails [Errno 2] No such file or directory: 'ffmpeg'"
    path.write_text(LINE.format(level="ERROR", logger="haffmpeg.core", message=message) + TRACEBACK)
    assert logs.errors(path) == []
