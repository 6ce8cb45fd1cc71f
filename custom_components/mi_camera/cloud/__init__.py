"""Xiaomi account: log-in, device list, keys for MISS sessions, requests through the cloud."""

from .account import XiaomiAccount
from .back_off import BackOff
from .camera_events import CameraEvent, EventKind, EventPage
from .device_calls import DeviceCalls
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
    TooManyCalls,
    VerificationRequired,
    WrongCode,
)
from .event_pictures import EventPicture, NotAPictureError, PictureRef, check_picture
from .firmware import FirmwareCheck
from .homes import Listing
from .qr_login import QrCode
from .rpc import CloudRpc, is_offline
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
    "CloudRpc",
    "CloudUnavailable",
    "CodeSent",
    "DeviceCalls",
    "EventKind",
    "EventPage",
    "EventPicture",
    "FirmwareCheck",
    "InvalidCredentials",
    "Listing",
    "Method",
    "MissVendor",
    "NotAPictureError",
    "NotAllowed",
    "PictureRef",
    "QrCode",
    "QrCodeExpired",
    "SessionExpired",
    "SignIn",
    "SpecService",
    "Step",
    "TooManyAttempts",
    "TooManyCalls",
    "VerificationRequired",
    "VerificationWanted",
    "WrongCode",
    "XiaomiAccount",
    "check_picture",
    "is_offline",
]
