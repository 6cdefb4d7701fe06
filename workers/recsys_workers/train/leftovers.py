"""What a run leaves in its folder of the store: nothing of size, once no attempt can follow or the result is told."""

import logging
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from recsys_workers.manifest import PARTIAL
from recsys_workers.train.history import FILE as HISTORY_FILE
from recsys_workers.train.publish import LOCK
from recsys_workers.train.verified import DIGEST_FILE, ITEMS_DIGEST_FILE

LOGGER = logging.getLogger(__name__)
KEPT = {LOCK, DIGEST_FILE, ITEMS_DIGEST_FILE, HISTORY_FILE}
"""The lock that this attempt still holds, what the first attempt fixed, and what a retry tells of the training."""


def remove(run_folder: Path) -> None:
    """Delete checkpoints, arrays and the candidate; what cannot be deleted is logged and left. Only under the lock."""
    _remove(run_folder, lambda name: name not in KEPT)


def remove_partials(run_folder: Path) -> None:
    """Delete what an attempt that was killed was writing into the run's folder. Otherwise as `remove`."""
    _remove(run_folder, lambda name: name.startswith(".") and name.endswith(PARTIAL))


def remove_these(run_folder: Path, names: Collection[str]) -> None:
    """Delete what has these names in the run's folder. Otherwise as `remove`."""
    _remove(run_folder, lambda name: name in names)


def _remove(run_folder: Path, unwanted: Callable[[str], bool]) -> None:
    try:
        leftovers = [entry for entry in run_folder.iterdir() if unwanted(entry.name)]
    except OSError as error:
        LOGGER.warning("what the run leaves in %s cannot be listed: %s", run_folder, error)
        return
    for entry in leftovers:
        try:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        except OSError as error:
            LOGGER.warning("%s is of no use any more and cannot be deleted: %s", entry, error)
