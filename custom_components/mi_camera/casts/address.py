"""The address of Home Assistant that players are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.const import EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import Event, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.util.network import is_ip_address
from yarl import URL

from ..const import DOMAIN
from ..exceptions import MiCameraError
from ..gate_issues import NOTHING, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

ISSUE_CAST_ADDRESS = "cast_address"


class CastAddress:
    """Finds it, and raises a repair issue as long as there is none that players can use."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Look at nothing yet."""
        self._hass = hass
        self._doubted: str | None = None
        self._unlisten: Callable[[], None] | None = None

    @callback
    def async_get(self) -> str:
        """Return the address, such as ``http://192.0.2.1:8123``.

        Raises:
            MiCameraError: there is none, or a name that players cannot resolve.
        """
        try:
            address = get_url(self._hass)
        except NoURLAvailableError as err:
            self._raise_issue(NOTHING)
            raise MiCameraError("cast_no_url") from err
        if not resolvable(URL(address).host or ""):
            self._raise_issue(plain(address))
            raise MiCameraError("cast_local_url", address=address)
        if address != self._doubted:
            self.async_forget()
        return address

    @callback
    def async_doubt(self, address: str) -> None:
        """Note that a player has loaded nothing from there: perhaps it cannot resolve the name.

        Names that only the own router knows look like any other; an IP address needs none.
        """
        if not is_ip_address(URL(address).host or ""):
            self._doubted = address
            self._raise_issue(plain(address))

    @callback
    def async_look(self) -> str | None:
        """Return the address, None when there is none that players can use; no issue then."""
        try:
            address = get_url(self._hass)
        except NoURLAvailableError:
            return None
        return address if resolvable(URL(address).host or "") else None

    @callback
    def async_forget(self) -> None:
        """Take the issue back: it is solved, or nobody casts any more."""
        self._doubted = None
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None
            ir.async_delete_issue(self._hass, DOMAIN, ISSUE_CAST_ADDRESS)

    @callback
    def _raise_issue(self, address: str) -> None:
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            ISSUE_CAST_ADDRESS,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=ISSUE_CAST_ADDRESS,
            translation_placeholders={"address": address},
        )
        if self._unlisten is None:
            self._unlisten = self._hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, self._look_again)

    @callback
    def _look_again(self, _event: Event) -> None:
        try:
            self.async_get()
        except MiCameraError:
            return


def resolvable(host: str) -> bool:
    """Whether a player may be able to find a host.

    Cast devices ask name servers on the internet: they know neither names that are found by
    multicast (``.local``) nor those without a domain.
    """
    name = host.lower().rstrip(".")
    return ":" in name or ("." in name and not name.endswith(".local"))
