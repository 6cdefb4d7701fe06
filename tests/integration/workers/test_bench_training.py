"""The training benchmark runs to its end on data that are not amazon-beauty's, and keeps nothing of them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks import readme, recorded
from benchmarks.training import beauty

pytestmark = [pytest.mark.torch, pytest.mark.full, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
USERS, ITEMS, KINDS = 80, 60, 6
NAMES = ("SASRec", "BSARecAttributes")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Users who go from an item to the next one of its kind, in the two files of the benchmark."""
    folder = tmp_path / "shop"
    folder.mkdir()
    random = np.random.default_rng(1)
    lines = []
    for user in range(USERS):
        start = int(random.integers(ITEMS))
        items = [(start + step * KINDS) % ITEMS + 1 for step in range(int(random.integers(5, 10)))]
        lines.append(" ".join(map(str, [user + 1, *items])))
    (folder / beauty.SEQUENCES).write_text("\n".join(lines) + "\n")
    kinds = {str(item): [item % KINDS, KINDS + item % 2] for item in range(1, ITEMS + 1)}
    (folder / beauty.ATTRIBUTES).write_text(json.dumps(kinds))
    return folder


def kept() -> dict[Path, bytes]:
    """Every recorded result, and the page that shows them."""
    return {file: file.read_bytes() for file in [*recorded.RESULTS.iterdir(), readme.PAGE]}


def ran(shop: Path, *options: str) -> str:
    """What the benchmark prints."""
    only = [word for name in NAMES for word in ("--only", name)]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT / 'workers'}:{ROOT}",
        "XDG_CACHE_HOME": str(shop.parent / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "benchmarks.training", "--data", str(shop), *only, "--seed", "1", *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(printed: str) -> dict[str, list[str]]:
    """The line of each configuration in the table."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.splitlines() if line[:2] == "| "]
    return {row[0]: row for row in found[2:]}


def test_a_trial_on_other_data_reads_no_test_figure_and_records_nothing(shop: Path) -> None:
    before = kept()
    printed = ran(shop, "--epochs", "1")
    assert kept() == before
    assert printed.startswith("Protocol: the data of shop, leave-one-out (the last item of each user tests,")
    assert f"{USERS} users, {ITEMS} items, " in printed
    assert "Test is not read: this is a trial, and validation chooses." in printed
    assert "Nothing is recorded: the options or the data are others than those of the benchmark." in printed
    found = rows(printed)
    assert tuple(found) == NAMES, "no published figures beside those of other data"
    for row in found.values():
        assert re.fullmatch(r"[01]\.\d{4}", row[2])
        assert row[3:6] == ["not read", "", ""]
        assert row[6] == "1"
    assert "reached" not in printed


def test_all_epochs_on_other_data_learn_and_record_nothing(shop: Path) -> None:
    before = kept()
    printed = ran(shop)
    assert kept() == before
    assert "Nothing is recorded: the options or the data are others than those of the benchmark." in printed
    assert "reached" not in printed
    found = rows(printed)
    assert tuple(found) == NAMES
    for row in found.values():
        assert float(row[2]) > 0.3, "the next item of a kind is easy to tell"
