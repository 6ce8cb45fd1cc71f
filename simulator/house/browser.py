"""Chromium in front of the dashboard: what a person would see, read by its tags."""

from __future__ import annotations

import asyncio
import base64
from contextlib import AsyncExitStack
from dataclasses import dataclass
import json
import os
from pathlib import Path
import shutil
import tempfile
import time
from typing import TYPE_CHECKING, Any, Self

from playwright.async_api import Error as PlaywrightError, async_playwright

from simulator.house.errors import HouseError
from simulator.house.pictures import Picture, now_ms
from simulator.tag import read_image

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Locator, Page

    from simulator.house.onboarding import Tokens

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    # Without it there is no WebRTC on a machine without a network.
    "--allow-loopback-in-peer-connection",
]
VIEWPORT = {"width": 1600, "height": 560}
_H264 = 'video/mp4; codecs="avc1.42E01E"'

# Walks through all open shadow roots; a player's camera is the entity it is given. Where the
# frontend's HLS player has given up, it shows the camera's series of stills as an image.
_PLAYERS = """async () => {
  const found = [];
  const walk = (root) => {
    for (const element of root.querySelectorAll('*')) {
      if (element.tagName === 'VIDEO') found.push(element);
      if (element.tagName === 'IMG' && element.src.includes('/api/camera_proxy_stream/'))
        found.push(element);
      if (element.shadowRoot) walk(element.shadowRoot);
    }
  };
  walk(document);
  const entityOf = (element) => {
    for (let at = element; at; at = at.parentNode || at.host) {
      const id = at.entityid || (at.stateObj && at.stateObj.entity_id);
      if (id) return id;
    }
    return null;
  };
  return found.map((player) => {
    const video = player.tagName === 'VIDEO';
    const shot = { entity: entityOf(player), video, at: video ? player.currentTime : 0,
                   png: null };
    const width = video ? player.videoWidth : player.naturalWidth;
    if (width && (!video || player.readyState >= 2)) {
      const canvas = document.createElement('canvas');
      canvas.width = width;
      canvas.height = video ? player.videoHeight : player.naturalHeight;
      canvas.getContext('2d').drawImage(player, 0, 0);
      shot.png = canvas.toDataURL('image/png').split(',')[1];
    }
    return shot;
  });
}"""


class BrowserMissing(HouseError):
    """There is no Chromium that plays what cameras send."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one player of the page shows."""

    entity_id: str | None
    video: bool
    """Whether it is a ``<video>``; otherwise an image that changes."""
    position: float
    """Seconds played, of a video."""
    picture: Picture | None
    """None as long as there is no picture at all."""


def find_chromium() -> str | None:
    """Return the path of a Chromium on this machine, None when there is none.

    $MI_CAMERA_CHROMIUM goes first, then PATH, then what Playwright has installed.
    """
    if chosen := os.environ.get("MI_CAMERA_CHROMIUM"):
        return chosen
    for name in PROGRAMS:
        if path := shutil.which(name):
            return path
    roots = [Path.home() / ".cache" / "ms-playwright"]
    for root in roots:
        for installed in sorted(root.glob("chromium-*/chrome-linux*/chrome"), reverse=True):
            return str(installed)
    return None


class Browser:
    """A signed-in browser with a profile of its own."""

    def __init__(self, url: str, tokens: Tokens, screenshots: Path) -> None:
        """Sign in at ``url`` with the tokens; screenshots go into a folder."""
        self._url = url
        self._tokens = tokens
        self._screenshots = screenshots
        self._stack = AsyncExitStack()
        self._context: BrowserContext | None = None
        self._page: Page | None = None

    async def __aenter__(self) -> Self:
        """Start Chromium; raises :class:`BrowserMissing`."""
        program = find_chromium()
        if program is None:
            raise BrowserMissing("no Chromium on this machine: the browser part is skipped")
        try:
            await self._start(program)
        except PlaywrightError as error:
            await self._stack.aclose()
            reason = error.message.splitlines()[0]
            raise BrowserMissing(f"{program} does not start: {reason}") from None
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _start(self, program: str) -> None:
        profile = self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix="mi-camera-browser-", ignore_cleanup_errors=True)
        )
        playwright = await self._stack.enter_async_context(async_playwright())
        context = await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=program,
            headless=True,
            args=ARGUMENTS,
            viewport={"width": VIEWPORT["width"], "height": VIEWPORT["height"]},
            locale="en-US",
        )
        self._stack.push_async_callback(context.close)
        # Who may listen is told the machine's own addresses: without a network there are no
        # others, and no names for them either.
        await context.grant_permissions(["microphone"], origin=self._url)
        await context.add_init_script(_sign_in_script(self._url, self._tokens))
        page = context.pages[0] if context.pages else await context.new_page()
        if not await page.evaluate(f"MediaSource.isTypeSupported({json.dumps(_H264)})"):
            raise BrowserMissing(f"{program} cannot play H.264: the browser part is skipped")
        self._context, self._page = context, page

    async def __aexit__(self, *_: object) -> None:
        """Close the browser and delete its profile."""
        await self._stack.aclose()

    @property
    def page(self) -> Page:
        """The one page."""
        assert self._page is not None
        return self._page

    async def open(self, path: str) -> None:
        """Open a dashboard and wait until its cards are there."""
        await self.page.goto(f"{self._url}{path}", wait_until="domcontentloaded")
        await self.page.locator("hui-tile-card").first.wait_for(timeout=45_000)

    async def blank(self) -> Page:
        """Open another page, of Home Assistant's origin but with nothing of its frontend."""
        assert self._context is not None
        page = await self._context.new_page()
        await page.goto(f"{self._url}/robots.txt")
        return page

    async def look(self) -> list[Shown]:
        """Read what every player shows at this moment."""
        requested = now_ms()
        shots: list[dict[str, Any]] = await self.page.evaluate(_PLAYERS)
        received = now_ms()
        shown = []
        for shot in shots:
            picture = None
            if shot["png"]:
                tag = await asyncio.to_thread(read_image, base64.b64decode(shot["png"]))
                picture = Picture("browser", tag, requested, received)
            shown.append(
                Shown(shot["entity"], bool(shot["video"]), float(shot["at"] or 0), picture)
            )
        return shown

    async def wait_players(self, count: int, timeout: float, *, video: bool) -> list[Shown]:
        """Wait until ``count`` players show a tagged picture, and return what is there.

        With ``video`` only a ``<video>`` counts as one.
        """
        deadline = time.monotonic() + timeout
        shown: list[Shown] = []
        while time.monotonic() < deadline:
            shown = await self.look()
            tagged = {
                one.entity_id
                for one in shown
                if one.picture is not None and one.picture.tag and (one.video or not video)
            }
            if len(tagged) >= count:
                return shown
            await asyncio.sleep(0.5)
        return shown

    async def wait_dark(self, timeout: float) -> list[Shown]:
        """Wait until no video shows a tagged picture, and return what is there."""
        deadline = time.monotonic() + timeout
        shown = await self.look()
        while time.monotonic() < deadline and any(
            one.picture is not None and one.picture.tag for one in shown
        ):
            await asyncio.sleep(0.2)
            shown = await self.look()
        return shown

    async def screenshot(self, name: str) -> Path:
        """Write a screenshot and return its path."""
        self._screenshots.mkdir(parents=True, exist_ok=True)
        path = self._screenshots / f"{name}.png"
        await self.page.screenshot(path=path)
        return path

    def _tile(self, label: str) -> Locator:
        return self.page.locator("hui-tile-card", has_text=label)

    async def toggle(self, label: str) -> None:
        """Click the toggle of a tile, as a person would."""
        await self._tile(label).locator("ha-control-switch").first.click(timeout=10_000)

    async def press(self, label: str, index: int = 0) -> None:
        """Click the ``index``-th tile with this label."""
        await self._tile(label).nth(index).click(timeout=10_000)


def _sign_in_script(url: str, tokens: Tokens) -> str:
    stored = {
        "hassUrl": url,
        "clientId": tokens.client_id,
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "token_type": "Bearer",
        "expires_in": 1800,
        "expires": int(tokens.expires_at * 1000),
    }
    return (
        f"if (location.origin === {json.dumps(url)})"
        f" localStorage.setItem('hassTokens', {json.dumps(json.dumps(stored))});"
    )
