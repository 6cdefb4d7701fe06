"""A run whose files are wrong ends within seconds, for good, by file, column and count of rows; in every task."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.unit.workers.ranking import clicks
from tests.unit.workers.refusals import outcome
from tests.unit.workers.tabular import tables

SECONDS = 30.0
Table = list[dict[str, Any]]
INTERACTIONS = {"user": "User", "item": "Item", "day": "Timestamp"}


def interactions() -> Table:
    """5 users with 4 items each."""
    return [{"user": f"u{user}", "item": f"i{step}", "day": step} for user in range(5) for step in range(4)]


def of_interactions(folder: Path, monkeypatch: pytest.MonkeyPatch, table: Table) -> dict[str, Any]:
    """run.json of a run of lists on the rows."""
    made = tables.document(folder, monkeypatch, table)
    del made["objective"]
    made["schema"]["columns"] = [{"name": name, "role": role} for name, role in INTERACTIONS.items()]
    made["evaluation"] = {"protocol": "LeaveOneOut", "excludeSeen": True, "metrics": ["NDCG@10"]}
    made["gates"] = [{"name": "floor", "floor": {"metric": "NDCG@10", "min": "0.1"}}]
    return made


def sequential(folder: Path, monkeypatch: pytest.MonkeyPatch, table: Table) -> dict[str, Any]:
    return of_interactions(folder, monkeypatch, table) | {"task": "SequentialRecommendation", "architecture": "SASRec"}


def retrieval(folder: Path, monkeypatch: pytest.MonkeyPatch, table: Table) -> dict[str, Any]:
    return of_interactions(folder, monkeypatch, table) | {"task": "Retrieval", "architecture": "TwoTower"}


def regression(folder: Path, monkeypatch: pytest.MonkeyPatch, table: Table) -> dict[str, Any]:
    made = tables.document(folder, monkeypatch, table)
    made["evaluation"]["metrics"] = ["RMSE"]
    gates = [{"name": "ceiling", "floor": {"metric": "RMSE", "max": "9"}}]
    return made | {"objective": "Regression", "gates": gates}


@dataclass(frozen=True)
class Task:
    """How a run of a task is made of rows, and columns of it that a case spoils."""

    document: Callable[[Path, pytest.MonkeyPatch, Table], dict[str, Any]]
    rows: Callable[[], Table]
    read: str
    """A column that must be there and be whole."""
    typed: str
    """A column that holds numbers."""
    told: str
    """How it is told that the first row holds `soon` there."""


TASKS: Mapping[str, Task] = {
    "SequentialRecommendation": Task(sequential, interactions, "item", "day", "it holds 'soon' in line 2"),
    "Retrieval": Task(retrieval, interactions, "item", "day", "it holds 'soon' in line 2"),
    "Tabular": Task(tables.document, tables.rows, "plan", "tenure", "holds 'soon' in line 2, which is no number"),
    "Regression": Task(regression, tables.rows, "plan", "tenure", "holds 'soon' in line 2, which is no number"),
    "Ranking": Task(clicks.document, clicks.rows, "item", "price", "holds 'soon' in line 2, which is no number"),
}
OF_LISTS = ("SequentialRecommendation", "Retrieval")
OF_ROWS = ("Tabular", "Regression", "Ranking")


def refused(made: dict[str, Any], folder: Path, *said: str) -> None:
    """The run ends at once and for good, and its message has all of this."""
    began = time.monotonic()
    code, reason, message = outcome(made, folder)
    assert time.monotonic() - began < SECONDS
    assert (code, reason) == (2, "InvalidData"), message
    assert not [words for words in said if words not in message], message
    assert str(folder) not in message, "a user knows the claim, not where the pod has it"


def as_parquet(made: dict[str, Any], folder: Path, table: Table, **options: Any) -> Path:
    """Let the run read the rows as Parquet; where the file is."""
    (folder / "data" / "customers.csv").unlink()
    path = folder / "data" / "customers.parquet"
    parquet.write_table(pa.Table.from_pylist(table), path, **options)
    made["dataset"]["format"] = "Parquet"
    return path


@pytest.mark.parametrize("name", TASKS)
def test_a_column_that_is_not_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = TASKS[name]
    table = [{key: cell for key, cell in row.items() if key != task.read} for row in task.rows()]
    found = f"it has {', '.join(table[0])} ({len(table)} rows). Name one of these there, or write the column into the "
    for file_format in ("csv", "parquet"):
        folder = tmp_path / file_format
        folder.mkdir()
        made = task.document(folder, monkeypatch, table)
        if file_format == "parquet":
            as_parquet(made, folder, table)
        refused(made, folder, f"pvc://data/customers.{file_format} has no column {task.read!r}, which sch", found)


@pytest.mark.parametrize("name", TASKS)
def test_a_value_of_another_type(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, table = TASKS[name], TASKS[name].rows()
    table[0][task.typed] = table[9][task.typed] = "soon"
    made = task.document(tmp_path, monkeypatch, table)
    refused(made, tmp_path, f"pvc://data/customers.csv: the column {task.typed!r}", task.told, f"2 of its {len(table)}")


@pytest.mark.parametrize(
    ("others", "wrong", "said"),
    [
        (None, ("inf", "-inf"), "it holds inf in line 4, and in 2 of its {rows} rows what is neither. Correct them"),
        ("2026-01-01", ("2300-01-01", "1500-01-01"), "it holds 2300-01-01 in line 4, and in 2 of its {rows} rows what"),
        ("2026-01-01", ("2026-02-30", "2300-01-01"), "it holds '2026-02-30' in line 4, and in 2 of its {rows} rows"),
        ("2026-01-01", ("7", "8"), "of its {rows} rows 2 hold a number and {left} a time."),
    ],
    ids=["infinite", "outside", "no day", "numbers"],
)
@pytest.mark.parametrize("name", TASKS)
def test_a_time_that_is_none(
    name: str,
    others: str | None,
    wrong: tuple[str, str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of lists the time that orders them; of rows the one that splits them."""
    task, table = TASKS[name], TASKS[name].rows()
    for number, row in enumerate(table):
        row["day"] = others or number
    table[2]["day"], table[5]["day"] = wrong
    made = task.document(tmp_path, monkeypatch, table)
    if name in OF_ROWS:
        columns = [column for column in made["schema"]["columns"] if column["role"] != "Timestamp"]
        made["schema"]["columns"] = [*columns, {"name": "day", "role": "Timestamp"}]
        made["evaluation"]["protocol"] = "ByTime"
    told = said.format(rows=len(table), left=len(table) - 2)
    refused(made, tmp_path, "pvc://data/customers.csv: the column 'day' must hold a number, or an ISO 8601 time", told)


@pytest.mark.parametrize("name", OF_LISTS)
@pytest.mark.parametrize(
    ("kind", "wrong", "told"),
    [
        (pa.uint64(), 2**63, "it holds 9223372036854775808 in row 3, and in 1 of its 20 rows what is neither"),
        (
            pa.timestamp("s"),
            2**37,
            "it holds 6325-04-08 15:04:32.000 in row 3, and in 1 of its 20 rows what is neither",
        ),
        (pa.float32(), float("inf"), "it holds inf in row 3, and in 1 of its 20 rows what is neither"),
    ],
    ids=str,
)
def test_a_time_of_parquet_that_is_none(
    name: str, kind: pa.DataType, wrong: float, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = TASKS[name].rows()
    made = TASKS[name].document(tmp_path, monkeypatch, table)
    path = as_parquet(made, tmp_path, table)
    parquet.write_table(
        parquet.read_table(path).set_column(2, "day", pa.array([0, 1, wrong, *range(3, 20)], kind)), path
    )
    refused(made, tmp_path, "pvc://data/customers.parquet: the column 'day' must hold a number, or an", told)


@pytest.mark.parametrize("name", TASKS)
def test_a_cell_that_is_empty(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, table = TASKS[name], TASKS[name].rows()
    table[3][task.read] = table[4][task.read] = None
    made = task.document(tmp_path, monkeypatch, table)
    said = (f"the column {task.read!r} is empty", f"in 2 of {len(table)} rows", "line 5")
    refused(made, tmp_path, "pvc://data/customers.csv", *said)


@pytest.mark.parametrize("name", TASKS)
def test_a_csv_with_rows_of_other_lengths(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = TASKS[name]
    made = task.document(tmp_path, monkeypatch, task.rows())
    path = tmp_path / "data" / "customers.csv"
    lines = path.read_text().splitlines()
    width = lines[0].count(",") + 1
    lines[2], lines[5] = lines[2] + ",more", lines[5].rpartition(",")[0]
    path.write_text("\n".join(lines) + "\n")
    told = f"pvc://data/customers.csv cannot be read as CSV: line 3 has {width + 1} cells and the header {width}: "
    refused(made, tmp_path, told, f"Such are 2 of its {len(lines) - 1} rows")


@pytest.mark.parametrize("name", TASKS)
def test_text_in_another_encoding(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, table = TASKS[name], TASKS[name].rows()
    table[2][task.read] = "café"
    made = task.document(tmp_path, monkeypatch, table)
    path = tmp_path / "data" / "customers.csv"
    path.write_bytes(path.read_text().encode("latin-1"))
    told = f"the column {task.read!r} holds what is no UTF-8 in line 4, and so do 1 of its {len(table)} rows"
    refused(made, tmp_path, f"pvc://data/customers.csv cannot be read as CSV: {told}")


@pytest.mark.parametrize("damage", ["page", "cut", "text"])
@pytest.mark.parametrize("name", TASKS)
def test_a_damaged_parquet_file(name: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, table = TASKS[name], TASKS[name].rows()
    made = task.document(tmp_path, monkeypatch, table)
    path = as_parquet(made, tmp_path, table, write_page_checksum=True, compression="none", use_dictionary=False)
    data = bytearray(path.read_bytes())
    place = list(table[0]).index(task.read)
    chunk = parquet.read_metadata(path).row_group(0).column(place)
    data[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes({"page": data, "cut": data[:-20], "text": b"user,item,day\n"}[damage])
    # Without its end nobody knows which columns and rows a file has.
    column = f"the column {task.read!r} of its {len(table)} rows is damaged: " if damage == "page" else ""
    refused(made, tmp_path, f"pvc://data/customers.parquet cannot be read as Parquet: {column}", "Write it anew.")


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("name", TASKS)
def test_one_row_or_none(name: str, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = TASKS[name]
    made = task.document(tmp_path, monkeypatch, task.rows()[:1])
    path = tmp_path / "data" / "customers.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[: 1 + rows]))
    if not rows:
        told = ("The dataset pvc://data/customers.csv has no rows.",)
    elif name in OF_LISTS:
        told = ("pvc://data/customers.csv, columns 'user', 'item', 'day': ", "of the 1 users with together 1 rows")
    else:
        told = (f"pvc://data/customers.csv: the protocol {made['evaluation']['protocol']} splits 1 rows ", "nothing is")
    refused(made, tmp_path, *told)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("LeaveOneOut", "None of the 20 users with together 20 rows has 3 or more interactions (the longest has 1)"),
        ("ByTime", "ByTime cuts the 20 rows at 16 and 18: 16 lie before, 2 between for validation, 2 after for"),
        (
            "ByRatio",
            "ByRatio takes 10 % of each user's rows for the test and 10 % for validation: of the 20 rows of 20 users "
            "20 train, 0 validate, 0 test. Nothing is left to train on: no user, of whom the longest has 1 rows,",
        ),
    ],
)
@pytest.mark.parametrize("name", OF_LISTS)
def test_users_with_one_item_each(
    name: str, protocol: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = [{"user": f"u{number}", "item": f"i{number % 4}", "day": number} for number in range(20)]
    made = TASKS[name].document(tmp_path, monkeypatch, table)
    made["evaluation"]["protocol"] = protocol
    refused(made, tmp_path, f"pvc://data/customers.csv, columns 'user', 'item', 'day': {said}")


def by_column(made: dict[str, Any]) -> dict[str, Any]:
    """The run of lists with the protocol ByColumn."""
    made["schema"]["columns"].append({"name": "part", "role": "Split"})
    made["evaluation"] = {**made["evaluation"], "protocol": "ByColumn"}
    return made


WITH_PARTS = "pvc://data/customers.csv, columns 'user', 'item', 'day', 'part': ByColumn"


@pytest.mark.parametrize(
    ("parts", "changed", "said"),
    [
        (
            ("train", "train", "validation", "test"),
            {3: "Test", 7: "tests"},
            "pvc://data/customers.csv, line 5: the column 'part' holds 'Test', and another value than train, "
            "validation, test in 2 of 20 rows: write one of these three.",
        ),
        (
            ("train", "train", "validation", "test"),
            {3: None, 6: None},
            "pvc://data/customers.csv: the column 'part' is empty in 2 of 20 rows, the first is line 5: fill it, or",
        ),
        (
            ("train", "validation", "train", "test"),
            {2: "validation", 6: "test", 7: "validation"},
            f"{WITH_PARTS}: 4 of 20 rows, of 4 of 5 users, go back to an earlier part than a row before them has: the "
            "user 'u1' has a row with validation at 3 after one with test at 2.",
        ),
        (
            ("train", "train", "train", "validation"),
            {},
            f"{WITH_PARTS} splits the 20 rows by the column 'part' into 15 train, 5 validation, 0 test. Nothing is",
        ),
        (
            ("validation", "validation", "test", "test"),
            {0: "train"},
            f"{WITH_PARTS} splits the 20 rows by the column 'part' into 1 train, 9 validation, 10 test. Nothing is "
            "left to train on: no user has two rows with train.",
        ),
        (None, {}, "pvc://data/customers.csv has no column 'part', which schema.columns names: it has user, item, day"),
    ],
    ids=["value", "empty", "back", "part", "training", "column"],
)
@pytest.mark.parametrize("name", OF_LISTS)
def test_a_split_column_that_is_wrong(
    name: str,
    parts: tuple[str, ...] | None,
    changed: dict[int, str | None],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = TASKS[name].rows()
    for number, row in enumerate(table if parts else ()):
        row["part"] = changed.get(number, parts[row["day"]] if parts else None)
    made = by_column(TASKS[name].document(tmp_path, monkeypatch, table))
    refused(made, tmp_path, said)


@pytest.mark.parametrize("name", OF_LISTS)
def test_a_split_column_of_another_type(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = [{**row, "part": row["day"] > 2} for row in TASKS[name].rows()]
    made = by_column(TASKS[name].document(tmp_path, monkeypatch, table))
    as_parquet(made, tmp_path, table)
    refused(
        made, tmp_path, "customers.parquet, row 1: the column 'part' holds 'false', and another value than", "20 of 20"
    )


@pytest.mark.parametrize("name", TASKS)
def test_a_cleaning_that_leaves_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, table = TASKS[name], TASKS[name].rows()
    for row in table:
        row[task.read] = None
    made = task.document(tmp_path, monkeypatch, table)
    made["cleaning"] = {"missing": "Drop"}
    dropped = f"all {len(table)} rows" if name in OF_LISTS else f"{len(table)}"
    refused(made, tmp_path, "pvc://data/customers.csv", f"dropped {dropped}", task.read)


@pytest.mark.parametrize("name", OF_ROWS)
@pytest.mark.parametrize("file_format", ["CSV", "Parquet"])
def test_labels_that_are_no_number(
    name: str, file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written as text a CSV may hold NaN as a class of its own; for a column of numbers it is a missing value."""
    task, table = TASKS[name], TASKS[name].rows()
    label = "click" if name == "Ranking" else "label"
    for row in table:
        row[label] = float(row[label]) if file_format == "Parquet" else row[label]
    table[0][label] = table[6][label] = float("nan")
    made = task.document(tmp_path, monkeypatch, table)
    if file_format == "Parquet":
        as_parquet(made, tmp_path, table)
    place = "line 2" if file_format == "CSV" else "row 1"
    told = f"pvc://data/customers.{file_format.lower()}, {place}: the label column {label!r} "
    text = file_format == "CSV" and name != "Regression"
    refused(made, tmp_path, told + ("holds 'nan', and " if text else "is empty, and so in "), f"2 of {len(table)} rows")


@pytest.mark.parametrize("name", OF_ROWS)
def test_labels_that_are_all_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, table = TASKS[name], TASKS[name].rows()
    label = "click" if name == "Ranking" else "label"
    for row in table:
        row[label] = 1
    made = task.document(tmp_path, monkeypatch, table)
    refused(made, tmp_path, f"pvc://data/customers.csv: the label column {label!r} (", " rows) is ", "in all ")


def test_a_wrong_row_leaves_nothing_to_go_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = TASKS["Tabular"]
    made = task.document(tmp_path, monkeypatch, task.rows()[:1])
    assert outcome(made, tmp_path)[0] == 2
    told = json.loads((tmp_path / "termination").read_text())
    assert told["reason"] == "InvalidData"
    assert not list((tmp_path / "store").rglob("versions/*"))
    (folder,) = (tmp_path / "store").rglob("runs/uid-1")
    assert [entry.name for entry in folder.iterdir()] == ["attempt.lock"]
