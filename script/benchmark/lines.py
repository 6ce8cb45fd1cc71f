"""The helper's side of the conversation with the benchmark."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_MAX_LINE = 1 << 20


async def lines() -> AsyncIterator[dict[str, Any]]:
    """Say that this process is ready, then yield what is asked until there is no more."""
    reader = asyncio.StreamReader(limit=_MAX_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        print("{}", flush=True)
        while line := await reader.readline():
            yield json.loads(line)
    finally:
        transport.close()
