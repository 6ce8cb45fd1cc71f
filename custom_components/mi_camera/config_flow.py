"""Setting up the hub: straight into signing in, or a camera by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigFlow,
    ConfigFlowContext,
    ConfigFlowResult,
    ConfigSubentryData,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_TOKEN
from homeassistant.core import callback

from .camera_config import AccountConfig
from .const import DOMAIN, OPTION_GATE, SUBENTRY_ACCOUNT, SUBENTRY_CAMERA
from .discovery_steps import DiscoverySteps
from .flow_forms import (
    ADDRESS_SCHEMA,
    CONF_CAMERAS,
    account_data,
    camera_data,
    cameras_schema,
    usable,
    without_secrets,
)
from .gate_record import GateRecordError
from .kill_switch import DATA_KILL_SWITCH, KillSwitch
from .known_cameras import KnownCameras
from .options_flow import HubOptionsFlow
from .sign_in import FormError, async_probe_camera
from .sign_in_steps import SignInSteps
from .subentry_flows import AccountSubentryFlow, CameraSubentryFlow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .camera_config import CameraConfig
    from .cloud import AccountSession
    from .sign_in import SignedIn

TITLE = "Mi Camera"


class MiCameraConfigFlow(
    SignInSteps[ConfigFlowContext, ConfigFlowResult, str],
    DiscoverySteps,
    ConfigFlow,
    domain=DOMAIN,
):
    """The hub: straight into signing in, or adding a camera by its address."""

    VERSION = 1
    MINOR_VERSION = 1

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._account: ConfigSubentryData | None = None
        self._offered: dict[str, CameraConfig] = {}
        self._expired: str | None = None

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
        # A flow that was left in another window keeps nobody from beginning anew.
        await self.async_set_unique_id(DOMAIN, raise_on_progress=False)
        self._abort_if_unique_id_configured()
        return self.async_show_menu(
            step_id="user", menu_options=["qr", "account", "token", "camera"]
        )

    @override
    async def async_signed_in(self, signed_in: SignedIn) -> ConfigFlowResult:
        """Offer the cameras; an account without any is no way to begin."""
        self._offered = usable(signed_in.cameras, signed_in.config.session.user_id, KnownCameras())
        if not self._offered:
            raise FormError("no_cameras")
        self._account = account_data(signed_in, self.username)
        return await self.async_step_cameras()

    @override
    async def async_have_session(self, session: AccountSession) -> ConfigFlowResult:
        """Look for cameras, or renew the account this flow is about."""
        if self._expired is None:
            return await super().async_have_session(session)
        entry = self._get_reauth_entry()
        subentry = entry.subentries.get(self._expired)
        if subentry is None:
            return self.async_abort(reason="account_removed")
        if session.user_id != subentry.unique_id:
            raise FormError("other_account")
        self.hass.config_entries.async_update_subentry(
            entry,
            subentry,
            data=AccountConfig(AccountConfig.parse(subentry.data).region, session).as_dict(),
        )
        return self.async_abort(reason="reauth_successful")

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
                ADDRESS_SCHEMA, without_secrets(user_input) or self.found_address()
            ),
            errors=errors,
        )

    async def _async_finish(self, subentries: list[ConfigSubentryData]) -> ConfigFlowResult:
        """Create the hub with pictures allowed: that is what was just asked for."""
        self._abort_if_unique_id_configured()
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

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Answer without what was stored: Home Assistant leaves out `data`, not subentries."""
        return ConfigFlowResult(**{**result, "subentries": ()})

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin signing in again to an account that has expired."""
        self._expired = str(entry_data.get("subentry_id"))
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how to sign in again."""
        subentry = self._get_reauth_entry().subentries.get(str(self._expired))
        if subentry is None:
            return self.async_abort(reason="account_removed")
        config = AccountConfig.parse(subentry.data)
        self.region, self.known_device = config.region, config.session.device_id
        self.username = subentry.title
        return self.async_show_menu(
            step_id="reauth_confirm",
            menu_options=["qr", "account", "token"],
            description_placeholders={"account": subentry.title},
        )
