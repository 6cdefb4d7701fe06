"""The shadow's side: answers copied requests by the path of real ones, and compares with what the clients got.

Only a server with the token of this shadow is listened to, and only while the shadow lasts: whoever else reaches the
pod could move the figures that decide about this version. Real requests come first. One copied request is computed at a
time, and only while no real one waits: a revision that has been a shadow and gets real traffic must not be slowed by
copies that still arrive.
"""

import asyncio
import functools
import json
import logging
from dataclasses import dataclass
from typing import Any

from recsys_workers.serve import shadow_agreement as agreement
from recsys_workers.serve.contract import parse_predict, parse_recommend
from recsys_workers.serve.lane import Lane
from recsys_workers.serve.metrics import Metrics
from recsys_workers.serve.recommender import Recommender
from recsys_workers.serve.refusal import Refused, bad_request, unavailable
from recsys_workers.serve.shadow_metrics import Comparison
from recsys_workers.serve.shadow_mirror import Mirror

logger = logging.getLogger(__name__)

PARSERS = {"recommend": parse_recommend, "predict": parse_predict}
BATCH_SECONDS = 3.0
"""What is not computed by then is left out; the sender waits longer."""
MOST_BATCHES = 16
"""Batches that wait at once, each from another pod."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A request, and the answer that stable gave."""

    route: str
    request: dict[str, Any]
    answer: dict[str, float]
    """Scores by id, best first."""


class Receiver:
    """POST /shadow."""

    def __init__(self, metrics: Metrics, lane: Lane, revision: str, mirror: Mirror | None) -> None:
        """`mirror` knows who may send; without it nobody may."""
        self._metrics = metrics.shadow
        self._lane = lane
        self._revision = revision
        self._mirror = mirror
        self._one_at_a_time = asyncio.Lock()
        self._batches = 0

    def refuse_strangers(self, authorization: str) -> None:
        """Raise Refused (401) before a body is read."""
        if self._mirror is None or not self._mirror.admits(authorization):
            message = (
                "Copied requests are taken from servers that were given the token of this shadow, while it is one."
            )
            raise Refused(401, "Unauthorized", message, headers={"WWW-Authenticate": "Bearer"})

    def refuse_when_full(self) -> None:
        """Raise Refused (503) before a body is read."""
        if self._batches >= MOST_BATCHES:
            raise unavailable("Overloaded", f"{self._batches} batches of copied requests wait already.")

    async def receive(self, recommender: Recommender, body: bytes) -> dict[str, int]:
        """Compare a batch: how many of its samples were compared; raises Refused."""
        self.refuse_when_full()
        self._batches += 1
        try:
            stable, samples = self._parse(body)
            return {"compared": await self._compare_in_time(recommender, stable, samples)}
        finally:
            self._batches -= 1

    def _parse(self, body: bytes) -> tuple[str, list[Copied]]:
        try:
            document = json.loads(body)
            receiver, stable = document["to"], int(document["stable"])
            samples = [
                Copied(
                    sample["route"],
                    sample["request"],
                    {str(item["id"]): float(item["score"]) for item in sample["answer"]["items"]},
                )
                for sample in document["samples"]
            ]
            known = all(sample.route in PARSERS for sample in samples)
        except (ValueError, KeyError, TypeError) as error:
            raise bad_request("InvalidValue", f"This is not a batch of copied requests: {error!r}.") from error
        if not known:
            raise bad_request("InvalidValue", "A copied request came by a route that this server does not have.")
        if not self._revision or receiver != self._revision:
            raise Refused(409, "WrongRevision", "These copies are for another revision than this server's.")
        return str(stable), samples

    async def _compare_in_time(self, recommender: Recommender, stable: str, samples: list[Copied]) -> int:
        compared = 0
        try:
            async with asyncio.timeout(BATCH_SECONDS):
                for sample in samples:
                    async with self._one_at_a_time:
                        await self._lane.idle()
                        await self._lane.run(functools.partial(self._compare, recommender, stable, sample))
                    compared += 1
        except (TimeoutError, Refused):
            pass
        return compared

    def _compare(self, recommender: Recommender, stable: str, sample: Copied) -> None:
        """Runs in the lane, like a real request."""
        comparison = self._metrics.against(stable)
        try:
            request = PARSERS[sample.route](json.dumps(sample.request).encode())
            own = {
                item["id"]: float(item["score"])
                for item in json.loads(recommender.recommend(request, "shadow").body)["items"]
            }
        except Exception as error:
            comparison.failures.inc()
            # The exception's text may quote what a user sent.
            logger.warning("A copied request failed that stable had answered: %s.", type(error).__name__)
            return
        _observe(recommender, comparison, own, sample.answer)


def _observe(recommender: Recommender, comparison: Comparison, own: dict[str, float], theirs: dict[str, float]) -> None:
    items, stable_items = list(own), list(theirs)
    comparison.overlap.observe(agreement.overlap(items, stable_items))
    comparison.rank_biased_overlap.observe(agreement.rank_biased_overlap(items, stable_items))
    tau = agreement.kendall_tau_b(own, theirs)
    if tau is not None:
        comparison.kendall_concordance.observe((1 + tau) / 2)
    popularity, stable_popularity = (recommender.popularity_percentiles(shown) for shown in (items, stable_items))
    if popularity and stable_popularity:
        comparison.popularity.observe(sum(popularity) / len(popularity))
        comparison.stable_popularity.observe(sum(stable_popularity) / len(stable_popularity))
    if comparison.windows is None:
        size = recommender.item_count
        comparison.windows = agreement.CoverageWindow(size), agreement.CoverageWindow(size)
    own_window, stable_window = comparison.windows
    coverage, stable_coverage = own_window.add(items), stable_window.add(stable_items)
    if coverage is not None and stable_coverage is not None:
        comparison.coverage.observe(coverage)
        comparison.stable_coverage.observe(stable_coverage)
    comparison.samples.inc()
