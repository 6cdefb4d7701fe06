"""From the candidate's outputs to metrics and verdicts: runs the champion and the server where a gate needs them."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from recsys_workers import manifest, predictions
from recsys_workers.calendars import UNITS
from recsys_workers.evaluate import gates, latency, metrics, parity
from recsys_workers.evaluate.gates import SMALLER_IS_BETTER, Verdict
from recsys_workers.evaluate.metrics import Estimate
from recsys_workers.preprocessing import Floats
from recsys_workers.spelling import in_json
from recsys_workers.tabular import champion
from recsys_workers.tabular.data import Rowwise, columns_of
from recsys_workers.tabular.metrics import per_row, require
from recsys_workers.tabular.schema import CALENDAR, CATEGORICAL
from recsys_workers.tabular.scored import ScoredRows
from recsys_workers.train.candidate import session
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.run_config import RunConfig
from recsys_workers.train.work import Describe, Judgement, each_gate

QUESTIONS = 300
SERVED_TOLERANCE = 1e-5


class RowJudge:
    """Judges one candidate; `describe(number, files)` makes the manifest that the server is shown."""

    def __init__(
        self,
        config: RunConfig,
        data: Rowwise,
        scored: ScoredRows,
        contents: dict[str, bytes],
        describe: Describe,
        threads: int,
    ) -> None:
        self.config = config
        self.data = data
        self.target = data.preprocessing.target
        self.labels = data.labels[data.parts.test]
        self.users = data.users(data.parts.test)
        self.clusters = data.clusters(data.parts.test)
        self.scored = scored
        self.contents = contents
        self.describe = describe
        self.threads = threads

    def judge(self, on_gate: Callable[[str], None]) -> Judgement:
        """Compute the metrics and judge every gate in order; `on_gate` hears each gate's name before it is judged."""
        verdicts = each_gate(self.config.gates, self._verdict, on_gate)
        return Judgement([self._estimate(name) for name in self.config.metrics], verdicts)

    def _verdict(self, gate: Any) -> Verdict:
        kind = gates.kind_of(
            gate, lambda metric: require(metric, self.target.objective, self.config.task), rowwise=True
        )
        name = gate["name"]
        settings = gate[kind]
        if kind == "floor":
            found = self._estimate(settings["metric"])
            if settings["metric"] in SMALLER_IS_BETTER:
                return gates.ceiling(name, found, str(settings["max"]))
            return gates.floor(name, found, str(settings["min"]))
        if kind == "champion":
            return self._champion(name, settings["metric"], str(settings["maxRegressionPercent"]))
        if kind == "parity":
            tolerance = str(settings["tolerance"])
            onnx, torch = (predictions.comparable(self.target, part) for part in (self.scored.onnx, self.scored.torch))
            return gates.rows_parity(name, parity.compare_rows(onnx, torch, float(tolerance)), tolerance)
        limit = str(settings["p99Milliseconds"])
        asks = self._asks()
        found_session = session(self.config, self.contents, self.describe, asks, good_enough=float(limit))
        return gates.latency(name, found_session, limit, "served predictions", "rows")

    def _per_row(self, metric: str) -> Floats:
        return per_row(metric, self.target, self.scored.onnx, self.labels, self.users)

    def _estimate(self, metric: str) -> Estimate:
        return metrics.estimate(metric, self._per_row(metric), self.clusters)

    def _champion(self, name: str, metric: str, max_regression: str) -> Verdict:
        reigning = self.config.champion
        new = self._per_row(metric)
        if reigning is None:
            return gates.champion(name, metric, new, None, 0, max_regression)
        folder = self.config.versions_folder / str(reigning.version)
        try:
            old = champion.per_row(folder, reigning.digest, self.data, metric, self.threads)
        except manifest.ArtifactError as error:
            raise AttemptFailed("ChampionUnreadable", str(error), heals=True) from error
        except champion.DifferentRows as error:
            return self._incomparable(name, metric, new, max_regression, f"{error}")
        clusters, rows = self.clusters, f"{len(new)} rows"
        if clusters is not None:
            rows += f" of {len(np.unique(clusters))} {'groups' if self.users is None else 'users'}"
        return gates.champion(name, metric, new, old, reigning.version, max_regression, clusters, rows=rows)

    def _incomparable(self, name: str, metric: str, new: Floats, max_regression: str, why: str) -> Verdict:
        """Fails: a champion that cannot be asked proves nothing. `why` ends a sentence."""
        return gates.Verdict(
            name,
            gates.FAILED,
            metric,
            metrics.text(float(new.mean())),
            f"-{max_regression}%",
            f"The champion, version {self.config.champion.version if self.config.champion else 0}, cannot be compared "
            f"with: {why}. Make another RecModel, or leave this gate out until a version of the new schema reigns.",
        )

    def _asks(self) -> list[latency.Ask]:
        """Some test rows, each a request, as a client sends it."""
        test = self.data.parts.test
        chosen = np.unique(np.linspace(0, len(test) - 1, min(QUESTIONS, len(test))).astype(np.int64))
        columns = columns_of(self.data.table, self.data.rows[test[chosen]])
        expected = predictions.comparable(self.target, self.scored.onnx[chosen])
        units = {
            feature.name: UNITS[feature.unit] for feature in self.data.table.schema.features if feature.role == CALENDAR
        }
        categories = {feature.name for feature in self.data.table.schema.features if feature.role == CATEGORICAL}
        asks = []
        for place in range(len(chosen)):
            row = {name: _value(values[place], units.get(name), name in categories) for name, values in columns.items()}
            body = json.dumps({"rows": [row]}).encode()
            asks.append(latency.Ask("/predict", body, self._difference(expected[place])))
        return asks

    def _difference(self, expected: Floats) -> Callable[[dict[str, Any]], str | None]:
        def difference(answer: dict[str, Any]) -> str | None:
            served = predictions.comparable_of(self.target, answer["predictions"][0])
            if (np.abs(served - expected) <= SERVED_TOLERANCE * np.maximum(1.0, np.abs(expected))).all():
                return None
            return f"a row got {served.tolist()} where {expected.tolist()} was evaluated."

        return difference


def _value(value: object, unit: int | None, category: bool) -> object:
    """As a client writes it: a missing number is null, a time counts so many units a second."""
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return None
        return float(value) if unit is None else int(value) * unit
    return in_json(value) if category and isinstance(value, str) else value
