"""Xiaomi account: log-in, device list, keys for MISS sessions, requests through the cloud."""

from .account import XiaomiAccount
from .back_off import BackOff
from .camera_events import CameraEvent, EventKind, EventPage
from .devices import CloudDevice, MissVendor
from .endpoints import PRODUCTION, REGIONS, CloudEndpoints
from .errors import (
    CaptchaRequired,
    CloudApiError,
    CloudError,
    CloudUnavailable,
    InvalidCredentials,
    NotAllowed,
    QrCodeExpired,
    SessionExpired,
    TooManyAttempts,
    VerificationRequired,
    WrongCode,
)
from .qr_login import QrCode
from .session import AccountSession
from .sign_in import Captcha, CodeSent, SignIn, Step, VerificationWanted
from .spec_service import SpecService
from .verification import Method

__all__ = [
    "PRODUCTION",
    "REGIONS",
    "AccountSession",
    "BackOff",
    "CameraEvent",
    "Captcha",
    "CaptchaRequired",
    "CloudApiError",
    "CloudDevice",
    "CloudEndpoints",
    "CloudError",
    "CloudUnavailable",
    "CodeSent",
    "EventKind",
    "EventPage",
    "InvalidCredentials",
    "Method",
    "MissVendor",
    "NotAllowed",
    "QrCode",
    "QrCodeExpired",
    "SessionExpired",
    "SignIn",
    "SpecService",
    "Step",
    "TooManyAttempts",
    "VerificationRequired",
    "VerificationWanted",
    "WrongCode",
    "XiaomiAccount",
]
