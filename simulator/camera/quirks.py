"""Knobs for a bad network and for what real cameras get wrong; all may be turned at any time."""

from __future__ import annotations

import random


class Chaos:
    """How badly the network around a camera behaves."""

    def __init__(self) -> None:
        """Start with a good network and a camera of sound mind."""
        self.loss = 0.0
        """Share of UDP datagrams lost, each way."""
        self.duplicate = 0.0
        """Share of UDP datagrams sent twice."""
        self.delay = 0.0
        """UDP datagrams come 0 to this many seconds late, and so out of order; TCP is late by it."""
        self.garbage = False
        """Send random bytes instead of every message."""
        self.silent = False
        """Send nothing at all, as a camera whose cable was pulled."""
        self.silence_timeout = 10.0
        """A client not heard for this many seconds is dropped."""
        self.foreign = 0.0
        """Datagrams per second to each UDP client from a port that has nothing to say to it:
        sound in form, a farewell among them."""
        self.random = random.Random()


class Quirks(Chaos):
    """What a camera itself does that its clients do not expect."""

    def __init__(self) -> None:
        """Start without any."""
        super().__init__()
        self.chatter = 0.1
        """Unasked records on channel 0, per second and client."""
        self.both_ready = False
        """Say "UDP ready" and "TCP ready", the usual kind first, and take either."""
        self.ready_address = False
        """State the camera's address in "TCP ready", as longer messages of some do."""
        self.timestamps_in_seconds = False
        """Put seconds where milliseconds belong (reported of the Dafang family)."""
        self.audio_timestamps_zero = False
        """Send sound without any time (reported of doorbells)."""
        self.timestamp_shift_ms = 0
        """Add this to all times: changing it makes them jump."""
        self.picture_size: tuple[int, int] | None = None
        """Send pictures of this size whatever was asked for. Changing it brings new parameter
        sets with the next picture, as a camera does that adapts to the network."""
        self.garbage_payload = 0.0
        """Share of media records whose payload is noise, under a sound header."""
        self.lens_flags_missing = 0
        """So many pictures of the second lens still come without the flag that tells it."""
        self.slot_seconds = 0.0
        """How long the place of a viewer stays taken who vanished without a farewell."""
