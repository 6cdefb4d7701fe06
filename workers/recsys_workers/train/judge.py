"""From the candidate's lists to metrics and verdicts: runs the champion and the server where a gate needs them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from recsys_workers import manifest
from recsys_workers.data.interactions import Interactions
from recsys_workers.data.split import Split
from recsys_workers.evaluate import champion, gates, latency, metrics, neighbours, parity, popularity
from recsys_workers.evaluate.gates import Verdict
from recsys_workers.evaluate.metrics import Estimate, Values
from recsys_workers.evaluate.scoring import Lists
from recsys_workers.serve.contract import MAX_HISTORY
from recsys_workers.train.candidate import session
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.run_config import RunConfig
from recsys_workers.train.scored import Scored
from recsys_workers.train.work import Describe, Judgement, each_gate

QUESTIONS = 300
SERVED_TOLERANCE = 1e-5
DEFAULT_K = 10


class Judge:
    """Judges one candidate; `describe(number, files)` makes the manifest that the server is shown."""

    def __init__(
        self,
        config: RunConfig,
        interactions: Interactions,
        split: Split,
        scored: Scored,
        contents: dict[str, bytes],
        describe: Describe,
        threads: int,
    ) -> None:
        self.config = config
        self.interactions = interactions
        self.split = split
        self.test = split.test
        self.scored = scored
        self.contents = contents
        self.describe = describe
        self.threads = threads
        broken = ~scored.reference.finite
        self.lists = Lists(np.where(broken[:, None], np.float32(np.nan), scored.onnx.scores), scored.onnx.items)
        self.ranks = metrics.target_ranks(self.lists, self.test.targets, len(interactions.item_ids))
        self.baselines: dict[str, Values] = {}
        """Ranks by a baseline's name, once a gate asked for it: neighbours take long."""

    def judge(self, on_gate: Callable[[str], None]) -> Judgement:
        """Compute the metrics and judge every gate in order; `on_gate` hears each gate's name before it is judged."""
        verdicts = each_gate(self.config.gates, self._verdict, on_gate)
        return Judgement([self._estimate(name) for name in self.config.metrics], verdicts)

    def _verdict(self, gate: dict[str, Any] | Any) -> Verdict:
        name, kind = gate["name"], gates.kind_of(gate)
        settings = gate[kind]
        if kind == "floor" and "against" in settings:
            return self._baseline(name, settings["metric"], settings["against"])
        if kind == "floor":
            return gates.floor(name, self._estimate(settings["metric"]), str(settings["min"]))
        if kind == "champion":
            return self._champion(name, settings["metric"], str(settings["maxRegressionPercent"]))
        if kind == "parity":
            tolerance = str(settings["tolerance"])
            compared = parity.compare(self.scored.onnx, self.scored.reference, float(tolerance))
            return gates.parity(name, compared, tolerance)
        limit = str(settings["p99Milliseconds"])
        return self._latency(name, limit)

    def _per_user(self, metric: str) -> Values:
        return metrics.values(metric, self.ranks)

    def _estimate(self, metric: str) -> Estimate:
        return metrics.estimate(metric, self._per_user(metric), self.test.users)

    def _baseline(self, name: str, metric: str, against: str) -> Verdict:
        if against not in self.baselines:
            n_items, exclude_seen = len(self.interactions.item_ids), self.config.exclude_seen
            ranked = {gates.POPULARITY: popularity.ranks, gates.ITEM_KNN: neighbours.ranks}[against]
            self.baselines[against] = ranked(self.split.training, self.test, n_items, exclude_seen=exclude_seen)
        old = metrics.values(metric, self.baselines[against])
        return gates.baseline(name, metric, self._per_user(metric), old, against, self.test.users)

    def _champion(self, name: str, metric: str, max_regression: str) -> Verdict:
        reigning = self.config.champion
        if reigning is None:
            return gates.champion(name, metric, self._per_user(metric), None, 0, max_regression)
        try:
            ranks = champion.ranks(
                self.config.versions_folder / str(reigning.version),
                reigning.digest,
                self.interactions.item_ids,
                self.test,
                exclude=self.config.exclude_seen,
                threads=self.threads,
            )
        except manifest.ArtifactError as error:
            raise AttemptFailed("ChampionUnreadable", str(error), heals=True) from error
        old = metrics.values(metric, ranks)
        return gates.champion(
            name, metric, self._per_user(metric), old, reigning.version, max_regression, self.test.users
        )

    def _latency(self, name: str, limit: str) -> Verdict:
        k = max((metrics.parse(name)[1] for name in self.config.metrics), default=DEFAULT_K)
        asks = [latency.of_list(question, k, SERVED_TOLERANCE) for question in self._questions(k)]
        if not asks:
            shortest = min(map(len, self.test.histories))
            message = (
                f"A client may send at most {MAX_HISTORY} items, and the shortest history of the test has {shortest}: "
                "nobody could be asked for. Leave this gate out, or train on a shorter cleaning.timeWindow."
            )
            return Verdict(name, gates.FAILED, "p99Milliseconds", "NaN", limit, message)
        return gates.latency(
            name, session(self.config, self.contents, self.describe, asks, good_enough=float(limit)), limit
        )

    def _questions(self, k: int) -> Sequence[latency.Question]:
        askable = [row for row, history in enumerate(self.test.histories) if len(history) <= MAX_HISTORY]
        count = min(QUESTIONS, len(askable))
        chosen = [askable[position * len(askable) // count] for position in range(count)]
        ids = self.interactions.item_ids
        questions = []
        for row in chosen:
            best = zip(self.scored.onnx.items[row, :k], self.scored.onnx.scores[row, :k], strict=True)
            questions.append(
                latency.Question(
                    [ids[item - 1] for item in self.test.histories[row]],
                    [(ids[item - 1], float(score)) for item, score in best if not np.isneginf(score)],
                )
            )
        return questions
