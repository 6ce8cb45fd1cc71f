"""The speakers of the cameras: announcements and other sound."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, override

from homeassistant.components import media_source
from homeassistant.components.media_player import (
    BrowseMedia,
    MediaPlayerDeviceClass,
    MediaPlayerEntity,
    MediaPlayerEntityFeature,
    MediaPlayerState,
    MediaType,
    async_process_play_media_url,
)
from homeassistant.core import callback
from homeassistant.helpers.restore_state import RestoredExtraData, RestoreEntity

from .const import DOMAIN, LOGGER
from .entity import MiCameraEntity
from .exceptions import MiCameraError, MiCameraInputError, session_error
from .gate import GateClosedError
from .media import UpstreamError
from .miss import MissError, MissSpeakerRefused
from .talk import talk
from .talk_codec import Sound, SoundError, SoundReader

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
    from homeassistant.helpers.restore_state import ExtraStoredData

    from .coordinator import CameraCoordinator
    from .gate import Permit
    from .hub import MiCameraConfigEntry
    from .miss import Codec

# A new sound must be able to end the one that plays.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add an entity for the speaker of each camera that has one."""

    @callback
    def add(coordinator: CameraCoordinator) -> None:
        if (codec := coordinator.model.speaker) is not None:
            async_add_entities(
                [CameraSpeaker(coordinator, codec)], config_subentry_id=coordinator.subentry_id
            )

    entry.runtime_data.async_on_camera(add)


@dataclass(eq=False, slots=True)
class _Playing:
    """One sound, from the call that asked for it to its end."""

    started: asyncio.Future[None]
    """Done when the camera listens."""
    task: asyncio.Task[None] | None = field(default=None)


class CameraSpeaker(MiCameraEntity, MediaPlayerEntity, RestoreEntity):
    """A camera's speaker: one sound at a time, none while pictures are off.

    A new sound ends the one before, and that one is not taken up again, announcements
    included. Cameras do not tell their volume, so the sound itself is made quieter.
    """

    _attr_translation_key = "speaker"
    _attr_device_class = MediaPlayerDeviceClass.SPEAKER
    _attr_media_content_type = MediaType.MUSIC
    _attr_supported_features = (
        MediaPlayerEntityFeature.PLAY_MEDIA
        | MediaPlayerEntityFeature.MEDIA_ANNOUNCE
        | MediaPlayerEntityFeature.BROWSE_MEDIA
        | MediaPlayerEntityFeature.STOP
        | MediaPlayerEntityFeature.VOLUME_SET
        | MediaPlayerEntityFeature.VOLUME_STEP
        | MediaPlayerEntityFeature.VOLUME_MUTE
    )

    def __init__(self, coordinator: CameraCoordinator, codec: Codec) -> None:
        """Speak `codec` to the coordinator's camera."""
        super().__init__(coordinator, "speaker")
        self._codec = codec
        self._playing: _Playing | None = None
        # The old sound is told to stop before the camera is told to listen to the new one.
        self._turn = asyncio.Lock()
        self._attr_volume_level = 1.0
        self._attr_is_volume_muted = False

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the camera and the gate, as loud as before."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.gate.on_close(self._cut))
        if (last := await self.async_get_last_extra_data()) is not None:
            stored = last.as_dict()
            level = stored.get("volume_level")
            if isinstance(level, int | float) and 0 <= level <= 1:
                self._attr_volume_level = float(level)
            self._attr_is_volume_muted = stored.get("is_volume_muted") is True

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Be silent before going away."""
        await self._silence()
        await super().async_will_remove_from_hass()

    @property
    @override
    def extra_restore_state_data(self) -> ExtraStoredData:
        """Keep the volume, also of a camera that is unavailable when Home Assistant stops."""
        return RestoredExtraData(
            {
                "volume_level": self._attr_volume_level,
                "is_volume_muted": self._attr_is_volume_muted,
            }
        )

    # -- state ----------------------------------------------------------------------------

    @property
    @override
    def available(self) -> bool:
        """Available while the camera answers, or listens, and pictures are allowed."""
        return self.coordinator.reachable or (self._is_playing and self.coordinator.gate.is_open)

    @property
    def _is_playing(self) -> bool:
        return self._playing is not None and self._playing.started.done()

    @property
    @override
    def state(self) -> MediaPlayerState:
        """Playing while the camera listens; off while its lens sleeps."""
        if self._is_playing:
            return MediaPlayerState.PLAYING
        status = self.coordinator.data
        if status is not None and not status.power:
            return MediaPlayerState.OFF
        return MediaPlayerState.IDLE

    # -- volume -----------------------------------------------------------------------------

    @override
    async def async_set_volume_level(self, volume: float) -> None:
        """Make this and the next sounds quieter or louder."""
        self._attr_volume_level = volume
        self.async_write_ha_state()

    @override
    async def async_mute_volume(self, mute: bool) -> None:
        """Go on silently, or aloud again."""
        self._attr_is_volume_muted = mute
        self.async_write_ha_state()

    def _gain(self) -> float:
        return 0.0 if self._attr_is_volume_muted else self._attr_volume_level or 0.0

    # -- sound --------------------------------------------------------------------------------

    @override
    async def async_browse_media(
        self,
        media_content_type: MediaType | str | None = None,
        media_content_id: str | None = None,
    ) -> BrowseMedia:
        """List what sound Home Assistant has."""
        return await media_source.async_browse_media(
            self.hass,
            media_content_id,
            content_filter=lambda item: item.media_content_type.startswith("audio/"),
        )

    @override
    async def async_play_media(
        self, media_type: MediaType | str, media_id: str, **kwargs: Any
    ) -> None:
        """Play a media source or web address; returns when the camera listens.

        Raises:
            MiCameraError, MiCameraInputError: it cannot be played, and why.
            Unresolvable: there is no such media source.
        """
        if (permit := self.coordinator.control_permit()) is None:
            raise self.coordinator.refusal()
        self._end()
        self._playing = playing = _Playing(asyncio.get_running_loop().create_future())
        playing.task = task = self.hub.entry.async_create_background_task(
            self.hass,
            self._play(playing, permit, media_id),
            f"{DOMAIN} sound for {self.coordinator.config.did}",
        )
        self.async_write_ha_state()
        try:
            await asyncio.wait((task, playing.started), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not permit.valid:
            raise self.coordinator.refusal()
        if task.done() and not task.cancelled():
            task.result()

    async def _play(self, playing: _Playing, permit: Permit, media_id: str) -> None:
        try:
            await self._talk(playing, permit, media_id)
        except (MiCameraError, MiCameraInputError) as err:
            if not playing.started.done():
                raise
            LOGGER.warning("A sound for %s ended early: %s", self.entity_id, err.translation_key)
        finally:
            if self._playing is playing:
                self._playing = None
                self.async_write_ha_state()

    async def _talk(self, playing: _Playing, permit: Permit, media_id: str) -> None:
        camera = self.coordinator.config.name
        sound = await self._sound(media_id)
        reader = SoundReader(sound, self._codec, self.coordinator.model.speaker_rate, self._gain)

        @callback
        def started() -> None:
            playing.started.set_result(None)
            self.async_write_ha_state()

        try:
            async with self._turn:
                await talk(self.coordinator.link.control, permit, reader, self._codec, started)
        except SoundError as err:
            LOGGER.debug("A sound for %s cannot be played: %s", self.entity_id, err)
            raise MiCameraError("media_unplayable") from None
        except GateClosedError:
            raise self.coordinator.refusal() from None
        except MissSpeakerRefused:
            raise MiCameraError("speaker_refused", camera=camera) from None
        except (MissError, UpstreamError) as err:
            raise session_error(err, camera) from err

    async def _sound(self, media_id: str) -> Sound:
        if media_source.is_media_source_id(media_id):
            media = await media_source.async_resolve_media(self.hass, media_id, self.entity_id)
            if media.path is not None:
                return Sound(path=media.path)
            media_id = media.url
        if not media_id.lower().startswith(("http://", "https://", "/")):
            raise MiCameraInputError("media_address")
        return Sound(url=async_process_play_media_url(self.hass, media_id))

    @override
    async def async_media_stop(self) -> None:
        """Be silent at once; returns when the camera has been told."""
        await self._silence()
        self.async_write_ha_state()

    async def _silence(self) -> None:
        playing = self._playing
        self._end()
        if playing is not None and playing.task is not None:
            await asyncio.wait((playing.task,))

    @callback
    def _end(self) -> None:
        """Let no more of the present sound out."""
        if self._playing is not None and self._playing.task is not None:
            self._playing.task.cancel()
        self._playing = None

    @callback
    def _cut(self) -> None:
        """Follow the gate as it closes: synchronous, and complete when it returns."""
        self._end()
        self.async_write_ha_state()
