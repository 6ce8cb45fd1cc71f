"""``docs/displays.md``: the introduction and the table of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.house.displays.table import OLD_MS, SOON_MS

if TYPE_CHECKING:
    from simulator.house.displays.table import Table

_INTRODUCTION = """\
# Cameras on displays, tried

Written by `script/soak --displays --write docs/displays.md`; run it to get your own. It starts a
real Home Assistant with its own `cast` integration, simulated cameras and simulated displays. A
display knows of itself what
[Google says of its kind](https://developers.google.com/cast/docs/media), and refuses what is
beyond it: another codec, a larger picture, a higher level, another kind of sound. What it plays it
fetches and decodes in real time. **No real display has taken part.**

Each camera is shown on all displays at once, first by `mi_camera.cast`, then by Home Assistant's
`camera.play_stream`, for comparison and without judgement. Every decoded picture is judged by a
tag that the simulated camera has drawn into it: which camera, and when it was taken. *As it is*
means that the display has decoded the camera's own pictures, *converted* that Home Assistant's
ffmpeg has made others of them. *First picture* is from the call of the action to the first picture
decoded, *newest picture* is how old the last one was that the display decoded, *sound* is how much
of it the display decoded, ahead of its glass, until the picture had moved for {plays:.0f} seconds.
A first picture after more than {soon:.0f} s, or one that is older than {old:.0f} s, is wrong. The times are those of one run on one machine, on which simulated cameras, conversion and displays
share the processor cores; nobody looked before, and of a camera that was never seen before it must
first be found out what it sends.
"""

_SAME_NAME = """\
All that Home Assistant knows of a display is what it calls itself. Displays that call themselves
the same are given what the least of them can show."""


def whole(table: Table, plays: float) -> str:
    """Return the whole document; each pair was watched for ``plays`` seconds."""
    introduction = _INTRODUCTION.format(plays=plays, soon=SOON_MS / 1000, old=OLD_MS / 1000)
    return f"{introduction}\n{_displays(table)}\n\n{_conclusion(table)}\n\n{table.markdown()}\n"


def _displays(table: Table) -> str:
    lines = ["| Display | calls itself | H.264 up to | H.265 up to |", "| --- | --- | --- | --- |"]
    for name, model in table.models.items():
        size = f"{model.width}×{model.height}"
        h265 = f"{size}, level {model.h265_level / 10}" if "hevc" in model.codecs else "–"
        lines.append(f"| {name} | {model.name} | {size}, level {model.h264_level / 10} | {h265} |")
    return "\n".join([*lines, "", _SAME_NAME])


def _conclusion(table: Table) -> str:
    if table.wrong:
        lines = "\n".join(f"- {line}" for line in table.wrong)
        return f"**{len(table.wrong)} of {len(table.pairs)} pairs are wrong:**\n\n{lines}"
    converted = sum(pair.converted for pair in table.pairs)
    last = max(pair.ours.first_ms or 0.0 for pair in table.pairs) / 1000
    theirs = sum(pair.theirs.plays for pair in table.pairs)
    return (
        f"All {len(table.pairs)} pairs play by `mi_camera.cast`, {converted} of them converted, the"
        f" first picture after {last:.1f} s at most; {theirs} play by `camera.play_stream`."
    )
