"""A dataset that goes by way of the disk and Ray Data is the one that is read into the memory."""

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ray")

import ray
from tests.integration.workers.conftest import Run
from tests.unit.workers.data.test_formats import WRITERS

from recsys_workers.data.errors import InvalidData
from recsys_workers.train import checks, prepared, reading
from recsys_workers.train.failure import AttemptFailed

pytestmark = [pytest.mark.torch, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[3]
FILES, ROWS = 3, 400
CLEANING = {"missing": "Drop", "duplicates": "KeepLast", "minUserInteractions": 4, "minItemInteractions": 5}


def write_files(folder: Path) -> None:
    """Rows of many users in no order, with ties, duplicates, and some that lack a value."""
    random = np.random.default_rng(4)
    folder.mkdir()
    for number in range(FILES):
        rows: list[tuple[Any, Any, Any]] = [
            (f"u{random.integers(60)}", int(random.integers(40)) if random.random() > 0.02 else "", int(time))
            for time in random.integers(300, size=ROWS)
        ]
        path = WRITERS["CSV"][1](folder / f"{number}.csv", rows)
        header, *lines = path.read_text().splitlines()
        parts = ("train" if row[2] < 200 else "validation" if row[2] < 250 else "test" for row in rows)
        lines = [f"{line},{part}" for line, part in zip(lines, parts, strict=True)]
        path.write_text("\n".join([f"{header},part", *lines]) + "\n")


@pytest.mark.parametrize("protocol", ["ByTime", "ByColumn"])
def test_both_ways_give_the_same(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    write_files(tmp_path / "data")
    run.document["evaluation"]["protocol"] = protocol
    run.document["schema"]["columns"].append({"name": "part", "role": "Split"})
    run.document["cleaning"] = CLEANING
    config = run.reads("pvc://data", "CSV")
    config.run_folder.mkdir(parents=True)
    expected = checks.data(config)
    prepared.write(config.run_folder, expected.split)
    parts = prepared.read(config.run_folder)
    earlier = (config.run_folder / prepared.ITEMS).open("rb")
    monkeypatch.setattr(reading, "MOST_IN_MEMORY", 10)
    found = checks.data(config)
    prepared.write(config.run_folder, found.split)
    again = prepared.read(config.run_folder)
    with earlier:  # A worker that has mapped it must not lose what it reads.
        assert not os.path.samestat(os.fstat(earlier.fileno()), (config.run_folder / prepared.ITEMS).stat())
    assert found.report == expected.report
    assert found.protocol == expected.protocol
    assert found.report.encode() == expected.report.encode()
    assert (found.interactions.user_ids, found.interactions.item_ids) == (
        expected.interactions.user_ids,
        expected.interactions.item_ids,
    )
    assert found.interactions.popularity() == expected.interactions.popularity()
    for mine, theirs in ((found.split, expected.split), (again, parts)):
        for ours, other in ((mine.training, theirs.training), (mine.test.histories, theirs.test.histories)):
            for name in ("flat", "starts", "ends"):
                np.testing.assert_array_equal(getattr(ours, name), getattr(other, name))
        np.testing.assert_array_equal(mine.validation.targets, theirs.validation.targets)
    assert not [path for path in run.left if path.name.startswith("rows-")]


def test_what_is_wrong_comes_out_of_rays_processes_as_the_sentence_that_it_is(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "data")
    (tmp_path / "data" / "1.csv").write_text("user_id,item_id,timestamp\nu1,i1,5\nu1,,6\n")
    config = run.reads("pvc://data", "CSV")
    config.run_folder.mkdir(parents=True)
    monkeypatch.setattr(reading, "MOST_IN_MEMORY", 1)
    with pytest.raises(AttemptFailed) as failed:
        checks.data(config)
    assert (failed.value.reason, failed.value.exit_code) == ("InvalidData", 2)
    assert isinstance(failed.value.__cause__, InvalidData)
    assert "is empty in" in failed.value.message
    del failed
    gc.collect()
    assert not ray.is_initialized(), "left, and not started again by what Ray Data left"
    assert not [path for path in run.left if path.name.startswith("rows-")]


FILLED = """
import sys
from pathlib import Path
from recsys_workers.train import checks, reading, run_config
from recsys_workers.train.failure import AttemptFailed

reading.MOST_IN_MEMORY = 1
config = run_config.read(Path(sys.argv[1]))
config.run_folder.mkdir(parents=True)
try:
    checks.data(config)
except AttemptFailed as error:
    print(error.reason, error.exit_code, error.message)
"""
"""Reads a dataset whose rows need more than the disk has."""


def test_rows_for_which_the_disk_has_no_room_are_told(run: Run, tmp_path: Path) -> None:
    """In a mount namespace of its own, with a disk of 16 KiB."""
    write_files(tmp_path / "data")
    run.document["cleaning"] = CLEANING
    run.reads("pvc://data", "CSV")
    script = 'mount -t tmpfs -o size=16k none "$TMPDIR" && exec "$0" -c "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, sys.executable, FILLED, str(tmp_path / "run.json")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workers"), "RAY_TMPDIR": "/tmp"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "DiskFull 1 The rows of the dataset pvc://data go by way of the disk, which has no room" in done.stdout
    assert f"in {tmp_path}/scratch of the pod" in done.stdout
