"""Xiaomi account: log-in, device list, keys for MISS sessions, requests through the cloud."""

from .account import XiaomiAccount
from .devices import CloudDevice, MissVendor
from .endpoints import PRODUCTION, REGIONS, CloudEndpoints
from .errors import (
    CaptchaRequired,
    CloudApiError,
    CloudError,
    CloudUnavailable,
    InvalidCredentials,
    NotAllowed,
    SessionExpired,
    VerificationRequired,
)
from .session import AccountSession

__all__ = [
    "PRODUCTION",
    "REGIONS",
    "AccountSession",
    "CaptchaRequired",
    "CloudApiError",
    "CloudDevice",
    "CloudEndpoints",
    "CloudError",
    "CloudUnavailable",
    "InvalidCredentials",
    "MissVendor",
    "NotAllowed",
    "SessionExpired",
    "VerificationRequired",
    "XiaomiAccount",
]
