"""The task SequentialRecommendation in an attempt; see recsys_workers.train.work."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from recsys_workers import manifest, scores
from recsys_workers.evaluate import card
from recsys_workers.export.limits import top_k
from recsys_workers.manifest import Items, Manifest, Version
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.train import axes, checks, prepared, scored, store
from recsys_workers.train.fence import Fence
from recsys_workers.train.judge import Judge
from recsys_workers.train.members import Member, require_whole
from recsys_workers.train.origin import refuse_other_network
from recsys_workers.train.run_config import SCORES, RunConfig
from recsys_workers.train.scored import Scored
from recsys_workers.train.work import Describe, Evaluated, Facts, Judgement
from recsys_workers.tune.outcomes import Objective

VALIDATED_BY = "NDCG@10"
"""As recsys_workers.train.loop has it, which imports torch."""


class Sequential:
    """From histories to the next item."""

    data: checks.Data
    found: Scored

    def __init__(self, config: RunConfig, hyperparameters: Hyperparameters, origin: Version | None = None) -> None:
        self.config = config
        self.hyperparameters = hyperparameters
        self.origin = origin

    def load(self) -> str:
        """See Work."""
        self.data = checks.data(self.config)
        with store.room_told(self.config.storage_uri):
            prepared.write(self.config.run_folder, self.data.split, self.data.attributes)
        told = self.data.report.sentence()
        return told if self.origin is None else f"{told} {self._begin(self.origin)}"

    def _begin(self, origin: Version) -> str:
        """Say for Ray's worker, and in a sentence, which items the version knows."""
        theirs, ours = origin.items().items, self.data.interactions.item_ids
        known, number = axes.by_name(theirs, ours), origin.manifest.version
        if not known.known:
            refuse_other_network(
                f"none of the {len(ours)} items, such as {ours[0]!r}, is one of version {number}, which has "
                f"{len(theirs)}, such as {theirs[0]!r}"
            )
        axes.write(self.config.run_folder, {axes.ITEMS: known})
        return f"Version {number} knows {known.known} of the {len(ours)} items."

    def objective(self) -> Objective:
        """See Work."""
        tuning = self.config.tuning
        return Objective((tuning and tuning.objective) or VALIDATED_BY, smaller_is_better=False)

    def settings(self) -> Mapping[str, Any]:
        """See Work."""
        return {"nItems": len(self.data.interactions.item_ids), "excludeSeen": self.config.exclude_seen}

    def fuse(self, members: Sequence[Member], method: str, threads: int, fence: Fence) -> None:
        """See Work."""
        # It has torch, which the driver goes without otherwise.
        from recsys_workers.train import fusing

        ours, lengths = self.data.interactions.item_ids, self.facts()
        places = []
        for member in members:
            theirs = member.version.items().items
            places.append(require_whole(axes.by_name(theirs, ours), member, "items", theirs, ours))
        rankers = [fusing.ranker(member, axis) for member, axis in zip(members, places, strict=True)]
        split, models = self.data.split, [(one.model, one.max_length) for one in rankers]
        ranking = fusing.Ranking(split, len(ours), lengths.max_length, lengths.input_length, self.config.exclude_seen)
        made = fusing.lists(self.config.run_folder, models, method, ranking, threads, fence)
        if method == SCORES:
            fusing.require_mean(rankers, split.test.histories, made, threads)

    def facts(self) -> Facts:
        """See Work."""
        report = self.data.report
        return Facts(
            dataset={
                "uri": self.config.dataset.uri,
                "digest": report.digest,
                "users": report.users,
                "items": report.items,
                "interactions": report.rows,
                "rowsDropped": report.rows_dropped,
                "tiedUsers": report.tied_users,
                **({"itemTable": report.item_table} if report.item_table else {}),
            },
            protocol={
                **self.data.protocol,
                "cleaning": self.config.cleaning.document(),
                "excludeSeen": self.config.exclude_seen,
                "candidates": "all items",
                "ties": "against the model",
            },
            max_length=self.hyperparameters.integer("maxLength"),
            input_length=self.hyperparameters.integer("inputLength"),
            top_k=top_k(report.items),
        )

    def collect(self) -> dict[str, bytes]:
        """See Work."""
        onnx, self.found = scored.read(self.config.run_folder)
        interactions = self.data.interactions
        return {
            manifest.MODEL: onnx,
            manifest.ITEMS: manifest.encode_items(Items(interactions.item_ids, interactions.popularity())),
            manifest.DATA: self.data.report.encode(),
        }

    def judge(
        self, contents: dict[str, bytes], describe: Describe, threads: int, on_gate: Callable[[str], None]
    ) -> Judgement:
        """See Work."""
        data = self.data
        return Judge(self.config, data.interactions, data.split, self.found, contents, describe, threads).judge(on_gate)

    def evaluated(self) -> Evaluated:
        """See Work."""
        return Evaluated(
            self.found.best_epoch,
            {self.objective().metric: f"{self.found.validation_ndcg:.6g}"},
            scores.document(scores.cumulative(self.found.onnx.scores)),
        )

    def card(self, described: Manifest) -> str:
        """See Work."""
        return card.render(described)
