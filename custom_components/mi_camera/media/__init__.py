"""From access units to viewers: feeds, MPEG-TS, the loopback relay and stills."""

from .access_unit import AccessUnit, Origin, SoundUnit, Source, Tracks
from .feed import Feed
from .feed_limits import FeedLimits, FeedState
from .link import CameraLink
from .relay import Relay, RelayStats
from .stills import Still, StillMaker
from .upstream import Connect, KeySource, MissUpstream, Quality, Trouble, Upstream, UpstreamError

__all__ = [
    "AccessUnit",
    "CameraLink",
    "Connect",
    "Feed",
    "FeedLimits",
    "FeedState",
    "KeySource",
    "MissUpstream",
    "Origin",
    "Quality",
    "Relay",
    "RelayStats",
    "SoundUnit",
    "Source",
    "Still",
    "StillMaker",
    "Tracks",
    "Trouble",
    "Upstream",
    "UpstreamError",
]
