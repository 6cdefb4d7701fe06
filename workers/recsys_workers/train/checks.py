"""What is checked before Ray starts: everything that would otherwise fail after the training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from recsys_workers import manifest
from recsys_workers.data.cleaning import Dropped, clean
from recsys_workers.data.errors import DatasetChanged, DiskFull, InvalidData, StoreRefused, StoreUnreachable
from recsys_workers.data.files import DatasetFile, digest_of_files, require_digest
from recsys_workers.data.interactions import Interactions, in_order
from recsys_workers.data.protocol import PROTOCOLS, split_by
from recsys_workers.data.readers import Columns, read_columns, roles_of
from recsys_workers.data.report import Report, report
from recsys_workers.data.source import local_files
from recsys_workers.data.split import Split
from recsys_workers.evaluate.gates import InvalidGate, kind_of
from recsys_workers.evaluate.metrics import UnknownMetric, parse
from recsys_workers.models.hyperparameters import Hyperparameters, InvalidHyperparameters, check, wrong_task
from recsys_workers.preprocessing import OBJECTIVES
from recsys_workers.tabular import splitting
from recsys_workers.tabular.metrics import require
from recsys_workers.tasks import OF_ROWS, RETRIEVAL, SEQUENTIAL, TABULAR
from recsys_workers.train import hardware
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.run_config import RunConfig

DIGEST_FILE = "dataset.digest"
TASKS = {SEQUENTIAL: PROTOCOLS, RETRIEVAL: PROTOCOLS, **dict.fromkeys(OF_ROWS, splitting.PROTOCOLS)}
"""The protocols of each task."""

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Data:
    """The dataset of the run, read, cleaned and split."""

    report: Report
    interactions: Interactions
    split: Split
    protocol: Mapping[str, Any]
    """What the manifest says of the split."""


def specification(config: RunConfig) -> Hyperparameters:
    """The checked hyperparameters; raises AttemptFailed (cannot heal) for anything in run.json that is not built."""
    if fault := wrong_task(config.architecture, config.task):
        raise _never("InvalidRunConfig", fault)
    if config.task == TABULAR and config.objective not in OBJECTIVES:
        known = ", ".join(OBJECTIVES)
        raise _never("InvalidRunConfig", f"The objective {config.objective!r} is not supported: use one of {known}.")
    protocols = TASKS[config.task]
    if config.protocol.name not in protocols:
        known = " or ".join(protocols)
        raise _never("InvalidEvaluation", f"The protocol {config.protocol.name!r} is not supported: use {known}.")
    try:
        for name in config.metrics:
            metric(config, name)
        for gate in config.gates:
            kind_of(gate, lambda name: metric(config, name), rowwise=config.task in OF_ROWS)
        found = check(config.architecture, config.hyperparameters)
    except UnknownMetric as error:
        raise _never("InvalidEvaluation", str(error)) from error
    except InvalidGate as error:
        raise _never("InvalidGate", str(error)) from error
    except InvalidHyperparameters as error:
        raise _never("InvalidHyperparameters", str(error)) from error
    if fault := hardware.refusal(found, hardware.cuda_devices(), triton=hardware.has_triton()):
        raise _never("InvalidHyperparameters", fault)
    return found


def metric(config: RunConfig, name: str) -> None:
    """Raise UnknownMetric unless the run's task has the metric."""
    if config.task in OF_ROWS:
        require(name, str(config.objective), config.task)
    else:
        parse(name)


def data(config: RunConfig) -> Data:
    """Read, clean and split the interactions; see `verified`."""
    digest, (columns, dropped, interactions, split, protocol) = verified(config, lambda files: _read(config, files))
    dataset = config.dataset
    found = report(dataset.uri, dataset.format, digest, config.cleaning, dropped, columns, interactions)
    return Data(found, interactions, split, protocol)


def verified(config: RunConfig, read: Callable[[list[DatasetFile]], Found]) -> tuple[str, Found]:
    """The dataset's digest, and what `read` makes of its files.

    The digest must agree with the spec's and with the first attempt's, and be the same after the reading. Raises
    AttemptFailed, also for the InvalidData that `read` raises.
    """
    dataset = config.dataset
    try:
        with local_files(dataset.uri, dataset.format, dataset.store) as files:
            return _verified(config, files, read)
    except DatasetChanged as error:
        raise _never("DatasetChanged", str(error)) from error
    except InvalidData as error:
        raise _never("InvalidData", str(error)) from error
    except StoreRefused as error:
        raise _never("DatasetRefused", str(error)) from error
    except StoreUnreachable as error:
        raise AttemptFailed("DatasetUnreachable", str(error), heals=True) from error
    except DiskFull as error:
        raise AttemptFailed("DiskFull", str(error), heals=True) from error


def _verified(
    config: RunConfig, files: list[DatasetFile], read: Callable[[list[DatasetFile]], Found]
) -> tuple[str, Found]:
    digest = digest_of_files(files)
    require_digest(digest, config.dataset.digest, "the TrainingRun's dataset.digest")
    recorded = config.run_folder / DIGEST_FILE
    if recorded.exists():
        require_digest(digest, recorded.read_text().strip(), "the run's first attempt")
    found = read(files)
    # The files may have changed between the digest and the reading.
    require_digest(digest_of_files(files), digest, "the start of this attempt")
    manifest.write_file(recorded, f"{digest}\n".encode())
    return digest, found


def _read(
    config: RunConfig, files: list[DatasetFile]
) -> tuple[Columns, list[Dropped], Interactions, Split, Mapping[str, Any]]:
    drop_incomplete = config.cleaning.missing == "Drop"
    roles = roles_of(config.schema)
    columns, dropped = clean(
        read_columns(files, config.dataset.format, roles, drop_incomplete=drop_incomplete), config.cleaning
    )
    interactions = in_order(columns)
    return columns, dropped, interactions, *split_by(config.protocol, interactions)


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
