"""The places the simulated cameras look at."""

from __future__ import annotations

from simulator.places.base import Mover, Place
from simulator.places.garden import GARDEN
from simulator.places.kitchen import KITCHEN
from simulator.places.nursery import NURSERY
from simulator.places.porch import PORCH
from simulator.places.room import room

__all__ = ["PLACES", "Mover", "Place", "place"]

PLACES = {"kitchen": KITCHEN, "nursery": NURSERY, "porch": PORCH, "garden": GARDEN}


def place(name: str) -> Place:
    """Return the named place; a name nobody drew is a room in a colour of its own."""
    return PLACES.get(name) or room(name)
