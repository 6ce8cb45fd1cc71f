"""The hub's options: read from whatever is stored, changed in a form, the gate untouched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.data_entry_flow import FlowResultType, InvalidData
from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.const import DOMAIN, OPTION_GATE
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from custom_components.mi_camera.options import LIMITS, HubOptions

from .conftest import settle

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

CHOSEN = {
    "sleep_lenses": True,
    "violation_limit": 0,
    "still_max_age": 30,
    "stall": 8,
    "cloud_control": True,
}
ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none())


# -- what is stored --------------------------------------------------------------------


def test_without_anything_stored_the_defaults_hold() -> None:
    assert HubOptions.parse({}) == HubOptions(False, 3, 10, 5)


def test_what_is_stored_beside_them_does_not_matter() -> None:
    assert HubOptions.parse({OPTION_GATE: {"enabled": True}, "stall": 7}) == HubOptions(stall=7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sleep_lenses": 1},
        {"sleep_lenses": "on"},
        {"cloud_control": 1},
        {"violation_limit": -1},
        {"violation_limit": True},
        {"violation_limit": "3"},
        {"violation_limit": 2.0},
        {"still_max_age": 1},
        {"still_max_age": 61},
        {"still_max_age": None},
        {"stall": 0},
        {"stall": 31},
        {"stall": float("nan")},
    ],
)
def test_what_is_wrong_is_as_by_default_and_the_rest_is_kept(wrong: dict[str, Any]) -> None:
    ((name, _value),) = wrong.items()
    rest = {key: value for key, value in CHOSEN.items() if key != name}
    default = HubOptions().as_dict()[name]
    assert HubOptions.parse(CHOSEN | wrong).as_dict() == {**rest, name: default}


@given(st.dictionaries(st.sampled_from([*CHOSEN, OPTION_GATE, "other"]), ANYTHING))
def test_whatever_is_stored_the_numbers_stay_within_their_limits(stored: dict[str, Any]) -> None:
    options = HubOptions.parse(stored).as_dict()
    assert options.keys() == CHOSEN.keys()
    assert isinstance(options["sleep_lenses"], bool)
    assert isinstance(options["cloud_control"], bool)
    for name, (low, high) in LIMITS.items():
        assert type(options[name]) is int
        assert low <= options[name] <= high
    assert HubOptions.parse(options).as_dict() == options


# -- the form -----------------------------------------------------------------------------


async def test_the_form_shows_what_holds_and_stores_what_is_chosen(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    flows = hass.config_entries.options
    hub, gate = entry.runtime_data, entry.options[OPTION_GATE]
    shown = await flows.async_init(entry.entry_id)
    assert shown["type"] is FlowResultType.FORM
    assert shown["step_id"] == "init"
    suggested = {
        str(key): key.description["suggested_value"] for key in shown["data_schema"].schema
    }
    assert suggested == HubOptions().as_dict()
    # The frontend sends numbers as floats.
    result = await flows.async_configure(
        shown["flow_id"], CHOSEN | {"violation_limit": 0.0, "stall": 8.0}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)
    assert entry.options == {OPTION_GATE: gate, **CHOSEN}
    assert HubOptions.parse(entry.options).as_dict() == CHOSEN
    assert entry.runtime_data is hub, "nothing was loaded anew"
    assert hub.gate.is_open
    assert hass.data[DATA_KILL_SWITCH].options == HubOptions(**CHOSEN)
    again = await flows.async_init(entry.entry_id)
    suggested = {
        str(key): key.description["suggested_value"] for key in again["data_schema"].schema
    }
    assert suggested == CHOSEN


@pytest.mark.parametrize(
    "refused",
    [
        {"stall": 1},
        {"still_max_age": 61},
        {"violation_limit": -1},
        {"violation_limit": "many"},
        {OPTION_GATE: {"enabled": True, "epoch": 99}},
    ],
)
async def test_the_form_refuses_what_is_out_of_bounds(
    hass: HomeAssistant, entry: MiCameraConfigEntry, refused: dict[str, Any]
) -> None:
    flows, before = hass.config_entries.options, dict(entry.options)
    shown = await flows.async_init(entry.entry_id)
    with pytest.raises(InvalidData):
        await flows.async_configure(shown["flow_id"], CHOSEN | refused)
    assert entry.options == before


async def test_switching_off_while_the_form_is_open_is_not_undone_by_it(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    flows = hass.config_entries.options
    shown = await flows.async_init(entry.entry_id)
    await hass.services.async_call(DOMAIN, "disable_all", {"reason": "Guests"}, blocking=True)
    engaged = entry.options[OPTION_GATE]
    assert engaged["enabled"] is False
    await flows.async_configure(shown["flow_id"], CHOSEN)
    await settle(hass)
    assert entry.options == {OPTION_GATE: engaged, **CHOSEN}
    # And the other way round: what the switch stores leaves the options alone.
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await settle(hass)
    assert entry.options[OPTION_GATE]["enabled"] is True
    assert HubOptions.parse(entry.options).as_dict() == CHOSEN
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert entry.runtime_data.gate.is_open
    assert hass.data[DATA_KILL_SWITCH].options == HubOptions(**CHOSEN)
