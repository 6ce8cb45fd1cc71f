"""The public service that describes models, as far as clients ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from simulator.camera.miot_families import family
from simulator.camera.miot_spec import urn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class SpecPages:
    """Knows the models of the devices there are, and counts who asks."""

    def __init__(self, models: Callable[[], Iterable[str]]) -> None:
        """Describe these models."""
        self._models = models
        self.down = False
        self.requests = 0

    def add_routes(self, app: web.Application) -> None:
        """Serve the list and each instance."""
        app.router.add_get("/miot-spec-v2/instances", self._instances)
        app.router.add_get("/miot-spec-v2/instance", self._instance)

    async def _instances(self, request: web.Request) -> web.Response:
        del request
        self._count()
        others = [{"model": "yeelink.light.lamp1", "version": 1, "status": "released"}]
        return web.json_response(
            {
                "instances": [
                    *others,
                    *(
                        {
                            "status": "released",
                            "model": model,
                            "version": 1,
                            "type": urn(model),
                            "ts": 1_600_000_000,
                        }
                        for model in sorted(set(self._models()))
                    ),
                ]
            }
        )

    async def _instance(self, request: web.Request) -> web.Response:
        self._count()
        wanted = request.query.get("type")
        for model in self._models():
            if urn(model) == wanted:
                return web.json_response(family(model).instance(model))
        raise web.HTTPNotFound

    def _count(self) -> None:
        self.requests += 1
        if self.down:
            raise web.HTTPBadGateway
