"""Which checkpoint a training goes on from: the newest whole one, and of several workers the same for all."""

import logging
import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from recsys_workers.train import store
from recsys_workers.train.loop import STATE, Loop
from recsys_workers.train.store import StoreUnreachable

LOGGER = logging.getLogger(__name__)
SEED = "seed"
"""File in a checkpoint that says whose it is; those of a release before have none."""


class CheckpointsDiffer(Exception):
    """Workers that begin at different epochs would wait for each other's steps, or learn from the wrong ones."""


def go_on(training: Loop, folder: Path, candidates: Iterable[Path], seconds: float = store.PATIENCE_SECONDS) -> None:
    """Restore the training, of a team, from the first candidate in the folder that is whole; from none without any.

    The team's teller chooses, and the others wait until they see what it has chosen: their listing of the folder may
    lag. Raises StoreUnreachable, and CheckpointsDiffer after so long.
    """
    team = training.team
    own = next((one for one in candidates if is_whole(one)), None) if team.tells else None
    chosen = team.text_from_teller("" if own is None else str(own.relative_to(folder)))
    if chosen:
        checkpoint = folder / chosen
        if not team.tells:
            _await_seen(checkpoint, seconds)
        restore(training, checkpoint)
        LOGGER.info("continuing after epoch %d of %d from %s", training.epoch, training.epochs, checkpoint.name)
    if not team.agrees(training.epoch):
        raise CheckpointsDiffer(
            f"The workers do not see the same checkpoints in the store: of {chosen or 'none'}, this one's is of epoch "
            f"{training.epoch}. They need one store that all of them mount."
        )


def of_seed(folder: Path, seed: int) -> Iterator[Path]:
    """The checkpoints of a seed in the run's folder, the newest first, whatever Ray's own bookkeeping says.

    An attempt that is killed while Ray copies a checkpoint leaves half a file; the one before it is whole. Raises
    StoreUnreachable.
    """
    try:
        names = store.patiently(partial(os.listdir, folder), f"listed {folder}")
    except FileNotFoundError:
        return
    for name in sorted(names, reverse=True):
        if name.startswith("checkpoint_2") and not _of_other(folder / name, seed):
            yield folder / name


def _of_other(checkpoint: Path, seed: int) -> bool:
    """Whether it is of an ensemble's other member."""
    kept = checkpoint / SEED
    try:
        return store.patiently(kept.read_text, f"given {kept}").strip() != str(seed)
    except (FileNotFoundError, NotADirectoryError):
        return False


def is_whole(checkpoint: Path) -> bool:
    """Whether the state in a folder can be read; raises StoreUnreachable where the store does not say."""
    try:
        store.patiently(partial(_load, checkpoint), f"given {checkpoint / STATE}")
    except StoreUnreachable:
        raise
    except Exception as error:  # torch raises many kinds for a file that was cut
        LOGGER.warning("the checkpoint %s cannot be read and is passed over: %s", checkpoint.name, error)
        return False
    return True


def restore(training: Loop, checkpoint: Path) -> None:
    """Continue from a state that is whole; raises StoreUnreachable."""
    store.patiently(partial(training.restore, checkpoint), f"given {checkpoint / STATE}")


def _load(checkpoint: Path) -> Any:
    return torch.load(checkpoint / STATE, weights_only=True, map_location="cpu")


def _await_seen(checkpoint: Path, seconds: float) -> None:
    """Return once a state that another worker has read is whole here too."""

    def look() -> None:
        list(checkpoint.parent.iterdir())  # What is opened anew, a client asks the server about.
        _load(checkpoint)

    try:
        store.until(look, f"given {checkpoint / STATE}", seconds, lambda _: True)
    except StoreUnreachable as error:
        raise CheckpointsDiffer(
            f"Another worker goes on from {checkpoint.name}, and this one cannot. {error} The workers need one store "
            "that all of them mount."
        ) from error
