"""The tasks Tabular and Ranking in an attempt; see recsys_workers.train.work."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from recsys_workers import manifest, predictions, preprocessing, scores
from recsys_workers.data.errors import InvalidData
from recsys_workers.evaluate.gates import SMALLER_IS_BETTER
from recsys_workers.manifest import Manifest, Version
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.tabular import card, data, folds, metrics, schema, scored
from recsys_workers.tabular.continued import OtherNetwork, continued
from recsys_workers.tabular.joined import joined
from recsys_workers.tabular.judge import RowJudge
from recsys_workers.tabular.scored import ScoredRows
from recsys_workers.train import axes, store
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.fence import Fence
from recsys_workers.train.members import Member
from recsys_workers.train.origin import refuse_other_network
from recsys_workers.train.run_config import SCORES, RunConfig
from recsys_workers.train.verified import of_dataset, verified
from recsys_workers.train.work import Describe, Evaluated, Facts, Judgement
from recsys_workers.tune.outcomes import Objective


class Tabular:
    """From a row's columns to a class or a number; of Ranking, to the probability that a user likes an item."""

    digest: str
    data: data.Rowwise
    found: ScoredRows

    def __init__(self, config: RunConfig, hyperparameters: Hyperparameters, origin: Version | None = None) -> None:
        self.config = config
        self.hyperparameters = hyperparameters
        self.origin = origin
        try:
            self.schema = schema.parse(config.schema, config.objective, config.task)
        except InvalidData as error:
            raise AttemptFailed("InvalidData", str(error), heals=False) from error

    def load(self) -> str:
        """See Work."""
        wanted = of_dataset(self.config.dataset, self.config.run_folder)
        self.digest, self.data = verified(wanted, lambda files: data.load(files, self.config, self.schema))
        if self.origin is not None:
            self._begin(self.origin)
        encoded = preprocessing.encode(self.data.preprocessing)
        with store.room_told(self.config.storage_uri):
            data.write(self.config.run_folder, self.data)
            folds.write(self.config.run_folder, self.data.folds)
            manifest.write_file(self.config.run_folder / manifest.PREPROCESSING, encoded)
        return self.data.sentence()

    def _begin(self, origin: Version) -> None:
        """Go on with what the version's weights were learned with, and say for Ray's worker how they are to stand."""
        number = origin.manifest.version
        theirs = preprocessing.decode(origin.contents[manifest.PREPROCESSING])
        try:
            found = continued(self.data.preprocessing, theirs, number)
        except OtherNetwork as error:
            refuse_other_network(str(error))
        self.data = replace(self.data, preprocessing=found.preprocessing)
        axes.write(self.config.run_folder, found.axes)

    def objective(self) -> Objective:
        """See Work."""
        metric = metrics.VALIDATED_BY[self.data.preprocessing.target.objective]
        if self.config.tuning is not None and self.config.tuning.objective is not None:
            metric = self.config.tuning.objective
        return Objective(metric, smaller_is_better=metric in SMALLER_IS_BETTER)

    def settings(self) -> Mapping[str, Any]:
        """See Work."""
        return {"folds": len(self.data.folds)}

    def fuse(self, members: Sequence[Member], method: str, threads: int, fence: Fence) -> None:
        """See Work."""
        # It has torch, which the driver goes without otherwise.
        from recsys_workers.tabular import fusing

        found = joined(self.data.preprocessing, members)
        self.data = replace(self.data, preprocessing=found[0].preprocessing)
        scorers = [fusing.scorer(member, one) for member, one in zip(members, found, strict=True)]
        models = [one.model for one in scorers]
        with store.room_told(self.config.storage_uri):
            data.write(self.config.run_folder, self.data, parts=("validation", "test"))
        validation, test = (data.read_part(self.config.run_folder, part) for part in ("validation", "test"))
        target = self.data.preprocessing.target
        made = fusing.rows(self.config.run_folder, models, method, target, validation, test.inputs, threads, fence)
        if method == SCORES:
            fusing.require_mean(scorers, self.data, made, threads)

    def facts(self) -> Facts:
        """See Work."""
        return Facts(
            dataset={
                "uri": self.config.dataset.uri,
                "digest": self.digest,
                **self.data.distinct(),
                "interactions": len(self.data.rows),
                "rowsDropped": self.data.rows_dropped,
            },
            protocol={
                **self.data.protocol,
                "objective": self.schema.objective,
                "label": self.schema.label,
                "cleaning": self.config.cleaning.document(),
            },
        )

    def collect(self) -> dict[str, bytes]:
        """See Work."""
        onnx, self.found = scored.read(self.config.run_folder)
        dataset = self.config.dataset
        rules = self.config.cleaning.document()
        return {
            manifest.MODEL: onnx,
            manifest.PREPROCESSING: preprocessing.encode(self.data.preprocessing),
            manifest.DATA: data.report(self.data, dataset.uri, dataset.format, self.digest, rules),
        }

    def judge(
        self, contents: dict[str, bytes], describe: Describe, threads: int, on_gate: Callable[[str], None]
    ) -> Judgement:
        """See Work."""
        judged = RowJudge(self.config, self.data, self.found, contents, describe, threads).judge(on_gate)
        crossed = folds.document(self.config.run_folder, self.data.folds, self.config.metrics)
        return replace(judged, cross_validation=crossed)

    def evaluated(self) -> Evaluated:
        """See Work."""
        target = self.data.preprocessing.target
        spread = scores.cumulative(predictions.scores(target, self.found.onnx)[:, None])
        validated_by = self.objective().metric
        return Evaluated(self.found.best_epoch, {validated_by: f"{self.found.validation:.6g}"}, scores.document(spread))

    def card(self, described: Manifest) -> str:
        """See Work."""
        return card.render(described)
