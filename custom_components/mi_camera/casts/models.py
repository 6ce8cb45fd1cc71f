"""What each kind of Cast display can show.

From Google's page "Supported Media for Google Cast"
(https://developers.google.com/cast/docs/media), which tells of each kind of device the
video codecs with their highest profile, level and video mode; the names are those that
devices give themselves, as Home Assistant keeps them (PyChromecast's `const.py` has a list).
A picture fits a mode when both of its sides do, in either orientation. Cameras give 30
pictures a second at most, which all modes allow. All of them play AAC-LC and HE-AAC, which
is what the sound of a programme is, so no rendition is ever made for the sound.

| Name | H.264 High up to | H.265 Main up to | Remark |
| --- | --- | --- | --- |
| Google Nest Hub, Google Home Hub, Google Nest Hub Max | 4.1, 720p | - | |
| Chromecast, Eureka Dongle | 4.1, 1080p | - | 1st to 3rd generation and Google TV (4K) all call themselves so: what the first can do |
| Chromecast Ultra | 4.2, 1080p | 5.1, 2160p | |
| Chromecast HD | 5.1, 1080p | 1080p | with Google TV, whose entry does not tell the two apart: no more than its output shows |
| Google TV Streamer | 5.2, 2160p | 5.1, 2160p | |
| any other | 4.1, 720p | - | what every display of that page can show |

"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr, entity_registry as er

from ..miss import Codec

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from ..media import PictureFormat

CAST_DOMAIN: Final = "cast"
_HIGH_PROFILE: Final = 100
"""H.264's profile_idc: those above it code colours or depths that no display is sure to know."""

HD: Final = (1280, 720)
FULL_HD: Final = (1920, 1080)
ULTRA_HD: Final = (3840, 2160)


@dataclass(frozen=True, slots=True)
class CastModel:
    """One kind of display.

    `h264` and `h265` are the largest pictures it shows of these codecs, in pixels, None if it
    has no decoder; `level` is ten times the highest level of H.264.
    """

    h264: tuple[int, int]
    level: int
    h265: tuple[int, int] | None = None

    def shows(self, shape: PictureFormat) -> bool:
        """Whether it can show pictures as they are."""
        is_h264 = shape.codec is Codec.H264
        box = self.h264 if is_h264 else self.h265
        if box is None:
            return False
        long, short = max(shape.width, shape.height), min(shape.width, shape.height)
        if long > box[0] or short > box[1]:
            return False
        return not is_h264 or (shape.level <= self.level and shape.profile <= _HIGH_PROFILE)


ANY_MODEL: Final = CastModel(HD, 41)
"""What is sure to be shown by a display that nothing is known of."""
MODELS: Final = {
    "google nest hub": CastModel(HD, 41),
    "google home hub": CastModel(HD, 41),
    "google nest hub max": CastModel(HD, 41),
    "chromecast": CastModel(FULL_HD, 41),
    "eureka dongle": CastModel(FULL_HD, 41),
    "chromecast ultra": CastModel(FULL_HD, 42, ULTRA_HD),
    "chromecast hd": CastModel(FULL_HD, 51, FULL_HD),
    "google tv streamer": CastModel(ULTRA_HD, 52, ULTRA_HD),
}


@callback
def async_cast_model(hass: HomeAssistant, player: str) -> CastModel | None:
    """Return what a player can show, None when it is not a Cast device.

    Of other players nothing is known, and they are given the pictures as they are.
    """
    entity = er.async_get(hass).async_get(player)
    if entity is None or entity.platform != CAST_DOMAIN:
        return None
    device = dr.async_get(hass).async_get(entity.device_id) if entity.device_id else None
    name = device.model if isinstance(device, dr.DeviceEntry) else None
    return MODELS.get((name or "").strip().lower(), ANY_MODEL)
