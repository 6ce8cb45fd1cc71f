"""Adding accounts and cameras to the hub later, and changing a camera."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigSubentryData,
    ConfigSubentryFlow,
    SubentryFlowContext,
    SubentryFlowResult,
)
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_TOKEN

from .camera_config import CONF_QUALITY, CONF_SOUND, QUALITY_BEST
from .casts.policy import CONF_CAST_FROM, CONF_CAST_PLAYERS, CONF_CAST_TO, CONF_CAST_UNTIL, DEFAULTS
from .const import SUBENTRY_ACCOUNT
from .flow_forms import (
    ADDRESS_SCHEMA,
    CONF_CAMERAS,
    RECONFIGURE_SCHEMA,
    account_data,
    camera_data,
    cameras_schema,
    hours_from_form,
    new_subentry,
    usable,
    without_secrets,
)
from .gate_issues import plain
from .known_cameras import async_make_listed, known_cameras
from .new_cameras import async_listed
from .sign_in import FormError, async_probe_camera
from .sign_in_steps import SignInSteps

if TYPE_CHECKING:
    from .camera_config import CameraConfig
    from .cloud import AccountSession
    from .hub import Hub
    from .sign_in import SignedIn


class AccountSubentryFlow(
    SignInSteps[SubentryFlowContext, SubentryFlowResult, tuple[str, str]], ConfigSubentryFlow
):
    """One more account, with its cameras."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._account: ConfigSubentryData | None = None
        self._offered: dict[str, CameraConfig] = {}

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask how to sign in."""
        return self.async_show_menu(step_id="user", menu_options=["qr", "account", "token"])

    @override
    async def async_have_session(self, session: AccountSession) -> SubentryFlowResult:
        """Look for cameras unless the account is there already."""
        accounts = self._get_entry().get_subentries_of_type(SUBENTRY_ACCOUNT)
        if any(other.unique_id == session.user_id for other in accounts):
            return self.async_abort(reason="already_configured")
        return await super().async_have_session(session)

    @override
    async def async_signed_in(self, signed_in: SignedIn) -> SubentryFlowResult:
        """Offer the cameras that are not there yet; there may be none."""
        self._account = account_data(signed_in, self.username)
        self._offered = usable(
            signed_in.cameras, signed_in.config.session.user_id, known_cameras(self._get_entry())
        )
        if self._offered:
            return await self.async_step_cameras()
        return self._create(self._account)

    async def async_step_cameras(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Choose among the account's cameras that are not there yet; none is fine."""
        if user_input is None:
            return self.async_show_form(
                step_id="cameras", data_schema=cameras_schema(self._offered)
            )
        entry = self._get_entry()
        for did in user_input[CONF_CAMERAS]:
            camera, known = self._offered[did], known_cameras(entry)
            if not known.may_add(camera):
                continue
            if (stored := known.stored(camera)) is not None:
                try:
                    await async_make_listed(self.hass, entry, stored, camera)
                except FormError as err:
                    return self.async_abort(reason=err.key)
            else:
                self.hass.config_entries.async_add_subentry(
                    entry, new_subentry(camera_data(camera))
                )
        assert self._account is not None
        return self._create(self._account)

    def _create(self, account: ConfigSubentryData) -> SubentryFlowResult:
        return self.async_create_entry(
            title=account["title"], data=account["data"], unique_id=account["unique_id"]
        )


class CameraSubentryFlow(ConfigSubentryFlow):
    """One more camera, or other settings for one that is there."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._offered: dict[str, CameraConfig] = {}

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask where the camera comes from."""
        return self.async_show_menu(step_id="user", menu_options=["from_account", "address"])

    async def async_step_from_account(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Choose among the cameras of all accounts that are not there yet, or not as theirs."""
        entry = self._get_entry()
        known = known_cameras(entry)
        if user_input is not None and user_input[CONF_CAMERAS]:
            chosen = [self._offered[did] for did in user_input[CONF_CAMERAS]]
            chosen = [camera for camera in chosen if known.may_add(camera)]
            if not chosen:
                return self.async_abort(reason="already_configured")
            there = [(one, camera) for camera in chosen if (one := known.stored(camera))]
            try:
                for stored, camera in there:
                    await async_make_listed(self.hass, entry, stored, camera)
            except FormError as err:
                return self.async_abort(reason=err.key)
            new = [camera for camera in chosen if known.stored(camera) is None]
            if not new:
                names = ", ".join(plain(stored.title) for stored, _ in there)
                return self.async_abort(
                    reason="camera_listed", description_placeholders={"camera": names}
                )
            first, *rest = new
            for camera in rest:
                self.hass.config_entries.async_add_subentry(
                    entry, new_subentry(camera_data(camera))
                )
            return self.async_create_entry(
                title=first.name, data=first.as_dict(), unique_id=first.did
            )
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="hub_not_loaded")
        hub: Hub = entry.runtime_data
        if not hub.accounts:
            return self.async_abort(reason="no_account")
        listed = await async_listed(hub, everywhere=True)
        offered = listed.usable(known)
        if not offered and listed.problem is not None:
            return self.async_abort(reason=listed.problem)
        if not offered:
            return self.async_abort(reason="no_cameras")
        self._offered = offered
        return self.async_show_form(
            step_id="from_account",
            data_schema=cameras_schema(offered),
            errors={} if user_input is None else {CONF_CAMERAS: "choose_camera"},
        )

    async def async_step_address(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
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
                if known_cameras(self._get_entry()).stored(camera) is not None:
                    return self.async_abort(reason="already_configured")
                return self.async_create_entry(
                    title=camera.name, data=camera.as_dict(), unique_id=camera.did
                )
        return self.async_show_form(
            step_id="address",
            data_schema=self.add_suggested_values_to_schema(
                ADDRESS_SCHEMA, without_secrets(user_input)
            ),
            errors=errors,
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Change a camera's address, token or pictures; it must be the same camera.

        It is asked only where it may be another one, so that the rest can be changed while
        it is away.
        """
        subentry = self._get_reconfigure_subentry()
        errors: dict[str, str] = {}
        # A damaged subentry has to be mended here too.
        stored: dict[str, Any] = {
            CONF_HOST: "",
            CONF_TOKEN: "",
            CONF_QUALITY: QUALITY_BEST,
            CONF_SOUND: True,
            **DEFAULTS,
        } | subentry.data
        if user_input is not None:
            changed = user_input | {
                CONF_HOST: user_input[CONF_HOST].strip(),
                CONF_TOKEN: user_input.get(CONF_TOKEN, "").strip() or stored[CONF_TOKEN],
            }
            # A form leaves an emptied list of players out, and emptied times.
            if CONF_CAST_TO in changed:
                changed = {
                    CONF_CAST_PLAYERS: [],
                    CONF_CAST_FROM: None,
                    CONF_CAST_UNTIL: None,
                } | changed
            try:
                changed |= hours_from_form(stored | changed)
                if any(changed[key] != stored[key] for key in (CONF_HOST, CONF_TOKEN)):
                    camera = await async_probe_camera(
                        changed[CONF_HOST], changed[CONF_TOKEN], did=subentry.unique_id
                    )
                    changed[CONF_TOKEN] = camera.token
            except FormError as err:
                errors["base"] = err.key
            else:
                return self.async_update_and_abort(
                    self._get_entry(), subentry, data={**subentry.data, **changed}
                )
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                RECONFIGURE_SCHEMA, without_secrets(user_input or stored)
            ),
            errors=errors,
            description_placeholders={"camera": subentry.title},
        )
