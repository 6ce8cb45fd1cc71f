"""The schedule of a soak: what happens when, all of it decided by the seed beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
import random

CALM_S = (20.0, 27.0)
"""Long enough for Home Assistant's HLS, which needs some 8 s to show anything."""
STORM_S = (32.0, 40.0)
"""Kills follow each other; only who starts at once sees something in between."""
RESTART_EVERY_S = 140.0
MIN_CALM_S = 20.0


class Fault(StrEnum):
    """What can be done to a house."""

    KILL = "kill"
    """Everything off, and on again."""
    PRIVACY = "privacy"
    """One camera hidden, or the cameras of one area, and shown again."""
    LENS = "lens"
    """A camera put to sleep and woken."""
    NETWORK = "network"
    """Datagrams to and from a camera lost, doubled, late and out of order."""
    REBOOT = "reboot"
    SWAP_ADDRESSES = "swap_addresses"
    """Two cameras have got each other's address."""
    SWAP_ENTITIES = "swap_entities"
    """Two cameras have got each other's entity id."""
    RENAME = "rename"
    RELOAD = "reload"
    """The config entry is loaded again."""
    LEAK = "leak"
    """Addresses of before a kill are tried by somebody who kept them."""
    RESTART = "restart"
    """Home Assistant is restarted; what is done to its files meanwhile is in ``pick``."""


@dataclass(frozen=True, slots=True)
class Action:
    """One fault, due at a time of the soak's own clock, which stands still during restarts."""

    at: float
    fault: Fault
    cameras: tuple[int, ...] = ()
    """Indexes of the cameras it is done to."""
    seconds: float = 0.0
    """How long it lasts."""
    pick: int = 0
    """What decides between several ways of doing it."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time with or without many kills."""

    begin: float
    end: float
    storm: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The phases without a gap, and the actions in order of time."""

    phases: tuple[Phase, ...]
    actions: tuple[Action, ...]

    def phase(self, at: float) -> Phase:
        """Return the phase of a moment; after the end, the last one."""
        return next((phase for phase in self.phases if at < phase.end), self.phases[-1])


def build(seconds: float, cameras: int, seed: int) -> Plan:
    """Return the plan for a time with so many cameras; the same seed gives the same plan."""
    planner = _Planner(cameras, random.Random(seed))
    planner.fill(seconds)
    return Plan(tuple(planner.phases), tuple(sorted(planner.actions, key=lambda action: action.at)))


class _Planner:
    def __init__(self, cameras: int, chance: random.Random) -> None:
        self.phases: list[Phase] = []
        self.actions: list[Action] = []
        self._cameras = cameras
        self._chance = chance
        self._restarts = 0

    def fill(self, seconds: float) -> None:
        begin, storm, restarted = 0.0, False, 0.0
        while begin < seconds:
            length = self._between(*(STORM_S if storm else CALM_S))
            end = min(begin + length, seconds)
            if not storm and seconds - end < MIN_CALM_S:
                end = seconds  # no storm without a calm to see the end of it
            elif storm and seconds - end < MIN_CALM_S:
                end = max(begin + 5, seconds - MIN_CALM_S)
            self.phases.append(Phase(begin, end, storm))
            (self._storm if storm else self._calm)(begin, end)
            if storm and end - restarted >= RESTART_EVERY_S * 0.75 and seconds - end > MIN_CALM_S:
                self._add(Fault.RESTART, end - 0.001, pick=self._restarts)
                self._restarts += 1
                restarted = end
            begin, storm = end, not storm

    def _between(self, low: float, high: float) -> float:
        return self._chance.uniform(low, high)

    def _some(self, count: int) -> tuple[int, ...]:
        return tuple(self._chance.sample(range(self._cameras), min(count, self._cameras)))

    def _add(
        self, fault: Fault, at: float, count: int = 0, seconds: float = 0.0, pick: int | None = None
    ) -> None:
        number = self._chance.getrandbits(32) if pick is None else pick
        self.actions.append(Action(at, fault, self._some(count), seconds, number))

    def _every(
        self,
        fault: Fault,
        span: tuple[float, float],
        gap: tuple[float, float],
        *,
        count: int = 1,
        lasts: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        at = span[0] + self._between(*gap)
        while at < span[1]:
            self._add(fault, at, count, self._between(*lasts))
            at += self._between(*gap)

    def _calm(self, begin: float, end: float) -> None:
        inside = (begin, end - 2)
        self._every(Fault.NETWORK, inside, (6, 12), lasts=(5, 10))
        self._every(Fault.REBOOT, inside, (18, 40), lasts=(0, 3))
        self._every(Fault.PRIVACY, inside, (6, 12), lasts=(1, 4))
        self._every(Fault.LENS, inside, (16, 30), lasts=(1, 4))
        self._every(Fault.RENAME, inside, (12, 24))
        if self._cameras > 1:
            self._every(Fault.SWAP_ENTITIES, inside, (8, 14), count=2)
            # Late: the two are looked for a minute later at the latest, and dark until then.
            self._add(Fault.SWAP_ADDRESSES, end - self._between(5, 8), 2)
        if begin > 0 and self._chance.random() < 0.4:
            self._add(Fault.RELOAD, begin + self._between(12, 18))
        self._add(Fault.LEAK, begin + self._between(3, 5))
        self._add(Fault.KILL, end - self._between(4.0, 4.5), seconds=self._between(2.0, 3.5))

    def _storm(self, begin: float, end: float) -> None:
        at = begin + 0.5
        while at < end - 1.5:
            dark = self._between(0.05, 0.5)
            self._add(Fault.KILL, at, seconds=dark)
            at += dark + self._between(0.25, 1.4)
        inside = (begin, end)
        self._every(Fault.NETWORK, inside, (6, 12), lasts=(4, 8))
        self._every(Fault.REBOOT, inside, (12, 30), lasts=(0, 1))
        self._every(Fault.PRIVACY, inside, (2, 5), lasts=(0.2, 2))
        self._every(Fault.LENS, inside, (10, 20), lasts=(0.2, 2))
        self._every(Fault.RENAME, inside, (5, 10))
        self._every(Fault.LEAK, inside, (6, 10))
        if self._cameras > 1:
            self._every(Fault.SWAP_ENTITIES, inside, (1.5, 2.6), count=2)
            self._add(Fault.SWAP_ADDRESSES, begin + self._between(2, 8), 2)
        if self._chance.random() < 0.6:
            self._add(Fault.RELOAD, begin + self._between(5, 20))
