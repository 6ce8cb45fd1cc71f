"""What a sign-in may be asked besides the password: captchas, codes and a QR code to scan."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
import io
import secrets
import time
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont

from simulator.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.cloud.account import Account

PHONE: Final = 4
EMAIL: Final = 8
"""Flags of the ways to send a code (public protocol notes)."""
MAX_WRONG_CODES: Final = 5
MAX_CODES: Final = 5
"""Codes that one verification may have sent."""
_LIMIT: Final = 64
_LETTERS: Final = "ABCDEFHKLMNPRSTUVWXY34679"


@dataclass(slots=True)
class Verification:
    """A log-in that waits for a code."""

    account: Account
    device_id: str
    callback: str
    session: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    codes: dict[int, str] = field(default_factory=dict, repr=False)
    sent: int = 0
    wrong: int = 0
    passed: bool = False


@dataclass(slots=True)
class QrTicket:
    """A QR code that is being shown."""

    device_id: str
    callback: str
    ends: float
    scanned: asyncio.Event = field(default_factory=asyncio.Event)
    account: Account | None = None


class Challenges:
    """All that are open; the oldest go first."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, ledger: Ledger | None = None
    ) -> None:
        """Begin with none."""
        self._clock = clock
        self._ledger = Ledger() if ledger is None else ledger
        self._captchas: OrderedDict[str, str] = OrderedDict()
        self._verifications: OrderedDict[str, Verification] = OrderedDict()
        self._tickets: OrderedDict[str, QrTicket] = OrderedDict()
        self.qr_seconds = 120.0
        """How long a QR code can be scanned."""
        self.poll_seconds = 20.0
        """How long one question whether it has been is kept waiting."""

    # --- captchas ---

    @property
    def captcha(self) -> str:
        """What the newest picture says; empty when there is none."""
        return next(reversed(self._captchas.values()), "")

    def new_captcha(self) -> tuple[str, bytes]:
        """Return the cookie of a new picture, and the picture (PNG)."""
        text = "".join(secrets.choice(_LETTERS) for _ in range(5))
        ick = secrets.token_hex(12)
        _remember(self._captchas, ick, text)
        self._ledger.note("captcha answer", text)
        self._ledger.note("captcha cookie", ick)
        return ick, _draw(text)

    def captcha_solved(self, ick: str, text: str) -> bool:
        """Check an answer; each picture can be answered once."""
        return self._captchas.pop(ick, None) == text.strip().upper() != ""

    # --- codes ---

    @property
    def codes(self) -> dict[str, str]:
        """The newest codes sent: what would be in the mail and in the text message."""
        for one in reversed(self._verifications.values()):
            if one.codes:
                return {
                    "email" if flag == EMAIL else "phone": code for flag, code in one.codes.items()
                }
        return {}

    def new_verification(self, account: Account, device_id: str, callback: str) -> str:
        """Begin one and return its context."""
        context = secrets.token_urlsafe(24)
        verification = Verification(account, device_id, callback)
        _remember(self._verifications, context, verification)
        self._ledger.note("verification context", context)
        self._ledger.note("verification cookie", verification.session)
        return context

    def by_context(self, context: str) -> Verification | None:
        """Return a verification by what its page's address says."""
        return self._verifications.get(context)

    def by_session(self, session: str) -> tuple[str, Verification] | None:
        """Return a verification, after its context, by the cookie `identity_session`."""
        for context, one in self._verifications.items():
            if session and secrets.compare_digest(one.session, session):
                return context, one
        return None

    def end_verification(self, context: str) -> None:
        """Forget one that is over."""
        self._verifications.pop(context, None)

    def send(self, verification: Verification, flag: int) -> bool:
        """Send a code; False when there were too many."""
        if verification.sent >= MAX_CODES:
            return False
        verification.sent += 1
        verification.codes[flag] = code = f"{secrets.randbelow(10**6):06d}"
        self._ledger.note("verification code", code)
        return True

    def right_code(self, verification: Verification, flag: int, code: str) -> bool | None:
        """Check a code; None when there were too many wrong ones."""
        if verification.wrong >= MAX_WRONG_CODES:
            return None
        if verification.codes.get(flag) != code:
            verification.wrong += 1
            return False
        verification.passed = True
        return True

    # --- QR codes ---

    def new_ticket(self, device_id: str, callback: str) -> str:
        """Begin to show a QR code and return its ticket."""
        ticket = secrets.token_urlsafe(24)
        ends = self._clock() + self.qr_seconds
        _remember(self._tickets, ticket, QrTicket(device_id, callback, ends))
        self._ledger.note("QR ticket", ticket)
        return ticket

    @property
    def ticket(self) -> str:
        """The newest ticket that can be scanned; empty when there is none."""
        now = self._clock()
        open_ones = (
            ticket
            for ticket, one in reversed(self._tickets.items())
            if one.account is None and one.ends > now
        )
        return next(open_ones, "")

    def scan(self, ticket: str, account: Account) -> bool:
        """Confirm the sign-in of a QR code, as an account's owner in the app."""
        found = self._tickets.get(ticket)
        if found is None or found.account is not None or found.ends <= self._clock():
            return False
        found.account = account
        found.scanned.set()
        return True

    async def scanned(self, ticket: str) -> QrTicket | None:
        """Wait until a QR code has been scanned, once; None when nothing has happened."""
        found = self._tickets.get(ticket)
        if found is None:
            return None
        seconds = min(self.poll_seconds, found.ends - self._clock())
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await found.scanned.wait()
        except TimeoutError:
            return None
        self._tickets.pop(ticket, None)
        return found


def _draw(text: str) -> bytes:
    picture = Image.new("RGB", (160, 60), (246, 244, 238))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=36)
    for index in range(12):
        draw.line(
            [secrets.randbelow(160), secrets.randbelow(60)] * 1
            + [secrets.randbelow(160), secrets.randbelow(60)],
            fill=(150 + index * 6, 170, 190),
            width=2,
        )
    for index, letter in enumerate(text):
        at = (8 + index * 29, 4 + secrets.randbelow(12))
        draw.text(at, letter, font=font, fill=(40, 50 + index * 20, 90))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _remember[V](store: OrderedDict[str, V], key: str, value: V) -> None:
    store[key] = value
    while len(store) > _LIMIT:
        store.popitem(last=False)
