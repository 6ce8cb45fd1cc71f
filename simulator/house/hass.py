"""A real ``hass`` process with a configuration directory of its own."""

from __future__ import annotations

import asyncio
import copy
from http import HTTPStatus
import importlib.util
import json
from pathlib import Path
import sys
import time
from typing import TYPE_CHECKING, Any

import aiohttp

from simulator.house import process
from simulator.house.errors import HassFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.house.go2rtc import Access

ROOT = Path(__file__).resolve().parents[2]
"""The repository: where ``custom_components`` is."""
INTEGRATION = "mi_camera"
BOOT_TIMEOUT = 90.0
"""Seconds until the HTTP API must answer; 4 s on an idle machine with two cores."""
_HOST = "127.0.0.1"
NEEDED = (
    "homeassistant",
    "hass_frontend",
    "pychromecast",
    # The frontend asks for the descriptions of all actions, and for these Home Assistant
    # imports every base platform: speech, infrared and radio among them.
    "hassil",
    "gazetteer_matcher",
    "infrared_protocols",
    "mutagen",
    "pymicro_vad",
    "pyspeex_noise",
    "rf_protocols",
)
"""Modules without which ``hass`` does not come up whole."""

_CONFIGURATION = """\
# Written by the demo. No default_config: nothing here looks beyond this machine.
homeassistant:
  name: Simulated home
  internal_url: {url}
  country: NL
  currency: EUR
  language: en
  latitude: 0
  longitude: 0
  elevation: 0
  time_zone: UTC
  unit_system: metric

api:
config:
diagnostics:
frontend:
media_source:
stream:
websocket_api:

logger:
  default: warning
{extra}"""

_INTEGRATION_YAML = """\

mi_camera:
  developer:
    account_url: {cloud}
    api_url: {cloud}/{{region}}/app
"""

# Without servers of its own Home Assistant gives browsers one on the internet, by which they
# learn their address. Everybody is on this machine here, and nobody listens there.
_WEBRTC_YAML = """\

go2rtc:
  url: {url}
  username: {username}
  password: {password}

web_rtc:
  ice_servers:
    - url: stun:127.0.0.1:3478
"""

# Steps of the first-run wizard that would start analytics, a weather service, a radio
# directory and Google's speech: done beforehand, so that only the owner is left to create.
_ONBOARDING = {
    "version": 4,
    "minor_version": 1,
    "key": "onboarding",
    "data": {"done": ["core_config", "analytics", "integration"]},
}
# Home Assistant keeps its address in storage, not in YAML, and wants a change confirmed in the
# browser within five minutes; what is written as stable is confirmed.
_HTTP: dict[str, Any] = {
    "version": 2,
    "minor_version": 2,
    "key": "http",
    "data": {
        "stable": {
            "server_host": [_HOST],
            "server_port": 0,
            "cors_allowed_origins": ["https://cast.home-assistant.io"],
            "login_attempts_threshold": -1,
            "ip_ban_enabled": True,
            "ssl_profile": "modern",
            "use_x_frame_options": True,
            "created_at": "2026-01-01T00:00:00+00:00",
            "error": None,
            "error_message": None,
        },
        "pending": None,
        "yaml_migration_done": True,
    },
}
# Multicast discovery stays on the loopback interface.
_NETWORK = {
    "version": 1,
    "minor_version": 1,
    "key": "core.network",
    "data": {"configured_adapters": ["lo"]},
}


class Hass:
    """One Home Assistant on 127.0.0.1.

    ``cloud`` is the address of the simulated cloud (``http://…``) that the integration's
    developer option points at; None leaves the integration out. ``go2rtc`` is how to reach a
    running one, None leaves WebRTC out.
    """

    def __init__(
        self,
        directory: Path,
        port: int,
        *,
        cloud: str | None,
        go2rtc: Access | None = None,
        extra_yaml: str = "",
        components: Mapping[str, Path] | None = None,
    ) -> None:
        """Describe the instance; ``directory`` is its configuration directory.

        ``components`` are custom integrations beside ours, by domain.
        """
        self.directory = directory.resolve()
        self.port = port
        self.url = f"http://{_HOST}:{port}"
        self.log = self.directory / "hass.log"
        self._cloud = cloud
        self._go2rtc = go2rtc
        self._extra = extra_yaml
        self._components = dict(components or {})
        self._child = process.Child(
            [
                sys.executable,
                "-m",
                "homeassistant",
                "--config",
                str(self.directory),
                "--skip-pip",
                "--log-no-color",
            ],
            log=self.log,
            # A start in the repository would put its custom_components before the config's.
            cwd=self.directory,
            env={"HA_DISABLE_LOG_FILE": "1"},
        )

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._child.running

    @property
    def pid(self) -> int:
        """Id of the process; raises :class:`HassFailed` when there is none."""
        if (pid := self._child.pid) is None:
            raise HassFailed("hass does not run")
        return pid

    def prepare(self) -> None:
        """Write the configuration; what ``hass`` itself has stored there is kept.

        Raises :class:`HassFailed` when packages are missing that ``hass`` would otherwise
        install over the network, slowly, or go without, with a frontend that never loads.
        """
        missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise HassFailed(f"not installed: {', '.join(missing)}; run script/setup")
        storage = self.directory / ".storage"
        storage.mkdir(parents=True, exist_ok=True)
        extra = self._extra
        if self._cloud is not None:
            extra += _INTEGRATION_YAML.format(cloud=self._cloud)
            self._link(INTEGRATION, ROOT / "custom_components" / INTEGRATION)
        for domain, target in self._components.items():
            self._link(domain, target)
        if self._go2rtc is not None:
            extra += _WEBRTC_YAML.format(
                url=self._go2rtc.url,
                username=self._go2rtc.username,
                password=self._go2rtc.password,
            )
        (self.directory / "configuration.yaml").write_text(
            _CONFIGURATION.format(url=self.url, extra=extra), "utf-8"
        )
        for content in (_ONBOARDING, _NETWORK):
            path = storage / str(content["key"])
            if not path.exists():
                path.write_text(json.dumps(content), "utf-8")
        http = copy.deepcopy(_HTTP)
        http["data"]["stable"]["server_port"] = self.port
        (storage / "http").write_text(json.dumps(http), "utf-8")

    def _link(self, domain: str, target: Path) -> None:
        components = self.directory / "custom_components"
        components.mkdir(exist_ok=True)
        link = components / domain
        if link.is_symlink() and link.readlink() != target:
            link.unlink()
        if not link.is_symlink():
            link.symlink_to(target, target_is_directory=True)

    async def start(self) -> float:
        """Start and wait until the API answers; return the seconds it took.

        Raises :class:`PortTaken` or :class:`HassFailed`.
        """
        process.require_free(_HOST, self.port, "Home Assistant")
        started = time.monotonic()
        await self._child.start()
        try:
            await self._answering(started + BOOT_TIMEOUT)
        except BaseException:
            await self._child.stop()
            raise
        return time.monotonic() - started

    async def _answering(self, deadline: float) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as http:
            while time.monotonic() < deadline:
                if not self.running:
                    raise HassFailed(f"hass ended at once; its log says:\n{self._child.tail()}")
                try:
                    async with http.get(f"{self.url}/auth/providers") as response:
                        # 400 as long as nobody has been created.
                        if response.status in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}:
                            return
                except aiohttp.ClientError, TimeoutError:
                    pass
                await asyncio.sleep(0.1)
        raise HassFailed(f"hass did not answer within {BOOT_TIMEOUT:.0f} s; its log: {self.log}")

    async def stop(self, patience: float = process.TERM_TIMEOUT) -> None:
        """End the process as a service manager would; without patience, as a power cut."""
        await self._child.stop(patience)

    async def restart(self) -> float:
        """Stop and start; return the seconds until the API answered again."""
        began = time.monotonic()
        await self.stop()
        await self.start()
        return time.monotonic() - began

    async def wait(self) -> int:
        """Wait until the process ends by itself."""
        return await self._child.wait()

    def log_size(self) -> int:
        """Return the present length of the log in bytes."""
        return self.log.stat().st_size if self.log.exists() else 0
