"""Forms and subentries that the flows of the hub, accounts and cameras share."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigSubentry, ConfigSubentryData
from homeassistant.const import (
    CONF_HOST,
    CONF_NAME,
    CONF_PASSWORD,
    CONF_REGION,
    CONF_TOKEN,
    CONF_USERNAME,
    UnitOfTime,
)
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    EntityWithDeviceFilterSelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    QrCodeSelector,
    QrCodeSelectorConfig,
    QrErrorCorrectionLevel,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
    TimeSelector,
)
from homeassistant.util import dt as dt_util
import probatio as vol

from .camera_config import CONF_QUALITY, CONF_SOUND, QUALITIES
from .casts.policy import (
    CAST_TO,
    CONF_CAST_FROM,
    CONF_CAST_MINUTES,
    CONF_CAST_PLAYERS,
    CONF_CAST_TO,
    CONF_CAST_UNTIL,
    MAX_CAST_MINUTES,
    MAX_PLAYERS,
)
from .cloud import PRODUCTION, REGIONS
from .const import DATA_ENDPOINTS, SUBENTRY_ACCOUNT, SUBENTRY_CAMERA
from .sign_in import FormError, camera_from_cloud

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import HomeAssistant

    from .camera_config import CameraConfig
    from .cloud import CloudDevice, CloudEndpoints, QrCode
    from .known_cameras import KnownCameras
    from .sign_in import SignedIn

CONF_CAMERAS = "cameras"
CONF_CAPTCHA = "captcha"
CONF_CODE = "code"
CONF_QR_CODE = "qr_code"
CONF_USER_ID = "user_id"
CONF_PASS_TOKEN = "pass_token"  # noqa: S105

TEXT = TextSelector()
SECRET = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
REGION = SelectSelector(
    SelectSelectorConfig(
        options=list(REGIONS), translation_key="region", mode=SelectSelectorMode.DROPDOWN
    )
)
ACCOUNT_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_USERNAME): TEXT,
        vol.Required(CONF_PASSWORD): SECRET,
        vol.Optional(CONF_REGION): REGION,
    }
)
TOKEN_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_USER_ID): TEXT,
        vol.Required(CONF_PASS_TOKEN): SECRET,
        vol.Optional(CONF_REGION): REGION,
    }
)
REGION_SCHEMA = vol.Schema({vol.Optional(CONF_REGION): REGION})
CAPTCHA_SCHEMA = vol.Schema({vol.Required(CONF_CAPTCHA): TEXT})
CODE_SCHEMA = vol.Schema({vol.Required(CONF_CODE): TEXT})
ADDRESS_SCHEMA = vol.Schema(
    {vol.Required(CONF_HOST): TEXT, vol.Required(CONF_TOKEN): SECRET, vol.Optional(CONF_NAME): TEXT}
)
QUALITY = SelectSelector(SelectSelectorConfig(options=list(QUALITIES), translation_key="quality"))
RECONFIGURE_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_HOST): TEXT,
        vol.Optional(CONF_TOKEN): SECRET,
        vol.Required(CONF_QUALITY): QUALITY,
        vol.Required(CONF_SOUND): BooleanSelector(),
        vol.Optional(CONF_CAST_TO): SelectSelector(
            SelectSelectorConfig(options=list(CAST_TO), translation_key="cast_to")
        ),
        vol.Optional(CONF_CAST_PLAYERS): vol.All(
            EntitySelector(
                EntitySelectorConfig(
                    multiple=True,
                    filter=EntityWithDeviceFilterSelectorConfig(domain="media_player"),
                )
            ),
            vol.Length(max=MAX_PLAYERS),
        ),
        vol.Optional(CONF_CAST_MINUTES): vol.All(
            NumberSelector(
                NumberSelectorConfig(
                    min=0,
                    max=MAX_CAST_MINUTES,
                    step=1,
                    mode=NumberSelectorMode.BOX,
                    unit_of_measurement=UnitOfTime.MINUTES,
                )
            ),
            vol.Coerce(int),
        ),
        vol.Optional(CONF_CAST_FROM): TimeSelector(),
        vol.Optional(CONF_CAST_UNTIL): TimeSelector(),
    }
)


def without_region(schema: vol.Schema) -> vol.Schema:
    """Return the same form for an account whose region is known."""
    return vol.Schema({key: value for key, value in schema.schema.items() if key != CONF_REGION})


def qr_code_schema(code: QrCode | None) -> vol.Schema:
    """Return the form that shows a QR code, or an empty one if there is none."""
    if code is None:
        return vol.Schema({})
    return vol.Schema(
        {
            vol.Optional(CONF_QR_CODE): QrCodeSelector(
                QrCodeSelectorConfig(
                    data=code.text, scale=5, error_correction_level=QrErrorCorrectionLevel.MEDIUM
                )
            )
        }
    )


def cameras_schema(cameras: Mapping[str, CameraConfig]) -> vol.Schema:
    """Return the form to choose among cameras, all chosen at first."""
    options = [
        SelectOptionDict(value=did, label=f"{camera.name} ({camera.model}, {camera.host})")
        for did, camera in cameras.items()
    ]
    return vol.Schema(
        {
            vol.Required(CONF_CAMERAS, default=list(cameras)): SelectSelector(
                SelectSelectorConfig(options=options, multiple=True, mode=SelectSelectorMode.LIST)
            )
        }
    )


def endpoints(hass: HomeAssistant) -> CloudEndpoints:
    """Return where the cloud is, also before the integration has been set up."""
    return hass.data.get(DATA_ENDPOINTS, PRODUCTION)


def usable(
    cameras: tuple[CloudDevice, ...], account: str, known: KnownCameras
) -> dict[str, CameraConfig]:
    """Return the cameras that can be added, by did.

    Among them are those that are there but are not known to be the account's.
    """
    found = (camera_from_cloud(device, account) for device in cameras)
    return {camera.did: camera for camera in found if camera and known.may_add(camera)}


def account_data(signed_in: SignedIn, username: str) -> ConfigSubentryData:
    """Return the subentry of an account that was just signed in to; its name may be unknown."""
    return ConfigSubentryData(
        data=signed_in.config.as_dict(),
        subentry_type=SUBENTRY_ACCOUNT,
        title=username or f"Xiaomi {signed_in.config.session.user_id}",
        unique_id=signed_in.config.session.user_id,
    )


def camera_data(camera: CameraConfig) -> ConfigSubentryData:
    """Return the subentry of a camera."""
    return ConfigSubentryData(
        data=camera.as_dict(),
        subentry_type=SUBENTRY_CAMERA,
        title=camera.name,
        unique_id=camera.did,
    )


def new_subentry(data: ConfigSubentryData) -> ConfigSubentry:
    """Return a subentry object for data."""
    return ConfigSubentry(
        data=MappingProxyType(dict(data["data"])),
        subentry_type=data["subentry_type"],
        title=data["title"],
        unique_id=data["unique_id"],
    )


def hours_from_form(answer: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the hours at which a camera may be shown, as they are stored.

    Raises:
        FormError: there is only a beginning or only an end, or both are the same.
    """
    start, end = (
        None if answer[key] is None else dt_util.parse_time(str(answer[key]))
        for key in (CONF_CAST_FROM, CONF_CAST_UNTIL)
    )
    if start is None and end is None:
        return {CONF_CAST_FROM: None, CONF_CAST_UNTIL: None}
    if start is None or end is None:
        raise FormError("hours_incomplete")
    if start == end:
        raise FormError("hours_equal")
    return {CONF_CAST_FROM: start.isoformat(), CONF_CAST_UNTIL: end.isoformat()}


def without_secrets(user_input: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what to show again in a form after an error."""
    return {
        key: value
        for key, value in (user_input or {}).items()
        if key not in {CONF_PASSWORD, CONF_TOKEN, CONF_PASS_TOKEN}
    }
