"""Bounds of a session: how long to wait, how much to hold.

The times follow what public protocol notes report of real cameras and of the vendor's app;
where nothing is known the reason stands with the number.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_RECORD = 2 * 1024 * 1024
"""Bytes of one record on the media channel; a 4K key frame stays far below."""
MAX_COMMAND = 64 * 1024
"""Bytes of one record on the command channel."""
MAX_BUFFERED = 4 * 1024 * 1024
"""Bytes a channel may hold while it waits for a missing packet."""
MAX_IN_FLIGHT = 256
"""Packets of commands that may be waiting for an acknowledgement."""
MAX_SOUND_IN_FLIGHT = 128
"""Packets of sound that may be: some seconds of it, which nobody would want to hear later."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Times in seconds."""

    search: float = 0.1
    """Between two searches. The vendor's app asks once a second; on a network that loses every
    tenth packet, each one lost would keep a viewer waiting for that long. A camera that is there
    has answered before the second one, one that is not gets 40 bytes a second."""
    search_wide: float = 0.25
    """How long a camera may take to answer at its own address before the search goes to the
    broadcast addresses too: these every camera of the house answers."""
    search_wide_again: float = 1.0
    """Between two searches at broadcast addresses, which wake every device around."""
    punch: float = 0.05
    """Between two echoes of the camera's punch, until it says what it is ready for."""
    punch_patience: float = 2.5
    """How long a port that punched may take to get ready before the search begins anew."""
    offer_grace: float = 0.15
    """How long to wait for the preferred transport once another one is offered."""
    transport_trial: float = 2.0
    """How long a transport may take for the login while another one is on offer."""
    retransmit: float = 0.05
    """Before a packet of a command is sent again; doubles up to `retransmit_max`. Commands are
    few, and somebody waits for each: for the login and the start of the pictures, after a
    blackout too. In a good network they are acknowledged in a tenth of this."""
    retransmit_max: float = 0.2
    retransmit_sound: float = 0.2
    """The same for the speaker's sound, of which there are 25 packets a second."""
    retransmit_sound_max: float = 0.8
    undelivered: float = 5.0
    """When a packet of ours was not acknowledged for so long by a camera that is heard, it
    will never be."""
    unheard_sound: float = 2.0
    """When no packet of sound was ever acknowledged for so long, this camera does not
    acknowledge sound, and it is not repeated any more."""
    media_gap: float = 2.0
    """How long a hole in the media may delay it before it is skipped.

    A skipped hole costs all pictures up to the next key frame, some 25 to 50, so at 260
    packets a second (2 Mbit/s) less than one packet in 10,000 may miss this limit if 99 % of
    the pictures are to be decoded. With a tenth of the packets lost a packet needs a fifth
    try, or sixth, to be that sure. A camera that repeats every 0.2 s makes ten tries in two
    seconds, one that repeats every 0.4 s five, less the jitter; how often real ones do is not
    known. Two packets lost for good would stop the picture no longer than this plus the
    time to the next key frame, which goes on coming in behind the hole meanwhile. A hole that
    closes in time costs nothing, since what waited behind it comes at once."""
    command_gap: float = 3.0
    """How long a hole in the commands may last: they are in no hurry, and cannot be skipped."""
    ping_datagram: float = 5.0
    """Over UDP, ping when nothing was sent for so long."""
    ping_stream: float = 1.0
    """Over TCP, between two pings; without them the camera hangs up."""
    dead: float = 12.0
    """When nothing at all came for so long, two pings included, the camera is gone.

    This is the only limit that runs while nothing is heard: the others wait meanwhile, so
    that after ten seconds without network the session just goes on, with what the camera
    repeats then. If it does not, the camera has dropped us, and that is known two seconds
    after the network is back."""
    no_media: float = 10.0
    """When video was asked for and a camera that is heard sends no picture for so long, the
    session is no use. At half of it the camera is asked once more."""
    key_frame: float = 1.0
    """How long after a loss the next key frame may take before the camera is asked for video
    again, which most answer by one."""
    settle: float = 3.0
    """How long after a change of quality pictures of the old one may still come."""
    reply: float = 3.0
    """For the delivery of a command, and for the reply to it."""
    motor_reply: float = 1.5
    """For the reply to a move; not every camera gives one."""
    close: float = 0.5
    """For the whole of a polite goodbye."""


@dataclass(slots=True)
class Statistics:
    """Counts of one session, for diagnostics."""

    malformed: int = 0
    """Packets and records that break the format, or belong to no channel."""
    foreign: int = 0
    """Datagrams from another address or port than the camera's."""
    duplicates: int = 0
    out_of_window: int = 0
    gaps: int = 0
    """Holes in the media that were skipped."""
    retransmits: int = 0
    discarded: int = 0
    """Packets on channels nobody listens to."""
    integrity_errors: int = 0
    """Payloads that did not decode to what their header says."""
    skipped: int = 0
    """Pictures withheld because one they build on was lost, and sound before any picture."""
    unwanted: int = 0
    """Pictures and sound nobody asked for, of another lens for example."""
    unsupported: int = 0
    """Sound and pictures in codecs this client does not pass on."""
    notices: int = 0
    """Messages the camera sent without being asked."""
