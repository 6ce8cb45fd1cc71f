"""Names shared by the Home Assistant side."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from homeassistant.util.hass_dict import HassKey

if TYPE_CHECKING:
    from .cloud import CloudEndpoints

DOMAIN: Final = "mi_camera"
LOGGER: Final = logging.getLogger(__package__)

SUBENTRY_ACCOUNT: Final = "account"
SUBENTRY_CAMERA: Final = "camera"

CONF_DEVELOPER: Final = "developer"
CONF_ACCOUNT_URL: Final = "account_url"
CONF_API_URL: Final = "api_url"

OPTION_GATE: Final = "gate"

DATA_ENDPOINTS: HassKey[CloudEndpoints] = HassKey(f"{DOMAIN}_endpoints")
