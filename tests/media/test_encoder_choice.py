"""Which encoder is used is found out by trying, in the background, and never by hoping."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from custom_components.mi_camera.media import EncoderChoice
from custom_components.mi_camera.media.encoder_arguments import (
    HARDWARE,
    SOFTWARE,
    encoder_arguments,
)
from custom_components.mi_camera.media.encoder_trial import TrialFailed, async_try

from .fake_ffmpeg import V4L2, FakeFfmpeg

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from custom_components.mi_camera.media.encoder_arguments import H264Encoder

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def none_is_left(fake: FakeFfmpeg) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in fake.pids)


@pytest.fixture
async def choose() -> AsyncGenerator[Callable[..., EncoderChoice]]:
    made: list[EncoderChoice] = []

    def choose(fake: FakeFfmpeg, *candidates: H264Encoder, **how: float) -> EncoderChoice:
        choice = EncoderChoice(
            candidates or HARDWARE, devices=fake.devices, **{"after": 0.0, **how}
        )
        made.append(choice)
        return choice

    yield choose
    for choice in made:
        await choice.close()


async def test_one_that_does_is_used_from_the_second_time_on(
    tmp_path: Path, choose: Callable[..., EncoderChoice]
) -> None:
    fake = FakeFfmpeg(tmp_path)
    choice = choose(fake)
    assert choice.name is None
    # Nothing is waited for: a cast begins with what is there for sure.
    began = time.monotonic()
    assert await choice.best(str(fake.path)) is SOFTWARE
    assert time.monotonic() - began < 0.5
    await until(lambda: choice.name)
    assert choice.name == "h264_v4l2m2m"
    assert await choice.best(str(fake.path)) is V4L2
    assert await choice.best(str(fake.path)) is V4L2
    assert fake.runs == 1
    assert choice.failed == {}
    assert none_is_left(fake)


async def test_without_a_device_nothing_is_run(
    tmp_path: Path, choose: Callable[..., EncoderChoice]
) -> None:
    fake = FakeFfmpeg(tmp_path)
    (fake.devices / "video11").unlink()
    choice = choose(fake)
    await choice.best(str(fake.path))
    await until(lambda: choice.name)
    assert choice.name == "libx264"
    assert await choice.best(str(fake.path)) is SOFTWARE
    assert fake.pids == []
    assert choice.failed == {}


async def test_the_trial_waits_until_a_cast_has_begun(
    tmp_path: Path, choose: Callable[..., EncoderChoice]
) -> None:
    fake = FakeFfmpeg(tmp_path)
    choice = choose(fake, after=0.5)
    await choice.best(str(fake.path))
    await asyncio.sleep(0.2)
    assert await choice.best(str(fake.path)) is SOFTWARE
    assert fake.pids == []
    await until(lambda: choice.name == "h264_v4l2m2m")


async def test_the_ffmpeg_of_the_path_is_found_and_one_that_is_nowhere_is_no_matter(
    tmp_path: Path, choose: Callable[..., EncoderChoice], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeFfmpeg(tmp_path)
    choice = choose(fake, V4L2)
    assert await choice.best("no-such-ffmpeg") is SOFTWARE
    assert choice.name is None
    assert await choice.best(str(tmp_path / "dev")) is SOFTWARE
    assert choice.name is None
    # One that is there, as a machine without such an encoder has it.
    assert await choice.best("ffmpeg") is SOFTWARE
    await until(lambda: choice.name)
    if choice.name == "libx264":
        assert set(choice.failed) == {"h264_v4l2m2m"}


async def test_another_ffmpeg_gets_a_trial_of_its_own(
    tmp_path: Path, choose: Callable[..., EncoderChoice]
) -> None:
    fake = FakeFfmpeg(tmp_path, "exit 1")
    choice = choose(fake)
    await choice.best(str(fake.path))
    await until(lambda: choice.name)
    assert (choice.name, set(choice.failed)) == ("libx264", {"h264_v4l2m2m"})
    os.utime(fake.path, ns=(1, 1))
    await choice.best(str(fake.path))
    assert choice.name is None
    await until(lambda: choice.name)
    assert fake.runs == 2
    await choice.best(str(fake.path))
    assert fake.runs == 2


HANGS = "exec sleep 60"
LATE = "-x264-params rc-lookahead=40:sync-lookahead=0"


NO_FORCED_KEYS = "set -- $(echo \"$@\" | sed 's/-force_key_frames [^ ]*//')"
BREAKS_OFF = 'exec timeout -s KILL 0.5 ffmpeg "$@"'
LIVELY = "-tune zerolatency"


@pytest.mark.parametrize(
    ("fake", "why"),
    [
        ({"then": "echo 'Unknown encoder' >&2; exit 1"}, "Unknown encoder"),
        ({"then": "exit 0"}, "it has ended"),
        ({"then": HANGS}, "it gives no picture"),
        ({"then": "exec yes nonsense"}, "no FLV header"),
        ({"then": BREAKS_OFF}, "it has ended"),
        ({"then": NO_FORCED_KEYS, "group": "600"}, "key frames"),
        ({"tune": LATE}, "it gives no picture|late"),
        ({"tune": f"{LIVELY} -level 5.1"}, "level 5.1"),
        ({"picture": ",scale=640:360"}, "size"),
        ({"picture": ",lutyuv=u=0:v=0"}, "not those it was given"),
    ],
    ids=[
        "unknown",
        "ends",
        "hangs",
        "no FLV",
        "breaks off",
        "keys",
        "late",
        "level",
        "size",
        "green",
    ],
)
async def test_one_that_does_not_do_is_not_used(
    tmp_path: Path, fake: dict[str, str], why: str
) -> None:
    program = FakeFfmpeg(tmp_path, **fake)
    with pytest.raises(TrialFailed, match=why):
        await async_try(str(program.path), V4L2)
    assert program.runs == 1
    assert none_is_left(program)


async def test_what_cannot_be_run_fails(tmp_path: Path) -> None:
    with pytest.raises(TrialFailed, match="cannot be run"):
        await async_try(str(tmp_path / "nothing"), V4L2)


async def test_all_trials_together_are_bounded(
    tmp_path: Path, choose: Callable[..., EncoderChoice]
) -> None:
    fake = FakeFfmpeg(tmp_path, HANGS)
    choice = choose(fake, V4L2, V4L2, V4L2, V4L2, total=0.6)
    began = time.monotonic()
    await choice.best(str(fake.path))
    await until(lambda: choice.name)
    assert time.monotonic() - began < 3
    assert choice.name == "libx264"
    assert fake.runs == 1
    assert none_is_left(fake)


async def test_one_that_has_failed_in_use_is_not_used_again(
    tmp_path: Path, choose: Callable[..., EncoderChoice], caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeFfmpeg(tmp_path)
    choice = choose(fake)
    await choice.best(str(fake.path))
    await until(lambda: choice.name)
    choice.give_up(V4L2, "it has ended")
    choice.give_up(V4L2, "it has ended")
    choice.give_up(SOFTWARE, "it has ended")
    assert await choice.best(str(fake.path)) is SOFTWARE
    assert (choice.name, choice.failed) == ("libx264", {"h264_v4l2m2m": "it has ended"})
    assert [one.levelname for one in caplog.records if "h264_v4l2m2m" in one.message].count(
        "WARNING"
    ) == 1
    assert fake.runs == 1


@pytest.mark.parametrize("after", [0.0, 10.0])
async def test_closing_ends_a_trial(
    tmp_path: Path, choose: Callable[..., EncoderChoice], after: float
) -> None:
    fake = FakeFfmpeg(tmp_path, HANGS)
    choice = choose(fake, after=after)
    await choice.best(str(fake.path))
    if not after:
        await until(lambda: fake.runs)
    await choice.close()
    assert none_is_left(fake)
    assert await choice.best(str(fake.path)) is SOFTWARE
    os.utime(fake.path, ns=(1, 1))
    assert await choice.best(str(fake.path)) is SOFTWARE
    assert choice.name is None
    assert fake.runs <= 1


async def test_the_real_one_does_and_the_others_fail_at_once_or_do() -> None:
    """What this machine has is not known; what is not there must not keep anybody waiting."""
    await async_try("ffmpeg", SOFTWARE)
    for encoder in HARDWARE:
        began = time.monotonic()
        try:
            await async_try("ffmpeg", encoder)
        except TrialFailed:
            assert time.monotonic() - began < 3


@pytest.mark.parametrize("encoder", [SOFTWARE, *HARDWARE], ids=lambda one: one.name)
def test_what_ffmpeg_is_told(encoder: H264Encoder) -> None:
    arguments = encoder_arguments(640, 360, encoder)
    text = " ".join(arguments)
    assert " -copyts " in text
    assert text.endswith("-f flv pipe:1")
    assert f" -c:v {encoder.name} " in text
    assert " -force_key_frames expr:gte(t,n_forced*1) " in text
    assert " -maxrate 2500k " in text
    assert " -tune zerolatency " in text or " -bf 0 " in text
    assert "scale=640:360" in text
    # No path but a device's, and no address.
    assert [one for one in arguments if "/" in one and not one.startswith("/dev/")] == []
