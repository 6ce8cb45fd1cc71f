"""A camera's miio side: who it is, whether its lens is awake, its settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
import re
from typing import TYPE_CHECKING, Final

from .endpoint import METHOD_UNKNOWN
from .errors import MiioBadReply, MiioDeviceError, MiioUnsupported
from .legacy import LegacyCamera
from .legacy_spec import LEGACY_ACTIONS, LEGACY_SPEC
from .miot import (
    ABSENT_CODES,
    NO_SUCH,
    MiotReading,
    Scalar,
    call_action,
    item_error,
    read_properties,
    write_properties,
)
from .miot_bundled import BUNDLED, bundled_spec
from .miot_names import POWER, POWER_ELSEWHERE, aliases

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from .caller import MiioCaller
    from .miot_names import Names
    from .miot_spec import MiotSpec
    from .packet import JsonValue

_MODEL: Final = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+){1,3}", re.ASCII)
_MAC: Final = re.compile(r"([0-9A-Fa-f]{2})[:-]?" * 5 + r"([0-9A-Fa-f]{2})", re.ASCII)
MAX_TEXT: Final = 64


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What a device says of itself (`miIO.info`)."""

    did: int
    """As given to `CameraDevice`, else the low 32 bits its hello told."""
    model: str
    firmware: str | None
    hardware: str | None
    mac: str | None
    """Upper-case, with colons."""


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """A camera's settings at one time."""

    power: bool
    """False: the lens sleeps; the camera stays reachable and sends no picture."""
    properties: Mapping[str, Scalar]
    """By MIoT name ("service:property"), on older models too."""


class CameraDevice:
    """One camera at one address.

    `did`, when given, is checked against every hello: `MiioWrongDevice` when another device
    answers at this address. All methods raise `MiioError`; they ask `allowed` before each
    datagram, and end with `MiioNotAllowed` when it says no.
    """

    def __init__(
        self,
        endpoint: MiioCaller,
        host: str,
        token: bytes,
        model: str,
        *,
        did: int | None = None,
        timeout: float = 3.0,
        attempts: int = 2,
    ) -> None:
        """Describe the camera; nothing is sent yet. See `MiioEndpoint.request` for the bounds."""
        self.host = host
        self.model = model
        self.did = did
        self._endpoint = endpoint
        self._token = token
        self._timeout = timeout
        self._attempts = attempts
        self._miot = bundled_spec(model)
        self._watched: frozenset[str] | None = None
        self._absent: set[str] = set()
        self._legacy = LegacyCamera(
            endpoint, host, token, model, did=did, timeout=timeout, attempts=attempts
        )
        self._speaks_legacy: bool | None = None if model not in BUNDLED else False
        self._power_seen = False

    @property
    def is_legacy(self) -> bool:
        """Whether it is known to understand the older commands and no MIoT."""
        return self._is_legacy()

    @property
    def spec(self) -> MiotSpec:
        """What it can do, as far as is known."""
        return LEGACY_SPEC if self._is_legacy() else self._miot

    def use(self, spec: MiotSpec) -> None:
        """Go by its model's own specification, from now on."""
        for other in POWER_ELSEWHERE:
            if POWER not in spec.properties and other in spec.properties:
                properties = {**spec.properties, POWER: spec.properties[other]}
                spec = replace(spec, properties=properties)
        self._miot = spec
        self._absent.clear()
        if POWER in spec.properties:
            # No need to try where its switch is.
            self._power_seen = True

    def watch(self, names: Collection[str]) -> None:
        """Ask only for these properties, and for power, at each `status`.

        A name without a service is asked for in whichever service has it.
        """
        self._watched = frozenset(names)

    async def info(self, *, allowed: Callable[[], bool]) -> DeviceInfo:
        """Who the device is, said with its token."""
        result = await self._call("miIO.info", [], allowed=allowed)
        if not isinstance(result, dict):
            raise MiioBadReply("miIO.info is not an object")
        model = _text(result.get("model"))
        if model is None or not _MODEL.fullmatch(model):
            raise MiioBadReply("miIO.info names no model")
        did = self.did
        if did is None:
            hello = await self._endpoint.hello(self.host, self._timeout, allowed=allowed)
            did = hello.did
        return DeviceInfo(
            did=did,
            model=model,
            firmware=_text(result.get("fw_ver")),
            hardware=_text(result.get("hw_ver")),
            mac=_mac(result.get("mac")),
        )

    async def status(self, *, allowed: Callable[[], bool]) -> CameraStatus:
        """Power and every setting that is watched; `MiioUnsupported` when there is no power."""
        if not self._is_legacy():
            try:
                call = partial(self._call, allowed=allowed)
                return self._miot_status(await read_properties(call, self._asked()))
            except MiioUnsupported as err:
                if not self._may_be_legacy(err):
                    raise
        values = await self._legacy.status(allowed=allowed)
        power = values.get(POWER)
        if not isinstance(power, bool):
            raise MiioUnsupported(NO_SUCH, POWER)
        self._speaks_legacy = True
        return CameraStatus(power, values)

    async def set_power(self, on: bool, *, allowed: Callable[[], bool]) -> None:
        """Wake the lens or put it to sleep."""
        if not self._is_legacy() and not self._power_seen and self.model not in BUNDLED:
            # Nobody described this model: read before writing to a number.
            await self.status(allowed=allowed)
        await self.set_properties({POWER: on}, allowed=allowed)

    async def get_properties(
        self, names: Iterable[str], *, allowed: Callable[[], bool]
    ) -> Mapping[str, Scalar]:
        """Values of properties by name; names this device does not have are left out."""
        if self._is_legacy():
            values = await self._legacy.status(allowed=allowed)
            return {name: values[name] for name in names if name in values}
        known = self._numbers()
        wanted = {name: known[name] for name in names if name in known}
        return (await read_properties(partial(self._call, allowed=allowed), wanted)).values

    async def set_properties(
        self, values: Mapping[str, Scalar], *, allowed: Callable[[], bool]
    ) -> None:
        """Set properties by name; `MiioUnsupported` for a name the model does not have."""
        if self._is_legacy():
            for name, value in values.items():
                await self._legacy.set(name, value, allowed=allowed)
            return
        await write_properties(partial(self._call, allowed=allowed), self._numbers(), values)

    async def act(
        self, name: str, inputs: Collection[Scalar] = (), *, allowed: Callable[[], bool]
    ) -> list[Scalar]:
        """Carry out an action by name and return what comes out of it.

        Raises:
            MiioUnsupported: the model has no such action, or not with so many inputs.
        """
        action = self.spec.actions.get(name)
        if action is None or len(action.inputs) != len(inputs):
            raise MiioUnsupported(NO_SUCH, name)
        if self._is_legacy():
            await self._call(LEGACY_ACTIONS[name], [], allowed=allowed)
            return []
        return await call_action(partial(self._call, allowed=allowed), action, name, inputs)

    def _numbers(self) -> Names:
        return {name: one.ids for name, one in self._miot.properties.items()}

    def _asked(self) -> Names:
        return {
            name: one.ids
            for name, one in self._miot.properties.items()
            if name == POWER
            or (
                one.readable
                and name not in self._absent
                and (self._watched is None or not self._watched.isdisjoint(aliases(name)))
            )
        }

    def _is_legacy(self) -> bool:
        if self._speaks_legacy is None:
            return self.model in self._endpoint.library.legacy_models
        return self._speaks_legacy

    def _may_be_legacy(self, err: MiioDeviceError) -> bool:
        """Whether a model nobody described refused MIoT as a whole."""
        return self._speaks_legacy is None and err.code == METHOD_UNKNOWN

    def _miot_status(self, reading: MiotReading) -> CameraStatus:
        power = reading.values.get(POWER)
        if power is None:
            raise item_error(reading.codes.get(POWER, NO_SUCH), POWER)
        if isinstance(power, float) or power not in {0, 1}:
            raise MiioBadReply("power is neither on nor off")
        self._power_seen = True
        # It is not asked again for what it does not have.
        self._absent |= {name for name, code in reading.codes.items() if code in ABSENT_CODES}
        return CameraStatus(bool(power), reading.values)

    async def _call(
        self, method: str, params: JsonValue, *, allowed: Callable[[], bool]
    ) -> JsonValue:
        return await self._endpoint.request(
            self.host,
            self._token,
            method,
            params,
            allowed=allowed,
            timeout=self._timeout,
            attempts=self._attempts,
            did=self.did,
        )


def _text(value: JsonValue) -> str | None:
    """Short printable text of a device, None for anything else."""
    if isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable():
        return value
    return None


def _mac(value: JsonValue) -> str | None:
    match = _MAC.fullmatch(value) if isinstance(value, str) else None
    return ":".join(match.groups()).upper() if match else None
