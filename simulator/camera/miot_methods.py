"""The MIoT requests of simulated cameras: properties and actions by number."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.camera.miot_families import WAKING_PROPERTY, spec_for
from simulator.camera.rpc import (
    BAD_ARGUMENTS,
    BAD_VALUE,
    MAX_ITEMS,
    NO_SUCH,
    UNREADABLE,
    UNWRITABLE,
    WRONG_DID,
    RpcError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.camera.miot_spec import MiotProperty, Value
    from simulator.camera.rpc import JSON
    from simulator.camera.spec import CameraSpec
    from simulator.camera.state import CameraState


class MiotMethods:
    """Carries out MIoT requests on a `CameraState`."""

    def __init__(
        self,
        spec: CameraSpec,
        state: CameraState,
        on_wake: Callable[[], None] | None,
        on_restart: Callable[[], None] | None = None,
    ) -> None:
        """Give the state the properties that only MIoT knows."""
        self._state = state
        self._on_wake = on_wake
        self._on_restart = on_restart
        self._miot = spec_for(spec)
        for iid, item in self._miot.properties.items():
            if item.legacy is None:
                state.miot.setdefault(iid, item.default)
        self.methods: dict[str, Callable[[JSON], dict[str, JSON]]] = {
            "get_properties": self._get_properties,
            "set_properties": self._set_properties,
            "action": self._action,
        }

    def values(self) -> dict[tuple[int, int], Value]:
        """Return what can be read now, by (siid, piid)."""
        return {
            iid: self._read(iid, prop)
            for iid, prop in self._miot.properties.items()
            if prop.readable
        }

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
                if iid == WAKING_PROPERTY and self._on_wake is not None:
                    self._on_wake()
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
            match action.name:
                case "format":
                    self._state.format_card()
                case "pop-up":
                    self._state.eject_card()
                case "restart-device" if self._on_restart is not None:
                    # Answered first.
                    asyncio.get_running_loop().call_soon(self._on_restart)
                case "start-p2p-stream" if self._on_wake is not None:
                    self._on_wake()
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
