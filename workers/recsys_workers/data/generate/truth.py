"""The best scores that anybody can expect on a log, from the probabilities that it was drawn with."""

from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_workers.data.generate.log import Chunk, transition
from recsys_workers.data.generate.world import DRIFT_FROM, FOLLOWS, Floats, Integers, World

BINS = 1 << 16
CUTOFFS = (1, 5, 10)
BLOCK = 4096
GAINS = 1 / np.log2(np.arange(2, max(CUTOFFS) + 2))
LATEST = 0.9
"""The part `latestTenth` begins at this share of the time."""


def best_lists(world: World, drift: float) -> tuple[Integers, Floats]:
    """For each item the ten that most likely follow it, best first, and their probabilities, with this much drift."""
    most = max(CUTOFFS)
    popular = np.argsort(-world.popularity, kind="stable")[:most]
    items, chances = [], []
    for start in range(0, len(world.popularity), BLOCK):
        before = np.arange(start, min(start + BLOCK, len(world.popularity)))
        candidates = np.concatenate(
            [world.successors[0, before], world.successors[1, before], np.tile(popular, (len(before), 1))], axis=1
        )
        chance = transition(world, before, candidates, drift)
        for place in range(1, candidates.shape[1]):
            chance[(candidates[:, :place] == candidates[:, place : place + 1]).any(axis=1), place] = -1
        order = np.argsort(-chance, axis=1, kind="stable")[:, :most]
        items.append(np.take_along_axis(candidates, order, axis=1))
        chances.append(np.take_along_axis(chance, order, axis=1))
    return np.concatenate(items), np.concatenate(chances)


class Clicks:
    """Adds up impressions by the probability of their click, in bins."""

    def __init__(self) -> None:
        self.impressions = 0
        self.positive, self.negative = np.zeros(BINS), np.zeros(BINS)
        self.with_itself, self.entropy = 0.0, 0.0

    def add(self, probability: Floats) -> None:
        """Count some more impressions."""
        self.impressions += len(probability)
        place = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
        self.positive += np.bincount(place, probability, BINS)
        self.negative += np.bincount(place, 1 - probability, BINS)
        self.with_itself += float((probability * (1 - probability)).sum())
        either = probability * np.log(probability) + (1 - probability) * np.log1p(-probability)
        self.entropy -= float(either.sum())

    def scores(self) -> dict[str, float]:
        """Expected AUC and log loss of the probabilities themselves; nothing for fewer than two impressions."""
        if self.impressions < 2:
            return {}
        positive, negative = float(self.positive.sum()), float(self.negative.sum())
        below = np.concatenate([[0.0], np.cumsum(self.negative)[:-1]])
        ordered = float((self.positive * (below + self.negative / 2)).sum()) - self.with_itself / 2
        return {
            "bayesAuc": ordered / (positive * negative - self.with_itself),
            "bayesLogLoss": self.entropy / self.impressions,
            "expectedClicks": positive,
        }


class Truth:
    """Adds up chunks. Bounded memory: the clicks' probabilities are kept in bins, the items in counts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.counts = dict.fromkeys(("impressions", "clicks", "carts", "purchases"), 0)
        self.clicks, self.latest_clicks = Clicks(), Clicks()
        parts = ["all", "lastOfEachUser", "latestTenth"]
        if world.settings.drift:
            parts += ["beforeDrift", "afterDrift"]
        items = len(world.popularity)
        # How often each item stood before another one: [before the drift, after it], by part of the log.
        self.before = {part: np.zeros((2, items), dtype=np.int64) for part in parts}

    def add(self, chunk: Chunk) -> None:
        """Count one more chunk."""
        self.counts["impressions"] += len(chunk.user)
        for name, column in (("clicks", chunk.click), ("carts", chunk.cart), ("purchases", chunk.purchase)):
            self.counts[name] += int(column.sum())
        self.clicks.add(chunk.click_probability)
        self.latest_clicks.add(chunk.click_probability[chunk.time >= LATEST * self.world.settings.milliseconds])
        follows = chunk.user[1:] == chunk.user[:-1]
        last = np.concatenate([chunk.user[1:] != chunk.user[:-1], [True]])[1:]
        before, time = chunk.item[:-1], chunk.time[1:]
        length = self.world.settings.milliseconds
        drifted = time >= DRIFT_FROM * length
        chosen = {
            "all": follows,
            "lastOfEachUser": follows & last,
            "latestTenth": follows & (time >= LATEST * length),
            "beforeDrift": follows & ~drifted,
            "afterDrift": follows & drifted,
        }
        for part, counts in self.before.items():
            for state, there in enumerate((~drifted, drifted)):
                counts[state] += np.bincount(before[chosen[part] & there], minlength=counts.shape[1])

    def click_scores(self) -> dict[str, Any]:
        """Expected scores of the probabilities themselves, over all impressions and over the latest ones."""
        return {**self.clicks.scores(), "latestTenth": self.latest_clicks.scores()}

    def next_item_scores(self) -> dict[str, dict[str, float]]:
        """Expected HR@k and NDCG@10 of the best lists, by part of the log; no item is excluded."""
        states = [best_lists(self.world, drift)[1] for drift in (0.0, self.world.settings.drift)]
        return {part: _scores(states, counts) for part, counts in self.before.items()}

    def document(self) -> dict[str, Any]:
        """truth.json, but for what the command adds."""
        settings = self.world.settings
        return {
            "settings": {
                "users": settings.users,
                "items": settings.items,
                "categories": settings.categories,
                "impressions": settings.impressions,
                "seed": settings.seed,
                "drift": settings.drift,
                "start": settings.start.isoformat(),
                "days": settings.days,
            },
            "rows": {**self.counts, "events": sum(self.counts.values())},
            "click": self.click_scores(),
            "nextItem": self.next_item_scores(),
            "follows": FOLLOWS.tolist(),
        }


def _scores(states: list[Floats], counts: npt.NDArray[np.int64]) -> dict[str, float]:
    total = int(counts.sum())
    scores: dict[str, float] = {"targets": total}
    if not total:
        return scores
    mass = sum(counts[state] @ chances for state, chances in enumerate(states))
    for cutoff in CUTOFFS:
        scores[f"HR@{cutoff}"] = float(mass[:cutoff].sum()) / total
    scores[f"NDCG@{max(CUTOFFS)}"] = float((mass * GAINS).sum()) / total
    return scores
