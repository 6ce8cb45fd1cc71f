"""The home of the matrix, and the integrations beside ours in its Home Assistant."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from simulator.house import soak_home
from simulator.house.home_process import HomePlan
from simulator.house.matrix.copies import CACHED

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.house.client import HassClient

NETWORK = "127.0.45"
"""Beside a demo and a soak that may run on this machine at the same time."""
CAMERAS = 3
EXTERNAL_URL = "https://home.example.com"
"""Nobody asks for it: without one Alexa hands out no address."""
PROXY = "camera.copy"
RECOGNISER = "image_processing.recogniser"
RECOGNISED = "ssocr-Recogniser.png"
"""What it writes beside the configuration for its program."""

_YAML = """\

alexa:
  smart_home:

google_assistant:
  project_id: matrix
  expose_by_default: true
  exposed_domains:
    - camera

mobile_app:

camera:
  - platform: proxy
    name: Copy
    entity_id: {first}
    image_refresh_rate: {cached}

image_processing:
  - platform: seven_segments
    ssocr_bin: {echo}
    source:
      - entity_id: {second}
        name: Recogniser
"""


def write(directory: Path, network: str) -> HomePlan:
    """Write the description of the home and return what the house has to know of it."""
    path = directory / "home.json"
    path.write_text(json.dumps(soak_home.describe(CAMERAS, network), indent=2), "utf-8")
    return HomePlan.read(path)


def yaml(plan: HomePlan) -> str:
    """Return the configuration of what else is in this Home Assistant."""
    # The entities come into being after this is read, under the names of their cameras.
    first, second, *_ = (
        f"camera.{name.lower().replace(' ', '_')}" for name in plan.cameras.values()
    )
    echo = shutil.which("echo") or "echo"
    return _YAML.format(first=first, second=second, cached=CACHED, echo=echo)


async def finish(client: HassClient) -> None:
    """Give Home Assistant the address by which the internet would reach it."""
    await client.command("config/core/update", external_url=EXTERNAL_URL)
