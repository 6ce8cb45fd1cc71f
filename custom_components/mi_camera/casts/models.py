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
from functools import reduce
from typing import TYPE_CHECKING, Final

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.entity import entity_sources

from ..miss import Codec

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from ..media import PictureFormat

CAST_DOMAIN: Final = "cast"
STANDING_FOR_OTHERS: Final = {"group", "universal"}
"""Integrations whose players hand on what they are told to other players."""
MAX_MEMBERS: Final = 64
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

    def common(self, other: CastModel) -> CastModel:
        """Return what both can show."""
        h264 = _inside(self.h264, other.h264)
        h265 = _inside(self.h265, other.h265) if self.h265 and other.h265 else None
        return CastModel(h264, min(self.level, other.level), h265)


def _inside(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return min(one[0], other[0]), min(one[1], other[1])


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

    Of other players nothing is known, and they are given the pictures as they are. One that
    stands for others can show what all Cast devices among them can, and if it does not tell
    whom it stands for, what every Cast device can.
    """
    waiting, known = [player], {player}
    models: list[CastModel] = []
    while waiting:
        one = waiting.pop()
        platform = _platform(hass, one)
        if platform == CAST_DOMAIN:
            models.append(_model(hass, one))
        elif platform in STANDING_FOR_OTHERS:
            members = _members(hass, one)
            if not members or len(known) + len(members) > MAX_MEMBERS:
                models.append(ANY_MODEL)
                continue
            waiting += members - known
            known |= members
    return reduce(CastModel.common, models) if models else None


def _platform(hass: HomeAssistant, player: str) -> str | None:
    if (entity := er.async_get(hass).async_get(player)) is not None:
        return entity.platform
    # Those from YAML need not be in the registry.
    source = entity_sources(hass).get(player)
    return source["domain"] if source is not None else None


def _members(hass: HomeAssistant, player: str) -> set[str]:
    state = hass.states.get(player)
    members = state.attributes.get(ATTR_ENTITY_ID) if state is not None else None
    if not isinstance(members, list | tuple):
        return set()
    return {one for one in members if isinstance(one, str)}


def _model(hass: HomeAssistant, player: str) -> CastModel:
    entity = er.async_get(hass).async_get(player)
    device_id = entity.device_id if entity is not None else None
    device = dr.async_get(hass).async_get(device_id) if device_id else None
    name = device.model if isinstance(device, dr.DeviceEntry) else None
    return MODELS.get((name or "").strip().lower(), ANY_MODEL)
