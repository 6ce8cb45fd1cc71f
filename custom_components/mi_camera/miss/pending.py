"""Who waits in a session, for the delivery of a command or for the answer to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .errors import MissClosed, MissUnanswered, MissUnreachable
from .session import Reply

if TYPE_CHECKING:
    from .commands import Command
    from .driver import Driver
    from .session import Question
    from .transport import Delivered, Transmission


class Pending:
    """What is waited for in one session.

    The futures get no exceptions: who wakes looks at what came of it.
    """

    __slots__ = ("_deliveries", "_replies")

    def __init__(self) -> None:
        """Wait for nothing yet."""
        self._deliveries: dict[Transmission, asyncio.Future[None]] = {}
        self._replies: dict[Command, list[asyncio.Future[bytes | None]]] = {}

    async def delivery(self, driver: Driver, transmission: Transmission, patience: float) -> None:
        """Wait until the camera has got a command.

        Raises:
            MissUnreachable: it does not acknowledge it within `patience` seconds.
            MissError: the session ended; what ended it.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._deliveries[transmission] = future
        driver.pump()
        try:
            if not transmission.delivered:
                async with asyncio.timeout(patience):
                    await future
        except TimeoutError:
            raise MissUnreachable("the camera does not acknowledge a command") from None
        finally:
            del self._deliveries[transmission]
        if not transmission.delivered:
            raise driver.error or MissClosed("the session is closed")

    async def answer(self, driver: Driver, question: Question, patience: float) -> bytes:
        """Wait for the answer to a command and return its body.

        Raises:
            MissUnreachable: the camera does not acknowledge the command within `patience`
                seconds.
            MissUnanswered: it does, but no answer came.
            MissError: the session ended; what ended it.
        """
        session = driver.session
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        waiting = self._replies.setdefault(question.reply, [])
        waiting.append(future)
        driver.pump()
        try:
            async with asyncio.timeout(patience):
                answer = await future
        except TimeoutError:
            if question.transmission.delivered:
                text = f"the camera does not answer {question.command.name}"
                raise MissUnanswered(text) from None
            raise MissUnreachable("the camera does not acknowledge a command") from None
        finally:
            if future in waiting:
                waiting.remove(future)
                session.forget(question.reply)
        if answer is None:
            raise driver.error or MissClosed("the session is closed")
        return answer

    def take(self, event: Delivered | Reply) -> None:
        """Wake who waits for this."""
        if not isinstance(event, Reply):
            _wake(self._deliveries.get(event.transmission))
        elif waiting := self._replies.get(event.command):
            future = waiting.pop(0)
            if not future.done():
                future.set_result(event.body)

    def wake_all(self) -> None:
        """Wake everybody: nothing comes any more."""
        for delivery in self._deliveries.values():
            _wake(delivery)
        for waiting in self._replies.values():
            for reply in waiting:
                _wake(reply)


def _wake(future: asyncio.Future[None] | asyncio.Future[bytes | None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
