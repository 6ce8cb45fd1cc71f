"""What can go wrong around a running house, each a single line for the terminal."""

from __future__ import annotations


class HouseError(Exception):
    """Something outside the judged code prevents the run."""


class PortTaken(HouseError):
    """An address that a part of the house needs is in use."""

    def __init__(self, host: str, port: int, what: str) -> None:
        """Say which part wanted which address."""
        super().__init__(
            f"{host}:{port} is already taken, and {what} needs it: is another demo running?"
        )


class HassFailed(HouseError):
    """The ``hass`` process ended or never answered."""


class HomeFailed(HouseError):
    """The simulated home ended or never answered."""


class Go2rtcFailed(HouseError):
    """go2rtc ended or never answered."""


class ApiError(HouseError):
    """Home Assistant answered a call with an error."""

    def __init__(self, call: str, code: str, message: str) -> None:
        """Keep the call and Home Assistant's own code and words."""
        super().__init__(f"{call}: {code}: {message}")
        self.call = call
        self.code = code
        self.message = message


class SetupFailed(HouseError):
    """A config flow did not go where a user would have been led."""


class DisplayMissing(SetupFailed):
    """Everything is there but a display."""
