"""Arrays that are written piece by piece: each writer for itself, and nothing is left of one that fails."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from recsys_workers.data import arrays
from recsys_workers.manifest import PARTIAL
from recsys_workers.train import leftovers

Piece = dict[str, npt.NDArray[np.int64]]


def test_a_writer_that_wakes_up_late_puts_nothing_of_another_in_place(tmp_path: Path) -> None:
    late, newer = np.arange(5), np.arange(10, 15)

    def found() -> list[int]:
        return list(arrays.read(tmp_path, "prepared", "labels"))

    def of_the_late_one() -> Iterator[Piece]:
        yield {"labels": late[:2]}
        arrays.write(tmp_path, "prepared", 5, of_the_newer_one())
        assert found() == list(newer)
        yield {"labels": late[2:]}

    def of_the_newer_one() -> Iterator[Piece]:
        """In whose middle the late one goes on, and ends."""
        yield {"labels": newer[:3]}
        arrays.write(tmp_path, "prepared", 5, [{"labels": late}])
        assert found() == list(late), "whole, and not half of the newer one's"
        yield {"labels": newer[3:]}

    arrays.write(tmp_path, "prepared", 5, of_the_late_one())
    assert found() == list(late)
    assert [path.name for path in tmp_path.iterdir()] == ["prepared-labels.npy"]


def test_nothing_is_left_of_a_writer_that_fails(tmp_path: Path) -> None:
    def full() -> Iterator[Piece]:
        yield {"labels": np.arange(3), "weights": np.arange(3)}
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        arrays.write(tmp_path, "prepared", 6, full())
    assert not list(tmp_path.iterdir())


def test_what_a_killed_writer_leaves_is_deleted_by_the_next_attempt(tmp_path: Path) -> None:
    seen: list[str] = []

    def killed() -> Iterator[Piece]:
        yield {"labels": np.arange(3)}
        seen.extend(path.name for path in tmp_path.iterdir())
        yield {"labels": np.arange(3)}

    arrays.write(tmp_path, "prepared", 6, killed())
    (partial,) = seen
    assert partial.endswith(PARTIAL)
    (tmp_path / partial).write_bytes(b"half")
    leftovers.remove_partials(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["prepared-labels.npy"]


def test_an_array_that_may_be_missing(tmp_path: Path) -> None:
    assert arrays.read_if_any(tmp_path, "prepared", "users") is None
    arrays.write(tmp_path, "prepared", 2, [{"users": np.array([4, 5])}])
    found = arrays.read_if_any(tmp_path, "prepared", "users")
    assert found is not None
    assert found.tolist() == [4, 5]
