"""The task SequentialRecommendation in an attempt; see recsys_workers.train.work."""

from collections.abc import Callable, Mapping
from typing import Any

from recsys_workers import manifest, scores
from recsys_workers.evaluate import card
from recsys_workers.export.limits import top_k
from recsys_workers.manifest import Items, Manifest
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.train import checks, prepared, scored
from recsys_workers.train.judge import Judge
from recsys_workers.train.run_config import RunConfig
from recsys_workers.train.scored import Scored
from recsys_workers.train.work import Describe, Evaluated, Facts, Judgement


class Sequential:
    """From histories to the next item."""

    data: checks.Data
    found: Scored

    def __init__(self, config: RunConfig, hyperparameters: Hyperparameters) -> None:
        self.config = config
        self.hyperparameters = hyperparameters

    def load(self) -> str:
        """See Work."""
        self.data = checks.data(self.config)
        prepared.write(self.config.run_folder, self.data.split, self.data.attributes)
        return self.data.report.sentence()

    def settings(self) -> Mapping[str, Any]:
        """See Work."""
        return {"nItems": len(self.data.interactions.item_ids), "excludeSeen": self.config.exclude_seen}

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
                "order": "timestamp, then row number",
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
            {"NDCG@10": f"{self.found.validation_ndcg:.6g}"},
            scores.document(scores.cumulative(self.found.onnx.scores)),
        )

    def card(self, described: Manifest) -> str:
        """See Work."""
        return card.render(described)
