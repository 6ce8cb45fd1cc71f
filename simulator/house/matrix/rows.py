"""Every row: what runs, and what cannot run here and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.house.matrix import displays, hls, offers, outside, paper, stills
from simulator.house.matrix.copies import Proxy
from simulator.house.matrix.files import Preload, Recognised, Record, Recording, Snapshot
from simulator.house.matrix.home import PROXY, RECOGNISED, RECOGNISER
from simulator.house.matrix.readers import FfmpegReader
from simulator.house.matrix.stills import Key
from simulator.house.matrix.table import Kind, Row

if TYPE_CHECKING:
    from simulator.house.matrix.path import Path, Scene

_ELSEWHERE = "Not run"
_SKIPPED = (
    (
        "`homekit` itself",
        (
            "HAP-python is not among the development packages; what it does to a camera, an ffmpeg on"
            " `stream_source` and a still by `camera_proxy`'s call, is in the rows above"
        ),
    ),
    (
        "`alexa` by WebRTC",
        (
            "this version of Home Assistant has no such call; the offer is the one of the row of"
            " `camera/webrtc/offer`"
        ),
    ),
    (
        "`ai_task`, `ntfy`, `smtp`, `nfandroidtv`, `mastodon`, `opendisplay`, `doods`, `sighthound`",
        (
            "each needs its service on the internet or its device; they take their picture by the same"
            " call as `image_processing` above"
        ),
    ),
    (
        "`generic`, `mjpeg` and `ffmpeg` cameras pointed at one of these addresses",
        "they read an address that has a row; what they keep is theirs, as the proxy camera's is",
    ),
    (
        "`image_proxy` and `image_proxy_stream` of *Last event*",
        (
            "disabled at first, and not a live picture: whose it is rests on the cloud's word;"
            " `tests/test_event_pictures.py` tries them against every way to close the gate"
        ),
    ),
    (
        "A dashboard in a browser",
        (
            "its players read `camera/stream`, `camera/webrtc/offer` and `camera_proxy_stream`;"
            " `script/demo --check` looks at them in a browser"
        ),
    ),
    (
        "`kodi`, `dlna`, `roku` and other players' media browser",
        "each needs its device; the address they play is that of `media_source/resolve_media`",
    ),
    (
        "Google's and Home Assistant's own receivers on a Cast display",
        (
            "the first is started by Google's cloud, the second wants HTTPS; they read the addresses of"
            " `google_assistant` and `camera/stream`"
        ),
    ),
    (
        "`mqtt_statestream`, `influxdb` with attributes",
        (
            "each needs its server; what they publish is the address in `entity_picture`, which has a"
            " row"
        ),
    ),
    ("`prometheus`", "it publishes states and no attribute that opens a picture"),
    (
        "go2rtc's API, `webrtc` and `ws`, asked directly",
        (
            "with go2rtc's password; it is how Home Assistant passes offers on, and leads to the"
            " same stream as the row of `camera/webrtc/offer`"
        ),
    ),
    (
        "Backups and files written before the kill",
        "a snapshot or a recording is a copy in somebody's hands; a kill deletes no files",
    ),
)


def paths(scene: Scene) -> list[Path]:
    """Return all paths that run here, in the order of the table."""
    first, second, third = scene.house.entities.cameras
    found: list[Path] = [stills.Still(scene, first, key) for key in Key]
    found.append(stills.StillInFlight(scene, first))
    found += [
        stills.Mjpeg(scene, first, key, query)
        for query in ("", "interval=0.5")
        for key in (Key.USER, Key.TOKEN, Key.SIGNED)
    ]
    found.append(hls.Player(scene, first))
    found += [
        hls.Resource(scene, first, what)
        for what in ("master_playlist.m3u8", "playlist.m3u8", "init.mp4", "segment", "part")
    ]
    found += [hls.Held(scene, first, part=part) for part in (False, True)]
    found += offers.paths(scene, first)
    found += displays.paths(scene, first, second)
    recognised = scene.house.hass.directory / RECOGNISED
    found += [
        Snapshot(scene, second),
        Record(scene, first),
        Recording(scene, second),
        Preload(scene, third),
        Recognised(scene, second, RECOGNISER, recognised),
        Proxy(scene, first, PROXY),
        paper.Diagnostics(scene, first),
        paper.Logs(scene, first),
    ]
    if scene.house.go2rtc is not None:
        found += outside.paths(scene, second)
    found.append(outside.Relay(scene, first))
    return found


def skipped(scene: Scene) -> list[Row]:
    """Return the paths that cannot run, each with its reason."""
    rows = [Row(_ELSEWHERE, path, Kind.SKIPPED, reason=reason) for path, reason in _SKIPPED]
    missing = []
    if scene.house.go2rtc is None:
        missing.append(("go2rtc: WebRTC, RTSP, API, the relay's address", "no go2rtc here"))
    else:
        if scene.browser is None:
            missing.append(("WebSocket `camera/webrtc/offer`, then WebRTC", "no Chromium here"))
        if FfmpegReader.program() is None:
            missing.append(
                ("ffmpeg on the relay, go2rtc's RTSP and `frame.jpeg`", "no ffmpeg here")
            )
    return [Row(_ELSEWHERE, path, Kind.SKIPPED, reason=reason) for path, reason in missing] + rows
