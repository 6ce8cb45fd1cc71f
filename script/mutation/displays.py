"""A display keeps what it must not show any more."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

QUALITY = "tests/test_cast_quality.py"

DISPLAYS: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="without-card-not-stopped",
        breaks="a display that cannot load the card keeps the last face",
        file="casts/players.py",
        old="if not carded and not _shows_other(",
        new="if carded and not _shows_other(",
        tests=("tests/test_cast_card.py::test_a_display_without_its_card_is_stopped",),
    ),
    Mutant(
        name="small-pictures-not-cut",
        breaks="the small pictures of a lens go on when it is cut",
        file="lens.py",
        old="        self._low.cut()\n",
        new="",
        tests=(f"{QUALITY}::test_small_pictures_are_cut_like_all_others[privacy]",),
    ),
    Mutant(
        name="address-of-a-failed-load-kept",
        breaks="an address that Home Assistant has logged goes on showing pictures",
        file="casts/sessions.py",
        old="context, lambda: self._renew(session))",
        new="context, lambda: None)",
        tests=("tests/test_cast_sessions.py::test_what_could_not_be_played_has_a_dead_address",),
    ),
)
