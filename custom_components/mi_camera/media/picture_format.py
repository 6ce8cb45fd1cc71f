"""How the pictures of a lens are coded, as far as a player may be unable to show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..miss import Codec
from .parameter_sets import parameter_sets
from .picture_size import picture_size

if TYPE_CHECKING:
    from .access_unit import AccessUnit

__all__ = ["PictureFormat", "picture_format"]

_SPS: Final = 7


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """Codec and size of coded pictures, in pixels as shown.

    `profile` and `level` are H.264's profile_idc and level_idc (ten times the level), 0 for
    H.265 or when the picture does not tell.
    """

    codec: Codec
    width: int
    height: int
    profile: int = 0
    level: int = 0


def picture_format(unit: AccessUnit) -> PictureFormat | None:
    """Return the format of a key frame, None when it does not tell its size."""
    size = picture_size(unit.codec, unit.data)
    if size is None:
        return None
    profile = level = 0
    if unit.codec is Codec.H264:
        # ISO/IEC 14496-10, 7.3.2.1.1: header, profile_idc, constraint flags, level_idc.
        sets = parameter_sets(unit.codec, unit.data)
        if len(sets) >= 4 and sets[0] & 0x1F == _SPS:
            profile, level = sets[1], sets[3]
    return PictureFormat(unit.codec, *size, profile, level)
