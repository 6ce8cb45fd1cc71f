"""What the control API tells of cameras and of the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.camera import SimCamera
    from simulator.cloud import SimCloud
    from simulator.home import SimHome


def camera_state(camera: SimCamera) -> dict[str, object]:
    """Return the counters and knobs of a camera."""
    return {
        "name": camera.spec.name,
        "address": camera.spec.address,
        "power": camera.power,
        "media_connections": camera.media_connections,
        "media_connections_total": camera.media_connections_total,
        "viewers": camera.viewers,
        "media_bytes_sent": camera.media_bytes_sent,
        "frames_sent": camera.frames_sent,
        "rpc_count": camera.rpc_count,
        "miio_packets": camera.miio.packets,
        "miio_bytes": camera.miio.bytes,
        "angle": camera.state.angle,
        "elevation": camera.state.elevation,
        "speaker_seconds": round(camera.miss.speaker.seconds, 3),
        "sleeping": camera.state.sleeping,
    }


def cloud_state(cloud: SimCloud) -> dict[str, object]:
    """Return where the cloud is and what has been asked of it."""
    return {
        "address": f"{cloud.address}:{cloud.port}",
        "logins": cloud.logins,
        "requests": cloud.requests,
        "requests_by_path": dict(cloud.requests_by_path),
        "down": cloud.outage,
    }


def secrets_of(home: SimHome) -> dict[str, dict[str, list[str]]]:
    """Return every secret of the run by kind, as text and as bytes in hexadecimal digits."""
    ledgers = [home.keys.ledger] + ([] if home.cloud is None else [home.cloud.accounts.ledger])
    told: dict[str, dict[str, list[str]]] = {"texts": {}, "bytes": {}}
    for ledger in ledgers:
        for form, kinds in ledger.told().items():
            told[form] |= kinds
    told["bytes"]["miio token"] = [one.spec.token.hex() for one in home.cameras.values()]
    if home.spec.cloud is not None:
        told["texts"]["password"] = [home.spec.cloud.password]
    return told
