"""The motor of the simulated camera."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from .cameras import until

if TYPE_CHECKING:
    from .cameras import MakeCamera, MakePeer
    from .miss_peer import MissPeer


async def logged_in(peer: MissPeer) -> MissPeer:
    await peer.open()
    await peer.authenticate()
    return peer


def at(angle: int, elevation: int, ret: int = 0) -> dict[str, Any]:
    return {"angle": angle, "elevation": elevation, "ret": ret}


async def test_steps(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer = await logged_in(await peer_of(camera))
    began = time.monotonic()
    assert await peer.motor(operation=1) == at(41, 51)
    assert 0.19 < time.monotonic() - began < 0.4
    assert await peer.motor(operation=2) == at(51, 51)
    assert await peer.motor(operation=3) == at(51, 61)
    assert await peer.motor(operation=4) == at(51, 51)
    assert (camera.state.angle, camera.state.elevation) == (51, 51)


async def test_end_stop(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    camera.state.angle = 97
    peer = await logged_in(await peer_of(camera))
    assert await peer.motor(operation=2) == at(101, 51, -5)
    assert await peer.motor(operation=2) == at(101, 51, -5)
    assert await peer.motor(operation=1) == at(91, 51)


async def test_absolute_calibrate_and_query(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    camera.state.motor.step_seconds = 0.02
    peer = await logged_in(await peer_of(camera))
    assert await peer.motor(operation=6) == at(51, 51)
    assert await peer.motor(operation=13, angle=20, elevation=90) == at(20, 90)
    assert await peer.motor(operation=13, angle=0, elevation=90) == at(1, 90, -5)
    assert await peer.motor(operation=6) == at(1, 90)
    assert await peer.motor(operation=5) == at(51, 51)


async def test_one_at_a_time(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer = await logged_in(await peer_of(camera))
    for operation in (2, 2, 6):
        peer.command(0x112, {"operation": operation})
    await peer.until(lambda: len(peer.answers) == 3)
    assert [json.loads(body.rstrip(b"\0")) for _, body in peer.answers] == [
        at(61, 51),
        at(61, 51, -5),
        at(61, 51),
    ]


async def test_stop(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    camera.state.motor.step_seconds = 5
    peer = await logged_in(await peer_of(camera))
    peer.command(0x112, {"operation": 2})
    await until(lambda: camera.state.motor.turning)
    assert await peer.motor(operation=-1001) == at(51, 51)
    assert not camera.state.motor.turning
    assert await peer.motor(operation=-1001) == at(51, 51)


async def test_the_other_form(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(motor="qcy")
    camera.state.motor.step_seconds = 0.02
    peer = await logged_in(await peer_of(camera))
    for number, expected in (
        (1, at(51, 61)),
        (2, at(51, 51)),
        (3, at(41, 51)),
        (6, at(51, 51)),
        (4, at(41, 61)),
        (8, at(51, 51)),
        (7, at(61, 61)),
        (5, at(51, 51)),
        (10, at(51, 51)),
    ):
        assert await peer.motor(motor_operation=number, operation=1) == expected
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(peer.motor(operation=2), 0.3)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(peer.motor(motor_operation=1), 0.3)


@pytest.mark.parametrize(
    "fields", [{"operation": 99}, {"operation": True}, {"direction": 1, "speed": 2}, {}]
)
async def test_what_it_does_not_know(
    fields: dict[str, object], camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at()
    peer = await logged_in(await peer_of(camera))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(peer.motor(**fields), 0.3)
    assert (camera.state.angle, camera.state.elevation) == (51, 51)


async def test_without_a_motor(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(motor=None)
    peer = await logged_in(await peer_of(camera))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(peer.motor(operation=6), 0.3)


async def test_no_answer_after_the_end(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer = await logged_in(await peer_of(camera))
    peer.command(0x112, {"operation": 2})
    await until(lambda: camera.state.motor.turning)
    await camera.stop()
    assert not camera.state.motor.turning
    await asyncio.sleep(0.3)
    assert camera.state.angle == 51
