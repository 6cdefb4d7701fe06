"""The shop: who its users are, what it sells, what follows what, and how likely a click is. Fixed by a seed.

Two things can be learned, and how well at best is known:

- What comes next. Each item has four successors that follow it with the probabilities in FOLLOWS; else the next item is
  drawn by popularity. Only the last item matters, so nothing beats ranking by `transition`.
- What is clicked. The logit of a click is linear in what the log shows: segment × category, price × price sensitivity,
  rating. Nothing beats that probability, which the log holds as `click_probability`.

Drift, when asked for, starts in the middle of the time: from then on successors are another four, and tastes others,
each to the share `drift`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

FOLLOWS = np.array([0.40, 0.20, 0.10, 0.05])
BY_POPULARITY = 1 - float(FOLLOWS.sum())
SEGMENTS = 4
INTERCEPT, TASTE, PRICE, RATING = -1.5, 1.0, -0.6, 0.4
CART_AFTER_CLICK, PURCHASE_AFTER_CART = 0.3, 0.4
DRIFT_FROM = 0.5
"""Share of the time after which the drift is there."""


class InvalidSettings(ValueError):
    """Settings of which no shop can be made; the message names the option."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says."""

    users: int = 10_000
    items: int = 2_000
    categories: int = 20
    impressions: int = 30
    """How many a user sees, on average; at least 4."""
    seed: int = 1
    drift: float = 0.0
    start: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    days: int = 90

    def __post_init__(self) -> None:
        for name, least in (("users", 1), ("categories", 1), ("impressions", 4), ("seed", 0), ("days", 1)):
            if getattr(self, name) < least:
                raise InvalidSettings(f"--{name} is {getattr(self, name)}: it must be at least {least}.")
        smallest = self.categories * 2 * (len(FOLLOWS) + 1)
        if self.items < smallest:
            raise InvalidSettings(
                f"--items is {self.items}: with {self.categories} categories it must be at least {smallest}, since an "
                "item is followed by others of its category."
            )
        if not 0 <= self.drift <= 1:
            raise InvalidSettings(f"--drift is {self.drift}: it must be from 0 (none) to 1 (all is other than before).")

    @property
    def milliseconds(self) -> int:
        """How long the log is."""
        return self.days * 86_400_000


@dataclass(frozen=True, slots=True)
class World:
    """Items and users are numbered from 0; what is an array has one row for each."""

    settings: Settings
    category: Integers
    price: Floats
    rating: Floats
    popularity: Floats
    """Probability of each item where popularity decides; sums to 1."""
    successors: Integers
    """[2, items, 4]: before and after the drift, in the order of FOLLOWS."""
    segment: Integers
    sensitivity: Floats
    taste: Floats
    """[2, segments, categories]: what it adds to the logit, before and after a whole drift."""

    def drift_at(self, time: Integers) -> Floats:
        """How much of the drift is there at these milliseconds since the start."""
        return np.where(time >= DRIFT_FROM * self.settings.milliseconds, self.settings.drift, 0.0)

    def click_probability(self, user: Integers, item: Integers, time: Integers) -> Floats:
        """The probability that a user clicks on an item that is shown at a time."""
        segment, category, drift = self.segment[user], self.category[item], self.drift_at(time)
        taste = (1 - drift) * self.taste[0, segment, category] + drift * self.taste[1, segment, category]
        price = np.log(self.price[item] / 20) * self.sensitivity[user]
        logit = INTERCEPT + taste + PRICE * price + RATING * (self.rating[item] - 3.5)
        probability: Floats = 1 / (1 + np.exp(-logit))
        return probability


def build(settings: Settings) -> World:
    """Draw the shop. The same settings give the same one; the number of users changes no item."""
    random = np.random.default_rng([settings.seed, 0])
    category = np.sort(random.integers(0, settings.categories, settings.items))
    # At least twice as many items in each category as follow one, so that all successors differ.
    least = np.repeat(np.arange(settings.categories), 2 * (len(FOLLOWS) + 1))
    category[: len(least)] = least
    category = random.permutation(category)
    weight = 1 / (10 + random.permutation(settings.items)) ** 0.8
    taste = random.normal(0, TASTE, (2, SEGMENTS, settings.categories))
    people = np.random.default_rng([settings.seed, 1])
    return World(
        settings=settings,
        category=category,
        price=np.round(20 * np.exp(random.normal(0, 0.7, settings.items)), 2),
        rating=np.round(random.uniform(1, 5, settings.items), 1),
        popularity=weight / weight.sum(),
        successors=_successors(category, random),
        segment=people.integers(0, SEGMENTS, settings.users),
        sensitivity=np.round(people.uniform(0, 2, settings.users), 3),
        taste=taste,
    )


def _successors(category: Integers, random: np.random.Generator) -> Integers:
    """In each category the items stand in a ring, and those at eight distances ahead follow: four before the drift."""
    found = np.zeros((2, len(category), len(FOLLOWS)), dtype=np.int64)
    for each in np.unique(category):
        ring = random.permutation(np.flatnonzero(category == each))
        distances = 1 + random.permutation(len(ring) - 1)[: 2 * len(FOLLOWS)]
        for number, distance in enumerate(distances):
            found[number // len(FOLLOWS), ring, number % len(FOLLOWS)] = np.roll(ring, -distance)
    return found
