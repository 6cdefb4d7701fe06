"""Much data in a small pod: all of it is cleaned, split and learned from, and nothing is killed for its memory."""

from pathlib import Path
from typing import Any

import pytest
from benchmarks.scale import rows
from benchmarks.scale.__main__ import generated, run_json, table
from benchmarks.scale.attempt import measured
from benchmarks.scale.configuration import GIB, STEPS

from recsys_workers import manifest

pytestmark = [pytest.mark.torch, pytest.mark.full, pytest.mark.timeout(7200)]
LEAST_ROWS = 0.95
"""Of the events that are asked for, which are so many on average."""
LEAST_BYTES = 256 << 20
"""What torch and Ray hold of themselves: a figure below counts nothing."""


@pytest.mark.parametrize("events", [1_000_000, 10_000_000])
def test_a_run_on_many_events_stays_below_two_gibibytes(events: int, tmp_path: Path) -> None:
    generated(tmp_path, events)
    cleaning = {"duplicates": "KeepFirst", "minUserInteractions": 5, "minItemInteractions": 5}
    found = measured(run_json(cleaning), tmp_path, 2 * GIB)
    told = f"{table(found)}\n{found.unlimited}\n{found.log[-3000:]}"
    print(table(found))
    assert (found.code, found.killed) == (0, 0), told
    assert LEAST_BYTES < found.peak < 2 * GIB, told
    version = manifest.load(tmp_path / "store/shop/scale/versions/1", None)
    assert version.manifest.dataset["interactions"] > LEAST_ROWS * events
    assert version.manifest.dataset["rowsDropped"] > 0
    assert f'"step": {STEPS}' in found.log
    if events > 2_000_000:
        assert "by way of the disk" in found.log


ROWS = 10_000_000


@pytest.fixture(scope="module")
def impressions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of many rows, and room for versions."""
    folder = tmp_path_factory.mktemp("impressions")
    rows.generated(folder, ROWS)
    return folder


@pytest.mark.parametrize("task", [rows.RANKING, rows.TABULAR], ids=["Ranking", "Tabular"])
def test_a_run_on_many_rows_of_a_table_stays_below_two_gibibytes(task: dict[str, Any], impressions: Path) -> None:
    found = measured(rows.run_json(task, STEPS), impressions, 2 * GIB)
    told = f"{table(found)}\n{found.unlimited}\n{found.log[-3000:]}"
    print(table(found))
    assert (found.code, found.killed) == (0, 0), told
    assert LEAST_BYTES < found.peak < 2 * GIB, told
    version = manifest.load(impressions / "store/shop" / task["task"].lower() / "versions/1", None)
    assert version.manifest.dataset["interactions"] > LEAST_ROWS * ROWS
    assert version.manifest.dataset["rowsDropped"] > 0
    assert version.manifest.verdict == "Passed", told
    assert f'"step": {STEPS}' in found.log
