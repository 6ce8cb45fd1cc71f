"""Description of one simulated camera."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

type Transport = Literal["udp", "tcp"]
type VideoCodec = Literal["h264", "h265"]
type AudioCodec = Literal["pcma", "pcmu", "pcm", "opus", "aac"]
type MotorForm = Literal["operation", "qcy"]
type SearchKind = Literal["any", "broadcast"]

AUDIO_CODECS: Final[tuple[AudioCodec, ...]] = ("pcma", "pcmu", "pcm", "opus", "aac")


def _default_qualities() -> dict[int, tuple[int, int]]:
    return {1: (640, 360), 2: (1280, 720), 3: (1280, 720)}


@dataclass(kw_only=True, slots=True)
class CameraSpec:
    """What a simulated camera is and how it behaves."""

    did: int
    """Device id; its low 32 bits are the device id of the miio header."""
    model: str
    name: str
    scene: str
    """What it sees: ``kitchen``, ``nursery``, ``porch``, ``garden``, or any other name."""
    address: str
    """IPv4 address of its own, with the standard ports on it."""
    mac: str
    token: bytes = field(repr=False)
    """miio token, 16 bytes."""
    transport: Transport = "udp"
    """Which kind of CS2 link it offers."""
    codec: VideoCodec = "h264"
    audio: AudioCodec = "pcma"
    """How its microphone's sound is coded: G.711, 16-bit PCM, Opus, or AAC in ADTS frames."""
    speaker: AudioCodec | Literal["auto"] | None = "auto"
    """What its speaker takes; None has no speaker. ``auto`` becomes Opus for a camera that
    sends Opus, and A-law for all others."""
    motor: MotorForm | None = "operation"
    """The form of motor command it obeys. None: it has no motor and answers none."""
    search: SearchKind = "any"
    """Which LAN searches it hears: all, or only those sent to a broadcast address."""
    push: bool = False
    """Tells subscribers of the LAN by itself what changes and what it notices."""
    asleep: bool = False
    """A battery camera: silent until woken, and asleep again some time after its last viewer."""
    lenses: int = 1
    interleaves: bool = True
    """Whether one session may carry both lenses. If not, a second wanted quality is ignored."""
    fps: int = 15
    gop_seconds: float = 2.0
    qualities: dict[int, tuple[int, int]] = field(default_factory=_default_qualities)
    """Picture size by ``videoquality``. Any other value is answered by silence, as real ones do."""
    codecs: dict[int, VideoCodec] = field(default_factory=dict)
    """Codec by ``videoquality``, of those that are not in `codec`."""
    replay: bool = False
    """Encode one group of pictures and send it over and over: for many cameras at once."""
    viewers: int = 2
    """How many authenticated sessions it takes."""

    def __post_init__(self) -> None:
        """Refuse descriptions no camera could have."""
        if len(self.token) != 16:
            raise ValueError("a miio token has 16 bytes")
        if not 0 < self.did < 1 << 64:
            raise ValueError("a did is a positive 64-bit number")
        if self.lenses not in {1, 2}:
            raise ValueError("a camera has one or two lenses")
        if self.speaker == "auto":
            self.speaker = "opus" if self.audio == "opus" else "pcma"

    def codec_of(self, quality: int) -> VideoCodec:
        """Return what pictures of a ``videoquality`` are coded in."""
        return self.codecs.get(quality, self.codec)
