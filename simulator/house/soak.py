"""Stub."""


async def soak(**_: object) -> int:
    """Stub."""
    return 1
