"""What is checked before Ray starts: everything that would otherwise fail after the training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recsys_workers import locations, manifest
from recsys_workers.data.cleaning import clean
from recsys_workers.data.errors import DatasetChanged, InvalidData
from recsys_workers.data.files import digest_of_files, list_files, require_digest
from recsys_workers.data.interactions import Interactions, in_order
from recsys_workers.data.protocol import PROTOCOLS, split_by
from recsys_workers.data.readers import read_columns, roles_of
from recsys_workers.data.report import Report, report
from recsys_workers.data.split import Split
from recsys_workers.evaluate.gates import InvalidGate, kind_of
from recsys_workers.evaluate.metrics import UnknownMetric, parse
from recsys_workers.models.hyperparameters import Hyperparameters, InvalidHyperparameters, check, wrong_task
from recsys_workers.train import hardware
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.run_config import RunConfig

DIGEST_FILE = "dataset.digest"


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
    if config.protocol.name not in PROTOCOLS:
        known = " or ".join(PROTOCOLS)
        raise _never("InvalidEvaluation", f"The protocol {config.protocol.name!r} is not supported: use {known}.")
    try:
        for name in config.metrics:
            parse(name)
        for gate in config.gates:
            kind_of(gate)
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


def data(config: RunConfig) -> Data:
    """Read, clean and split the dataset, after its digest agrees with the spec's and with the first attempt's."""
    try:
        files = list_files(locations.path_of(config.dataset.uri), config.dataset.format)
        digest = digest_of_files(files)
        require_digest(digest, config.dataset.digest, "the TrainingRun's dataset.digest")
        recorded = config.run_folder / DIGEST_FILE
        if recorded.exists():
            require_digest(digest, recorded.read_text().strip(), "the run's first attempt")
        columns, dropped = clean(
            read_columns(
                files,
                config.dataset.format,
                roles_of(config.schema),
                drop_incomplete=config.cleaning.missing == "Drop",
            ),
            config.cleaning,
        )
        interactions = in_order(columns)
        split, protocol = split_by(config.protocol, interactions)
        # The files may have changed between the digest and the reading.
        require_digest(digest_of_files(files), digest, "the start of this attempt")
        manifest.write_file(recorded, f"{digest}\n".encode())
    except DatasetChanged as error:
        raise _never("DatasetChanged", str(error)) from error
    except InvalidData as error:
        raise _never("InvalidData", str(error)) from error
    dataset = config.dataset
    found = report(dataset.uri, dataset.format, digest, config.cleaning, dropped, columns, interactions)
    return Data(found, interactions, split, protocol)


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
