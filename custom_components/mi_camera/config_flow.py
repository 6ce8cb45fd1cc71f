"""Setting up the hub: straight into signing in, or a camera by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryData,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import (
    CONF_HOST,
    CONF_NAME,
    CONF_PASSWORD,
    CONF_REGION,
    CONF_TOKEN,
    CONF_USERNAME,
)
from homeassistant.core import callback

from .camera_config import AccountConfig
from .const import DOMAIN, OPTION_GATE, SUBENTRY_ACCOUNT, SUBENTRY_CAMERA
from .flow_forms import (
    ACCOUNT_SCHEMA,
    ADDRESS_SCHEMA,
    CONF_CAMERAS,
    PASSWORD_SCHEMA,
    account_data,
    camera_data,
    cameras_schema,
    endpoints,
    usable,
    without_secrets,
)
from .gate_record import GateRecordError
from .kill_switch import DATA_KILL_SWITCH, KillSwitch
from .options_flow import HubOptionsFlow
from .sign_in import FormError, async_probe_camera, async_sign_in
from .subentry_flows import AccountSubentryFlow, CameraSubentryFlow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .camera_config import CameraConfig

TITLE = "Mi Camera"


class MiCameraConfigFlow(ConfigFlow, domain=DOMAIN):
    """The hub: straight into signing in, or adding a camera by its address."""

    VERSION = 1
    MINOR_VERSION = 1

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._account: ConfigSubentryData | None = None
        self._offered: dict[str, CameraConfig] = {}
        self._expired = ""

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Accounts and cameras can be added later."""
        return {SUBENTRY_ACCOUNT: AccountSubentryFlow, SUBENTRY_CAMERA: CameraSubentryFlow}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Let the hub's options be changed."""
        return HubOptionsFlow()

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """There is one hub; ask how to begin."""
        await self.async_set_unique_id(DOMAIN)
        self._abort_if_unique_id_configured()
        return self.async_show_menu(step_id="user", menu_options=["account", "camera"])

    async def async_step_account(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Sign in to a Xiaomi account."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                signed_in = await async_sign_in(
                    self.hass,
                    endpoints(self.hass),
                    user_input[CONF_REGION],
                    user_input[CONF_USERNAME],
                    user_input[CONF_PASSWORD],
                )
            except FormError as err:
                errors["base"] = err.key
            else:
                self._offered = usable(signed_in.cameras, signed_in.config.session.user_id, set())
                if self._offered:
                    self._account = account_data(signed_in, user_input[CONF_USERNAME])
                    return await self.async_step_cameras()
                errors["base"] = "no_cameras"
        return self.async_show_form(
            step_id="account",
            data_schema=self.add_suggested_values_to_schema(
                ACCOUNT_SCHEMA, without_secrets(user_input)
            ),
            errors=errors,
        )

    async def async_step_cameras(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose among the account's cameras."""
        if user_input is None or not user_input[CONF_CAMERAS]:
            return self.async_show_form(
                step_id="cameras",
                data_schema=cameras_schema(self._offered),
                errors={} if user_input is None else {CONF_CAMERAS: "choose_camera"},
            )
        assert self._account is not None
        chosen = [self._offered[did] for did in user_input[CONF_CAMERAS]]
        return await self._async_finish([self._account, *map(camera_data, chosen)])

    async def async_step_camera(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Add a camera by its address and token."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                camera = await async_probe_camera(
                    user_input[CONF_HOST].strip(),
                    user_input[CONF_TOKEN].strip(),
                    name=user_input.get(CONF_NAME),
                )
            except FormError as err:
                errors["base"] = err.key
            else:
                return await self._async_finish([camera_data(camera)])
        return self.async_show_form(
            step_id="camera",
            data_schema=self.add_suggested_values_to_schema(
                ADDRESS_SCHEMA, without_secrets(user_input)
            ),
            errors=errors,
        )

    async def _async_finish(self, subentries: list[ConfigSubentryData]) -> ConfigFlowResult:
        """Create the hub with pictures allowed: that is what was just asked for."""
        kill_switch = self.hass.data.get(DATA_KILL_SWITCH) or KillSwitch(self.hass)
        try:
            record = await kill_switch.async_prepare()
        except GateRecordError:
            return self.async_abort(reason="gate_not_saved")
        return self.async_create_entry(
            title=TITLE,
            data={},
            options={OPTION_GATE: record.as_dict()},
            subentries=subentries,
        )

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin signing in again to an account that has expired."""
        self._expired = str(entry_data.get("subentry_id"))
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the password of the account that has expired."""
        entry = self._get_reauth_entry()
        subentry = entry.subentries.get(self._expired)
        if subentry is None:
            return self.async_abort(reason="account_removed")
        errors: dict[str, str] = {}
        if user_input is not None:
            region = AccountConfig.parse(subentry.data).region
            try:
                signed_in = await async_sign_in(
                    self.hass,
                    endpoints(self.hass),
                    region,
                    user_input[CONF_USERNAME],
                    user_input[CONF_PASSWORD],
                )
            except FormError as err:
                errors["base"] = err.key
            else:
                if signed_in.config.session.user_id != subentry.unique_id:
                    errors["base"] = "other_account"
                else:
                    self.hass.config_entries.async_update_subentry(
                        entry, subentry, data=signed_in.config.as_dict()
                    )
                    return self.async_abort(reason="reauth_successful")
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=self.add_suggested_values_to_schema(
                PASSWORD_SCHEMA, {CONF_USERNAME: subentry.title}
            ),
            errors=errors,
            description_placeholders={"account": subentry.title},
        )
