"""Why a display could not play, in the numbers it tells a sender."""

from __future__ import annotations

from enum import IntEnum


class MediaError(IntEnum):
    """``detailedErrorCode`` of LOAD_FAILED (public: the Web Receiver's error codes)."""

    MEDIA_DECODE = 102
    MEDIA_SRC_NOT_SUPPORTED = 104
    SEGMENT_NETWORK = 301
    HLS_NETWORK_MASTER_PLAYLIST = 311
    HLS_NETWORK_PLAYLIST = 312
    HLS_NETWORK_INVALID_SEGMENT = 315
    HLS_SEGMENT_PARSING = 316
    HLS_MANIFEST_MASTER = 411
    HLS_MANIFEST_PLAYLIST = 412


class PlaybackError(Exception):
    """Playing cannot begin or go on."""

    def __init__(self, code: MediaError | None, reason: str, *, final: bool = False) -> None:
        """Remember the number for senders (None: they are told none).

        `final` means that trying again is no use.
        """
        super().__init__(reason if code is None else f"{code.value} {code.name}: {reason}")
        self.code = code
        self.final = final
