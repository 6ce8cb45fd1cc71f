"""Errors of the layers below, as Home Assistant shows them."""

from __future__ import annotations

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .cloud import (
    CloudApiError,
    CloudError,
    CloudUnavailable,
    SessionExpired,
    TooManyCalls,
    is_offline,
)
from .const import DOMAIN
from .device import MiioDeviceError, MiioError, MiioTimeout, MiioWrongDevice
from .media import Trouble, UpstreamError
from .miss import MissBusy, MissError, MissRefused, MissUnreachable


class MiCameraError(HomeAssistantError):
    """Something could not be done; the message is translated."""

    def __init__(self, key: str, **placeholders: str) -> None:
        """Take the translation key and what it mentions."""
        super().__init__(
            translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
        )


class MiCameraInputError(ServiceValidationError):
    """The caller asked for something impossible; the message is translated."""

    def __init__(self, key: str, **placeholders: str) -> None:
        """Take the translation key and what it mentions."""
        super().__init__(
            translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
        )


def translated(err: MiioError | CloudError, camera: str) -> MiCameraError:
    """Return the error to show for a failed command to `camera` (its name)."""
    match err:
        case MiioTimeout():
            return MiCameraError("camera_no_answer", camera=camera)
        case MiioWrongDevice():
            return MiCameraError("camera_other_device", camera=camera)
        case MiioDeviceError():
            return MiCameraError("camera_refused", camera=camera, code=str(err.code))
        case CloudUnavailable():
            return MiCameraError("cloud_unavailable", camera=camera)
        case SessionExpired():
            return MiCameraError("cloud_signed_out", camera=camera)
        case TooManyCalls():
            return MiCameraError("cloud_limit", camera=camera)
        case CloudApiError() if is_offline(err):
            return MiCameraError("camera_offline", camera=camera)
        case CloudApiError():
            return MiCameraError("camera_refused", camera=camera, code=str(err.code)[:20])
        case _:
            return MiCameraError("camera_failed", camera=camera)


def session_error(
    err: UpstreamError | MissError, camera: str, player: str | None = None
) -> MiCameraError:
    """Return the error to show when a session with `camera` (its name) fails.

    `player` is the name of whom its pictures are converted for, where they are.
    """
    match err:
        case UpstreamError(trouble=Trouble.BUSY) | MissBusy():
            return MiCameraError("camera_busy", camera=camera)
        case UpstreamError(trouble=Trouble.UNREACHABLE) | MissUnreachable():
            return MiCameraError("camera_no_answer", camera=camera)
        case UpstreamError(trouble=Trouble.REFUSED | Trouble.NO_KEYS) | MissRefused():
            return MiCameraError("camera_no_keys", camera=camera)
        case UpstreamError(trouble=Trouble.ENCODER) if player is not None:
            return MiCameraError("not_converted", camera=camera, player=player)
        case UpstreamError(trouble=Trouble.ENCODERS_TAKEN) if player is not None:
            return MiCameraError("encoders_taken", camera=camera, player=player)
        case UpstreamError(trouble=Trouble.ASLEEP):
            return MiCameraError("camera_asleep", camera=camera)
        case _:
            return MiCameraError("camera_failed", camera=camera)
