"""What a camera does when it is told something, by miio on the LAN or through the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.camera.legacy_methods import LegacyMethods
from simulator.camera.miot_methods import MiotMethods
from simulator.camera.rpc import OK, RpcError

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.camera.rpc import JSON
    from simulator.camera.spec import CameraSpec
    from simulator.camera.state import CameraState

LEGACY_MODELS: Final = frozenset(
    {
        "chuangmi.camera.ipc009",
        "chuangmi.camera.ipc013",
        "chuangmi.camera.ipc019",
        "chuangmi.camera.021a04",
        "chuangmi.camera.038a2",
    }
)
"""Models that answer `get_prop` and the older commands (those python-miio supports)."""
BOTH_MODELS: Final = frozenset({"chuangmi.camera.021a04"})
"""Models that answer the older commands and MIoT."""
ASLEEP: Final = "device rpc response error"
"""What the cloud says when it needs an answer of a camera that sleeps (public issue threads)."""
_ASLEEP_CODE: Final = -9999  # the simulator's own choice; only the text is known


class MiioMethods:
    """Carries out requests on a `CameraState`."""

    def __init__(
        self,
        spec: CameraSpec,
        state: CameraState,
        *,
        on_restart: Callable[[], None] | None = None,
        on_wake: Callable[[], None] | None = None,
    ) -> None:
        """Answer for this camera.

        `on_restart` runs soon after `restart_device` was answered, `on_wake` when a battery
        camera is asked to wake.
        """
        self._spec = spec
        self._state = state
        self._on_wake = on_wake
        self.legacy = LegacyMethods(spec, state, on_restart)
        self.miot = MiotMethods(spec, state, on_wake, on_restart)
        legacy = spec.model in LEGACY_MODELS
        self._methods: dict[str, Callable[[JSON], dict[str, JSON]]] = {"miIO.info": self._info}
        if spec.asleep:
            self._methods["wakeup"] = self._wake_up
        if legacy:
            self._methods |= self.legacy.methods
        if not legacy or spec.model in BOTH_MODELS:
            self._methods |= self.miot.methods

    @property
    def sleeping(self) -> bool:
        """Whether this is a battery camera that nobody has woken."""
        return self._state.sleeping

    def reply(self, method: str, params: JSON) -> dict[str, JSON]:
        """Members of the reply beside the id, normally only `result`; raises `RpcError`.

        A sleeping battery camera hears nothing on the LAN; of what comes through the cloud
        it hears what wakes it.
        """
        if (call := self._methods.get(method)) is None:
            raise RpcError.method()
        if self._state.sleeping and method not in {"wakeup", "action"}:
            raise RpcError(_ASLEEP_CODE, ASLEEP)
        return call(params)

    def miot_reply(self, method: str, params: JSON) -> dict[str, JSON]:
        """Answer a MIoT request that came through the cloud; raises `RpcError`.

        The cloud translates for models that know only the older commands, so every model
        answers here. What a sleeping camera was last, the cloud remembers.
        """
        return self.miot.methods[method](params)

    def _info(self, params: JSON) -> dict[str, JSON]:
        del params
        spec = self._spec
        gateway = spec.address.rpartition(".")[0] + ".1"
        return {
            "result": {
                "life": 3600,
                "model": spec.model,
                # Real cameras tell their token only before they are provisioned.
                "token": "0" * 32,
                "mac": spec.mac.upper(),
                "fw_ver": "4.3.4_0459",
                "hw_ver": "Linux",
                "miio_ver": "0.0.9",
                "ap": {"ssid": "home", "bssid": "02:00:00:00:00:01", "rssi": -48},
                "netif": {"localIp": spec.address, "mask": "255.255.255.0", "gw": gateway},
            }
        }

    def _wake_up(self, params: JSON) -> dict[str, JSON]:
        match params:
            case {"video": "1" | 1} if self._on_wake is not None:
                self._on_wake()
                return OK
        raise RpcError.params()
