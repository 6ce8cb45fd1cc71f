"""What must hold before a camera is put on a player, and what is said when it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.components.media_player import MediaPlayerEntityFeature
from homeassistant.const import ATTR_SUPPORTED_FEATURES

from ..exceptions import MiCameraError, MiCameraInputError
from .session import EndReason, is_away, named, player_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homeassistant.core import HomeAssistant

    from ..gate import Permit
    from ..lens import Lens
    from .session import CastSession, CastTarget


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
    """Refuse to show a camera on a player where or when it may not be.

    Raises:
        MiCameraInputError: it may not.
    """
    if (refusal := policy_refusal(target, named(hass, target.player))) is not None:
        raise refusal


def policy_refusal(target: CastTarget | CastSession, name: str) -> MiCameraInputError | None:
    """Return why a camera may not be shown on a player called `name` now (None: it may)."""
    coordinator = target.lens.coordinator
    policy, camera = coordinator.cast_policy, coordinator.config.name
    if not policy.allows(target.player):
        return MiCameraInputError("player_not_allowed", player=name, camera=camera)
    if policy.hours is not None and not policy.allows_now():
        start, end = policy.hours.as_texts()
        return MiCameraInputError("cast_outside_hours", camera=camera, start=start, end=end)
    return None


def check_target(hass: HomeAssistant, target: CastTarget) -> None:
    """Refuse a cast that cannot or must not be.

    A player that is off is fine: displays call themselves so when they show nothing, and
    begin when they are told to.

    Raises:
        MiCameraError, MiCameraInputError: there is no leave to show the camera, or the player
            is not there, cannot be reached, plays nothing, or may not show this camera,
            or not at this hour.
    """
    check_lens(target.lens)
    check_policy(hass, target)
    state = hass.states.get(target.player)
    if state is None:
        raise MiCameraInputError("player_unknown", player=target.player)
    name = player_name(state)
    if is_away(state):
        raise MiCameraError("player_unavailable", player=name)
    features = state.attributes.get(ATTR_SUPPORTED_FEATURES, 0)
    if not features & MediaPlayerEntityFeature.PLAY_MEDIA:
        raise MiCameraInputError("player_plays_nothing", player=name)


def check_room(sessions: Iterable[CastSession], targets: Iterable[CastTarget], limit: int) -> None:
    """Refuse a cast if more players than `limit` would show cameras.

    One that is to show something else than now does not count twice.

    Raises:
        MiCameraError: they would be too many.
    """
    players = {one.player for one in sessions} | {one.player for one in targets}
    if len(players) > limit:
        raise MiCameraError("cast_too_many", limit=str(limit))


def ended_early(session: CastSession, reason: EndReason | None, player: str) -> MiCameraError:
    """Return what to say of a cast that was ended before the player called `player` began it."""
    camera = session.lens.coordinator.config.name
    match reason:
        case EndReason.REPLACED:
            return MiCameraError("cast_replaced_early", player=player, camera=camera)
        case EndReason.DURATION:
            return MiCameraError("cast_over_early", player=player, camera=camera)
        case EndReason.SWITCHED_OFF:
            return MiCameraError("cast_switched_off_early", player=player, camera=camera)
        case EndReason.STALE:
            return MiCameraError("cast_stale_early", player=player, camera=camera)
        case EndReason.CAMERA_GONE:
            return MiCameraError("cast_camera_gone_early", player=player, camera=camera)
        case EndReason.NOT_ALLOWED:
            return MiCameraError("cast_not_allowed_early", player=player, camera=camera)
        case _:
            return MiCameraError("cast_stopped_early", player=player, camera=camera)
