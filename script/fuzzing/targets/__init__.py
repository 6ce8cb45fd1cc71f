"""One target for each parser of bytes from outside."""

from __future__ import annotations

from . import (
    announced,
    channels,
    cloud,
    commands,
    connection,
    discovery,
    gate,
    kept_keys,
    media,
    miio,
    miot_spec,
    noticed,
    packets,
    records,
    relay,
    session,
    sign_in,
)

TARGETS = (
    *packets.TARGETS,
    *channels.TARGETS,
    *records.TARGETS,
    *commands.TARGETS,
    *media.TARGETS,
    *relay.TARGETS,
    *connection.TARGETS,
    *session.TARGETS,
    *discovery.TARGETS,
    *miio.TARGETS,
    *miot_spec.TARGETS,
    *cloud.TARGETS,
    *sign_in.TARGETS,
    *noticed.TARGETS,
    *announced.TARGETS,
    *gate.TARGETS,
    *kept_keys.TARGETS,
)
