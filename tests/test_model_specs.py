"""Specifications: kept in a file that anything may have damaged, fetched from hostile pages."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.mi_camera import model_specs
from custom_components.mi_camera.model_specs import STORE_KEY, ModelSpecs
from simulator.camera.miot_families import family
from simulator.camera.miot_spec import urn

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant

MODEL = "isa.camera.hlc7"


class Pages:
    """The public service, which answers what it is told to."""

    def __init__(self) -> None:
        self.list: Any = {
            "instances": [{"model": MODEL, "version": 1, "status": "released", "type": urn(MODEL)}]
        }
        self.instance: Any = family(MODEL).instance(MODEL)
        self.requests = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        answer = self.list if request.path.endswith("instances") else self.instance
        if isinstance(answer, web.StreamResponse):
            return answer
        if isinstance(answer, bytes):
            return web.Response(body=answer)
        return web.json_response(answer)


@pytest.fixture
async def server() -> AsyncGenerator[tuple[Pages, str]]:
    pages = Pages()
    app = web.Application()
    app.router.add_get("/{path:.*}", pages.serve)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    yield pages, str(server.make_url("")).rstrip("/")
    await server.close()


def always() -> bool:
    return True


async def test_fetched_kept_and_read_again(
    hass: HomeAssistant, server: tuple[Pages, str], hass_storage: dict[str, Any]
) -> None:
    pages, url = server
    specs = ModelSpecs(hass, url)
    await specs.async_load()
    assert specs.is_wanted(MODEL)
    first, second = await asyncio.gather(
        specs.async_fetch(MODEL, always), specs.async_fetch(MODEL, always)
    )
    assert first is not None
    assert second is first
    assert pages.requests == 2
    await specs.async_save()
    again = ModelSpecs(hass, url)
    await again.async_load()
    assert not again.is_wanted(MODEL)
    assert again.get(MODEL) == first
    hass_storage[STORE_KEY]["data"]["models"][MODEL]["fetched"] = time.time() - 91 * 24 * 3600
    old = ModelSpecs(hass, url)
    await old.async_load()
    assert old.get(MODEL) == first, "an old one is better than none"
    assert old.is_wanted(MODEL)
    old.keep_only(set())
    assert old.get(MODEL) is None
    await old.async_remove()
    assert STORE_KEY not in hass_storage


@pytest.mark.parametrize(
    "models",
    [
        5,
        {MODEL: 5},
        {MODEL: {}},
        {MODEL: {"fetched": "x", "spec": family(MODEL).instance(MODEL)}},
        {MODEL: {"fetched": 1, "spec": {}}},
    ],
)
async def test_a_damaged_file_is_not_used(
    hass: HomeAssistant, hass_storage: dict[str, Any], models: Any
) -> None:
    hass_storage[STORE_KEY] = {"version": 1, "key": STORE_KEY, "data": {"models": models}}
    specs = ModelSpecs(hass, "http://127.0.0.1:9")
    await specs.async_load()
    assert specs.get(MODEL) is None
    assert specs.is_wanted(MODEL)


async def test_another_version_of_the_file_is_not_used(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    hass_storage[STORE_KEY] = {"version": 0, "key": STORE_KEY, "data": {"anything": 1}}
    specs = ModelSpecs(hass, "http://127.0.0.1:9")
    await specs.async_load()
    assert specs.get(MODEL) is None


@pytest.mark.parametrize(
    ("where", "answer"),
    [
        ("list", b"<html>"),
        ("list", {"instances": 5}),
        ("list", {"instances": []}),
        ("instance", b""),
        ("instance", {"type": urn(MODEL)}),
        ("instance", {"type": urn("isa.camera.hlc6"), "services": []}),
        ("instance", b"[" * 100_000),
        ("instance", b'"' + b"x" * (1024 * 1024) + b'"'),
    ],
)
async def test_what_the_service_must_not_say(
    hass: HomeAssistant, server: tuple[Pages, str], where: str, answer: Any
) -> None:
    pages, url = server
    setattr(pages, where, answer)
    specs = ModelSpecs(hass, url)
    assert await specs.async_fetch(MODEL, always) is None
    assert specs.get(MODEL) is None
    asked = pages.requests
    # It is left alone for a while.
    assert await specs.async_fetch(MODEL, always) is None
    assert pages.requests == asked


async def test_an_error_page_and_nothing_there(
    hass: HomeAssistant, server: tuple[Pages, str]
) -> None:
    pages, url = server
    pages.list = web.Response(status=404)
    assert await ModelSpecs(hass, url).async_fetch(MODEL, always) is None
    assert await ModelSpecs(hass, "http://127.0.0.1:9").async_fetch(MODEL, always) is None
    assert await ModelSpecs(hass, url).async_fetch(MODEL, lambda: False) is None
    assert pages.requests == 1


async def test_a_bounded_number_is_kept(
    hass: HomeAssistant, server: tuple[Pages, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, url = server
    monkeypatch.setattr(model_specs, "MAX_MODELS", 1)
    specs = ModelSpecs(hass, url)
    assert await specs.async_fetch(MODEL, always) is not None
    other = "isa.camera.hlc8"
    pages.list["instances"].append(
        {"model": other, "version": 1, "status": "released", "type": urn(other)}
    )
    pages.instance = family(other).instance(other)
    assert await specs.async_fetch(other, always) is not None
    assert specs.get(MODEL) is None
    assert specs.get(other) is not None
    await specs.async_save()
