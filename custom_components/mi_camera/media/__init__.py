"""From access units to viewers: feeds, MPEG-TS, the loopback relay and stills."""

from .access_unit import AccessUnit, Source
from .feed import Feed
from .feed_limits import FeedLimits, FeedState
from .relay import Relay, RelayStats
from .stills import Still, StillMaker
from .upstream import Connect, KeySource, MissUpstream, Trouble, Upstream, UpstreamError

__all__ = [
    "AccessUnit",
    "Connect",
    "Feed",
    "FeedLimits",
    "FeedState",
    "KeySource",
    "MissUpstream",
    "Relay",
    "RelayStats",
    "Source",
    "Still",
    "StillMaker",
    "Trouble",
    "Upstream",
    "UpstreamError",
]
