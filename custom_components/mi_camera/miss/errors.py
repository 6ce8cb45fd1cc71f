"""What can go wrong between this integration and a camera, for its callers to tell apart."""

from __future__ import annotations


class MissError(Exception):
    """Base of everything the MISS client raises. No message ever holds a secret."""


class MissUnreachable(MissError):
    """Nothing answers, or an answer that was due did not come in time."""


class MissRefused(MissError):
    """The camera did not accept the login: the keys are wrong, or of before its restart."""


class MissBusy(MissError):
    """The camera has as many viewers as it takes."""


class MissProtocolError(MissError):
    """The peer sent what no camera may send."""


class MissWrongKey(MissProtocolError):
    """The login passed, but what the camera sends does not decode with this session's key.

    Either the keys are of before the camera's restart or another camera is at this address.
    """


class MissUnanswered(MissUnreachable):
    """The camera got the command, but its answer did not come in time."""


class MissSpeakerRefused(MissError):
    """The camera does not take sound now: it has no speaker, or somebody else speaks."""


class MissUnsupported(MissError):
    """The camera uses a transport that cannot be spoken here; nothing was sent."""

    def __init__(self, vendor: int) -> None:
        """Name the transport by the cloud's number."""
        super().__init__(f"it streams by a transport that is not supported yet (vendor {vendor})")


class MissClosed(MissError):
    """The session is over: the camera ended it, or this side did."""
