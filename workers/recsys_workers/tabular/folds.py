"""K-fold cross-validation of a run on rows: how figures vary with the rows that were learned from.

Each fold of the rows that do not test is judged by a model of its own, which is trained on the others with the run's
hyperparameters and seed, its preprocessing fitted on its own training rows. These models are not kept. What a fold's
model gives is left in the run's folder when it is trained, so that a later attempt of the run begins with the next one.
"""

import io
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_workers import preprocessing
from recsys_workers.evaluate.metrics import text
from recsys_workers.manifest import write_file
from recsys_workers.predictions import Outputs
from recsys_workers.tabular import data
from recsys_workers.tabular.data import Rowwise
from recsys_workers.tabular.metrics import per_row
from recsys_workers.train import store
from recsys_workers.train.fence import fence_of
from recsys_workers.train.progress import Progress
from recsys_workers.train.store import StoreUnreachable
from recsys_workers.train.watch import Watch

if TYPE_CHECKING:
    from recsys_workers.train.team import Team

LOGGER = logging.getLogger(__name__)


def write(folder: Path, folds: Sequence[Rowwise]) -> None:
    """Lay down what each fold's model is trained on and judged by, for Ray's worker; replaces what is there."""
    for number, fold in enumerate(folds, start=1):
        data.write(folder, fold, _name(number))
        write_file(folder / _preprocessing(number), preprocessing.encode(fold.preprocessing))


def train(settings: Mapping[str, Any], count: int, team: "Team", progress: Progress | None = None) -> None:
    """In Ray's worker: train the models of the folds that no earlier attempt has finished, one after the other.

    The worker that tells has the `progress` to tell it by, and leaves what the models give. Raises TrainingDiverged,
    which names the fold, and StoreUnreachable.
    """
    # They have torch, which the driver goes without.
    from recsys_workers.tabular.worker import training_on
    from recsys_workers.train.loop import TrainingDiverged

    folder = Path(settings["folder"])
    for number in range(1, count + 1):
        if team.from_teller(float(team.tells and _is_done(folder, number))):
            LOGGER.info("fold %d of %d was finished by an earlier attempt", number, count)
            continue
        fitted = preprocessing.decode((folder / _preprocessing(number)).read_bytes())
        training = training_on(settings, fitted, _name(number))
        training.team = team
        watched: tuple[Callable[..., None], ...] = (lambda _: None, lambda: None)
        if progress is not None:
            name, before = f"Fold {number} of {count}", number - 1
            watch = Watch(training, progress, name=name, before=before, after=count - before)
            watched = (watch.on_epoch, lambda: None, watch.on_step)
        try:
            training.run(*watched)
        except TrainingDiverged as error:
            raise TrainingDiverged(f"Fold {number} of {count}: {error}") from error
        if progress is None:
            continue
        outputs = training.best_outputs(data.read_part(folder, "test", _name(number)).inputs)
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, outputs=outputs)
        store.await_writable(folder)
        fence_of(settings).require()
        write_file(folder / _outputs(number), stream.getvalue())
        progress.kept()


def document(folder: Path, folds: Sequence[Rowwise], names: Sequence[str]) -> dict[str, Any]:
    """`crossValidation` of the manifest: each metric of each fold, their mean, and their standard deviation."""
    if not folds:
        return {}
    found = [_read(folder, number) for number in range(1, len(folds) + 1)]
    entries = []
    for name in names:
        values = np.array([_value(name, fold, outputs) for fold, outputs in zip(folds, found, strict=True)])
        entries.append(
            {
                "name": name,
                "mean": text(float(values.mean())),
                "standardDeviation": text(float(values.std(ddof=1))),
                "values": [text(value) for value in values.tolist()],
            }
        )
    return {"folds": len(folds), "metrics": entries}


def _value(name: str, fold: Rowwise, outputs: Outputs) -> float:
    held = fold.parts.test
    return float(per_row(name, fold.preprocessing.target, outputs, fold.labels[held], fold.users(held)).mean())


def _is_done(folder: Path, number: int) -> bool:
    """Whether an earlier attempt has left outputs that can be read; raises StoreUnreachable."""
    file = folder / _outputs(number)
    try:
        store.patiently(partial(_read, folder, number), f"given {file}")
    except FileNotFoundError:
        return False
    except StoreUnreachable:
        raise
    except Exception as error:  # NumPy raises many kinds for a file that was cut
        LOGGER.warning("%s is damaged, and its fold is trained again: %s", file, error)
        return False
    return True


def _read(folder: Path, number: int) -> Outputs:
    with np.load(folder / _outputs(number)) as arrays:
        outputs: Outputs = arrays["outputs"]
    return outputs


def _name(number: int) -> str:
    return f"fold-{number}"


def _preprocessing(number: int) -> str:
    return f"{_name(number)}.json"


def _outputs(number: int) -> str:
    return f"{_name(number)}-outputs.npz"
