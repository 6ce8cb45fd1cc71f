"""Control calls: how long one takes, alone and with others under way, what it costs, and fails."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
import secrets
import statistics
from typing import TYPE_CHECKING, Final

from .processes import Helper
from .quantile import quantile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from .home import Camera

SIDES = ("ours", "python_miio")
_ROUNDS = 4
ABSENT: Final = [f"127.0.60.{number}" for number in (251, 252, 253)]
"""Where nobody is."""


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


type Failures = dict[str, dict[str, dict[str, float | str]]]
"""By kind of failure and side: `ms` until it was told (median), and `error`, the words."""


@asynccontextmanager
async def failing_calls(
    cameras: Sequence[Camera], folder: Path, absent: Sequence[str] = ABSENT
) -> AsyncIterator[asyncio.Task[Failures]]:
    """Ask these cameras with a wrong token, and addresses where nobody is, in the background.

    Both sides wait as long as they do by default, and do next to nothing meanwhile: what else
    is measured then is not disturbed. Raises `HouseError`, as does the task.
    """
    kinds = {
        "wrong_token": [[camera.host, secrets.token_hex(16)] for camera in cameras],
        "absent_device": [[host, secrets.token_hex(16)] for host in absent],
    }
    async with AsyncExitStack() as stack:
        helpers = [await stack.enter_async_context(Helper("rpc_process", folder)) for _ in SIDES]
        for side, helper in zip(SIDES, helpers, strict=True):
            await helper.ask({"side": side, "devices": []})
        task = asyncio.create_task(_failures(helpers, kinds))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait((task,))


async def _failures(
    helpers: Sequence[Helper], kinds: Mapping[str, Sequence[Sequence[str]]]
) -> Failures:
    devices = [one for of in kinds.values() for one in of]
    answers = await asyncio.gather(*(one.ask({"failing": devices}) for one in helpers))
    found: Failures = {kind: {} for kind in kinds}
    for side, answer in zip(SIDES, answers, strict=True):
        failures = iter(answer["failures"])
        for kind, of in kinds.items():
            told = sorted(next(failures) for _ in of)
            took, text = told[len(told) // 2]
            found[kind][side] = {"ms": took, "error": text}
    return found
