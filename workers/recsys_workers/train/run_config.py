"""run.json: what the operator fixed when the run started. Immutable for the run's life, gates and champion included."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys_workers import locations
from recsys_workers.data import cleaning, protocol, source
from recsys_workers.data.cleaning import Cleaning
from recsys_workers.data.items import LEAST, AttributeColumn, ItemColumns
from recsys_workers.data.protocol import Protocol
from recsys_workers.data.store import Store
from recsys_workers.preprocessing import BINARY
from recsys_workers.tasks import RANKING
from recsys_workers.train import run_keys
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.tune import space
from recsys_workers.tune.space import Tuning

SCORES, WEIGHTS = METHODS = ("Scores", "Weights")
"""How an ensemble is fused: the mean of what its members give, or one network of the mean of their weights."""


@dataclass(frozen=True, slots=True)
class ItemTable:
    """Where it stands what items are, and in which columns; `digest` is the one that the spec demands, if any."""

    uri: str
    format: str
    digest: str | None
    columns: ItemColumns


@dataclass(frozen=True, slots=True)
class Dataset:
    """Where the interactions are; `digest` is the one that the spec demands, if any."""

    uri: str
    format: str
    digest: str | None
    store: Store
    """Of an `s3://` or `gs://` URI, of the item table too."""
    items: ItemTable | None = None


@dataclass(frozen=True, slots=True)
class Champion:
    """The version that the champion gate compares with."""

    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class NamedVersion:
    """A version that the run is made from; `digest` is None where the RecModel does not list it."""

    version: int
    digest: str | None


@dataclass(frozen=True, slots=True)
class Ensemble:
    """What the run fuses: versions that are there, or the seeds that it trains with."""

    method: str
    versions: Sequence[NamedVersion] = ()
    seeds: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class RunConfig:
    """run.json. Field names are its keys in snake case."""

    namespace: str
    name: str
    uid: str
    model: str
    task: str
    architecture: str
    hyperparameters: Mapping[str, str]
    seed: int
    dataset: Dataset
    cleaning: Cleaning
    schema: Sequence[Mapping[str, Any]]
    catalogue: Mapping[str, str] | None
    protocol: Protocol
    exclude_seen: bool
    metrics: Sequence[str]
    gates: Sequence[Mapping[str, Any]]
    storage_uri: str
    champion: Champion | None
    image: str
    operator_version: str
    objective: str | None = None
    """Of the task Tabular: Binary, Multiclass or Regression; of Ranking always Binary."""
    init_from: NamedVersion | None = None
    """The version whose weights the run begins with."""
    ensemble: Ensemble | None = None
    tuning: Tuning | None = None

    @property
    def model_uri(self) -> str:
        """The folder of the model in the store: its runs/ and versions/ lie in it."""
        return locations.join(self.storage_uri, self.namespace, self.model)

    @property
    def run_folder(self) -> Path:
        """The checkpoints of this run and what its first attempt fixed."""
        return locations.path_of(self.model_uri) / "runs" / self.uid

    @property
    def events_folder(self) -> Path:
        """TensorBoard's event files of this run, beside those of the model's other runs."""
        return locations.path_of(self.model_uri) / "tensorboard" / f"{self.name}-{self.uid[:8]}"

    @property
    def versions_folder(self) -> Path:
        """The versions of the model, one folder a number."""
        return locations.path_of(self.model_uri) / "versions"


def read(path: Path) -> RunConfig:
    """Read run.json; AttemptFailed(InvalidRunConfig) names the key that is missing, wrong or unknown."""
    try:
        return parse(json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        raise AttemptFailed("InvalidRunConfig", f"{path} cannot be read: {error}.", heals=False) from error


def parse(document: Mapping[str, Any]) -> RunConfig:
    """The typed form of run.json's object."""
    if newer := sorted(set(run_keys.unknown(document))):
        text = (
            f"run.json has {', '.join(newer)}, which this trainer does not know: its image is older than the operator, "
            f"which is {document.get('operatorVersion') or 'of no known version'}. Give the operator the trainer of "
            "its own release (images.trainer of its chart), or leave the field out, and make another TrainingRun."
        )
        raise AttemptFailed("InvalidRunConfig", text, heals=False)
    try:
        champion, begun, fused = (document.get(name) for name in ("champion", "initFrom", "ensemble"))
        config = RunConfig(
            namespace=document["namespace"],
            name=document["name"],
            uid=document["uid"],
            model=document["model"],
            task=document["task"],
            architecture=document["architecture"],
            hyperparameters=dict(document.get("hyperparameters") or {}),
            seed=int(document["seed"]),
            dataset=_dataset(document["dataset"]),
            cleaning=cleaning.parse(document.get("cleaning")),
            schema=document["schema"]["columns"],
            catalogue=document.get("catalogue"),
            protocol=protocol.parse(document["evaluation"]),
            exclude_seen=bool(document["evaluation"].get("excludeSeen", True)),
            metrics=document["evaluation"]["metrics"],
            gates=document.get("gates") or [],
            storage_uri=document["storage"]["uri"],
            champion=Champion(int(champion["version"]), champion["digest"]) if champion else None,
            image=document.get("image", ""),
            operator_version=document.get("operatorVersion", ""),
            objective=BINARY if document["task"] == RANKING else document.get("objective"),
            init_from=_named(begun) if begun else None,
            ensemble=_ensemble(fused) if fused else None,
            tuning=space.parse(document.get("tuning"), int(document["seed"])),
        )
        locations.path_of(config.storage_uri)
        source.require_supported(config.dataset.uri)
        if config.dataset.items:
            source.require_supported(config.dataset.items.uri)
    except KeyError as error:
        raise AttemptFailed("InvalidRunConfig", f"run.json lacks the key {error}.", heals=False) from error
    except (TypeError, ValueError) as error:
        raise AttemptFailed("InvalidRunConfig", f"run.json is wrong: {error}.", heals=False) from error
    return config


def _named(told: Mapping[str, Any]) -> NamedVersion:
    return NamedVersion(int(told["version"]), told.get("digest"))


def _ensemble(told: Mapping[str, Any]) -> Ensemble:
    if told["method"] not in METHODS:
        raise ValueError(f"ensemble.method is {told['method']!r}: use one of {', '.join(METHODS)}")
    versions = tuple(_named(version) for version in told.get("versions") or ())
    seeds = tuple(int(seed) for seed in told.get("seeds") or ())
    if bool(versions) == bool(seeds) or len(versions or seeds) < 2:
        raise ValueError("ensemble names neither two versions nor two seeds, or both")
    return Ensemble(told["method"], versions, seeds)


def _dataset(told: Mapping[str, Any]) -> Dataset:
    secret = told.get("credentialsSecret")
    store = Store(told.get("endpoint"), told.get("region"), secret["name"] if secret else None)
    items = _items(told["items"]) if told.get("items") else None
    return Dataset(told["uri"], told["format"], told.get("digest"), store, items)


def _items(told: Mapping[str, Any]) -> ItemTable:
    attributes = [
        AttributeColumn(column["name"], column.get("separator"), int(column.get("minRows", LEAST)))
        for column in told["attributes"]
    ]
    return ItemTable(told["uri"], told["format"], told.get("digest"), ItemColumns(told["idColumn"], attributes))
