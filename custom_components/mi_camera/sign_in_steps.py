"""The steps of signing in to a Xiaomi account, as every flow that needs them shows them.

qr → scan ─────────────────────────────┐
account → captcha → verify → code ─────┤→ region → what the flow does with the account
token ─────────────────────────────────┘
"""

from __future__ import annotations

from abc import abstractmethod
from base64 import b64encode
from typing import TYPE_CHECKING, Any, override

from homeassistant.const import CONF_PASSWORD, CONF_REGION, CONF_USERNAME
from homeassistant.core import callback
from homeassistant.data_entry_flow import FlowContext, FlowHandler, FlowResult

from .camera_config import AccountConfig
from .cloud import (
    AccountSession,
    Captcha,
    CloudError,
    CodeSent,
    Method,
    QrCode,
    SignIn,
    VerificationWanted,
    WrongCode,
)
from .flow_forms import (
    ACCOUNT_SCHEMA,
    CAPTCHA_SCHEMA,
    CODE_SCHEMA,
    CONF_CAPTCHA,
    CONF_CODE,
    CONF_PASS_TOKEN,
    CONF_USER_ID,
    REGION_SCHEMA,
    TOKEN_SCHEMA,
    endpoints,
    qr_code_schema,
    without_region,
)
from .sign_in import FormError, SignedIn, async_find_cameras, begin_sign_in, sign_in_key

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable

    import probatio as vol

    from .cloud import Step


class SignInSteps[ContextT: FlowContext, ResultT: FlowResult[Any, Any], HandlerT](
    FlowHandler[ContextT, ResultT, HandlerT]
):
    """Signing in. A flow offers `qr`, `account` and `token`, and takes over when it is done.

    Nothing that was typed is kept but the user name; the unfinished sign-in is one object that
    goes with the flow.
    """

    known_device: str | None = None
    """Device id of the account's earlier session, if there was one."""
    username = ""
    region: str | None = None
    _sign_in: SignIn | None = None
    _code: QrCode | None = None
    _scan: asyncio.Task[AccountSession] | None = None
    _session: AccountSession | None = None
    _captcha: Captcha | None = None
    _sent: CodeSent | None = None
    _ways: tuple[Method, ...] = ()
    _began = "account"
    _left = False
    _error: str | None = None

    @abstractmethod
    async def async_signed_in(self, signed_in: SignedIn) -> ResultT:
        """Go on with an account and its cameras; may raise `FormError`."""

    async def async_have_session(self, session: AccountSession) -> ResultT:
        """Go on with a new session; may raise `FormError`."""
        self._session = session
        return await self._async_find()

    # -- the Mi Home app ------------------------------------------------------------------

    async def async_step_qr(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Show a code to be scanned, and wait for that meanwhile."""
        self._began = "qr"
        if user_input is not None:
            self._error = None
            if self._scan is not None:
                return await self.async_step_scan()
        if self._scan is None:
            await self._async_new_code()
        # A page that is loaded again shows the same code, and what was wrong.
        return self.async_show_form(
            step_id="qr",
            data_schema=qr_code_schema(self._code),
            errors=_errors(self._error),
            description_placeholders={"url": self._code.text if self._code else ""},
        )

    async def _async_new_code(self) -> None:
        sign_in, self._code = self._begin(), None
        try:
            self._code = code = await sign_in.qr_code()
        except CloudError as err:
            self._error = sign_in_key(err)
            return
        if self._left:
            return
        self._scan = self.hass.async_create_background_task(
            sign_in.scanned(code), "mi_camera QR code", eager_start=False
        )

    async def async_step_scan(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Wait until the code has been scanned and the sign-in confirmed."""
        scan = self._scan
        if scan is None:
            return await self.async_step_qr()
        if not scan.done():
            return self.async_show_progress(
                step_id="scan", progress_action="scan", progress_task=scan
            )
        return self.async_show_progress_done(next_step_id="scanned")

    async def async_step_scanned(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Go on after the code has been scanned, or show a new one."""
        scan, self._scan = self._scan, None
        if scan is None:
            return await self.async_step_qr()
        return await self._async_go_on(scan)

    @callback
    @override
    def async_remove(self) -> None:
        """Ask no more whether the code has been scanned: the flow is over."""
        self._left = True
        if self._scan is not None:
            self._scan.cancel()
            self._scan = None
        self._sign_in = None

    # -- user name and password --------------------------------------------------------------

    async def async_step_account(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Ask for user name and password."""
        self._began = "account"
        if user_input is not None:
            self.username = user_input[CONF_USERNAME].strip()
            self.region = user_input.get(CONF_REGION, self.region)
            self._error = None
            return await self._async_go_on(
                self._begin().password(self.username, user_input[CONF_PASSWORD])
            )
        return self.async_show_form(
            step_id="account",
            data_schema=self.add_suggested_values_to_schema(
                self._schema(ACCOUNT_SCHEMA),
                {CONF_USERNAME: self.username, CONF_REGION: self.region},
            ),
            errors=_errors(self._error),
        )

    async def async_step_captcha(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Ask what a picture says."""
        sign_in, captcha = self._sign_in, self._captcha
        if sign_in is None or captcha is None:
            return await self.async_step_account()
        if user_input is not None:
            self._captcha = None
            self._error = "wrong_captcha"
            return await self._async_go_on(sign_in.answer_captcha(user_input[CONF_CAPTCHA]))
        picture = b64encode(captcha.picture).decode()
        return self.async_show_form(
            step_id="captcha",
            data_schema=CAPTCHA_SCHEMA,
            errors=_errors(self._error),
            description_placeholders={"picture": f"data:{captcha.media_type};base64,{picture}"},
        )

    async def async_step_verify(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Ask how a code shall be sent, where there is a choice."""
        match self._ways:
            case (Method.EMAIL,):
                return await self.async_step_email()
            case (Method.PHONE,):
                return await self.async_step_phone()
        return self.async_show_menu(step_id="verify", menu_options=["email", "phone"])

    async def async_step_email(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Have a code sent by e-mail."""
        return await self._async_send(Method.EMAIL)

    async def async_step_phone(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Have a code sent by text message."""
        return await self._async_send(Method.PHONE)

    async def _async_send(self, method: Method) -> ResultT:
        if self._sign_in is None:
            return await self.async_step_account()
        return await self._async_go_on(self._sign_in.send_code(method))

    async def async_step_code(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Ask for the code that was sent."""
        sign_in, sent = self._sign_in, self._sent
        if sign_in is None or sent is None:
            return await self.async_step_account()
        if user_input is not None:
            self._error = None
            return await self._async_go_on(sign_in.check_code(user_input[CONF_CODE]))
        return self.async_show_form(
            step_id="code",
            data_schema=CODE_SCHEMA,
            errors=_errors(self._error),
            description_placeholders={"receiver": sent.masked or self.username},
        )

    # -- a pass token --------------------------------------------------------------------------

    async def async_step_token(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Ask for the token of another client that is signed in."""
        self._began = "token"
        if user_input is not None:
            self.username = ""
            self.region = user_input.get(CONF_REGION, self.region)
            self._error = None
            return await self._async_go_on(
                self._begin().pass_token(
                    user_input[CONF_USER_ID].strip(), user_input[CONF_PASS_TOKEN].strip()
                )
            )
        return self.async_show_form(
            step_id="token",
            data_schema=self.add_suggested_values_to_schema(
                self._schema(TOKEN_SCHEMA), {CONF_REGION: self.region}
            ),
            errors=_errors(self._error),
        )

    # -- what all have in common -------------------------------------------------------------------

    async def async_step_region(self, user_input: dict[str, Any] | None = None) -> ResultT:
        """Ask for the region if it cannot be told, as there are no cameras in any."""
        if self._session is None:
            return await self.async_step_qr()
        if user_input is not None:
            self.region = user_input.get(CONF_REGION)
            return await self._async_find()
        return self.async_show_form(
            step_id="region",
            data_schema=self.add_suggested_values_to_schema(
                REGION_SCHEMA, {CONF_REGION: self.region}
            ),
            errors=_errors(self._error),
        )

    async def _async_find(self) -> ResultT:
        assert self._session is not None
        try:
            self._session, found = await async_find_cameras(
                self.hass, endpoints(self.hass), self._session, self.region
            )
            by_region = found.by_region
            region = self.region or max(by_region, key=lambda one: len(by_region[one]), default="")
            if region:
                self._error = None
                config = AccountConfig(region, self._session)
                return await self.async_signed_in(SignedIn(config, found.cameras))
            self._error = "no_cameras"
        except FormError as err:
            self._error = err.key
        return await self.async_step_region()

    def _schema(self, schema: vol.Schema) -> vol.Schema:
        """Return a form, without the region where the account is known already."""
        return schema if self.known_device is None else without_region(schema)

    def _begin(self) -> SignIn:
        self._sign_in = begin_sign_in(self.hass, endpoints(self.hass), self.known_device)
        self._captcha = self._sent = self._session = None
        return self._sign_in

    async def _async_go_on(self, asked: Awaitable[Step]) -> ResultT:
        """Ask the account service and show what it wants next, or what is wrong."""
        try:
            step = await asked
            if isinstance(step, AccountSession):
                self._error = self._sign_in = None
                return await self.async_have_session(step)
            if isinstance(step, Captcha):
                self._captcha = step
                return await self.async_step_captcha()
            self._error = None
            if isinstance(step, VerificationWanted):
                self._ways = step.methods
                return await self.async_step_verify()
            self._sent = step
            return await self.async_step_code()
        except WrongCode as err:
            self._error = sign_in_key(err)
            return await self.async_step_code()
        except CloudError as err:
            self._error = sign_in_key(err)
        except FormError as err:
            self._error = err.key
        match self._began:
            case "qr":
                return await self.async_step_qr()
            case "token":
                return await self.async_step_token()
        return await self.async_step_account()


def _errors(key: str | None) -> dict[str, str]:
    return {} if key is None else {"base": key}
