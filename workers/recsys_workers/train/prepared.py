"""The split, laid down in the run's folder for Ray's workers: they read these arrays, not the dataset again."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_workers.data.split import HeldOut, Positions, Slices, Split, held_out

FILE = "prepared.npz"


def write(folder: Path, split: Split) -> None:
    """Write all sequences once, and of each part where its slices begin and end; replaces what is there."""
    arrays: dict[str, npt.NDArray[np.integer[Any]]] = {
        "items": split.training.flat,
        "trainingStarts": split.training.starts,
        "trainingEnds": split.training.ends,
        **_arrays("validation", split.validation),
        **_arrays("test", split.test),
    }
    partial = folder / f".{FILE}.partial.npz"
    np.savez(partial, allow_pickle=False, **arrays)
    partial.replace(folder / FILE)


def read(folder: Path) -> Split:
    """The split that was written."""
    with np.load(folder / FILE) as arrays:
        items = arrays["items"]
        training = Slices(items, arrays["trainingStarts"], arrays["trainingEnds"])
        validation, test = (
            held_out(items, arrays[f"{part}Users"], arrays[f"{part}Starts"], arrays[f"{part}Ends"])
            for part in ("validation", "test")
        )
    return Split(training, validation, test)


def _arrays(part: str, examples: HeldOut) -> dict[str, Positions]:
    histories = examples.histories
    return {f"{part}Users": examples.users, f"{part}Starts": histories.starts, f"{part}Ends": histories.ends}
