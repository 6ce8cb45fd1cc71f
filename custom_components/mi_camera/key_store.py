"""The last keys of each camera, kept so that video starts while the cloud is out of reach.

They let whoever has them see one camera on this network until it is restarted, so they lie
in a file only Home Assistant's user may read, for a bounded time, and go with the camera,
with the account they came by, and with the hub.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
import time
from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.file import WriteError, write_utf8_file_atomic

from .const import DOMAIN, LOGGER
from .kept_keys import MAX_BYTES, MAX_CAMERAS, KeptKeys, keys_text, read_keys

if TYPE_CHECKING:
    from collections.abc import Collection

    from homeassistant.core import HomeAssistant

    from .miss import MissKeys

FILE_NAME = f"{DOMAIN}.keys"
SAVE_DELAY = 2.0


class KeyStore:
    """Keys by did, in memory and in a private file."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin empty; `async_load` reads the file in Home Assistant's storage folder."""
        self._hass = hass
        self._path = Path(hass.config.path(STORAGE_DIR, FILE_NAME))
        self._kept: dict[str, KeptKeys] = {}
        self._saving = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def async_load(self) -> None:
        """Read the file; what is damaged in it is left out, with a warning."""
        kept, damaged = await self._hass.async_add_executor_job(_read, self._path)
        if damaged:
            LOGGER.warning(
                "Stored camera keys are damaged and not used; new ones come from the cloud"
            )
        self._kept = kept | self._kept

    async def async_close(self) -> None:
        """Save what is not saved yet, as the hub goes away."""
        if self._timer is not None:
            self._save()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def async_remove(self) -> None:
        """Forget all keys and delete the file."""
        self._kept.clear()
        await self.async_close()
        await self._hass.async_add_executor_job(_remove, self._path)

    def get(self, did: str) -> KeptKeys | None:
        """Return a camera's keys unless there are none or they are too old."""
        kept = self._kept.get(did)
        return kept if kept is not None and kept.usable else None

    @callback
    def put(self, did: str, keys: MissKeys, account: str) -> None:
        """Keep the keys the cloud has just given."""
        self._kept.pop(did, None)
        while len(self._kept) >= MAX_CAMERAS:
            del self._kept[min(self._kept, key=lambda one: self._kept[one].fetched)]
        self._kept[did] = KeptKeys(keys, account, time.time())
        self._save_soon()

    @callback
    def forget(self, did: str) -> None:
        """Forget a camera's keys."""
        if self._kept.pop(did, None) is not None:
            self._save_soon()

    @callback
    def keep_only(self, dids: Collection[str], accounts: Collection[str]) -> None:
        """Forget keys of other cameras and keys that came by other accounts."""
        for did, kept in tuple(self._kept.items()):
            if did not in dids or kept.account not in accounts:
                self.forget(did)

    @callback
    def _save_soon(self) -> None:
        if self._timer is None:
            self._timer = self._hass.loop.call_later(SAVE_DELAY, self._save)

    @callback
    def _save(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        task = self._hass.async_create_background_task(self._async_save(), f"{DOMAIN} saving keys")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _async_save(self) -> None:
        async with self._saving:
            text = keys_text(self._kept, FILE_NAME)
            try:
                await self._hass.async_add_executor_job(_write, self._path, text)
            except OSError, WriteError:
                LOGGER.warning("Camera keys could not be saved; video needs the cloud to start")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    write_utf8_file_atomic(str(path), text, private=True)


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _read(path: Path) -> tuple[dict[str, KeptKeys], bool]:
    """Return the keys in a file, and whether something in it could not be used."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return {}, False
    except OSError:
        return {}, True
    return read_keys(raw)
