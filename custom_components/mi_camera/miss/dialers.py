"""Which transport reaches a camera: the one place where the session meets the packets.

The cloud says with the keys whose peer-to-peer transport a camera uses. Only CS2 can be spoken
here. Whoever adds another one (`transport` says what that takes) enters it here, and nowhere
else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .cs2_dialer import Cs2Dialer
from .errors import MissUnsupported
from .keys import Vendor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .keys import MissKeys
    from .transport import Dial

dial: Dial = Cs2Dialer
"""Makes the dialer of a camera about which nothing else is known."""


def _cs2(_keys: MissKeys) -> Dial:
    """CS2 finds a camera by its address alone."""
    return Cs2Dialer


DIALERS: Final[Mapping[int, Callable[[MissKeys], Dial]]] = {Vendor.CS2: _cs2}
"""By vendor: gives, for a camera's keys, what makes its dialer."""


def is_supported(vendor: int) -> bool:
    """Whether cameras of this vendor's transport can be reached."""
    return vendor in DIALERS


def dial_for(keys: MissKeys) -> Dial:
    """Return what makes the dialer of the camera these keys are for.

    Raises:
        MissUnsupported: its transport cannot be spoken here.
    """
    if (maker := DIALERS.get(keys.vendor)) is None:
        raise MissUnsupported(keys.vendor)
    return maker(keys)
