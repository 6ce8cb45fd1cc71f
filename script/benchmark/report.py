"""The figures, as a tree for JSON and as a table to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

type Figures = dict[str, Any]
"""Nested dicts whose leaves are numbers, None where there is no such peer."""

_LABEL: Final = 38
_COLUMN: Final = 13
_WHOLE: Final = 100
"""From this on a figure needs no decimals."""
_STEP_LABEL: Final = 31
_STEP: Final = 12
_STEPS: Final = {
    "camera": "camera takes it (0: before)",
    "told": "display is told",
    "asked": "display asks for the playlist",
    "listed": "display has the playlist",
    "served": "display has the first segment",
    "decoded": "display has decoded it",
}


def table(figures: Figures) -> str:
    """Return the figures in lines."""
    run = figures["run"]
    first = figures["first_frame_ms"]
    lines = [
        _line("", "ours", "go2rtc"),
        f"First picture, ms (median of {run['rounds']})",
        _row("no session yet *", first["cold"], 1),
        _row("session open for another viewer", first["warm"], 1),
        *_cases(figures),
        "Delay of a picture, capture to reader, ms",
        *(_row(name, sides, 1) for name, sides in figures["latency_ms"].items()),
        "Memory, MB",
        _row("per stream", figures["rss_mb_per_stream"], 2),
        _row("process before the first stream", run["idle_rss_mb"], 1),
        "",
        *rpc_lines(figures),
    ]
    if "cast_ms" in figures:
        lines += ["", *cast_lines(figures)]
    if (costs := figures["transcode_cpu_percent"]) is not None:
        lines += [
            "",
            _line("", "ours", "ffmpeg"),
            "Conversion of H.265, 1080p, % of one core",
            _row("to H.264, 720p", {side: costs[side] for side in ("ours", "ffmpeg")}, 2),
        ]
    if "scale" in figures:
        lines += ["", *scale_lines(figures)]
    lines += target_lines(figures)
    due, seconds = run["key_frame_due_ms"], run["seconds"]
    rate = run["kbit_per_second"]["ours"] / 1000
    lines += [
        "",
        f"* The camera's own next key frame came after {due:.1f} ms (median).",
        f"  Streams ran {seconds} s each, {rate:.2f} Mbit/s of MPEG-TS.",
        f"  {load_line(figures)}",
    ]
    return "\n".join(lines)


def load_line(figures: Figures) -> str:
    """Return what else the machine had to do."""
    run = figures["run"]
    before, after = run["load"]
    return f"Load average {before:.1f} before and {after:.1f} after, {run['cpus']} CPUs."


def case_table(figures: Figures) -> str:
    """Return the figures of some streams only."""
    return "\n".join([_line("", "ours", "go2rtc"), *_cases(figures)])


def rpc_lines(figures: Figures) -> list[str]:
    """Return what control calls take, and how soon it is told that one has failed."""
    lines = [_line("", "ours", "python-miio"), "One control call, ms"]
    for count, sides in figures["rpc_ms"].items():
        devices = f"{count} device{'s at once' if count != '1' else ''}"
        for name in ("p50", "p99", "cpu"):
            label = f"{devices}, {'CPU' if name == 'cpu' else name}"
            lines.append(_row(label, {side: of[name] for side, of in sides.items()}, 2))
    lines.append("Until it is told that one has failed, s")
    for kind, sides in figures["rpc_failure"].items():
        seconds = {side: of["ms"] / 1000 for side, of in sides.items()}
        lines.append(_row(kind.replace("_", " "), seconds, 2))
    return lines


def cast_lines(figures: Figures) -> list[str]:
    """Return how soon displays show a camera, and how late."""
    names = {
        "cold": "nobody looks yet",
        "warm": "somebody looks already",
        "play_stream": "the same, camera.play_stream",
    }
    delays, steps = figures["cast_latency_ms"], figures["cast_steps_ms"]
    return [
        _line("", "p50", "p95"),
        "Action to the first picture on a display, ms",
        *(_row(name, figures["cast_ms"][kind], 0) for kind, name in names.items()),
        "  and its pictures must be converted",
        *(_row(f"  {names[kind]}", of, 0) for kind, of in figures["cast_ms"]["converted"].items()),
        "",
        _line("", *delays),
        "Delay on the display, ms (median)",
        _row("capture to screen", delays, 0),
        *_step_lines({side: steps[side] for side in ("ours", "play_stream")}),
        *_step_lines({"converted": steps["converted"]}),
    ]


def target_lines(figures: Figures) -> list[str]:
    """Return what is to be reached, and whether it is; nothing where nothing of it was measured."""
    found = figures.get("targets")
    if not found:
        return []
    return [
        "",
        _line("Targets", "at most", "measured", ""),
        *(
            _line(
                f"  {path}",
                f"{of['target']:g}",
                f"{of['value']:.0f}" if of["value"] >= _WHOLE else f"{of['value']:.3f}",
                "met" if of["met"] else "NOT met",
            )
            for path, of in found.items()
        ),
    ]


def scale_lines(figures: Figures) -> list[str]:
    """Return what many cameras add to a Home Assistant."""
    of = figures["scale"]
    rows = (
        ("added to its start, s", "start_s", 2),
        ("added to its start, CPU, s", "start_cpu_s", 2),
        ("polling, % of one core", "poll_cpu_percent", 2),
        ("one poll, CPU, ms", "poll_cpu_ms", 1),
        ("polls per camera and minute", "polls_per_minute", 2),
        ("datagrams sent per poll", "datagrams_per_poll", 1),
        ("at rest: % of one core", "idle_cpu_percent", 2),
        ("at rest: polls per camera and minute", "idle_polls_per_minute", 2),
        ("entities per camera", "entities_per_camera", 1),
    )
    hourly = figures["idle_traffic_per_camera_hour"]
    return [
        f"{of['cameras']} cameras on one Home Assistant",
        *(_row(label, {"ours": of[name]}, digits) for label, name, digits in rows),
        "At rest, per camera and hour",
        _row("miio, datagrams", {"ours": hourly["miio_packets"]}, 0),
        _row("miio, kB", {"ours": hourly["miio_bytes"] / 1000}, 1),
        _row("cloud, requests", {"ours": hourly["requests"]}, 0),
        _row("cloud, kB", {"ours": hourly["cloud_bytes"] / 1000}, 1),
    ]


def _step_lines(steps: Figures) -> Iterator[str]:
    """Return what happens until the first picture is decoded, and when."""
    yield ""
    kinds = [(side, kind) for side, of in steps.items() for kind in of]
    yield _steps("Steps to it, ms from the action", *(side for side, _ in kinds))
    yield _steps("  p50 / p95", *(kind for _, kind in kinds))
    for step, name in _STEPS.items():
        found = [steps[side][kind][step] for side, kind in kinds]
        yield _steps(f"  {name}", *(f"{one['p50']:.0f} / {one['p95']:.0f}" for one in found))


def _cases(figures: Figures) -> Iterator[str]:
    for title, name in (
        ("CPU per stream, % of one core", "cpu_percent_per_stream"),
        ("Wake-ups of the process per picture", "wakeups_per_picture"),
    ):
        yield title
        for transport, counts in figures[name].items():
            for count, sides in counts.items():
                yield _row(f"{transport.upper()}, {count} stream{'s' * (count != '1')}", sides, 2)


def _steps(label: str, *cells: str) -> str:
    return (f"{label:<{_STEP_LABEL}}" + "".join(f"{cell:>{_STEP}}" for cell in cells)).rstrip()


def _line(label: str, *cells: str) -> str:
    return (f"{label:<{_LABEL}}" + "".join(f"{cell:>{_COLUMN}}" for cell in cells)).rstrip()


def _row(label: str, sides: dict[str, float | None], digits: int) -> str:
    cells = ("–" if value is None else f"{value:.{digits}f}" for value in sides.values())
    return _line(f"  {label}", *cells)


def rounded(value: Any) -> Any:
    """Return figures with three decimals: what is beyond is noise."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return round(value, 3) if isinstance(value, float) else value
