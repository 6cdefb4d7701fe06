"""What is fitted on the training rows, and that trainer and server make the same inputs of the same rows."""

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.unit.workers.tabular.tables import COLUMNS, document, rows

from recsys_workers import preprocessing
from recsys_workers.data.files import list_files
from recsys_workers.manifest import ArtifactError
from recsys_workers.preprocessing import Hashed, Inputs, Numeric, OneHot, Preprocessing, Target
from recsys_workers.serve.rows import parse
from recsys_workers.tabular import data, schema
from recsys_workers.train import run_config

COUNT = 10_000


def loaded(made: dict[str, Any], folder: Path) -> data.Rowwise:
    config = run_config.parse(made)
    files = list_files(folder / "data", config.dataset.format)
    return data.load(files, config, schema.parse(config.schema, config.objective))


def all_inputs(found: data.Rowwise) -> Inputs:
    """Of all rows, as the trainer makes them."""
    return found.preprocessing.apply(data.columns_of(found.table, found.rows), len(found.rows))


def served(found: data.Rowwise, table: list[dict[str, Any]], at_once: int) -> Inputs:
    """Of the same rows, as the server makes them of requests, by the saved file."""
    fitted = preprocessing.decode(preprocessing.encode(found.preprocessing))
    names = [column["name"] for column in COLUMNS if column["role"] != "Label"]
    parts = []
    for start in range(0, len(table), at_once):
        asked = [{name: row[name] for name in names} for row in table[start : start + at_once]]
        parts.append(fitted.apply(*parse(json.dumps({"rows": asked}).encode(), fitted)))
    return Inputs(
        np.concatenate([part.numeric for part in parts]),
        np.concatenate([part.categorical for part in parts]),
        sum(part.unknown for part in parts),
    )


@pytest.mark.parametrize("file_format", ["CSV", "Parquet", "JSONLines"])
def test_trainer_and_server_make_the_same_bits_of_10000_rows(
    file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = rows(COUNT)
    made = document(tmp_path, monkeypatch, table)
    made["dataset"]["format"] = file_format
    if file_format == "Parquet":
        parquet.write_table(pa.Table.from_pylist(table), tmp_path / "data" / "customers.parquet")
    if file_format == "JSONLines":
        (tmp_path / "data" / "customers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    found = loaded(made, tmp_path)
    trained = all_inputs(found)
    for at_once in (1, 7, 1000):
        asked = served(found, table if at_once > 1 else table[:500], at_once)
        assert np.array_equal(trained.numeric[: len(asked)], asked.numeric)
        assert np.array_equal(trained.categorical[: len(asked)], asked.categorical)
    assert trained.numeric.dtype == np.float32
    assert not np.isnan(trained.numeric).any()
    assert len(np.unique(trained.categorical[:, 1])) > 10


def test_only_training_rows_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = rows()
    for row in table:
        if row["part"] != "train":
            row.update(tenure=1e6, plan="unseen")
    made = document(tmp_path, monkeypatch, table)
    made["schema"]["columns"] = [*COLUMNS, {"name": "part", "role": "Split"}]
    made["evaluation"]["protocol"] = "ByColumn"
    found = loaded(made, tmp_path)
    tenure, idle, plan, phone = found.preprocessing.columns
    known = [row["tenure"] for row in table if row["part"] == "train"]
    assert isinstance(tenure, Numeric)
    assert tenure.mean == pytest.approx(np.mean(known))
    assert tenure.scale == pytest.approx(np.std(known))
    assert isinstance(idle, Numeric)
    assert idle.missing
    assert isinstance(plan, OneHot)
    assert plan.values == ("plan-0", "plan-1", "plan-2")[: len(plan.values)]
    assert "unseen" not in plan.values
    assert phone == Hashed("phone", 16, True)
    standard = found.examples(found.parts.train).inputs.numeric[:, 0]
    assert (standard.mean(), standard.std()) == (pytest.approx(0, abs=1e-5), pytest.approx(1, abs=1e-5))
    test = found.examples(found.parts.test).inputs
    assert (test.numeric[:, 0] == preprocessing.FURTHEST).all()
    assert (test.categorical[:, 0] == preprocessing.UNKNOWN).all()
    assert test.unknown == len(test)


FITTED = Preprocessing(
    (Numeric("age", 40.0, 10.0, True), OneHot("plan", ("a", "b"), True), Hashed("phone", 4, False)),
    Target("y", "Binary", ("0", "1")),
)


def test_each_value_has_its_place() -> None:
    made = FITTED.apply({"age": np.array([50.0, np.nan]), "plan": ["b", None], "phone": ["x", "x"]}, 2)
    assert made.numeric.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert made.categorical[:, 0].tolist() == [2, 3], "rows 1 and 2 are the values, 3 is a missing one"
    (bucket,) = set(made.categorical[:, 1].tolist())
    assert bucket == 4 + preprocessing.bucket_of("phone", "x", 4)
    assert FITTED.table_size == 1 + 3 + 4
    unknown = FITTED.apply({"age": np.array([40.0]), "plan": ["c"], "phone": ["y"]}, 1)
    assert (unknown.categorical[0, 0], unknown.unknown) == (preprocessing.UNKNOWN, 1)


def test_a_hash_is_the_same_everywhere() -> None:
    """These are in versions that are served: another hash would be another model."""
    assert [preprocessing.bucket_of("phone", value, 1000) for value in ("a", "ü", "\ud800")] == [926, 110, 967]


@pytest.mark.parametrize(
    "broken", [b"", b"[]", b"{}", b'{"schemaVersion": 2}', preprocessing.encode(FITTED).replace(b"OneHot", b"TwoHot")]
)
def test_another_file_is_refused(broken: bytes) -> None:
    with pytest.raises(ArtifactError, match=r"preprocessing.json cannot be used"):
        preprocessing.decode(broken)
    assert preprocessing.decode(preprocessing.encode(FITTED)) == FITTED


def test_cleaning_drops_rows_that_lack_what_they_must_have_and_then_those_outside_the_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = rows()
    for number, column in enumerate(("tenure", "plan", "label", "day")):
        table[20 + number][column] = None
    made = document(tmp_path, monkeypatch, table)
    made["schema"]["columns"] = [*COLUMNS, {"name": "day", "role": "Timestamp"}]
    made["evaluation"] = {"protocol": "ByTime", "metrics": ["Accuracy"]}
    made["cleaning"] = {"missing": "Drop", "timeWindow": {"from": 5, "to": 25}}
    found = loaded(made, tmp_path)
    assert [(entry.rule, entry.rows) for entry in found.dropped] == [("missing", 4), ("timeWindow", 20)]
    assert found.rows.tolist() == [row for row in range(10, 50) if row not in range(20, 24)]
    days = {name: [table[found.rows[row]]["day"] for row in getattr(found.parts, name)] for name in ("train", "test")}
    assert max(days["train"]) < min(days["test"])
    report = json.loads(data.report(found, "pvc://data", "CSV", "sha256:0", {}))
    assert report["timeRange"] == {"first": "5", "last": "24"}
    assert (report["rowsRead"], report["rows"]) == (60, 36)


def test_cleaning_drops_values_out_of_bounds_and_then_those_beyond_the_quantiles_of_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = rows(300)
    table[11]["idle"] = 1e9  # It would move the quantiles, were it not gone before.
    made = document(tmp_path, monkeypatch, table)
    made["cleaning"] = {
        "bounds": [{"column": "idle", "max": "1e6"}, {"column": "tenure", "min": "10.5", "max": "30"}],
        "quantiles": [{"column": "idle", "lower": "0.05", "upper": "0.9"}, {"column": "tenure", "upper": "0.98"}],
    }
    found = loaded(made, tmp_path)
    left = [row for row in range(300) if not (table[row]["idle"] or 0) > 1e6 and 10.5 <= table[row]["tenure"] <= 30]

    def quantile(column: str, percent: int) -> float:
        values = [table[row][column] for row in left if table[row][column] is not None]
        return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]

    low, high, longest = quantile("idle", 5), quantile("idle", 90), quantile("tenure", 98)
    kept = [
        row
        for row in left
        if (table[row]["idle"] is None or low <= table[row]["idle"] <= high) and table[row]["tenure"] <= longest
    ]
    assert found.rows.tolist() == kept
    assert any(table[row]["idle"] is None for row in kept)
    assert 0 < len(kept) < len(left) < 300
    assert [(entry.rule, entry.rows) for entry in found.dropped] == [
        ("bounds", 300 - len(left)),
        ("quantiles", len(left) - len(kept)),
    ]


@pytest.mark.parametrize("rule", ["KeepFirst", "KeepLast"])
def test_cleaning_keeps_one_of_the_rows_that_are_equal_in_every_column(
    rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = rows(60)
    table += [dict(table[row]) for row in (3, 5, 3, 10)]  # In rows 3, 5 and 10 something is missing.
    table += [{**table[20], "day": 99}, {**table[21], "plan": "plan-x"}, {**table[22], "unread": "x"}]
    for row in table:
        row.setdefault("unread", "y")
    made = document(tmp_path, monkeypatch, table)
    made["schema"]["columns"] = [*COLUMNS, {"name": "day", "role": "Timestamp"}]
    made["cleaning"] = {"duplicates": rule}
    found = loaded(made, tmp_path)
    read = [tuple(row[name] for name in ("tenure", "idle", "plan", "phone", "label", "day")) for row in table]
    places: dict[Any, list[int]] = {}
    for number, values in enumerate(read):
        places.setdefault(values, []).append(number)
    assert found.rows.tolist() == sorted(same[0 if rule == "KeepFirst" else -1] for same in places.values())
    assert [(entry.rule, entry.rows) for entry in found.dropped] == [("duplicates", 5)]
