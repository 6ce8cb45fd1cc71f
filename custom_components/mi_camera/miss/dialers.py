"""Which transport reaches a camera: the one place where the session meets the packets.

All cameras this integration knows are reached by CS2. Older models speak MISS over another
transport; whoever adds it chooses here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cs2_dialer import Cs2Dialer

if TYPE_CHECKING:
    from .transport import Dial

dial: Dial = Cs2Dialer
"""Makes the dialer of a camera about which nothing else is known."""
