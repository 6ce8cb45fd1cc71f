"""Older cameras, through python-miio's ChuangmiCamera over our endpoint.

The class is synchronous: its methods run in an executor thread, and what they send goes back
to the event loop through `ProtocolBridge`, so that no blocking socket is ever opened.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError, Future
import threading
from typing import TYPE_CHECKING, Any, Final

from .errors import MiioBadReply, MiioClosed, MiioTimeout, MiioUnsupported
from .legacy_spec import LEGACY
from .miot import MAX_TEXT, NO_SUCH, Scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from .caller import MiioCaller
    from .packet import JsonValue

CALL_LIMIT: Final = 60.0
"""Seconds after which a thread stops waiting for the event loop, whatever happened to it."""
_WRONG_SHAPE: Final = (TypeError, KeyError, IndexError, AttributeError)


class ProtocolBridge:
    """Stands in for python-miio's MiIOProtocol during one call, in an executor thread."""

    def __init__(
        self,
        endpoint: MiioCaller,
        host: str,
        token: bytes,
        *,
        did: int | None,
        timeout: float,
        attempts: int,
        allowed: Callable[[], bool],
    ) -> None:
        """Send to `host` with `token` while `allowed`; make it on the event loop."""
        self.raw_id = 0
        self._device_id = b""  # python-miio's Device looks at it
        self._endpoint = endpoint
        self._host = host
        self._token = token
        self._did = did
        self._timeout = timeout
        self._attempts = attempts
        self._allowed = allowed
        self._loop = asyncio.get_running_loop()
        self._cancelled = threading.Event()
        self._running: Future[Any] | None = None

    def send(
        self,
        command: str,
        parameters: JsonValue = None,
        retry_count: int = 3,
        *,
        extra_parameters: dict[str, JsonValue] | None = None,
    ) -> JsonValue:
        """Call a method, as MiIOProtocol.send; raises `MiioError` instead."""
        return self._wait(
            self._endpoint.request(
                self._host,
                self._token,
                command,
                [] if parameters is None else parameters,
                allowed=self._allowed,
                timeout=self._timeout,
                attempts=min(self._attempts, retry_count + 1),
                did=self._did,
                extra=extra_parameters,
            )
        )

    def send_handshake(self, *, retry_count: int = 3) -> object:
        """Say hello, as MiIOProtocol.send_handshake."""
        del retry_count  # one hello is already sent several times
        hello = self._wait(self._endpoint.hello(self._host, self._timeout, allowed=self._allowed))
        self._device_id = hello.did.to_bytes(4)
        return hello

    def cancel(self) -> None:
        """Let the waiting thread go, and refuse whatever it sends next."""
        self._cancelled.set()
        if self._running is not None:
            self._running.cancel()

    def _wait[T](self, work: Coroutine[Any, Any, T]) -> T:
        if self._cancelled.is_set() or self._loop.is_closed():
            work.close()
            raise MiioClosed
        self._running = future = asyncio.run_coroutine_threadsafe(work, self._loop)
        if self._cancelled.is_set():
            future.cancel()
        try:
            return future.result(CALL_LIMIT)
        except CancelledError:
            raise MiioClosed from None
        except TimeoutError:
            future.cancel()
            raise MiioTimeout(self._host, answered_hello=True) from None


class LegacyCamera:
    """The calls we make on python-miio's ChuangmiCamera, awaitable."""

    def __init__(
        self,
        endpoint: MiioCaller,
        host: str,
        token: bytes,
        model: str,
        *,
        did: int | None,
        timeout: float,
        attempts: int,
    ) -> None:
        """Talk to the camera at `host`; see `MiioEndpoint.request` for the bounds."""
        self._endpoint = endpoint
        self._model = model
        self._bridge: Callable[[Callable[[], bool]], ProtocolBridge] = lambda allowed: (
            ProtocolBridge(
                endpoint, host, token, did=did, timeout=timeout, attempts=attempts, allowed=allowed
            )
        )

    async def status(self, *, allowed: Callable[[], bool]) -> dict[str, Scalar]:
        """Properties by MIoT name, as `LEGACY` has them.

        A property the device leaves empty is left out.
        """
        data = await self._run(lambda camera: camera.status().data, allowed)
        found: dict[str, Scalar] = {}
        for name, one in LEGACY.items():
            raw = _value(data.get(one.name))
            if raw is not None and (value := one.read(raw)) is not None:
                found[name] = value
        return found

    async def set(self, name: str, value: Scalar, *, allowed: Callable[[], bool]) -> None:
        """Set a property of `LEGACY`; raises `MiioUnsupported` for another one."""
        one = LEGACY.get(name)
        if one is None or (write := one.write) is None:
            raise MiioUnsupported(NO_SUCH, name)
        await self._run(lambda camera: write(camera, value), allowed)

    async def _run(self, method: Callable[[Any], Any], allowed: Callable[[], bool]) -> Any:
        library = self._endpoint.library
        # What the class makes of a result that has not the form it expects.
        malformed: tuple[type[Exception], ...] = (*library.errors, *_WRONG_SHAPE)
        bridge = self._bridge(allowed)
        # Not by its constructor: that one builds a MiIOProtocol of its own, and keeps the
        # token where repr shows it.
        camera: Any = object.__new__(library.camera)
        camera.ip = camera.token = camera._info = None
        camera._model = self._model
        camera._protocol = bridge
        try:
            return await asyncio.get_running_loop().run_in_executor(None, method, camera)
        except asyncio.CancelledError:
            bridge.cancel()
            raise
        except malformed:
            raise MiioBadReply("the reply does not have the expected form") from None


def _value(raw: object) -> Scalar | None:
    match raw:
        case "on" | "off":
            return raw == "on"
        case bool() | int():
            return raw
        case str() if raw and len(raw) <= MAX_TEXT:
            return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else raw
    return None
