"""Control calls as a process: this integration's endpoint, or python-miio in threads.

A line in, a line out: {"side": "ours" or other, "devices": [[address, token]…]} prepares, and
{"polls": number} asks all devices at once, that many times; the answer tells every call's time and
the CPU time of one, in ms. {"failing": [[address, token]…]} asks others once, all at once, that
cannot answer; the answer tells for each how long it took until that was known, in ms, and how it
was told: [[ms, text]…].
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
import json
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from custom_components.mi_camera.device import MiioEndpoint, ungated

from .lines import lines

if TYPE_CHECKING:
    from collections.abc import Sequence

PROPERTIES = [
    "power",
    "motion_record",
    "light",
    "full_color",
    "flip",
    "improve_program",
    "wdr",
    "track",
    "sdcard_status",
    "watermark",
    "max_client",
    "night_mode",
    "mini_level",
]
"""What python-miio's own camera class reads for a status."""
_THREADS = 64
"""As many as Home Assistant's executor has."""


class _Client(Protocol):
    """One side's way to call a device."""

    async def call(self, number: int) -> object:
        """Read the properties of a device."""

    async def close(self) -> None:
        """Let everything go."""


class _Ours:
    def __init__(self, endpoint: MiioEndpoint, devices: Sequence[tuple[str, str]]) -> None:
        self._endpoint = endpoint
        self._devices = [(host, bytes.fromhex(token)) for host, token in devices]

    async def call(self, number: int) -> object:
        host, token = self._devices[number]
        return await self._endpoint.request(
            host, token, "get_prop", list(PROPERTIES), allowed=ungated
        )

    async def close(self) -> None:
        await self._endpoint.close()


class _PythonMiio:
    def __init__(self, devices: Sequence[tuple[str, str]]) -> None:
        from miio import Device  # noqa: PLC0415 - this process may not need it

        self._devices = [Device(host, token) for host, token in devices]
        self._executor = ThreadPoolExecutor(_THREADS)

    async def call(self, number: int) -> object:
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, self._devices[number].send, "get_prop", PROPERTIES
        )

    async def close(self) -> None:
        self._executor.shutdown()


async def _client(side: str, devices: Sequence[tuple[str, str]]) -> _Client:
    if side != "ours":
        return _PythonMiio(devices)
    endpoint = MiioEndpoint()
    await endpoint.open()
    return _Ours(endpoint, devices)


async def _timed(client: _Client, number: int) -> float:
    began = time.perf_counter()
    answer = await client.call(number)
    took = time.perf_counter() - began
    if not isinstance(answer, list) or len(answer) != len(PROPERTIES):
        raise RuntimeError("a device answered something else")
    return took * 1000


async def _failed(client: _Client, number: int) -> tuple[float, str]:
    began = time.perf_counter()
    try:
        await client.call(number)
    except Exception as err:  # noqa: BLE001 - whatever it is, that is what is told
        return (time.perf_counter() - began) * 1000, f"{type(err).__name__}: {err}"
    raise RuntimeError("a device that cannot answer did")


async def _failures(side: str, devices: Sequence[tuple[str, str]]) -> dict[str, Any]:
    client = await _client(side, devices)
    try:
        calls = (_failed(client, number) for number in range(len(devices)))
        return {"failures": await asyncio.gather(*calls)}
    finally:
        await client.close()


async def _serve() -> None:
    client: _Client | None = None
    side = ""
    devices: list[tuple[str, str]] = []
    try:
        async for question in lines():
            answer: dict[str, Any] = {}
            if client is None:
                side = question["side"]
                devices = [(host, token) for host, token in question["devices"]]
                client = await _client(side, devices)
                # The first call of each says hello.
                await asyncio.gather(*(_timed(client, number) for number in range(len(devices))))
            elif (failing := question.get("failing")) is not None:
                answer = await _failures(side, [(host, token) for host, token in failing])
            else:
                took: list[float] = []
                cpu = time.process_time()
                for _ in range(question["polls"]):
                    took += await asyncio.gather(
                        *(_timed(client, number) for number in range(len(devices)))
                    )
                cpu = time.process_time() - cpu
                answer = {"ms": took, "cpu": cpu * 1000 / len(took)}
            print(json.dumps(answer), flush=True)
    finally:
        if client is not None:
            await client.close()


if __name__ == "__main__":
    asyncio.run(_serve())
    sys.exit()
