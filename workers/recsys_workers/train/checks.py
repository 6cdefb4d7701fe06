"""What is checked before Ray starts: everything that would otherwise fail after the training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recsys_workers import manifest
from recsys_workers.data.attributes import ItemAttributes
from recsys_workers.data.interactions import Interactions
from recsys_workers.data.items import read_items
from recsys_workers.data.protocol import PROTOCOLS
from recsys_workers.data.report import Report, report
from recsys_workers.data.split import Split
from recsys_workers.evaluate.gates import InvalidGate, kind_of
from recsys_workers.evaluate.metrics import UnknownMetric, parse
from recsys_workers.models.hyperparameters import (
    Hyperparameters,
    InvalidHyperparameters,
    check,
    no_attributes,
    wrong_task,
)
from recsys_workers.preprocessing import OBJECTIVES
from recsys_workers.tabular import splitting
from recsys_workers.tabular.metrics import require
from recsys_workers.tasks import OF_ROWS, RETRIEVAL, SEQUENTIAL, TABULAR
from recsys_workers.train import hardware, reading
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.run_config import RunConfig
from recsys_workers.train.verified import of_dataset, of_items, verified
from recsys_workers.tune import space

TASKS = {SEQUENTIAL: PROTOCOLS, RETRIEVAL: PROTOCOLS, **dict.fromkeys(OF_ROWS, splitting.PROTOCOLS)}
"""The protocols of each task."""
NO_FOLDS = (
    "evaluation.byRatio.folds is for the tasks Tabular and Ranking: folds are dealt at random, so a model of lists "
    "would learn from what users did after the rows that it is judged on. Leave folds out: each figure has an interval "
    "without them."
)


@dataclass(frozen=True, slots=True)
class Data:
    """The dataset of the run, read, cleaned and split."""

    report: Report
    interactions: Interactions
    split: Split
    protocol: Mapping[str, Any]
    """What the manifest says of the split."""
    attributes: ItemAttributes | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """What the item table says, and what data.json and the manifest say of it."""

    attributes: ItemAttributes
    document: Mapping[str, Any]


def specification(config: RunConfig) -> Hyperparameters:
    """The checked hyperparameters, of a search those of its first trial.

    Raises AttemptFailed (cannot heal) for anything in run.json that is not built.
    """
    if fault := wrong_task(config.architecture, config.task):
        raise _never("InvalidRunConfig", fault)
    if config.dataset.items and (fault := no_attributes(config.architecture)):
        raise _never("InvalidRunConfig", fault)
    if config.task == TABULAR and config.objective not in OBJECTIVES:
        known = ", ".join(OBJECTIVES)
        raise _never("InvalidRunConfig", f"The objective {config.objective!r} is not supported: use one of {known}.")
    protocols = TASKS[config.task]
    if config.protocol.name not in protocols:
        known = " or ".join(protocols)
        raise _never("InvalidEvaluation", f"The protocol {config.protocol.name!r} is not supported: use {known}.")
    if config.protocol.folds and config.task not in OF_ROWS:
        raise _never("InvalidEvaluation", NO_FOLDS)
    try:
        for name in config.metrics:
            metric(config, name)
        if config.tuning is not None and config.tuning.objective is not None:
            metric(config, config.tuning.objective)
        for gate in config.gates:
            kind_of(gate, lambda name: metric(config, name), rowwise=config.task in OF_ROWS)
        found = proposed(config)
    except UnknownMetric as error:
        raise _never("InvalidEvaluation", str(error)) from error
    except InvalidGate as error:
        raise _never("InvalidGate", str(error)) from error
    except InvalidHyperparameters as error:
        raise _never("InvalidHyperparameters", str(error)) from error
    devices, triton = hardware.cuda_devices(), hardware.has_triton()
    trains = config.ensemble is None or bool(config.ensemble.seeds)
    for one in found if trains else ():
        if fault := hardware.refusal(one, devices, triton=triton):
            raise _never("InvalidHyperparameters", fault)
    return found[0]


def proposed(config: RunConfig) -> list[Hyperparameters]:
    """Those of each trial; without a search those of the run alone. Raises InvalidHyperparameters."""
    if config.tuning is None:
        return [check(config.architecture, config.hyperparameters)]
    found = space.trials(config.architecture, config.hyperparameters, config.tuning)
    return [trial.hyperparameters for trial in found]


def metric(config: RunConfig, name: str) -> None:
    """Raise UnknownMetric unless the run's task has the metric."""
    if config.task in OF_ROWS:
        require(name, str(config.objective), config.task)
    else:
        parse(name)


def data(config: RunConfig) -> Data:
    """Read, clean and split the interactions; see `verified`, and the item table, if the run has one."""
    dataset = config.dataset
    wanted = of_dataset(dataset, config.run_folder)
    digest, read = verified(wanted, lambda files: reading.read(config, files))
    items = _items(config, read.interactions.item_ids)
    told = items.document if items else None
    found = report(
        dataset.uri, dataset.format, digest, config.cleaning, read.dropped, read.interactions, read.span, told
    )
    return Data(found, read.interactions, read.split, read.protocol, items.attributes if items else None)


def _items(config: RunConfig, item_ids: list[str]) -> Described | None:
    table = config.dataset.items
    if table is None:
        return None
    wanted = of_items(table, config.dataset.store, config.run_folder)
    digest, (attributes, found) = verified(
        wanted, lambda files: read_items(files, table.format, table.columns, item_ids)
    )
    told = {"uri": table.uri, "format": table.format, "digest": digest, **found.document(len(item_ids))}
    return Described(attributes, told)


def champion(config: RunConfig) -> None:
    """Verify the champion's bytes before hours are spent on a run that must be compared with it."""
    if config.champion is None or not any("champion" in gate for gate in config.gates):
        return
    try:
        manifest.load(config.versions_folder / str(config.champion.version), config.champion.digest)
    except manifest.ArtifactError as error:
        raise AttemptFailed("ChampionUnreadable", str(error), heals=True) from error


def _never(reason: str, message: str) -> AttemptFailed:
    return AttemptFailed(reason, message, heals=False)
