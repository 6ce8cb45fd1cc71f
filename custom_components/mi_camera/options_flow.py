"""The form in which the hub's options are changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import OptionsFlow
from homeassistant.const import UnitOfTime
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
)
import probatio as vol

from .options import LIMITS, HubOptions

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigFlowResult


def _number(name: str, unit: str | None = None) -> vol.All[Any]:
    low, high = LIMITS[name]
    config = NumberSelectorConfig(min=low, max=high, step=1, mode=NumberSelectorMode.BOX)
    if unit is not None:
        config["unit_of_measurement"] = unit
    return vol.All(NumberSelector(config), vol.Coerce(int))


OPTIONS_SCHEMA = vol.Schema(
    {
        vol.Required("sleep_lenses"): BooleanSelector(),
        vol.Required("violation_limit"): _number("violation_limit"),
        vol.Required("still_max_age"): _number("still_max_age", UnitOfTime.SECONDS),
        vol.Required("stall"): _number("stall", UnitOfTime.SECONDS),
        vol.Required("cloud_control"): BooleanSelector(),
    }
)


class HubOptionsFlow(OptionsFlow):
    """One form; nothing is loaded anew for it."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the options, then keep them beside whatever else is stored there by then."""
        if user_input is not None:
            chosen = HubOptions.parse(user_input)
            # The copy of the gate's record may have changed while the form was open, so it
            # is taken now. Nothing is awaited before Home Assistant stores the result.
            return self.async_create_entry(data={**self.config_entry.options, **chosen.as_dict()})
        present = HubOptions.parse(self.config_entry.options)
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(OPTIONS_SCHEMA, present.as_dict()),
        )
