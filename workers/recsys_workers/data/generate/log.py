"""What a part of the users do: which items they are shown, one after the other, and what they click, put by and buy."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_workers.data.generate.world import (
    BY_POPULARITY,
    CART_AFTER_CLICK,
    FOLLOWS,
    PURCHASE_AFTER_CART,
    Floats,
    Integers,
    World,
)

CHUNK_ROWS = 100_000
"""How many impressions a chunk has, about: what bounds the memory. Other chunks would be another log."""
FEWEST = 3
"""Impressions of a user: one to train on, one to validate, one to test."""
MOST = 20
"""At most so many times the mean."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """All impressions of some users in a row, user by user, each in the order of time. Arrays are one row each."""

    number: int
    first_user: int
    user: Integers
    item: Integers
    time: Integers
    """Milliseconds since the start of the log."""
    click_probability: Floats
    click: npt.NDArray[np.bool_]
    cart: npt.NDArray[np.bool_]
    purchase: npt.NDArray[np.bool_]


def chunks(world: World) -> Iterator[Chunk]:
    """The log, a chunk at a time; each has a random state of its own."""
    settings = world.settings
    size = max(1, CHUNK_ROWS // settings.impressions)
    for number, first in enumerate(range(0, settings.users, size)):
        random = np.random.default_rng([settings.seed, 2, number])
        yield _chunk(world, number, np.arange(first, min(first + size, settings.users)), random)


def _chunk(world: World, number: int, users: Integers, random: np.random.Generator) -> Chunk:
    mean = world.settings.impressions
    drawn = FEWEST + random.exponential(mean - FEWEST + 0.5, len(users)).astype(np.int64)
    lengths = np.minimum(drawn, MOST * mean)
    user = np.repeat(users, lengths)
    time = random.integers(0, world.settings.milliseconds, len(user))
    time = time[np.lexsort((time, user))]
    item = _walk(world, lengths, time, random)
    probability = world.click_probability(user, item, time)
    chance = random.random((3, len(user)))
    click = chance[0] < probability
    cart = click & (chance[1] < CART_AFTER_CLICK)
    purchase = cart & (chance[2] < PURCHASE_AFTER_CART)
    return Chunk(number, int(users[0]), user, item, time, probability, click, cart, purchase)


def _walk(world: World, lengths: Integers, time: Integers, random: np.random.Generator) -> Integers:
    """One item after the other, a step of all users that go on at a time: the longest stand first."""
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    longest_first = np.argsort(-lengths, kind="stable")
    starts, lengths = starts[longest_first], lengths[longest_first]
    cumulative = np.cumsum(world.popularity)
    bounds = np.cumsum(FOLLOWS)
    item = np.empty(len(time), dtype=np.int64)
    for step in range(int(lengths[0])):
        active = int(np.searchsorted(-lengths, -step, side="left"))
        rows = starts[:active] + step
        chance = random.random((3, active))
        popular = np.minimum(np.searchsorted(cumulative, chance[0], side="right"), len(cumulative) - 1)
        if step == 0:
            item[rows] = popular
            continue
        before = item[rows - 1]
        drifted = (chance[1] < world.drift_at(time[rows])).astype(np.int64)
        place = np.searchsorted(bounds, chance[2], side="right")
        follows = place < len(FOLLOWS)
        successor = world.successors[drifted, before, np.minimum(place, len(FOLLOWS) - 1)]
        item[rows] = np.where(follows, successor, popular)
    return item


def transition(world: World, before: Integers, candidates: Integers, drift: float) -> Floats:
    """P(next item | item before) of each row's candidates, [rows, candidates], with this much of the drift."""
    probability = BY_POPULARITY * world.popularity[candidates]
    for table, share in ((0, 1 - drift), (1, drift)):
        for place, weight in enumerate(FOLLOWS):
            probability = probability + share * weight * (candidates == world.successors[table, before, place][:, None])
    return probability
