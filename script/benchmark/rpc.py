"""Control calls: how long one takes, alone and with others under way, and what it costs."""

from __future__ import annotations

from contextlib import AsyncExitStack
import statistics
from typing import TYPE_CHECKING

from .processes import Helper
from .quantile import quantile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .home import Camera

SIDES = ("ours", "python_miio")
_ROUNDS = 4


async def rpc(cameras: Sequence[Camera], folder: Path, calls: int) -> dict[str, dict[str, float]]:
    """Ask all these cameras at once again and again, about `calls` times in all per side.

    Returns p50, p99 and cpu per call in ms, by side.
    """
    devices = [[camera.host, camera.token.hex()] for camera in cameras]
    polls = max(1, calls // _ROUNDS // len(cameras))
    took: dict[str, list[float]] = {side: [] for side in SIDES}
    cpu: dict[str, list[float]] = {side: [] for side in SIDES}
    async with AsyncExitStack() as stack:
        helpers = {
            side: await stack.enter_async_context(Helper("rpc_process", folder)) for side in SIDES
        }
        for side, helper in helpers.items():
            await helper.ask({"side": side, "devices": devices})
        for number in range(_ROUNDS):
            for side in SIDES if number % 2 == 0 else reversed(SIDES):
                answer = await helpers[side].ask({"polls": polls})
                took[side] += answer["ms"]
                cpu[side].append(answer["cpu"])
    return {
        side: {
            "p50": quantile(took[side], 0.5),
            "p99": quantile(took[side], 0.99),
            "cpu": statistics.fmean(cpu[side]),
        }
        for side in SIDES
    }
