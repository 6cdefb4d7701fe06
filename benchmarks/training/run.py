"""One configuration with one seed: trained, exported, ranked by the exported graph. It goes on where it was killed.

The weights that validated best stay in the state folder when the checkpoints go, for the ensembles of several seeds.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.recorded import same
from benchmarks.training.beauty import Beauty
from benchmarks.training.configuration import THREADS, told
from torch import nn

from recsys_workers import manifest
from recsys_workers.data.split import Examples
from recsys_workers.evaluate import metrics
from recsys_workers.evaluate.scoring import Graph, tasks_of
from recsys_workers.export.graph import export
from recsys_workers.models import registry
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.items import plain
from recsys_workers.train import deterministic, weights
from recsys_workers.train.loop import STATE, Training
from recsys_workers.train.reports import EpochReport

METRICS = ("HR@5", "NDCG@5", "HR@10", "NDCG@10", "HR@20", "NDCG@20")
CLOCK = "seconds.json"
"""Seconds so far: by the clock, and of the processor, which other work on the machine does not lengthen."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is trained; `key` names it among results and checkpoints."""

    name: str
    architecture: str
    hyperparameters: Hyperparameters
    seed: int
    beauty: Beauty
    threads: int
    attributes: bool
    """Whether the model is told what items are."""

    @property
    def key(self) -> str:
        """The same for the same configuration, seed and data, and for as many threads, which the bits depend on."""
        told = [self.architecture, dict(self.hyperparameters.text), self.seed, self.beauty.digest, self.beauty.users]
        told += [self.beauty.attributes_digest] if self.attributes else []
        told += [self.threads] if self.threads != THREADS else []
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds by the clock, and of the processor."""

    clock: float
    processor: float

    @staticmethod
    def now() -> "Spent":
        """What both show; only differences mean something."""
        return Spent(time.perf_counter(), time.process_time())

    def and_since(self, began: "Spent") -> "Spent":
        """With what was spent since then."""
        now = Spent.now()
        return Spent(self.clock + now.clock - began.clock, self.processor + now.processor - began.processor)

    def __str__(self) -> str:
        return f"{self.clock / 60:.1f} minutes in, {self.processor / 60:.1f} of the processor"


def result_of(job: Job, result: Mapping[str, Any]) -> bool:
    """Whether a result is this job's, with hyperparameters that came after it at their defaults."""
    attributes = job.beauty.attributes_digest if job.attributes else None
    wanted = {"name": job.name, "seed": job.seed, "users": job.beauty.users, "data": job.beauty.digest}
    if any(result[name] != value for name, value in {**wanted, "attributes": attributes}.items()):
        return False
    about = {"architecture": job.architecture, "attributes": job.attributes}
    found = {key: value for key, value in told(result).items() if key != "ensemble"}
    return same({**about, "hyperparameters": dict(job.hyperparameters.text)}, found)


def run(job: Job, state: Path, say: Callable[[str], None], *, read_test: bool) -> dict[str, Any]:
    """Train to the end and rank; returns the result. `state` is the folder of the checkpoints."""
    deterministic.set_up(job.threads)
    training = Training(
        job.architecture,
        job.beauty.split.training,
        job.beauty.split.validation,
        job.beauty.n_items,
        job.hyperparameters,
        job.seed,
        exclude_seen=True,
        attributes=job.beauty.attributes if job.attributes else None,
    )
    folder = state / job.key
    before = Spent(0.0, 0.0)
    if (folder / STATE).exists():
        training.restore(folder)
        before = Spent(**json.loads((folder / CLOCK).read_text()))
        say(f"goes on after epoch {training.epoch}, {before}")
    targets = sum(len(sequence) - 1 for sequence in job.beauty.split.training)
    began = Spent.now()
    last = time.perf_counter()

    def on_epoch(report: EpochReport) -> None:
        nonlocal last
        took, last = time.perf_counter() - last, time.perf_counter()
        known = "" if report.validation is None else f", validation NDCG@10 {report.validation:.4f}"
        left = (report.epochs - report.epoch) * took / 60
        say(
            f"epoch {report.epoch} of {report.epochs}: loss {report.loss:.4f}{known}, {took:.0f} s with validation, "
            f"{targets / took:.0f} targets/s, at most {left:.0f} minutes left; {before.and_since(began)}"
        )

    def on_checkpoint() -> None:
        partial = folder.with_suffix(".partial")
        for place in (partial, folder):
            place.mkdir(parents=True, exist_ok=True)
        training.save(partial)
        (partial / CLOCK).write_text(json.dumps(asdict(before.and_since(began))))
        for name in (CLOCK, STATE):
            (partial / name).replace(folder / name)

    training.run(on_epoch, on_checkpoint)
    spent = before.and_since(began)
    model = plain(training.best_model())
    weights.write(folder, model)
    return {
        "key": job.key,
        "name": job.name,
        "architecture": job.architecture,
        "hyperparameters": dict(job.hyperparameters.text),
        "seed": job.seed,
        "users": job.beauty.users,
        "data": job.beauty.digest,
        "attributes": job.beauty.attributes_digest if job.attributes else None,
        "threads": job.threads,
        "epochs": training.epoch,
        "bestEpoch": training.best_epoch,
        "minutes": round(spent.clock / 60, 1),
        "cpuMinutes": round(spent.processor / 60, 1),
        "targetsPerSecond": round(targets * training.epoch / spent.clock),
        **figures(job, model, read_test=read_test),
    }


def forget(job: Job, state: Path) -> None:
    """Remove the checkpoint of a job whose test figures are known; without them it is kept, to be tested later."""
    folder = state / job.key
    shutil.rmtree(folder.with_suffix(".partial"), ignore_errors=True)
    for name in (STATE, CLOCK):
        (folder / name).unlink(missing_ok=True)


def kept(job: Job, state: Path) -> bool:
    """Whether the weights of a job that has ended are there."""
    return (state / job.key / manifest.WEIGHTS).exists()


def trained(job: Job, state: Path) -> nn.Module:
    """The network of a job that has ended, ready to score."""
    model = registry.build(job.architecture, job.beauty.n_items, job.hyperparameters)
    weights.fill(model, weights.decode((state / job.key / manifest.WEIGHTS).read_bytes()))
    return model.eval()


def figures(job: Job, model: nn.Module, *, read_test: bool) -> Mapping[str, Mapping[str, float]]:
    """Every metric of a network, by its exported graph, with half of its interval."""
    length, input_length = (job.hyperparameters.integer(name) for name in ("maxLength", "inputLength"))
    onnx = export(model, job.beauty.n_items, input_length)
    graph = Graph(onnx, job.beauty.n_items, length, input_length, job.threads)

    def of(examples: Examples) -> dict[str, float]:
        lists = graph.lists(tasks_of(examples.histories, exclude_seen=True))
        ranks = metrics.target_ranks(lists, examples.targets, job.beauty.n_items)
        found = [metrics.estimate(name, metrics.values(name, ranks)) for name in METRICS]
        return {
            **{estimate.name: round(estimate.value, 5) for estimate in found},
            **{f"{estimate.name}±": round(metrics.Z95 * estimate.standard_error, 5) for estimate in found},
        }

    shown = {"validation": of(job.beauty.split.validation)}
    return {**shown, "test": of(job.beauty.split.test)} if read_test else shown
