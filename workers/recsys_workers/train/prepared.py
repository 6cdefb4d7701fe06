"""The split, and what items are, in the run's folder for Ray's workers: they read these, not the dataset again."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_workers.data.attributes import ItemAttributes
from recsys_workers.data.split import HeldOut, Positions, Slices, Split, held_out

FILE = "prepared.npz"
ATTRIBUTE_ARRAYS = ("values", "weights", "starts")
VALUES = "attributeValues"


def write(folder: Path, split: Split, attributes: ItemAttributes | None = None) -> None:
    """Write all sequences once, of each part where its slices begin and end, and attributes; replaces what is there."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "items": split.training.flat,
        "trainingStarts": split.training.starts,
        "trainingEnds": split.training.ends,
        **_arrays("validation", split.validation),
        **_arrays("test", split.test),
    }
    if attributes is not None:
        arrays |= {name: getattr(attributes, name) for name in ATTRIBUTE_ARRAYS}
        arrays[VALUES] = np.array(attributes.n_values)
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


def read_attributes(folder: Path) -> ItemAttributes | None:
    """The attributes that were written; None without any."""
    with np.load(folder / FILE) as arrays:
        if VALUES not in arrays:
            return None
        values, weights, starts = (arrays[name] for name in ATTRIBUTE_ARRAYS)
        return ItemAttributes(values, weights, starts, int(arrays[VALUES]))


def _arrays(part: str, examples: HeldOut) -> dict[str, Positions]:
    histories = examples.histories
    return {f"{part}Users": examples.users, f"{part}Starts": histories.starts, f"{part}Ends": histories.ends}
