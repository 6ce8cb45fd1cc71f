"""WebRTC viewers of a lens: another integration serves them, this one says when it is over.

A provider such as go2rtc takes its time over an offer, and asks for the camera's address and
sends its answer whenever it likes. All it does for an offer belongs to the permit the offer
was made under: once that has gone it gets no address and nothing it says is passed on.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from homeassistant.components.camera import WebRTCAnswer, WebRTCError
from homeassistant.core import callback

from .gate_followers import run_logged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.components.camera import WebRTCMessage, WebRTCSendMessage

    from .gate import Permit

__all__ = ["WebRtcViewer", "WebRtcViewers", "may_have_address"]

_offer: ContextVar[WebRtcViewer | None] = ContextVar("mi_camera_webrtc_offer", default=None)
"""Whose offer is being answered, also in tasks that a provider starts for it."""

_ENDED: Final = WebRTCError("stream_ended", "There is no live picture any more")


@dataclass(slots=True, eq=False)
class WebRtcViewer:
    """One offer, and the session that comes of it.

    `close` ends the session at the provider, whether there is one yet or not.
    """

    permit: Permit
    send_message: WebRTCSendMessage = field(repr=False)
    close: Callable[[], None] = field(repr=False)
    answered: bool = False
    ended: bool = False

    @property
    def admitted(self) -> bool:
        """Whether it may still have pictures."""
        return not self.ended and self.permit.valid


def may_have_address() -> bool:
    """Whether who asks now may have an address: not for an offer that is over."""
    viewer = _offer.get()
    return viewer is None or viewer.admitted


class WebRtcViewers:
    """Sessions by their id; those that were refused or have left are not kept."""

    def __init__(self) -> None:
        """Have none."""
        self._viewers: dict[str, WebRtcViewer] = {}

    def __len__(self) -> int:
        """How many there are now."""
        return len(self._viewers)

    @callback
    def add(self, session_id: str, viewer: WebRtcViewer) -> None:
        """Keep a viewer until it leaves or all end."""
        self.forget(session_id)
        self._viewers[session_id] = viewer

    @callback
    def forget(self, session_id: str) -> None:
        """Let a viewer that has gone have nothing more."""
        if (viewer := self._viewers.pop(session_id, None)) is not None:
            viewer.ended = True

    async def async_serve(
        self,
        session_id: str,
        viewer: WebRtcViewer,
        offer: Callable[[WebRTCSendMessage], Awaitable[None]],
    ) -> None:
        """Make `offer` to the provider, which may raise what it likes."""
        self.add(session_id, viewer)
        token = _offer.set(viewer)
        served = False
        try:
            await offer(partial(self._pass_on, session_id, viewer))
            served = viewer.admitted
        finally:
            _offer.reset(token)
            if not served:
                # What the provider did after the end, nobody has closed yet.
                self._refuse(session_id, viewer)
                run_logged([viewer.close])

    @callback
    def end(self) -> None:
        """End all, and tell them: without a word a browser shows its last picture on."""
        viewers = tuple(self._viewers.values())
        for session_id in tuple(self._viewers):
            self.forget(session_id)
        # Others' code, each on its own.
        for viewer in viewers:
            run_logged([partial(viewer.send_message, _ENDED), viewer.close])

    @callback
    def _pass_on(self, session_id: str, viewer: WebRtcViewer, message: WebRTCMessage) -> None:
        if not viewer.admitted:
            run_logged([viewer.close])
            return
        if isinstance(message, WebRTCAnswer):
            viewer.answered = True
        elif isinstance(message, WebRTCError) and not viewer.answered:
            self._refuse(session_id, viewer)
        viewer.send_message(message)

    @callback
    def _refuse(self, session_id: str, viewer: WebRtcViewer) -> None:
        viewer.ended = True
        if self._viewers.get(session_id) is viewer:
            del self._viewers[session_id]
