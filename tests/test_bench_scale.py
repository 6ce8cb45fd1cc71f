"""What the benchmark counts of many cameras: from outside, and per camera and hour."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import ClientConnectionError, ClientSession, web
import pytest

from simulator.house.progress import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[1]
HOST = "127.0.0.1"


@pytest.fixture(autouse=True)
def _benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "script"))


@pytest.fixture
async def server() -> AsyncIterator[tuple[str, int]]:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_post("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    yield HOST, runner.addresses[0][1]
    await runner.cleanup()


async def test_what_goes_over_the_meter_is_counted(server: tuple[str, int]) -> None:
    from benchmark.scale_meter import Meter

    body = b"x" * 100_000
    async with Meter(HOST, server) as meter, ClientSession() as http:
        for _ in range(2):
            async with http.post(meter.url, data=body) as response:
                assert await response.read() == body
        # Both bodies both ways, and the headers of each.
        assert 4 * len(body) < meter.bytes < 4 * len(body) + 4000
        assert meter.connections == 1
        url = meter.url
    async with ClientSession() as http:
        with pytest.raises(ClientConnectionError):
            await http.post(url, data=b"")


async def test_a_meter_before_nobody_is_nobody(unused_tcp_port: int) -> None:
    from benchmark.scale_meter import Meter

    async with Meter(HOST, (HOST, unused_tcp_port)) as meter, ClientSession() as http:
        with pytest.raises(ClientConnectionError):
            await http.post(meter.url, data=b"1")
        assert (meter.connections, meter.bytes) == (1, 0)


def test_figures_are_per_camera_and_hour() -> None:
    from benchmark.scale import Traffic, Watched, figures

    before, after = Traffic(100, 10_000, 5, 2_000), Traffic(130, 13_000, 8, 8_000)
    hourly = after.per_camera_hour(before, cameras=2, seconds=60.0)
    assert hourly == {
        "miio_packets": 900,
        "miio_bytes": 90_000,
        "cloud_bytes": 180_000,
        "requests": 90,
    }
    starts = [
        ({"seconds": 2.0, "cpu": 1.0}, {"seconds": seconds, "cpu": 1.5})
        for seconds in (2.5, 9.0, 2.25)
    ]
    busy = {"seconds": 30.0, "cpu": 0.9, "polls": 8.0, "datagrams": 16.0, "entities": 50.0}
    at_rest = {"seconds": 100.0, "cpu": 1.5, "polls": 4.0, "datagrams": 12.0, "entities": 50.0}
    dark = {"seconds": 30.0, "cpu": 0.3, "polls": 0.0, "datagrams": 0.0, "entities": 50.0}
    found = figures(2, starts, Watched(busy, at_rest, dark, hourly))
    assert found["startup_s_2_cameras"] == 0.5
    assert found["polling_cpu_percent_2_cameras"] == pytest.approx(2.0)
    assert found["idle_traffic_per_camera_hour"] == hourly
    scale = found["scale"]
    assert (scale["start_s"], scale["start_cpu_s"]) == (0.5, 0.5)
    assert scale["poll_cpu_ms"] == pytest.approx(75)
    assert (scale["polls_per_minute"], scale["datagrams_per_poll"]) == (8, 2)
    assert scale["idle_cpu_percent"] == pytest.approx(0.5)
    assert scale["idle_polls_per_minute"] == pytest.approx(1.2)
    assert scale["entities_per_camera"] == 25


def test_no_poll_in_so_short_a_time_is_no_failure() -> None:
    from benchmark.scale import Watched, figures

    nothing = {"seconds": 1.0, "cpu": 0.0, "polls": 0.0, "datagrams": 0.0, "entities": 4.0}
    scale = figures(4, [], Watched(nothing, nothing, nothing, {}))["scale"]
    assert (scale["poll_cpu_ms"], scale["datagrams_per_poll"]) == (0, 0)
    assert scale["start_s"] is None


@pytest.mark.e2e
async def test_a_few_cameras_for_a_moment(tmp_path: Path) -> None:
    from benchmark.scale import scale

    found = await scale(tmp_path, 2, 0, Progress("bench"), idle=1.0)
    assert list(found) == [
        "startup_s_2_cameras",
        "polling_cpu_percent_2_cameras",
        "idle_traffic_per_camera_hour",
        "scale",
    ]
    assert list(found["idle_traffic_per_camera_hour"]) == [
        "miio_packets",
        "miio_bytes",
        "cloud_bytes",
        "requests",
    ]
    # What a second can tell on a busy machine: that there are cameras, and what they have.
    assert found["scale"]["cameras"] == 2
    assert 5 < found["scale"]["entities_per_camera"] < 60
