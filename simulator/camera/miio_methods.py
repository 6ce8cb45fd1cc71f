"""What a camera does when it is told something, by miio on the LAN or through the cloud."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from simulator.camera.miot_spec import MiotProperty, Value, spec_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.camera.spec import CameraSpec
    from simulator.camera.state import CameraState

type JSON = bool | int | float | str | list[JSON] | dict[str, JSON] | None

LEGACY_MODELS: Final = frozenset(
    {
        "chuangmi.camera.ipc009",
        "chuangmi.camera.ipc013",
        "chuangmi.camera.ipc019",
        "chuangmi.camera.021a04",
        "chuangmi.camera.038a2",
    }
)
"""Models that answer `get_prop` and the older commands (those python-miio supports)."""
BOTH_MODELS: Final = frozenset({"chuangmi.camera.021a04"})
"""Models that answer the older commands and MIoT."""
MAX_ITEMS: Final = 16
"""Properties in one request; a real camera's datagram holds about as many."""

UNREADABLE: Final = -4001
UNWRITABLE: Final = -4002
NO_SUCH: Final = -4003
INTERNAL: Final = -4004
BAD_VALUE: Final = -4005
BAD_ARGUMENTS: Final = -4006
WRONG_DID: Final = -4007

_SWITCHES: Final = {
    f"set_{name}": name
    for name in (
        "power",
        "light",
        "full_color",
        "flip",
        "improve_program",
        "watermark",
        "wdr",
        "track",
    )
}
_STATE_DAYS: Final = frozenset({604800, 2592000, 7776000, 15552000, 31104000})
_NAS_STATES: Final = frozenset({2, 3})


class RpcError(Exception):
    """An error reply: a JSON-RPC code or one of the camera's own, and its text."""

    def __init__(self, code: int, message: str) -> None:
        """Keep the code and the text that go on the wire."""
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message

    @classmethod
    def method(cls) -> RpcError:
        """Return the error for a method the model does not know."""
        return cls(-32601, "Method not found.")

    @classmethod
    def params(cls) -> RpcError:
        """Return the error for parameters the method does not take."""
        return cls(-32602, "Invalid params.")


class MiioMethods:
    """Carries out requests on a `CameraState`."""

    def __init__(
        self,
        spec: CameraSpec,
        state: CameraState,
        *,
        on_restart: Callable[[], None] | None = None,
    ) -> None:
        """Answer for this camera; `on_restart` runs soon after `restart_device` was answered."""
        self._on_restart = on_restart
        self._spec = spec
        self._state = state
        self._miot = spec_for(spec.model)
        legacy = spec.model in LEGACY_MODELS
        miot = not legacy or spec.model in BOTH_MODELS
        self.motion_region: list[int] = [3] * 32
        self.alarm_config: list[int] = [1, 10, 0, 17, 0, 1, 5]
        self.nas: dict[str, JSON] = {
            "state": 2,
            "sync_interval": 300,
            "video_retention_time": 604800,
            "share": {},
        }
        self.alarms = 0
        """How often the siren was asked for."""
        for iid, item in self._miot.properties.items():
            if item.legacy is None:
                state.miot.setdefault(iid, item.default)
        self._methods: dict[str, Callable[[JSON], dict[str, JSON]]] = {"miIO.info": self._info}
        if legacy:
            self._methods |= {
                "get_prop": self._get_prop,
                "set_motion_record": self._set_motion_record,
                "set_night_mode": self._set_night_mode,
                "set_motor": self._set_motor,
                "set_motion_region": self._set_motion_region,
                "setAlarmConfig": self._set_alarm_config,
                "alarm_sound": self._alarm_sound,
                "nas_get_config": self._nas_get_config,
                "nas_set_config": self._nas_set_config,
                "nas_clear_dir": self._nas_clear_dir,
                "sd_format": self._sd_format,
                "sd_umount": self._sd_umount,
                "restart_device": self._restart_device,
            }
        self._miot_methods: dict[str, Callable[[JSON], dict[str, JSON]]] = {
            "get_properties": self._get_properties,
            "set_properties": self._set_properties,
            "action": self._action,
        }
        if miot:
            self._methods |= self._miot_methods
        self._legacy = legacy

    def reply(self, method: str, params: JSON) -> dict[str, JSON]:
        """Members of the reply beside the id, normally only `result`; raises `RpcError`."""
        if self._legacy and (name := _SWITCHES.get(method)) is not None:
            self._state.properties[name] = _one_of(params, {"on": True, "off": False})
            return _OK
        if (call := self._methods.get(method)) is None:
            raise RpcError.method()
        return call(params)

    def miot_reply(self, method: str, params: JSON) -> dict[str, JSON]:
        """Answer a MIoT request that came through the cloud; raises `RpcError`.

        The cloud translates for models that know only the older commands, so every model
        answers here.
        """
        return self._miot_methods[method](params)

    # --- every camera ---

    def _info(self, params: JSON) -> dict[str, JSON]:
        del params
        spec = self._spec
        gateway = spec.address.rpartition(".")[0] + ".1"
        return {
            "result": {
                "life": 3600,
                "model": spec.model,
                # Real cameras tell their token only before they are provisioned.
                "token": "0" * 32,
                "mac": spec.mac.upper(),
                "fw_ver": "4.3.4_0459",
                "hw_ver": "Linux",
                "miio_ver": "0.0.9",
                "ap": {"ssid": "home", "bssid": "02:00:00:00:00:01", "rssi": -48},
                "netif": {"localIp": spec.address, "mask": "255.255.255.0", "gw": gateway},
            }
        }

    # --- the older commands ---

    def _get_prop(self, params: JSON) -> dict[str, JSON]:
        if not isinstance(params, list) or len(params) > 2 * MAX_ITEMS:
            raise RpcError.params()
        result: list[JSON] = []
        for name in params:
            if not isinstance(name, str):
                raise RpcError.params()
            result.append(_as_text(self._state.properties.get(name, "")))
        return {"result": result}

    def _set_motion_record(self, params: JSON) -> dict[str, JSON]:
        choices = {"on": "on", "off": "off", "stop": "stop"}
        self._state.properties["motion_record"] = _one_of(params, choices)
        return _OK

    def _set_night_mode(self, params: JSON) -> dict[str, JSON]:
        match params:
            case [bool()]:
                raise RpcError.params()
            case [0 | 1 | 2 as mode]:
                self._state.properties["night_mode"] = int(mode)
                return _OK
        raise RpcError.params()

    def _set_motor(self, params: JSON) -> dict[str, JSON]:
        match params:
            case {"operation": int(operation)} if operation in {1, 2, 3, 4}:
                self._state.move(operation)
            case _:
                raise RpcError.params()
        position: dict[str, JSON] = {
            "angle": self._state.angle,
            "elevation": self._state.elevation,
        }
        return {"result": ["OK"], "params": position}

    def _set_motion_region(self, params: JSON) -> dict[str, JSON]:
        cells = _integers(params, 32)
        if not set(cells) <= {1, 3}:
            raise RpcError.params()
        self.motion_region = cells
        return _OK

    def _set_alarm_config(self, params: JSON) -> dict[str, JSON]:
        config = _integers(params, 7)
        mode, start_hour, start_minute, end_hour, end_minute, notify, interval = config
        if not (
            mode in {0, 1, 2}
            and max(start_hour, end_hour) < 24
            and max(start_minute, end_minute) < 60
            and notify in {0, 1}
            and min(config) >= 0
            and interval <= 60
        ):
            raise RpcError.params()
        self.alarm_config = config
        return _OK

    def _alarm_sound(self, params: JSON) -> dict[str, JSON]:
        del params
        self.alarms += 1
        return _OK

    def _nas_get_config(self, params: JSON) -> dict[str, JSON]:
        del params
        return {"result": dict(self.nas)}

    def _nas_set_config(self, params: JSON) -> dict[str, JSON]:
        # python-miio sends no `share` on one of its ways; it stays as it was then.
        match params:
            case {
                "state": int(state),
                "sync_interval": int(interval),
                "video_retention_time": int(retention),
            } if state in _NAS_STATES and interval > 0 and retention in _STATE_DAYS:
                self.nas |= {
                    "state": state,
                    "sync_interval": interval,
                    "video_retention_time": retention,
                }
                return _OK
        raise RpcError.params()

    def _nas_clear_dir(self, params: JSON) -> dict[str, JSON]:
        if not isinstance(params, list):
            raise RpcError.params()
        return _OK

    def _sd_format(self, params: JSON) -> dict[str, JSON]:
        del params
        self._format_card()
        return _OK

    def _sd_umount(self, params: JSON) -> dict[str, JSON]:
        del params
        self._eject_card()
        return _OK

    def _restart_device(self, params: JSON) -> dict[str, JSON]:
        del params
        if self._on_restart is not None:
            asyncio.get_running_loop().call_soon(self._on_restart)
        return _OK

    # --- MIoT ---

    def _get_properties(self, params: JSON) -> dict[str, JSON]:
        result: list[JSON] = []
        for item in _items(params):
            iid, answer = _addressed(item, "piid")
            prop = self._miot.properties.get(iid)
            if "did" not in item:
                answer["code"] = WRONG_DID
            elif prop is None:
                answer["code"] = NO_SUCH
            elif not prop.readable:
                answer["code"] = UNREADABLE
            else:
                answer |= {"code": 0, "value": self._read(iid, prop)}
            result.append(answer)
        return {"result": result}

    def _set_properties(self, params: JSON) -> dict[str, JSON]:
        result: list[JSON] = []
        for item in _items(params):
            iid, answer = _addressed(item, "piid")
            prop = self._miot.properties.get(iid)
            value = item.get("value")
            if "did" not in item:
                answer["code"] = WRONG_DID
            elif prop is None:
                answer["code"] = NO_SUCH
            elif not prop.writable:
                answer["code"] = UNWRITABLE
            elif not isinstance(value, (bool, int, str)) or not prop.accepts(value):
                answer["code"] = BAD_VALUE
            else:
                self._write(iid, prop, value)
                answer["code"] = 0
            result.append(answer)
        return {"result": result}

    def _action(self, params: JSON) -> dict[str, JSON]:
        if not isinstance(params, dict):
            raise RpcError.params()
        iid, answer = _addressed(params, "aiid")
        action = self._miot.actions.get(iid)
        arguments = params.get("in", [])
        if "did" not in params:
            answer["code"] = WRONG_DID
        elif action is None:
            answer["code"] = NO_SUCH
        elif not isinstance(arguments, list) or len(arguments) != action.arguments:
            answer["code"] = BAD_ARGUMENTS
        else:
            if iid == (4, 1):
                self._format_card()
            elif iid == (4, 2):
                self._eject_card()
            answer |= {"code": 0, "out": []}
        return {"result": answer}

    def _read(self, iid: tuple[int, int], prop: MiotProperty) -> Value:
        if prop.legacy is None:
            value = self._state.miot[iid]
        else:
            value = self._state.properties[prop.legacy]
            for number, meaning in prop.values.items():
                if meaning == value:
                    return number
        assert isinstance(value, (bool, int, str))
        return value

    def _write(self, iid: tuple[int, int], prop: MiotProperty, value: Value) -> None:
        if prop.legacy is None:
            self._state.miot[iid] = value
        elif prop.values and isinstance(value, int):
            self._state.properties[prop.legacy] = prop.values[value]
        else:
            self._state.properties[prop.legacy] = value

    # --- the memory card ---

    def _format_card(self) -> None:
        self._state.miot[4, 4] = 0
        self._state.miot[4, 3] = self._state.miot[4, 2]
        self._state.properties["sdcard_status"] = 0

    def _eject_card(self) -> None:
        self._state.properties["sdcard_status"] = 5


_OK: Final[dict[str, JSON]] = {"result": ["ok"]}


def _as_text(value: object) -> str:
    """Print a property as the older commands do: always a string."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _one_of[T](params: JSON, choices: Mapping[str, T]) -> T:
    match params:
        case [str(word)] if word in choices:
            return choices[word]
    raise RpcError.params()


def _integers(params: JSON, count: int) -> list[int]:
    numbers = [
        value
        for value in (params if isinstance(params, list) else [])
        if isinstance(value, int) and not isinstance(value, bool)
    ]
    if not isinstance(params, list) or not len(params) == len(numbers) == count:
        raise RpcError.params()
    return numbers


def _items(params: JSON) -> list[dict[str, JSON]]:
    if not isinstance(params, list) or not 0 < len(params) <= MAX_ITEMS:
        raise RpcError.params()
    items = [item for item in params if isinstance(item, dict)]
    if len(items) != len(params):
        raise RpcError.params()
    return items


def _addressed(item: Mapping[str, JSON], second: str) -> tuple[tuple[int, int], dict[str, JSON]]:
    """Return (siid, piid or aiid), and an answer that repeats what the client sent."""
    siid, number = item.get("siid"), item.get(second)
    if (
        not isinstance(siid, int)
        or not isinstance(number, int)
        or not isinstance(item.get("did", ""), (str, int))
        or len(str(item.get("did", ""))) > 64
    ):
        raise RpcError.params()
    answer: dict[str, JSON] = {"did": item.get("did", ""), "siid": siid, second: number}
    return (siid, number), answer
