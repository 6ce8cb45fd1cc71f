"""What requests to a simulated camera are made of, and how they fail."""

from __future__ import annotations

from typing import Final

type JSON = bool | int | float | str | list[JSON] | dict[str, JSON] | None

MAX_ITEMS: Final = 16
"""Properties in one request; a real camera's datagram holds about as many."""

UNREADABLE: Final = -4001
UNWRITABLE: Final = -4002
NO_SUCH: Final = -4003
INTERNAL: Final = -4004
BAD_VALUE: Final = -4005
BAD_ARGUMENTS: Final = -4006
WRONG_DID: Final = -4007

OK: Final[dict[str, JSON]] = {"result": ["ok"]}
"""The reply to an older command that was carried out."""


class RpcError(Exception):
    """An error reply: a JSON-RPC code or one of the camera's own, and its text."""

    def __init__(self, code: int, message: str) -> None:
        """Keep the code and the text that go on the wire."""
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message

    @classmethod
    def method(cls) -> RpcError:
        """Return the error for a method the model does not know."""
        return cls(-32601, "Method not found.")

    @classmethod
    def params(cls) -> RpcError:
        """Return the error for parameters the method does not take."""
        return cls(-32602, "Invalid params.")
