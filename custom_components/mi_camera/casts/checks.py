"""What must hold before a camera is put on a player, and what is said when it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.components.media_player import MediaPlayerEntityFeature
from homeassistant.const import ATTR_SUPPORTED_FEATURES, STATE_UNAVAILABLE, STATE_UNKNOWN

from ..exceptions import MiCameraError, MiCameraInputError
from .session import player_name

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from ..gate import Permit
    from ..lens import Lens
    from .session import CastTarget


def check_lens(lens: Lens) -> Permit:
    """Return leave to show a lens.

    Raises:
        MiCameraError, MiCameraInputError: there is none; it says why.
    """
    permit = lens.permit()
    if permit is not None:
        return permit
    coordinator = lens.coordinator
    if coordinator.control_permit() is None:
        raise coordinator.refusal()
    raise MiCameraInputError("camera_asleep", camera=coordinator.config.name)


def check_policy(hass: HomeAssistant, target: CastTarget) -> None:
    """Refuse to show a camera on a player where it may not be.

    Raises:
        MiCameraInputError: it may not.
    """
    coordinator = target.lens.coordinator
    if not coordinator.cast_policy.allows(target.player):
        state = hass.states.get(target.player)
        raise MiCameraInputError(
            "player_not_allowed",
            player=player_name(state) if state else target.player,
            camera=coordinator.config.name,
        )


def check_target(hass: HomeAssistant, target: CastTarget) -> None:
    """Refuse a cast that cannot or must not be.

    A player that is off is fine: displays call themselves so when they show nothing, and
    begin when they are told to.

    Raises:
        MiCameraError, MiCameraInputError: there is no leave to show the camera, or the player
            is not there, cannot be reached, plays nothing, or may not show this camera.
    """
    check_lens(target.lens)
    check_policy(hass, target)
    state = hass.states.get(target.player)
    if state is None:
        raise MiCameraInputError("player_unknown", player=target.player)
    name = player_name(state)
    if state.state in {STATE_UNAVAILABLE, STATE_UNKNOWN}:
        raise MiCameraError("player_unavailable", player=name)
    features = state.attributes.get(ATTR_SUPPORTED_FEATURES, 0)
    if not features & MediaPlayerEntityFeature.PLAY_MEDIA:
        raise MiCameraInputError("player_plays_nothing", player=name)
