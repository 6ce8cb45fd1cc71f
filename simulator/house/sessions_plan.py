"""What happens to casts, round after round: who shows what, and how it comes to its end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOLD_S: Final = (0.2, 1.5)
"""How long a cast is shown before its end is brought about."""
GROUPS: Final = 0.2
"""Share of casts that go to several displays by one call."""
WORLD_S: Final = (0.2, 3.0)
"""When in a round something happens to all of it: some casts are still being loaded."""
STALE_S: Final = 6.5
"""How long a camera sends nothing: longer than what makes a picture stale."""


class Way(StrEnum):
    """How a cast on a display is to end."""

    STOP_CAMERA = "stop_cast of the camera"
    STOP_PLAYER = "stop_cast of the display"
    TURN_OFF = "the display turned off"
    DURATION = "its time is over"
    PICTURE = "other media on the display"
    LEFT = "the next cast on the display"
    REFUSED = "refused by the display"
    REFUSED_ONCE = "refused once, then stopped"
    REBOOT = "the display reboots"
    PLAY_STREAM = "camera.play_stream, then turned off"


class World(StrEnum):
    """What happens to all casts of a round, or to those of one camera."""

    NOTHING = "nothing"
    KILL = "kill and release"
    PRIVACY = "privacy"
    ASLEEP = "camera asleep"
    STALE = "camera sends nothing"
    RELOAD = "reload"


WAYS: Final[Mapping[Way, int]] = {
    Way.STOP_CAMERA: 4,
    Way.STOP_PLAYER: 6,
    Way.TURN_OFF: 5,
    Way.DURATION: 6,
    Way.PICTURE: 5,
    Way.LEFT: 7,
    Way.REFUSED: 2,
    Way.REFUSED_ONCE: 2,
    Way.REBOOT: 1,
    Way.PLAY_STREAM: 1,
}
"""How often each is dealt, of the sum of all."""
WORLDS: Final[Mapping[World, int]] = {
    World.NOTHING: 8,
    World.KILL: 2,
    World.PRIVACY: 1,
    World.ASLEEP: 1,
    World.STALE: 1,
    World.RELOAD: 1,
}
TOGETHER: Final = frozenset({Way.STOP_CAMERA, Way.STOP_PLAYER, Way.TURN_OFF, Way.DURATION})
"""Ways in which casts to several displays may end."""


@dataclass(frozen=True, slots=True)
class Show:
    """One call: which camera is put on which displays, by their numbers, and its end."""

    camera: int
    displays: tuple[int, ...]
    way: Way
    seconds: float


@dataclass(frozen=True, slots=True)
class Round:
    """Casts that begin at once, and what happens to the `camera` or to all meanwhile."""

    shows: tuple[Show, ...]
    world: World
    camera: int
    after: float


class Deck[Card]:
    """Deals cards by chance, but each as often as it is in the deck."""

    def __init__(self, counts: Mapping[Card, int], chance: random.Random) -> None:
        """Take the cards."""
        self._cards = [card for card, count in counts.items() for _ in range(count)]
        self._chance = chance
        self._left: list[Card] = []

    def deal(self) -> Card:
        """Return the next card; the deck is shuffled anew when it is used up."""
        if not self._left:
            self._left = self._cards.copy()
            self._chance.shuffle(self._left)
        return self._left.pop()


def rounds(cameras: int, displays: int, seed: int) -> Iterator[Round]:
    """Return rounds without an end, the same for the same seed."""
    chance = random.Random(seed)
    ways, worlds = Deck(WAYS, chance), Deck(WORLDS, chance)
    while True:
        free = list(range(displays))
        chance.shuffle(free)
        shows: list[Show] = []
        while free:
            way = ways.deal()
            count = 1
            if way in TOGETHER and chance.random() < GROUPS:
                count = min(chance.randint(2, 3), len(free))
            group = tuple(free.pop() for _ in range(count))
            shows.append(Show(chance.randrange(cameras), group, way, chance.uniform(*HOLD_S)))
        world, after = worlds.deal(), chance.uniform(*WORLD_S)
        yield Round(tuple(_held(shows, world, after)), world, shows[0].camera, after)


def _held(shows: list[Show], world: World, after: float) -> Iterator[Show]:
    """Keep the casts that something is to happen to until it has."""
    until = after + (STALE_S + 1.0 if world is World.STALE else 1.0)
    for show in shows:
        if world in {World.KILL, World.RELOAD} or (
            world is not World.NOTHING and show.camera == shows[0].camera
        ):
            yield replace(show, seconds=max(show.seconds, until))
        else:
            yield show
