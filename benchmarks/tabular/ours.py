"""A Tabular run by the trainer's own code, without Ray and the pod: read, fitted, trained, exported, scored by ONNX."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.tabular.clocks import Steps, Time
from benchmarks.tabular.configuration import ARCHITECTURE

from recsys_workers.evaluate import metrics as estimates
from recsys_workers.evaluate.metrics import Estimate
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.tabular import metrics, worker
from recsys_workers.tabular.work import Tabular
from recsys_workers.train import run_config
from recsys_workers.train.progress import Progress, StatusWriter
from recsys_workers.train.publish import only_attempt
from recsys_workers.train.reports import EpochReport, StepReport

ACCURACY = "Accuracy"


class Ours:
    """One run on the table in `folder`/data, with what it leaves in `folder`/store."""

    def __init__(self, folder: Path, features: list[str], hyperparameters: Hyperparameters, seed: int) -> None:
        document = _document(features, hyperparameters, seed)
        self.config = run_config.parse(document)
        self.config.run_folder.mkdir(parents=True)
        self.work = Tabular(self.config, hyperparameters)
        self.sentence = self.work.load()
        told = {"architecture": ARCHITECTURE, "hyperparameters": dict(hyperparameters.text), "seed": seed}
        self.settings: dict[str, Any] = {"folder": str(self.config.run_folder), "threads": 1, **told}
        self.training = worker.training_of(self.settings, None)
        self.steps = Steps()

    def train(self, after_epoch: Callable[[EpochReport], None]) -> Estimate:
        """Train to the end, export, and score the test rows by the exported graph: the accuracy on them.

        The time of a step is that from one step to the next, with the making of its batch; that of the validation, the
        checkpoint and `after_epoch` is not in it.
        """
        last: Time | None = None

        def on_step(_: StepReport) -> None:
            nonlocal last
            now = Time.now()
            if last is not None:
                self.steps.times.append(now - last)
            last = now

        def on_epoch(report: EpochReport) -> None:
            nonlocal last
            last = None
            after_epoch(report)

        self.training.run(on_epoch, lambda: None, on_step)
        progress = Progress(StatusWriter(self.config.namespace, self.config.name, self.config.uid))
        try:
            with only_attempt(self.config.run_folder) as fence:
                worker.export_and_score(self.training, {**self.settings, "attempt": fence.name}, progress)
        finally:
            progress.close()
        self.work.collect()
        data = self.work.data
        per_row = metrics.per_row(
            ACCURACY, data.preprocessing.target, self.work.found.onnx, data.labels[data.parts.test]
        )
        return estimates.estimate(ACCURACY, per_row)


def _document(features: list[str], hyperparameters: Hyperparameters, seed: int) -> dict[str, Any]:
    """run.json of the run, as the operator would write it."""
    columns = [{"name": name, "role": "Numeric"} for name in features]
    columns += [{"name": "part", "role": "Split"}, {"name": "label", "role": "Label"}]
    return {
        "namespace": "bench",
        "name": f"numbers-{seed}",
        "uid": f"seed-{seed}",
        "model": "numbers",
        "task": "Tabular",
        "objective": "Binary",
        "architecture": ARCHITECTURE,
        "hyperparameters": dict(hyperparameters.text),
        "seed": seed,
        "dataset": {"uri": "pvc://data/numbers", "format": "Parquet", "digest": None},
        "schema": {"columns": columns},
        "catalogue": None,
        "evaluation": {"protocol": "ByColumn", "metrics": [ACCURACY]},
        "gates": [],
        "storage": {"uri": "pvc://store/models"},
        "champion": None,
    }
