"""An ffmpeg that says it has an encoder of the machine's, and keeps that promise or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custom_components.mi_camera.media.encoder_arguments import HARDWARE

if TYPE_CHECKING:
    from pathlib import Path

V4L2 = next(one for one in HARDWARE if one.name == "h264_v4l2m2m")

# libx264 under another name; `$hard` is whether it was asked for by that.
_SCRIPT = """\
#!/bin/sh
echo $$ >> {pids}
count=$#
hard=
for argument; do
    case "$argument" in
        h264_v4l2m2m) set -- "$@" libx264 -preset superfast -threads 1 {tune}; hard=yes;;
        77) set -- "$@" main;;
        *format=yuv420p*) set -- "$@" "$argument{picture}";;
        30) set -- "$@" "{group}";;
        *) set -- "$@" "$argument";;
    esac
done
shift $count
if [ $hard ]; then
    echo run >> {runs}
    runs=$(wc -l < {runs})
    {then}
    :
fi
exec ffmpeg "$@"
"""


class FakeFfmpeg:
    """A program at `path` that does `then` (in sh, `$runs` is the how manieth run it is)."""

    def __init__(
        self,
        folder: Path,
        then: str = "",
        *,
        tune: str = "-tune zerolatency",
        picture: str = "",
        group: str = "30",
    ) -> None:
        self.path = folder / "ffmpeg"
        self._pids, self._runs = folder / "pids", folder / "runs"
        self.path.write_text(
            _SCRIPT.format(
                pids=self._pids, runs=self._runs, then=then, tune=tune, picture=picture, group=group
            )
        )
        self.path.chmod(0o755)
        self.devices = folder / "dev"
        self.devices.mkdir(exist_ok=True)
        (self.devices / "video11").touch()

    @property
    def runs(self) -> int:
        """How often the machine's encoder was asked for."""
        return len(self._runs.read_text().splitlines()) if self._runs.exists() else 0

    @property
    def pids(self) -> list[int]:
        """All processes there have been."""
        return [int(line) for line in self._pids.read_text().split()] if self._pids.exists() else []
