"""What the trainer lays down for Ray's workers, when two attempts do so at once."""

from pathlib import Path

import numpy as np

from recsys_workers.data.interactions import Indices
from recsys_workers.data.shards import mapped
from recsys_workers.data.split import HeldOut, Slices, Split, held_out
from recsys_workers.train import prepared


def laid_down(path: Path, items: list[int]) -> Split:
    """One user whose items lie in a mapped file, as those do that were read by way of the disk."""
    flat: Indices = mapped(path, np.int32, len(items))
    flat[:] = items
    starts, ends = np.array([0]), np.array([len(items) - 2])
    none: HeldOut = held_out(flat, starts[:0], starts[:0], ends[:0])
    return Split(Slices(flat, starts, ends), none, none)


def test_an_attempt_that_wakes_up_late_puts_nobody_elses_half_array_in_place(tmp_path: Path) -> None:
    late = laid_down(prepared.new_items(tmp_path), [1, 2, 3, 4])
    newer_name = prepared.new_items(tmp_path)
    newer = laid_down(newer_name, [0, 0, 0, 0])
    prepared.write(tmp_path, late)
    assert prepared.read(tmp_path).training.flat.tolist() == [1, 2, 3, 4]
    newer.training.flat[:] = [1, 2, 3, 4]
    prepared.write(tmp_path, newer)
    assert not newer_name.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [prepared.ITEMS, prepared.FILE]


def test_what_was_laid_down_is_written_again_when_it_has_its_name_already(tmp_path: Path) -> None:
    split = laid_down(prepared.new_items(tmp_path), [1, 2, 3, 4])
    for _ in range(2):
        prepared.write(tmp_path, split)
        assert prepared.read(tmp_path).training[0].tolist() == [1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == [prepared.ITEMS, prepared.FILE]
