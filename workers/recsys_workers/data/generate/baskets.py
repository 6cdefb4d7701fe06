"""Orders whose products go together: one row a product in a basket, and no list of products beats the truth's.

An order follows one of several recipes, which nobody sees. Its products are drawn one after the other without putting
any back (Plackett-Luce), with the weights of its recipe: a part by what the recipe needs, the rest by popularity. So
the probability of the next product, given those in the basket, is known: it is the recipes' weights of what is left,
each by how likely the basket is under the recipe.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from recsys_workers.data.generate.tables import MILLISECONDS, WRITERS
from recsys_workers.data.generate.world import Floats, Integers, InvalidSettings

NEEDED = 8
"""Products of a recipe."""
BY_RECIPE = 0.7
FEWEST, MEAN, MOST = 2, 5.0, 12
"""Products of an order."""
CHUNK_ORDERS = 5_000
CUTOFF = 10
GAINS = 1 / np.log2(np.arange(2, CUTOFF + 2))
LATEST_PERCENT = 90
"""The test of ByTime begins at this share of the rows."""
_LEAST = (("orders", 20), ("products", 2 * MOST), ("recipes", 1), ("seed", 0), ("days", 1))
START = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says."""

    orders: int = 20_000
    products: int = 400
    recipes: int = 60
    seed: int = 1
    days: int = 90

    def __post_init__(self) -> None:
        for name, least in _LEAST:
            if getattr(self, name) < least:
                raise InvalidSettings(f"--{name} is {getattr(self, name)}: it must be at least {least}.")


@dataclass(frozen=True, slots=True)
class Kitchen:
    """`weights`: [recipes, products], rows sum to 1. `chosen`: how likely each recipe is."""

    weights: Floats
    chosen: Floats


@dataclass(frozen=True, slots=True)
class Orders:
    """Some orders in a row. `products`: [orders, MOST], of which the first `sizes` of each were bought."""

    products: Integers
    sizes: Integers
    times: Integers


def build(settings: Settings) -> Kitchen:
    """Draw the recipes; the number of orders changes none."""
    random = np.random.default_rng([settings.seed, 4])
    popularity = 1 / (10 + random.permutation(settings.products)) ** 0.8
    weights = np.tile((1 - BY_RECIPE) * popularity / popularity.sum(), (settings.recipes, 1))
    needed = 1 / np.arange(2, 2 + NEEDED)
    for recipe in weights:
        recipe[random.permutation(settings.products)[:NEEDED]] += BY_RECIPE * needed / needed.sum()
    chosen = 1 / (5 + np.arange(settings.recipes)) ** 0.5
    return Kitchen(weights, chosen / chosen.sum())


def orders(settings: Settings, kitchen: Kitchen) -> Iterator[Orders]:
    """All orders in the order of time, a part at a time; each part has a random state of its own."""
    slot = settings.days * DAY / settings.orders
    for number, first in enumerate(range(0, settings.orders, CHUNK_ORDERS)):
        random = np.random.default_rng([settings.seed, 5, number])
        count = min(CHUNK_ORDERS, settings.orders - first)
        recipe = random.choice(len(kitchen.chosen), count, p=kitchen.chosen)
        # The largest of log weight + Gumbel noise, one after the other, are draws without putting back.
        keys = np.log(kitchen.weights[recipe]) + random.gumbel(size=(count, settings.products))
        products = np.argsort(-keys, axis=1)[:, :MOST]
        sizes = np.minimum(FEWEST + random.poisson(MEAN - FEWEST, count), MOST)
        times = START + ((first + np.arange(count) + random.random(count)) * slot).astype(np.int64)
        yield Orders(products, sizes, times)


def next_product(kitchen: Kitchen, basket: Integers) -> Floats:
    """P(next product) of each basket: `basket` is [baskets, products in it], in the order in which they came."""
    count, held = basket.shape
    likely = np.tile(np.log(kitchen.chosen), (count, 1))
    left = np.ones((count, len(kitchen.chosen)))
    for place in range(held):
        weight = kitchen.weights[:, basket[:, place]].T
        likely += np.log(weight / left)
        left = left - weight
    likely = np.exp(likely - likely.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    chance: Floats = (likely / left) @ kitchen.weights
    np.put_along_axis(chance, basket, 0.0, axis=1)
    return chance


def generate(folder: Path, file_format: str, settings: Settings) -> None:
    """Write orders/ and truth.json into a folder that is there; memory does not grow with the orders."""
    suffix, write = WRITERS[file_format]
    (folder / "orders").mkdir(parents=True)
    kitchen = build(settings)
    total = sum(int(part.sizes.sum()) for part in orders(settings, kitchen))
    cut, seen = total * LATEST_PERCENT // 100, 0
    mass, targets = np.zeros(CUTOFF), 0
    for number, part in enumerate(orders(settings, kitchen)):
        write(_table(part, number * CHUNK_ORDERS), folder / "orders" / f"part-{number:05d}{suffix}")
        # An order is tested whole, with the one in which the cut falls.
        tested = seen + np.cumsum(part.sizes) > cut
        seen += int(part.sizes.sum())
        for held in range(1, MOST):
            chosen = tested & (part.sizes > held)
            chance = next_product(kitchen, part.products[chosen, :held])
            mass += -np.sort(-chance, axis=1)[:, :CUTOFF].sum(axis=0)
            targets += int(chosen.sum())
    best = {"targets": targets, "HR@10": mass.sum() / targets, "NDCG@10": float(mass @ GAINS) / targets}
    (folder / "truth.json").write_text(json.dumps(truth(settings, total, best), indent=2) + "\n")


def truth(settings: Settings, rows: int, best: dict[str, float]) -> dict[str, Any]:
    """truth.json: how many rows, and the best that anybody can expect of the latest tenth of them."""
    return {"settings": asdict(settings), "rows": rows, "nextProduct": {"latestTenth": best}}


def _table(part: Orders, first: int) -> pa.Table:
    order = np.repeat(np.arange(len(part.sizes)), part.sizes)
    held = np.arange(part.products.shape[1]) < part.sizes[:, None]
    return pa.table(
        {
            "order_id": [f"o-{first + number:07d}" for number in order],
            "sku": [f"sku-{number:04d}" for number in part.products[held]],
            "added_at": pa.array(part.times[order]).cast(MILLISECONDS),
        }
    )
