"""Adding the integration in Chromium, as a new user: captcha, code, cameras; and by QR code."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from simulator.house import setup_home, soak_home
from simulator.house.browser import Browser, find_chromium
from simulator.house.home_process import HomePlan
from simulator.house.house import House
from simulator.house.process import free_port
from simulator.house.progress import Progress
from simulator.house.watch import signed_in_picture

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Locator

pytestmark = pytest.mark.e2e

NETWORK = "127.0.52"
ADD = "/config/integrations/dashboard/add?domain=mi_camera"


def plan(directory: Path) -> HomePlan:
    home = soak_home.describe(1, NETWORK) | {"displays": []}
    path = directory / "home.json"
    path.write_text(json.dumps(home))
    return HomePlan.read(path)


class NewUser:
    """Somebody who adds the integration, with a phone and a mailbox."""

    def __init__(self, house: House, browser: Browser, http: aiohttp.ClientSession) -> None:
        self.house = house
        self.browser = browser
        self._http = http
        host, port = house.plan.control
        self._control = f"http://{host}:{port}"

    async def begin(self, way: str) -> None:
        """Start the set-up and choose how to sign in."""
        page = self.browser.page
        await page.goto(f"{self.house.hass.url}{ADD}", wait_until="domcontentloaded")
        await page.get_by_role("button", name="OK").click(timeout=60_000)
        await self.sees("Set up Mi Camera")
        await page.get_by_text(way).first.click()

    async def sees(self, text: str) -> None:
        await self.browser.page.get_by_text(text).first.wait_for(timeout=30_000)

    def field(self, index: int = 0) -> Locator:
        return self.browser.page.locator("step-flow-form input").nth(index)

    async def submit(self) -> None:
        await self.browser.page.get_by_role("button", name="Submit").click()

    async def mailbox(self) -> dict[str, Any]:
        async with self._http.get(f"{self._control}/cloud") as response:
            told: dict[str, Any] = await response.json()
            return told

    async def tell(self, path: str, body: object) -> None:
        async with self._http.post(f"{self._control}{path}", data=json.dumps(body)) as response:
            assert response.status == 200


async def by_qr_code(user: NewUser) -> None:
    await user.begin("Scan a QR code")
    code = user.browser.page.locator("ha-qr-code canvas")
    await code.wait_for(timeout=30_000)
    box = await code.bounding_box()
    assert box is not None
    assert box["width"] > 100
    await user.browser.screenshot("qr")
    await user.submit()
    await user.sees("Waiting until the code has been scanned")
    await user.tell("/cloud/scan", {})
    # Nobody presses anything here.
    await user.sees("Choose cameras")


async def by_password(user: NewUser) -> None:
    await user.tell("/cloud/sign_in", {"captcha": True, "verification": True})
    await user.begin("Sign in with user name")
    await user.field(0).fill(user.house.plan.username)
    await user.field(1).fill(user.house.plan.password)
    await user.submit()
    await user.sees("What does the picture say")
    picture = user.browser.page.locator("step-flow-form img[src^='data:image/png']")
    assert await picture.evaluate("async (one) => { await one.decode(); return one.naturalWidth; }")
    await user.browser.screenshot("captcha")
    await user.field().fill((await user.mailbox())["captcha"])
    await user.submit()
    await user.sees("Confirm that it is you")
    await user.browser.page.get_by_text("By e-mail").click()
    await user.sees("Xiaomi has sent a code to de***@example.com")
    await user.field().fill("000000")
    await user.submit()
    await user.sees("This code is wrong")
    await user.field().fill((await user.mailbox())["codes"]["email"])
    await user.submit()
    await user.sees("Choose cameras")
    await user.submit()


async def run(directory: Path) -> None:
    async with AsyncExitStack() as stack:
        house = House(plan(directory), directory, free_port(), Progress("sign-in"))
        await stack.enter_async_context(house)
        await house.client.rest(
            "DELETE", f"/api/config/config_entries/entry/{house.entities.entry_id}"
        )
        browser = await stack.enter_async_context(
            Browser(house.client.url, house.client.tokens, directory / "screenshots")
        )
        await browser.page.set_viewport_size({"width": 1000, "height": 900})
        http = await stack.enter_async_context(aiohttp.ClientSession())
        user = NewUser(house, browser, http)
        await by_qr_code(user)
        await by_password(user)
        entities = await setup_home.wait_entities(house.client, house.plan)
        ((did, entity_id),) = entities.cameras.items()
        still = await signed_in_picture(house.client, entity_id)
        assert still.picture is not None
        assert still.picture.tag is not None
        assert still.picture.tag.did == did
        log = house.hass.log.read_text()
        assert "Traceback" not in log
        assert house.plan.password not in log


def test_a_new_user_signs_in_and_sees_a_camera(tmp_path: Path) -> None:
    if find_chromium() is None:
        pytest.skip("no Chromium")
    asyncio.run(run(tmp_path))
