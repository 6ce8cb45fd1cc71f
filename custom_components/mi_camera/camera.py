"""The camera entities."""

from __future__ import annotations

from collections import deque
from functools import partial
import secrets
from typing import TYPE_CHECKING, Any, override

from homeassistant.components.camera import Camera, CameraEntityFeature
from homeassistant.components.camera.const import DATA_CAMERA_PREFS
from homeassistant.components.stream import HLS_PROVIDER
from homeassistant.core import CoreState, callback

from .casts.checks import check_lens
from .casts.session import EndReason
from .const import DOMAIN
from .entity import MiCameraEntity
from .live_stream import async_detach, async_end_in_background
from .media import FeedState
from .mjpeg_views import MjpegViews
from .signed_path import EntityAddress
from .webrtc_viewers import WebRtcViewer, may_have_address

if TYPE_CHECKING:
    from aiohttp.web import Request, StreamResponse
    from homeassistant.components.camera import WebRTCSendMessage
    from homeassistant.components.stream import Stream
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import CameraCoordinator
    from .gate import Permit
    from .hub import MiCameraConfigEntry
    from .lens import Lens

PARALLEL_UPDATES = 0

MAX_TOKENS = 64


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add an entity for each lens of each camera there is and will be."""

    @callback
    def add(coordinator: CameraCoordinator) -> None:
        async_add_entities(
            [LENSES[lens.number](lens) for lens in coordinator.lenses],
            config_subentry_id=coordinator.subentry_id,
        )

    entry.runtime_data.async_on_camera(add)


class MiCamera(MiCameraEntity, Camera):
    """A lens of a camera: live, as stills, awake or asleep.

    Every way a picture can leave by this entity asks the gate, and asks again after each
    wait. The stream belongs to one permit; a new permit gets a new stream with new
    addresses, and the old one is never pointed elsewhere.
    """

    _attr_brand = "Xiaomi"
    _attr_supported_features = CameraEntityFeature.ON_OFF | CameraEntityFeature.STREAM

    def __init__(self, lens: Lens) -> None:
        """Show one lens."""
        MiCameraEntity.__init__(self, lens.coordinator, lens.key)
        Camera.__init__(self)
        self.lens = lens
        self._attr_model = lens.coordinator.config.model
        self._source: tuple[Permit, str] | None = None
        self._was_shown = False
        self._casting_to: list[str] = []
        self._tokens: deque[str] = deque(maxlen=MAX_TOKENS)
        self._address = EntityAddress(lens.coordinator.hub.signatures)
        self._mjpeg = MjpegViews()
        # On the instance: Home Assistant takes a class that overrides this for a camera that
        # speaks WebRTC itself, and leaves go2rtc and HLS out.
        self.async_handle_async_webrtc_offer = self._async_webrtc_offer  # type: ignore[method-assign]

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the camera and the gate."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.gate.on_close(self._cut))
        self.async_on_remove(self.lens.async_on_stall(self._drop_stream))
        self.async_on_remove(self.hub.casts.news.async_on_change(self._casts_changed))
        # Before 2026.11 an entity whose id is changed is taken out and put in again.
        self._address.moved(first=self.hass.state is CoreState.not_running)
        self._rotate_tokens()

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Take all addresses along when going away."""
        self._leave_address()
        await super().async_will_remove_from_hass()

    @callback
    @override
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Make what was given out under the old entity id dead: it may be another's now."""
        super().async_entity_id_changed(old_entity_id)
        self._leave_address()
        self.async_write_ha_state()
        self._refresh_providers()

    @callback
    def _leave_address(self) -> None:
        self._address.moved()
        self._drop_stream()
        self._rotate_tokens()
        self.hub.casts.cut_lenses((self.lens,), EndReason.CAMERA_GONE)

    # -- state ----------------------------------------------------------------------------

    @property
    @override
    def available(self) -> bool:
        """Available while the camera answers and pictures are allowed."""
        return self.coordinator.reachable

    @property
    @override
    def is_on(self) -> bool:
        """On while the lens is awake and pictures are allowed."""
        return self.lens.permit() is not None

    @property
    @override
    def is_streaming(self) -> bool:
        """Streaming while somebody looks."""
        return self.lens.live

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """End the stream when the camera has gone or fallen asleep."""
        shown = self.lens.permit() is not None
        if not shown:
            self._drop_stream()
        if shown is not self._was_shown:
            self._was_shown = shown
            self._refresh_providers()
            if shown:
                self.hub.entry.async_create_background_task(
                    self.hass, self._preload(), f"{DOMAIN} preload of a stream"
                )
        super()._handle_coordinator_update()

    async def _preload(self) -> None:
        """Keep a stream ready if the user wants that, as Home Assistant does at its start."""
        preferences = self.hass.data.get(DATA_CAMERA_PREFS)
        if preferences is None or self.hass.state is not CoreState.running:
            return
        settings = await preferences.get_dynamic_stream_settings(self.entity_id)
        if settings.preload_stream and (stream := await self.async_create_stream()) is not None:
            stream.add_provider(HLS_PROVIDER)
            await stream.start()

    @callback
    def _refresh_providers(self) -> None:
        """Let WebRTC providers look again whether there is something to show."""
        self.hub.entry.async_create_background_task(
            self.hass, self.async_refresh_providers(), f"{DOMAIN} refresh of WebRTC providers"
        )

    @override
    async def async_turn_on(self) -> None:
        """Wake the lens."""
        await self.coordinator.async_set_power(on=True)

    @override
    async def async_turn_off(self) -> None:
        """Put the lens to sleep."""
        self._drop_stream()
        await self.coordinator.async_set_power(on=False)

    # -- pictures -----------------------------------------------------------------------------

    @override
    async def stream_source(self) -> str | None:
        """Return this epoch's address of the relay; opens nothing."""
        return self._relay_address() if may_have_address() else None

    @callback
    def _relay_address(self) -> str | None:
        permit = self.lens.permit()
        if permit is None:
            return None
        if self._source is None or self._source[0] != permit:
            self._source = (permit, self.hub.relay.grant(self.lens.feed, permit, self.lens.source))
        return self._source[1]

    @override
    async def async_create_stream(self) -> Stream | None:
        """Return the stream of the present permit, or None when there is none."""
        permit = self.lens.permit()
        if permit is None:
            return None
        stream = await super().async_create_stream()
        if stream is None:
            return None
        if not permit.valid or stream.source != self._relay_address():
            async_detach(stream)
            async_end_in_background(self.hass, self.hub.entry, stream)
            if self.stream is stream:
                self.stream = None
            return None
        stream.set_update_callback(self._stream_changed)
        # Home Assistant takes a token back when nobody reads for a while, but a player may
        # still show the picture it has got by it.
        if stream.access_token is None:
            stream.access_token = secrets.token_hex()
        if stream.access_token not in self._tokens:
            self._tokens.append(stream.access_token)
            self.hub.casts.foreign.remember(stream.access_token, self.lens, self.entity_id)
        return stream

    @callback
    def _stream_changed(self) -> None:
        """Take the stream away when its worker has failed: old segments are all it has."""
        if self.stream is not None and not self.stream.available:
            self._drop_stream()
        self.async_write_ha_state()

    @override
    async def async_camera_image(
        self, width: int | None = None, height: int | None = None
    ) -> bytes | None:
        """Return a still that is live, or nothing.

        A dashboard asks for stills all day. A camera that sleeps to save its battery is not
        woken for them: it gives some while somebody watches its stream, but for casts of its
        small pictures.
        """
        if not self._address.admits(self.entity_id):
            return None
        permit = self.lens.permit()
        if permit is None:
            return None
        if self.coordinator.model.wake is not None and self.lens.feed.state is not FeedState.LIVE:
            return None
        still = await self.lens.stills.still(permit, width, height)
        if still is None or not permit.valid or not self._address.admits(self.entity_id):
            return None
        return still.jpeg

    @override
    async def handle_async_still_stream(self, request: Request, interval: float) -> StreamResponse:
        """Send stills as they come, on a connection that can be ended."""
        with self._mjpeg.of(request):
            return await super().handle_async_still_stream(request, interval)

    async def _async_webrtc_offer(
        self, offer_sdp: str, session_id: str, send_message: WebRTCSendMessage
    ) -> None:
        """Let go2rtc answer under the permit of now, and remember whom to tell of the end."""
        close = partial(Camera.close_webrtc_session, self, session_id)
        viewer = WebRtcViewer(check_lens(self.lens), send_message, close)
        offer = partial(Camera.async_handle_async_webrtc_offer, self, offer_sdp, session_id)
        await self.lens.webrtc.async_serve(session_id, viewer, offer)

    @callback
    @override
    def close_webrtc_session(self, session_id: str) -> None:
        """Forget a viewer that has gone."""
        self.lens.webrtc.forget(session_id)
        super().close_webrtc_session(session_id)

    # -- ending ---------------------------------------------------------------------------------

    @callback
    def _drop_stream(self) -> None:
        """Make every address given out for this camera dead, and end the stream."""
        if self._source is not None:
            self.hub.relay.revoke(self._source[1])
            self._source = None
        self._mjpeg.abort()
        if (stream := self.stream) is not None:
            self.stream = None
            async_detach(stream)
            async_end_in_background(self.hass, self.hub.entry, stream)
        while self._tokens:
            self.hub.casts.remember_dead(self._tokens.pop())
        # Last, as it is others' code that runs there.
        self.lens.webrtc.end()

    @callback
    def _cut(self) -> None:
        """Follow the gate as it closes: synchronous, and complete when it returns."""
        self._rotate_tokens()
        # A view of stills asks twice a second, and could miss that they were off in between.
        self._address.end()
        self._drop_stream()
        self._was_shown = False
        self.async_write_ha_state()
        self._refresh_providers()

    @callback
    def _rotate_tokens(self) -> None:
        # Two tokens are valid at a time, so two new ones make every old one dead.
        self.async_update_token()
        self.async_update_token()

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Say where it is shown, and why there is no picture when somebody looks for one."""
        trouble = self.lens.trouble
        attributes: dict[str, Any] = {"casting_to": self._casting_to}
        return attributes | ({"trouble": trouble.value} if trouble is not None else {})

    @callback
    def _casts_changed(self) -> None:
        playing = self.hub.casts.playing
        casting_to = [session.player for session in playing if session.lens is self.lens]
        if casting_to != self._casting_to:
            self._casting_to = casting_to
            self.async_write_ha_state()


class FirstLens(MiCamera):
    """The only lens, or the first of two: it has the camera's name."""

    _attr_name = None


class SecondLens(MiCamera):
    """The second lens of a camera that has two."""

    _attr_translation_key = "second_lens"


LENSES = (FirstLens, SecondLens)
