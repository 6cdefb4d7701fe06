"""Rows that the memory has no room for are read alone, not with their neighbours on the disk."""

import re
from pathlib import Path

import numpy as np
import pytest

from recsys_workers.data import arrays
from recsys_workers.tabular import data
from recsys_workers.tabular.worker import training_rows
from recsys_workers.train import memory

ROWS = 1000
RANDOM_READ = "rr"
"""The kernel's name for a mapping of which it reads nothing ahead (proc_pid_smaps(5), VmFlags)."""


@pytest.fixture(autouse=True)
def laid_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = dict.fromkeys(data.ARRAYS, np.arange(ROWS, dtype=np.float32))
    parts |= {"numeric": np.ones((ROWS, 8), np.float32), "categorical": np.ones((ROWS, 4), np.int64)}
    arrays.write(tmp_path, f"{data.NAME}-train", ROWS, [parts])
    monkeypatch.setattr(arrays, "MAPPED_BYTES", 1 << 13)


def flags(folder: Path) -> dict[str, bool]:
    """Of each mapped array, whether it is read in any order."""
    mapping = re.compile(re.escape(str(folder)) + r"/prepared-train-(\w+)\.npy\n(?:.*\n)*?VmFlags: (.*)")
    smaps = Path("/proc/self/smaps").read_text()
    return {name: RANDOM_READ in told.split() for name, told in mapping.findall(smaps)}


@pytest.mark.parametrize(("room", "alone"), [(4 * 64 * ROWS, False), (64 * ROWS, True)])
def test_rows_are_read_alone_where_the_memory_has_no_room_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, alone: bool
) -> None:
    monkeypatch.setattr(memory, "limit", lambda: room)
    rows = training_rows(tmp_path, data.NAME)
    assert flags(tmp_path) == {"numeric": alone, "categorical": alone}
    assert rows.inputs.numeric.tobytes() == np.ones((ROWS, 8), np.float32).tobytes()


def test_what_is_not_mapped_is_left_alone() -> None:
    arrays.read_in_any_order(np.ones(3))
