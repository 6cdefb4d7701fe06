"""Rows of one group stand in one part of the split, whatever the protocol."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.workers.refusals import outcome
from tests.unit.workers.tabular.tables import document, rows

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import list_files
from recsys_workers.data.split_column import PARTS
from recsys_workers.evaluate import metrics
from recsys_workers.preprocessing import Numeric
from recsys_workers.tabular import data, schema
from recsys_workers.train import run_config

COLUMNS = [{"name": "tenure", "role": "Numeric"}, {"name": "label", "role": "Label"}]
GROUP = {"name": "household", "role": "Group"}


def grouped(count: int, seed: int = 3) -> list[dict[str, Any]]:
    """Rows of households of one to a few dozen, mixed."""
    random = np.random.default_rng(seed)
    households = np.minimum(random.zipf(1.6, count) * 7 + random.integers(0, count // 8, count), count)
    return [
        {**row, "household": f"h-{household}"} for row, household in zip(rows(count), households.tolist(), strict=True)
    ]


def loaded(made: dict[str, Any], folder: Path) -> data.Rowwise:
    config = run_config.parse(made)
    files = list_files(folder / "data", config.dataset.format)
    return data.load(files, config, schema.parse(config.schema, config.objective))


def parts_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch, table: list[dict[str, Any]], *columns: dict[str, Any], **ratio: int
) -> tuple[data.Rowwise, list[set[str]]]:
    made = document(folder, monkeypatch, table)
    made["schema"]["columns"] = [*COLUMNS, *columns]
    made["evaluation"]["byRatio"] = ratio
    found = loaded(made, folder)
    return found, [{table[row]["household"] for row in found.rows[getattr(found.parts, part)]} for part in PARTS]


def test_by_ratio_deals_whole_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = grouped(2000)
    found, (train, validation, test) = parts_of(
        tmp_path, monkeypatch, table, GROUP, validationPercent=20, testPercent=30
    )
    assert not train & (validation | test)
    assert not validation & test
    assert train | validation | test == {row["household"] for row in table}
    sizes = [len(getattr(found.parts, part)) for part in PARTS]
    assert sizes == pytest.approx([1000, 400, 600], abs=100)
    assert found.protocol["evaluatedGroups"] == len(test)
    assert found.protocol["split"].startswith("groups (all rows of one value of the column household) are dealt at")
    # Of the same table without groups, the same household is found in several parts.
    _, (train, _, test) = parts_of(tmp_path / "rows", monkeypatch, table, validationPercent=20, testPercent=30)
    assert train & test


def test_a_group_stays_where_it_is_when_rows_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = grouped(2000)
    _, before = parts_of(tmp_path / "a", monkeypatch, table, GROUP, validationPercent=20, testPercent=20)
    more = [*reversed(table), *({**row, "household": f"new-{row['household']}"} for row in table[:400])]
    _, after = parts_of(tmp_path / "b", monkeypatch, more, GROUP, validationPercent=20, testPercent=20)
    stayed = sum(len(one & other) for one, other in zip(before, after, strict=True))
    assert stayed > 0.9 * sum(len(one) for one in before)


def test_intervals_count_a_groups_rows_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = parts_of(tmp_path, monkeypatch, grouped(2000), GROUP, validationPercent=20, testPercent=30)
    clusters = found.clusters(found.parts.test)
    assert clusters is not None
    assert len(np.unique(clusters)) == found.protocol["evaluatedGroups"] < len(clusters)
    assert found.users(found.parts.test) is None
    assert "normal over groups" in found.protocol["interval"]
    alike = (clusters % 2).astype(np.float64)
    together, apart = metrics.estimate("Accuracy", alike, clusters), metrics.estimate("Accuracy", alike)
    assert together.standard_error > 1.5 * apart.standard_error


@pytest.mark.parametrize("columns", [[], [GROUP]], ids=["rows", "groups"])
@pytest.mark.parametrize(("count", "ratio"), [(5, {"validationPercent": 10, "testPercent": 10}), (2, {}), (3, {})])
def test_folds_deal_what_does_not_test(
    count: int,
    ratio: dict[str, int],
    columns: list[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = grouped(2000)
    ratio = ratio or {"validationPercent": 40, "testPercent": 40}
    found, _ = parts_of(tmp_path, monkeypatch, table, *columns, folds=count, **ratio)
    assert len(found.folds) == count
    others = set(range(len(table))) - set(found.parts.test.tolist())
    held = [set(fold.parts.test.tolist()) for fold in found.folds]
    assert set.union(*held) == others
    assert sum(map(len, held)) == len(others)
    assert [len(one) for one in held] == pytest.approx([len(others) / count] * count, abs=60 if columns else 1)
    share = ratio["validationPercent"] / (100 - ratio["testPercent"])
    for fold, tested in zip(found.folds, held, strict=True):
        parts = [set(getattr(fold.parts, part).tolist()) for part in PARTS]
        assert parts[0] | parts[1] == others - tested
        assert not parts[0] & parts[1]
        assert len(parts[1]) == pytest.approx(share * len(others - tested), abs=80 if columns else 1)
        names = [{table[row]["household"] for row in part} for part in parts]
        assert not (columns and (names[0] & names[1] or names[0] & names[2] or names[1] & names[2]))
        (tenure,) = fold.preprocessing.columns
        trained = [table[row]["tenure"] for row in sorted(parts[0])]
        assert isinstance(tenure, Numeric)
        assert tenure.mean == pytest.approx(np.mean(trained)), "fitted on the fold's own training rows"
    assert len({one.preprocessing.columns for one in (found, *found.folds)}) == count + 1
    # What is published is what it is without folds.
    alone, _ = parts_of(tmp_path / "alone", monkeypatch, table, *columns, **ratio)
    assert np.array_equal(alone.parts.train, found.parts.train)
    assert alone.preprocessing == found.preprocessing
    assert (alone.folds, "crossValidation" in alone.protocol) == ((), False)
    assert f"into {count} folds" in found.protocol["crossValidation"]


def test_a_fold_with_one_class_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = document(tmp_path, monkeypatch, rows(60))
    made["evaluation"]["byRatio"]["folds"] = 20
    with pytest.raises(
        InvalidData, match=r"^Fold \d+ of 20, where test is the fold: .* in all [23] rows of the part te"
    ):
        loaded(made, tmp_path)


def test_too_few_groups_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = [{**row, "household": f"h-{number % 3}"} for number, row in enumerate(rows(60))]
    with pytest.raises(
        InvalidData, match=r"splits 60 rows by the column 'household' into .* left for (validation|test)"
    ):
        parts_of(tmp_path, monkeypatch, table, GROUP, validationPercent=10, testPercent=10)


@pytest.mark.parametrize(
    ("protocol", "column", "said"),
    [
        (
            "ByColumn",
            {"name": "part", "role": "Split"},
            r"line 4: the column 'part' says validation, but rows of the same group \(household 'h-0'\) stand in train "
            r"before it, and so do 15 of 15 groups in several parts",
        ),
        ("ByTime", {"name": "day", "role": "Timestamp"}, "may cut the groups of the column 'household' in two"),
    ],
)
def test_other_protocols_tear_no_group_apart(
    protocol: str, column: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = [{**row, "household": f"h-{number // 4}"} for number, row in enumerate(rows())]
    made = document(tmp_path, monkeypatch, table)
    made["schema"]["columns"] = [*COLUMNS, GROUP, column]
    made["evaluation"] = {"protocol": protocol, "metrics": ["Accuracy"]}
    code, reason, message = outcome(made, tmp_path)
    assert (code, reason) == (2, "InvalidData")
    assert re.search(said, message)


def test_a_column_may_say_the_part_of_each_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = [{**row, "household": f"h-{number % 12}"} for number, row in enumerate(rows())]
    made = document(tmp_path, monkeypatch, table)
    made["schema"]["columns"] = [*COLUMNS, GROUP, {"name": "part", "role": "Split"}]
    made["evaluation"] = {"protocol": "ByColumn", "metrics": ["Accuracy"]}
    found = loaded(made, tmp_path)
    assert found.protocol["evaluatedGroups"] == 3


def test_a_row_without_a_group_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = grouped(60)
    table[5]["household"] = None
    with pytest.raises(InvalidData, match=r"line 7: the column 'household' is empty, and so in 1 of 60 rows"):
        parts_of(tmp_path, monkeypatch, table, GROUP, validationPercent=20, testPercent=20)
