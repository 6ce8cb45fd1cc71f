"""Everything that may go wrong with a miio device."""

from __future__ import annotations

from typing import Final

MESSAGE_LIMIT: Final = 120


class MiioError(Exception):
    """Base of all errors of this package; the text never holds a token or a reply."""


class MiioTimeout(MiioError):
    """No answer in time.

    `answered_hello` tells an absent device (False) from one that is there but does not answer
    sealed requests (True): devices keep silent about a wrong token.
    """

    def __init__(self, host: str, *, answered_hello: bool) -> None:
        """Tell which of the two silences it was."""
        super().__init__(
            f"{host} answers a hello but no request (is the token right?)"
            if answered_hello
            else f"{host} does not answer"
        )
        self.answered_hello = answered_hello


class MiioDeviceError(MiioError):
    """The device answered with an error.

    `code`: top level -30001 and -9999 busy, -32601 method unknown, -32602 parameters,
    -10000 generic, -5001 command; of a MIoT item -4001 to -4007. `message` is the device's
    own text, printable and short.
    """

    def __init__(self, code: int, message: str = "") -> None:
        """Keep the code, and of the message what is fit to be shown."""
        self.code = code
        self.message = "".join(c for c in message if c.isprintable())[:MESSAGE_LIMIT]
        # Whoever answers may name a number of thousands of digits.
        super().__init__(f"device error {code!s:.20} {self.message}".rstrip())


class MiioUnsupported(MiioDeviceError):
    """The model has no such property or method."""


class MiioBadReply(MiioError):
    """The reply was sealed with the right token but does not have the form it must have."""


class MiioWrongDevice(MiioError):
    """Another device answers at this address."""

    def __init__(self, host: str, expected: int, found: int) -> None:
        """Name the device that was `expected` and the one `found`."""
        super().__init__(f"{host} is device {found}, not {expected}")
        self.expected = expected
        self.found = found


class MiioNotAllowed(MiioError):
    """The call was ended before its next datagram: whoever made it has lost leave to ask."""

    def __init__(self) -> None:
        """Take no more: there is nothing to tell."""
        super().__init__("the device may not be asked any more")


class MiioClosed(MiioError):
    """The endpoint was closed before an answer came, or was never opened."""

    def __init__(self) -> None:
        """Take no more: there is nothing to tell."""
        super().__init__("the miio endpoint is closed")
