"""Everything that may go wrong with the Xiaomi cloud."""

from __future__ import annotations

from typing import Final

MESSAGE_LIMIT: Final = 120


class CloudError(Exception):
    """Base of all errors of this package; the text never holds a secret or a URL."""


class CloudUnavailable(CloudError):
    """No usable answer: no connection, time-out, a server error, or rubbish. Try again later."""


class InvalidCredentials(CloudError):
    """User name or password is wrong."""


class CaptchaRequired(CloudError):
    """The log-in wants a captcha solved first."""

    def __init__(self, url: str | None = None) -> None:
        """Keep the picture's address, which is not part of the text."""
        super().__init__("the account asks for a captcha")
        self.url = url


class VerificationRequired(CloudError):
    """The log-in wants a code sent by e-mail or text message (second factor)."""

    def __init__(self, url: str | None = None) -> None:
        """Keep the page where the user can get the code, which is not part of the text."""
        super().__init__("the account asks for a verification code")
        self.url = url


class WrongCode(CloudError):
    """The verification code is not the one that was sent, or too old."""

    def __init__(self) -> None:
        """Take no more: there is nothing to tell."""
        super().__init__("the verification code is wrong")


class TooManyAttempts(CloudError):
    """The account service has had enough for now, of sign-ins or of codes to send."""

    def __init__(self) -> None:
        """Take no more: there is nothing to tell."""
        super().__init__("the account is blocked for a while")


class QrCodeExpired(CloudError):
    """Nobody scanned the QR code in time."""

    def __init__(self) -> None:
        """Take no more: there is nothing to tell."""
        super().__init__("the QR code was not scanned in time")


class SessionExpired(CloudError):
    """Only a new log-in by the user helps."""

    def __init__(self) -> None:
        """Take no more: there is nothing to tell."""
        super().__init__("the account's session has expired")


class NotAllowed(CloudError):
    """The call was ended before its next request: whoever made it has lost leave to ask."""

    def __init__(self) -> None:
        """Take no more: there is nothing to tell."""
        super().__init__("the cloud may not be asked any more")


class TooManyCalls(CloudError):
    """As many calls as an account may make within a minute have been made."""

    def __init__(self) -> None:
        """Take no more: there is nothing to tell."""
        super().__init__("the account has been asked too often within a minute")


class CloudApiError(CloudError):
    """The cloud understood the request and refused it.

    `code`: its last three digits say 001 device, 003 property unknown, 011 device offline,
    and so on (public protocol notes); `message` is the cloud's own text, printable and short.
    """

    def __init__(self, code: int, message: str = "") -> None:
        """Keep the code, and of the message what is fit to be shown."""
        self.code = code
        self.message = "".join(c for c in message if c.isprintable())[:MESSAGE_LIMIT]
        # Whoever answers may name a number of thousands of digits.
        super().__init__(f"cloud error {code!s:.20} {self.message}".rstrip())
