"""The split, and what items are, in the run's folder for Ray's workers: they read these, not the dataset again."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_workers.data.arrays import loaded
from recsys_workers.data.attributes import ItemAttributes
from recsys_workers.data.interactions import Indices
from recsys_workers.data.split import HeldOut, Positions, Slices, Split, held_out
from recsys_workers.manifest import PARTIAL, new_partial, replaced, sync_folder

FILE = "prepared.npz"
ITEMS = "prepared-items.npy"
"""All sequences; in a file of its own, so that it can be mapped into the memory instead of being read."""
ATTRIBUTE_ARRAYS = ("values", "weights", "starts")
VALUES = "attributeValues"


def write(folder: Path, split: Split, attributes: ItemAttributes | None = None) -> None:
    """Write all sequences once, of each part where its slices begin and end, and attributes; replaces what is there.

    Sequences that were read by way of the disk lie in the folder already, as `new_items` says.
    """
    arrays: dict[str, npt.NDArray[Any]] = {
        "trainingStarts": split.training.starts,
        "trainingEnds": split.training.ends,
        **_arrays("validation", split.validation),
        **_arrays("test", split.test),
    }
    if attributes is not None:
        arrays |= {name: getattr(attributes, name) for name in ATTRIBUTE_ARRAYS}
        arrays[VALUES] = np.array(attributes.n_values)
    _write_items(folder, split.training.flat)
    with replaced(folder / FILE) as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def _write_items(folder: Path, items: Indices) -> None:
    mapped, name = items.base, folder / ITEMS
    if isinstance(mapped, np.memmap) and _is_new(laid_down := Path(str(mapped.filename))):
        mapped.flush()  # for other nodes; on this one all see the same pages
        laid_down.replace(name)
        sync_folder(folder)
        return
    with replaced(name) as stream:
        np.save(stream, items, allow_pickle=False)


def _is_new(path: Path) -> bool:
    return path.name.endswith(PARTIAL) and path.exists()


def new_items(folder: Path) -> Path:
    """Where sequences are laid down that are read by way of the disk, for `write`: a name that no other attempt has."""
    return new_partial(folder / ITEMS)


def _items(folder: Path) -> Indices:
    items: Indices = loaded(folder / ITEMS)
    return items


def read(folder: Path) -> Split:
    """The split that was written."""
    items = _items(folder)
    with np.load(folder / FILE) as arrays:
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
