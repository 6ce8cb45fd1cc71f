"""A camera's settings and actions by name, whatever kind of camera it is."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback

from .cloud import CloudError, NotAllowed
from .const import DOMAIN
from .device import POWER, CameraStatus, MiioError, MiioNotAllowed
from .exceptions import MiCameraInputError, translated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

    from .coordinator import CameraCoordinator
    from .device import CameraDevice, MiotSpec
    from .device.miot import Scalar
    from .gate import Permit

_NOTHING: Final[Mapping[str, Scalar]] = MappingProxyType({})


class CameraSettings:
    """Reads, sets and carries out what a model's specification has, under the camera's gate."""

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Belong to the coordinator's camera."""
        self._coordinator = coordinator
        self._asking = False
        self._watched: set[str] = set()

    @callback
    def async_equip(self, device: CameraDevice) -> None:
        """Tell a newly made device what is known of its model, and what is shown of it."""
        coordinator = self._coordinator
        if (spec := coordinator.hub.specs.get(coordinator.config.model)) is not None:
            device.use(spec)
        device.watch(self._watched)

    @callback
    def async_watch(self, names: Iterable[str]) -> None:
        """Ask for these properties too, from the next time on."""
        self._watched.update(names)
        for device in self._coordinator.control.devices:
            device.watch(self._watched)

    @property
    def spec(self) -> MiotSpec:
        """What the camera can do, as far as is known."""
        return self._coordinator.device.spec

    @property
    def values(self) -> Mapping[str, Scalar]:
        """What the camera told of itself the last time, by MIoT name."""
        data = self._coordinator.data
        return _NOTHING if data is None else data.properties

    @callback
    def async_want_spec(self) -> None:
        """Fetch the specification in the background unless it is there."""
        coordinator = self._coordinator
        if (
            self._asking
            or coordinator.device.is_legacy
            or not coordinator.hub.specs.is_wanted(coordinator.config.model)
        ):
            return
        permit = coordinator.gate.permit()
        if permit is not None:
            self._asking = True
            coordinator.hub.entry.async_create_background_task(
                coordinator.hass, self._async_fetch(permit), f"{DOMAIN} what a model can do"
            )

    async def _async_fetch(self, permit: Permit) -> None:
        coordinator = self._coordinator
        try:
            spec = await coordinator.hub.specs.async_fetch(
                coordinator.config.model, lambda: permit.valid
            )
        finally:
            self._asking = False
        if spec is not None and permit.valid:
            for device in coordinator.control.devices:
                device.use(spec)
            await coordinator.async_request_refresh()

    async def async_get(self, names: Collection[str]) -> Mapping[str, Scalar]:
        """Ask the camera for properties; those it does not have are left out.

        Raises:
            MiCameraError, MiCameraInputError: it did not answer, or must not be asked.
        """
        return await self._guarded(
            lambda device, allowed: device.get_properties(names, allowed=allowed)
        )

    async def async_set(self, name: str, value: object) -> None:
        """Set a property.

        Raises:
            MiCameraInputError: the model has no such property, or not with this value.
            MiCameraError: the camera did not do it, or must not be told.
        """
        coordinator = self._coordinator
        prop = self.spec.properties.get(name)
        if prop is None or not prop.writable:
            raise MiCameraInputError(
                "no_such_property", camera=coordinator.config.name, property=name[:80]
            )
        try:
            checked = prop.check(value)
        except ValueError:
            raise MiCameraInputError(
                "not_a_value", camera=coordinator.config.name, property=name[:80]
            ) from None
        await self._guarded(
            lambda device, allowed: device.set_properties({name: checked}, allowed=allowed)
        )
        coordinator.polling.async_stir()
        self.async_show({name: checked})
        await coordinator.async_request_refresh()

    async def async_act(self, name: str, inputs: Collection[Scalar] = ()) -> list[Scalar]:
        """Carry out an action and return what comes out of it.

        Raises:
            MiCameraInputError: the model has no such action, or not with such inputs.
            MiCameraError: the camera did not do it, or must not be told.
        """
        coordinator = self._coordinator
        action = self.spec.actions.get(name)
        if action is None or len(action.inputs) != len(inputs):
            raise MiCameraInputError(
                "no_such_action", camera=coordinator.config.name, action=name[:80]
            )
        return await self._guarded(
            lambda device, allowed: device.act(name, inputs, allowed=allowed)
        )

    @callback
    def async_show(self, values: Mapping[str, Scalar]) -> None:
        """Show what was set or told at once; the next poll tells what the camera made of it."""
        data = self._coordinator.data
        if data is not None:
            self._coordinator.async_set_updated_data(with_values(data, values))

    async def _guarded[T](
        self, call: Callable[[CameraDevice, Callable[[], bool]], Awaitable[T]]
    ) -> T:
        coordinator = self._coordinator
        permit = coordinator.command_permit()
        if permit is None:
            raise coordinator.refusal()
        try:
            return await coordinator.control.async_do(permit, call)
        except MiioNotAllowed, NotAllowed:
            raise coordinator.refusal() from None
        except MiioError as err:
            coordinator.async_met(err)
            raise translated(err, coordinator.config.name) from err
        except CloudError as err:
            raise translated(err, coordinator.config.name) from err


def with_values(status: CameraStatus, values: Mapping[str, Scalar]) -> CameraStatus:
    """Return `status` with some values in place of what it has; the same one without any."""
    if not values:
        return status
    power = values.get(POWER, status.power)
    return CameraStatus(bool(power), {**status.properties, **values})
