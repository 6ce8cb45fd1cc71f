"""A case: the inputs one fresh subject gets, in order."""

from __future__ import annotations

type Case = tuple[bytes, ...]

MAX_INPUTS = 32
MAX_INPUT_BYTES = 64 * 1024


def show(target: str, case: Case) -> str:
    """Return a case as text from which it can be run again: ``target:hex.hex``."""
    return f"{target}:{'.'.join(one.hex() for one in case)}"


def read(text: str) -> tuple[str, Case]:
    """Return the target's name and the case of what `show` made.

    Raises:
        ValueError: it is no such text.
    """
    target, colon, inputs = text.partition(":")
    if not colon:
        raise ValueError("a case is written target:hex.hex")
    return target, tuple(bytes.fromhex(one) for one in inputs.split("."))
