"""The older commands of simulated cameras: names and lists, as python-miio uses them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from simulator.camera.rpc import MAX_ITEMS, OK, RpcError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.camera.rpc import JSON
    from simulator.camera.spec import CameraSpec
    from simulator.camera.state import CameraState

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


class LegacyMethods:
    """Carries out the older commands on a `CameraState`."""

    def __init__(
        self, spec: CameraSpec, state: CameraState, on_restart: Callable[[], None] | None
    ) -> None:
        """Start with the factory's settings."""
        self._state = state
        self._on_restart = on_restart
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
        self.methods: dict[str, Callable[[JSON], dict[str, JSON]]] = {
            "get_prop": self._get_prop,
            "set_motion_record": self._set_motion_record,
            "set_night_mode": self._set_night_mode,
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
        for method, name in _SWITCHES.items():
            self.methods[method] = lambda params, name=name: self._switch(name, params)  # type: ignore[misc]
        if spec.motor is not None:
            self.methods["set_motor"] = self._set_motor

    def _switch(self, name: str, params: JSON) -> dict[str, JSON]:
        self._state.properties[name] = _one_of(params, {"on": True, "off": False})
        return OK

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
        return OK

    def _set_night_mode(self, params: JSON) -> dict[str, JSON]:
        match params:
            case [bool()]:
                raise RpcError.params()
            case [0 | 1 | 2 as mode]:
                self._state.properties["night_mode"] = int(mode)
                return OK
        raise RpcError.params()

    def _set_motor(self, params: JSON) -> dict[str, JSON]:
        match params:
            case {"operation": int(operation)} if operation in {1, 2, 3, 4}:
                self._state.motor.step_at_once(operation)
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
        return OK

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
        return OK

    def _alarm_sound(self, params: JSON) -> dict[str, JSON]:
        del params
        self.alarms += 1
        return OK

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
                return OK
        raise RpcError.params()

    def _nas_clear_dir(self, params: JSON) -> dict[str, JSON]:
        if not isinstance(params, list):
            raise RpcError.params()
        return OK

    def _sd_format(self, params: JSON) -> dict[str, JSON]:
        del params
        self._state.format_card()
        return OK

    def _sd_umount(self, params: JSON) -> dict[str, JSON]:
        del params
        self._state.eject_card()
        return OK

    def _restart_device(self, params: JSON) -> dict[str, JSON]:
        del params
        if self._on_restart is not None:
            asyncio.get_running_loop().call_soon(self._on_restart)
        return OK


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
