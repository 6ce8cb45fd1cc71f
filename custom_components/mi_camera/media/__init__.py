"""From access units to viewers: feeds, MPEG-TS, the loopback relay and stills."""

from .access_unit import AccessUnit, Origin, SoundUnit, Source, Tracks
from .cast_sound import CastSound
from .encoder_choice import EncoderChoice
from .encoder_slots import EncoderSlots
from .feed import Feed
from .feed_limits import FeedLimits, FeedState
from .hls_session import HlsSegment, HlsSession
from .link import CameraLink
from .picture_format import PictureFormat, picture_format
from .relay import Relay, RelayStats
from .rendition import Rendition
from .stills import Still, StillMaker
from .upstream import Connect, KeySource, MissUpstream, Quality, Trouble, Upstream, UpstreamError

__all__ = [
    "AccessUnit",
    "CameraLink",
    "CastSound",
    "Connect",
    "EncoderChoice",
    "EncoderSlots",
    "Feed",
    "FeedLimits",
    "FeedState",
    "HlsSegment",
    "HlsSession",
    "KeySource",
    "MissUpstream",
    "Origin",
    "PictureFormat",
    "Quality",
    "Relay",
    "RelayStats",
    "Rendition",
    "SoundUnit",
    "Source",
    "Still",
    "StillMaker",
    "Tracks",
    "Trouble",
    "Upstream",
    "UpstreamError",
    "picture_format",
]
