"""Looking for secrets in whatever a run has left, in every form they may have taken."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
import hashlib
import html
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LONG = 8
"""Characters from which a text is found wherever it stands. A shorter one, as a code of six
digits, must stand alone, and may not be the end of a number with a point."""
HASHED = frozenset({"password", "wrong password"})
"""Kinds of which a hash is as good as the secret: a sign-in sends the MD5 sum."""


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret of a run."""

    kind: str
    value: str | bytes = field(repr=False)

    def patterns(self) -> Iterator[tuple[str, re.Pattern[bytes]]]:
        """Yield each form it may have, by name."""
        text = self.value if isinstance(self.value, str) else ""
        if text and len(text) < LONG:
            alone = rb"(?<![0-9A-Za-z.])" + re.escape(text.encode()) + rb"(?![0-9A-Za-z])"
            yield "as it is", re.compile(alone)
            return
        forms = _of_text(text) if text else _of_bytes(self.value)  # type: ignore[arg-type]
        if self.kind in HASHED:
            for name in ("md5", "sha1", "sha256"):
                digest = hashlib.new(name, text.encode(), usedforsecurity=False).digest()
                forms |= {f"{name}, {form}": one for form, one in _of_bytes(digest).items()}
        for name, form in forms.items():
            yield name, re.compile(re.escape(form))


def _of_text(text: str) -> dict[str, bytes]:
    raw = text.encode()
    percent = quote(text, safe="")
    texts = {
        "as it is": text,
        "lower case": text.lower(),
        "upper case": text.upper(),
        "in an address": quote(text),
        "in a query": quote_plus(text),
        "percent-encoded": percent,
        "percent-encoded, lower case": re.sub("%..", lambda one: one[0].lower(), percent),
        "JSON": json.dumps(text)[1:-1],
        "JSON, slashes": json.dumps(text)[1:-1].replace("/", "\\/"),
        "JSON, UTF-8": json.dumps(text, ensure_ascii=False)[1:-1],
        "HTML": html.escape(text),
        "Python": repr(text)[1:-1],
    }
    return {name: one.encode() for name, one in texts.items()} | _of_bytes(raw)


def _of_bytes(raw: bytes) -> dict[str, bytes]:
    forms = {
        "bytes": raw,
        "hexadecimal": raw.hex().encode(),
        "hexadecimal, upper case": raw.hex().upper().encode(),
        "hexadecimal, colons": raw.hex(":").encode(),
        "hexadecimal, colons, upper case": raw.hex(":").upper().encode(),
        "hexadecimal, spaces": raw.hex(" ").encode(),
        "Python bytes": repr(raw)[2:-1].encode(),
        "numbers": ", ".join(map(str, raw)).encode(),
        "UTF-16": raw.decode("latin-1").encode("utf-16-le"),
    }
    for before in range(3):
        # Inside something longer it may begin anywhere in a group of three bytes.
        first = (before * 8 + 5) // 6
        last = (before + len(raw)) * 8 // 6
        coded = base64.b64encode(bytes(before) + raw)[first:last]
        forms[f"base64, {before} before"] = coded
        forms[f"base64 of addresses, {before} before"] = coded.translate(
            bytes.maketrans(b"+/", b"-_")
        )
    return forms


@dataclass(frozen=True, slots=True)
class Belongs:
    """Where a secret may be, and why. Both patterns must fit whole."""

    place: str
    kind: str
    why: str

    def allows(self, place: str, kind: str) -> bool:
        """Return whether this lets a secret of that kind be at that place."""
        return bool(re.fullmatch(self.place, place) and re.fullmatch(self.kind, kind))


@dataclass(frozen=True, slots=True)
class Found:
    """A secret somewhere."""

    place: str
    kind: str
    form: str
    beside: str
    """The text around it, without the secret."""


def as_bytes(content: object) -> bytes:
    """Return anything that was shown as what it looks like in a file."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode("utf-8", "replace")
    return json.dumps(content, ensure_ascii=False, default=repr).encode("utf-8", "replace")


class Search:
    """All secrets of a run, in all their forms."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        """Prepare."""
        self.secrets = tuple(secrets)
        self._patterns: list[tuple[Secret, str, re.Pattern[bytes]]] = []
        for secret in self.secrets:
            seen: set[bytes] = set()
            for name, pattern in secret.patterns():
                if pattern.pattern not in seen:
                    seen.add(pattern.pattern)
                    self._patterns.append((secret, name, pattern))

    def in_(self, place: str, content: object) -> list[Found]:
        """Return what of the secrets stands somewhere."""
        raw = as_bytes(content)
        found = []
        for secret, name, pattern in self._patterns:
            if (match := pattern.search(raw)) is not None:
                before = raw[max(0, match.start() - 160) : match.start()]
                after = raw[match.end() : match.end() + 60]
                beside = f"{before.decode('utf-8', 'replace')}[…]{after.decode('utf-8', 'replace')}"
                found.append(Found(place, secret.kind, name, beside))
        return found

    def in_all(self, shown: Mapping[str, Any]) -> list[Found]:
        """Return what of the secrets stands in several places."""
        return [one for place, content in shown.items() for one in self.in_(place, content)]


def misplaced(found: Iterable[Found], allowed: Iterable[Belongs]) -> list[Found]:
    """Return what is where it does not belong."""
    rules = tuple(allowed)
    return [one for one in found if not any(rule.allows(one.place, one.kind) for rule in rules)]
