"""The state a simulated camera's servers share: power, properties, motor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING

from simulator.camera.motor import CENTRE, Motor

if TYPE_CHECKING:
    from simulator.camera.spec import CameraSpec


class PropertyTable[K](MutableMapping[K, object]):
    """A dictionary that keeps power in one place and reports changes."""

    def __init__(self, state: CameraState, power: K, values: dict[K, object]) -> None:
        """Hold `values`, and the state's power under the key `power`."""
        self._state = state
        self._power = power
        self._values = values

    def __getitem__(self, key: K) -> object:
        """Return the value; power comes from the state."""
        return self._state.power if key == self._power else self._values[key]

    def __setitem__(self, key: K, value: object) -> None:
        """Set the value and tell the subscribers if it is another one."""
        if key == self._power:
            self._state.power = bool(value)
        elif key not in self._values or self._values[key] != value:
            self._values[key] = value
            self._state.changed()

    def __delitem__(self, key: K) -> None:
        """Take a property away, as a model without it."""
        if key == self._power:
            raise KeyError("power stays")
        del self._values[key]

    def __iter__(self) -> Iterator[K]:
        """Iterate over the keys, power first."""
        yield self._power
        yield from self._values

    def __len__(self) -> int:
        """Count the properties, power included."""
        return 1 + len(self._values)


class CameraState:
    """What a camera remembers while it is on the mains."""

    def __init__(self, spec: CameraSpec) -> None:
        """Start awake, with the factory's settings."""
        self._power = True
        self._subscribers: list[Callable[[], None]] = []
        self.rpc_count = 0
        """How many miio requests (not hellos) were answered."""
        self.angle = CENTRE
        self.elevation = CENTRE
        self.motor = Motor(spec.motor, self)
        self.sleeping = False
        """A battery camera that nobody has woken: on no network at all."""
        self.properties: PropertyTable[str] = PropertyTable(
            self,
            "power",
            {
                "motion_record": "on",  # on, off, stop
                "light": True,
                "full_color": False,
                "flip": False,
                "improve_program": False,
                "wdr": False,
                "track": False,
                "sdcard_status": 0,
                "watermark": True,
                "max_client": spec.viewers,
                "night_mode": 0,
                "mini_level": 1,
            },
        )
        """Legacy properties by name, as Python values: bool for on/off, int for numeric text."""
        self.miot: PropertyTable[tuple[int, int]] = PropertyTable(self, (2, 1), {})
        """MIoT properties by (siid, piid); (2, 1) is power."""

    @property
    def power(self) -> bool:
        """Whether the lens is awake. Asleep, it is reachable and sends no picture."""
        return self._power

    @power.setter
    def power(self, on: bool) -> None:
        if on != self._power:
            self._power = on
            self.changed()

    def changed(self) -> None:
        """Tell every subscriber that something is different now."""
        for callback in tuple(self._subscribers):
            callback()

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after every change, until the returned function is called."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def format_card(self) -> None:
        """Make the memory card empty."""
        self.miot[4, 4] = 0
        self.miot[4, 3] = self.miot[4, 2]
        self.properties["sdcard_status"] = 0

    def eject_card(self) -> None:
        """Let go of the memory card."""
        self.properties["sdcard_status"] = 5
