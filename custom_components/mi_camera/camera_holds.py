"""The gates of single cameras, and which of their holds outlive a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .gate.camera_gate import CameraGate, Hold

if TYPE_CHECKING:
    from .gate import Gate
    from .gate_record import GateRecord


class CameraHolds:
    """Makes one gate per camera, with what is remembered of it applied.

    Remembered are who is hidden and who is in quarantine; doubts about an identity are not,
    as each start proves it anew, nor who was taken out of all accounts, as they are asked anew.
    """

    def __init__(self, gate: Gate) -> None:
        """Know no camera yet; `gate` is that of all."""
        self._gate = gate
        self._gates: dict[str, CameraGate] = {}
        self._hidden: set[str] = set()
        self._quarantined: dict[str, str] = {}

    @property
    def hidden(self) -> tuple[str, ...]:
        """The dids of hidden cameras, sorted."""
        return tuple(sorted(self._hidden))

    @property
    def quarantined(self) -> dict[str, str]:
        """The dids of cameras in quarantine, each with what was seen."""
        return dict(self._quarantined)

    def gate(self, did: str) -> CameraGate:
        """Return the gate of a camera, the same each time until it is forgotten."""
        if (gate := self._gates.get(did)) is None:
            gate = self._gates[did] = CameraGate(self._gate, did, self.of(did))
        return gate

    def has_gate(self, did: str) -> bool:
        """Whether there is such a camera: one removed has no gate, and gets none by asking."""
        return did in self._gates

    def of(self, did: str) -> frozenset[Hold]:
        """Return what holds a camera; makes no gate for one that has none."""
        if (gate := self._gates.get(did)) is not None:
            return gate.holds
        remembered = {Hold.PRIVACY: self._hidden, Hold.QUARANTINE: self._quarantined}
        return frozenset(why for why, dids in remembered.items() if did in dids)

    def learn(self, record: GateRecord) -> None:
        """Hold what `record` says is held, beside what is held already.

        Raises:
            ExceptionGroup: cutting some pictures failed; they are held all the same.
        """
        self._hidden |= set(record.hidden)
        self._quarantined = {**record.quarantined, **self._quarantined}
        for did, gate in self._gates.items():
            if did in self._hidden and Hold.PRIVACY not in gate.holds:
                gate.hold(Hold.PRIVACY)
            if did in self._quarantined and Hold.QUARANTINE not in gate.holds:
                gate.hold(Hold.QUARANTINE)

    def hide(self, did: str) -> None:
        """Hold back a camera that somebody wants hidden, at once."""
        self._hidden.add(did)
        if (gate := self._gates.get(did)) is not None:
            gate.hold(Hold.PRIVACY)

    def show(self, did: str) -> None:
        """Take that back."""
        self._hidden.discard(did)
        if (gate := self._gates.get(did)) is not None:
            gate.release(Hold.PRIVACY)

    def quarantine(self, did: str, detail: str) -> None:
        """Hold back a camera of which something foreign was seen, at once."""
        self._quarantined[did] = detail
        if (gate := self._gates.get(did)) is not None:
            gate.hold(Hold.QUARANTINE)

    def end_quarantine(self, did: str) -> None:
        """Take that back."""
        self._quarantined.pop(did, None)
        if (gate := self._gates.get(did)) is not None:
            gate.release(Hold.QUARANTINE)

    def forget(self, did: str) -> None:
        """Close a removed camera's gate for good."""
        self._hidden.discard(did)
        self._quarantined.pop(did, None)
        if (gate := self._gates.pop(did, None)) is not None:
            gate.retire()

    def clear(self) -> None:
        """Forget all that is remembered; gates that were handed out are closed for good."""
        for did in list(self._gates):
            self.forget(did)
        self._hidden.clear()
        self._quarantined.clear()
