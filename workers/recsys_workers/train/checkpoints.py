"""Which checkpoint a training goes on from: the newest whole one, and of several workers the same for all."""

import logging
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch

from recsys_workers.manifest import sync_folder
from recsys_workers.train import leftovers, ray_run, store
from recsys_workers.train.fence import Fence
from recsys_workers.train.loop import STATE, Loop
from recsys_workers.train.store import StoreUnreachable

LOGGER = logging.getLogger(__name__)
SEED = "seed"
"""File in a checkpoint that says whose it is; those of a release before have none."""
PREFIX = "checkpoint_2"
"""How the folders begin that Ray names after the time."""


class CheckpointsDiffer(Exception):
    """Workers that begin at different epochs would wait for each other's steps, or learn from the wrong ones."""


def go_on(training: Loop, folder: Path, candidates: Iterable[Path], seconds: float = store.PATIENCE_SECONDS) -> str:
    """Restore the training, of a team, from the first candidate in the folder that is whole; from none without any.

    Returns which one, by its path in the folder, and an empty text without any. The team's teller chooses, and the
    others wait until they see what it has chosen: their listing of the folder may lag. Raises StoreUnreachable, and
    CheckpointsDiffer after so long.
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
    return chosen


def names(folder: Path) -> set[str]:
    """The checkpoints in the run's folder, whole or not, of whichever seed; raises OSError."""
    return {entry.name for entry in folder.iterdir() if entry.name.startswith(PREFIX)}


def remove_strays(folder: Path, fence: Fence, *, alone: bool = True) -> None:
    """Delete the checkpoints that Ray's list does not have, unless one is whole and ahead of those that it has.

    Such a one is what an attempt was copying when it was killed: Ray does not know of it, and nobody else deletes it.
    Named by a clock ahead of ours, it would be taken for the newest until that time. Only before this process has kept
    a checkpoint, which Ray lists a moment later, and by the newest attempt. What cannot be deleted is logged. `alone`
    is as for `of_seed`.
    """
    try:
        listed = ray_run.listed(folder)
        strays = sorted(names(folder) - {*listed}, reverse=True)
        if not strays or not fence.holds():
            return
    except (OSError, ValueError) as error:
        LOGGER.warning("checkpoints of no use in %s cannot be told from the others, and stay: %s", folder, error)
        return
    least = max((_epoch(folder / name) for name in listed), default=-1) if alone else -1
    unwanted = set()
    for name in strays:
        if (epoch := _epoch(folder / name)) > least:
            least = epoch if alone else math.inf
        else:
            LOGGER.info("%s is of no use and is deleted", name)
            unwanted.add(name)
    leftovers.remove_these(folder, unwanted)


def _epoch(checkpoint: Path) -> float:
    """After how many epochs it was made; -1 where it is not whole."""
    state = _whole(checkpoint)
    return -1 if state is None else float(state["epoch"])


def sync(folder: Path) -> None:
    """Have the checkpoints on the disk, which Ray's copying does not wait for: a node may lose its power.

    Raises StoreUnreachable.
    """

    def settle() -> None:
        for checkpoint in (folder / name for name in sorted(names(folder), reverse=True)):
            with suppress(FileNotFoundError):  # Ray deletes the oldest one meanwhile.
                for file in checkpoint.iterdir():
                    with file.open("rb") as opened:
                        os.fsync(opened.fileno())
                sync_folder(checkpoint)
        sync_folder(folder)

    store.patiently(settle, f"taken {folder}")


def of_seed(folder: Path, seed: int, *, alone: bool = True) -> Iterator[Path]:
    """The checkpoints of a seed in the run's folder, the newest first, whatever Ray's own bookkeeping says.

    An attempt that is killed while Ray copies a checkpoint, or deletes one, leaves a part of it; another one is whole.
    With seeds that are trained one after the other (not `alone`), one that does not say whose it is is nobody's. Raises
    StoreUnreachable.
    """
    try:
        found = store.patiently(partial(names, folder), f"listed {folder}")
    except FileNotFoundError:
        return
    for name in sorted(found, reverse=True):
        if not _of_other(folder / name, seed, alone=alone):
            yield folder / name


def _of_other(checkpoint: Path, seed: int, *, alone: bool) -> bool:
    """Whether it is of an ensemble's other member, or may be."""
    kept = checkpoint / SEED
    try:
        return store.patiently(kept.read_text, f"given {kept}").strip() != str(seed)
    except (FileNotFoundError, NotADirectoryError):
        return not alone


def is_whole(checkpoint: Path) -> bool:
    """Whether the state in a folder can be read; raises StoreUnreachable where the store does not say."""
    return _whole(checkpoint) is not None


def _whole(checkpoint: Path) -> Any:
    """The state, None where it cannot be read; otherwise as `is_whole`."""
    try:
        return store.patiently(partial(_load, checkpoint), f"given {checkpoint / STATE}")
    except StoreUnreachable:
        raise
    except Exception as error:  # torch raises many kinds for a file that was cut
        LOGGER.warning("the checkpoint %s cannot be read and is passed over: %s", checkpoint.name, error)
        return None


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
