"""What an account owns, as the cloud sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.camera.miio_methods import MiioMethods
    from simulator.camera.spec import CameraSpec

CS2_VENDOR = 4
"""Number of the CS2 transport in `miss_get_vendor` (public protocol notes)."""


@dataclass(slots=True, kw_only=True)
class CloudDevice:
    """One entry of the device list."""

    did: str
    model: str
    name: str
    mac: str
    address: str = ""
    """`localip` of the list; real ones are sometimes empty or old."""
    token: bytes = field(default=b"", repr=False)
    pid: int = 0
    """Kind of connection: 0 Wi-Fi, 6 and others have no miio of their own."""
    parent_id: str = ""
    region: str | None = None
    """Where it is listed, None for where its owner's account is."""
    methods: MiioMethods | None = field(default=None, repr=False)
    """What carries out requests; None for a device that is only listed."""
    vendor: int | None = None
    """Transport of its pictures, None for a device without."""
    firmware: str = ""
    """The newest one there is for it; empty: what it runs."""
    online: Callable[[], bool] = field(default=lambda: True, repr=False)

    @classmethod
    def camera(
        cls, spec: CameraSpec, methods: MiioMethods, online: Callable[[], bool] = lambda: True
    ) -> CloudDevice:
        """Return the entry of a simulated camera."""
        return cls(
            did=str(spec.did),
            model=spec.model,
            name=spec.name,
            mac=spec.mac.upper(),
            address=spec.address,
            token=spec.token,
            methods=methods,
            vendor=CS2_VENDOR,
            online=online,
        )
