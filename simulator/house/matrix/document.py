"""``docs/egress.md``: the introduction and the table of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.house.matrix.table import Kind

if TYPE_CHECKING:
    from simulator.house.matrix.table import Matrix

_INTRODUCTION = """\
# Every way out, tried

Written by `script/soak --matrix --write docs/egress.md`; run it to get your own. It starts a
real Home Assistant with simulated cameras and displays, a real go2rtc and a real browser, and
takes pictures out by every path that can run on one machine. Each picture is decoded where it
arrives and judged by a tag that the simulated camera has drawn into it: which camera, and when
it was taken. A status code decides nothing. Whatever was open or handed out before the kill is
kept by somebody who does not let go, and tried again at each later moment.

The columns: before the kill the right camera must be seen, and fresh. After the kill every open
connection must end, and neither an old nor a new request may give a picture; "last byte" is
counted from the moment the call that kills was sent, and for a display it is the last picture on
its glass. Then pictures are allowed again in the same Home Assistant: what was handed out before
must be dead, a new address must show the right camera. An address that names the entity and no
more (a signed-in user's, a signed path) works again, for the same camera. Last, pictures are
switched off once more and Home Assistant is restarted: nothing may come out by anything. The
numbers are those of one run on one machine.
"""


def whole(found: Matrix) -> str:
    """Return the whole document."""
    closed = f"{_conclusion(found)}\n\n{found.markdown()}".rstrip()
    return f"{_INTRODUCTION}\n{closed}\n"


def _conclusion(found: Matrix) -> str:
    if found.wrong:
        lines = "\n".join(f"- {line}" for line in found.wrong)
        return f"**{len(found.wrong)} cells are wrong:**\n\n{lines}"
    ran = [row for row in found.rows if row.kind is not Kind.SKIPPED]
    last = max((row.last_ms for row in ran if row.last_ms is not None), default=0.0)
    return (
        f"{len(ran)} paths ran. No cell is wrong. The last byte of anything came {last:.0f} ms"
        " after the call."
    )
