"""Rows that are read and laid down in small parts are those of whole files, bit by bit, and so is what is refused."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from tests.unit.workers.tabular.tables import document
from tests.unit.workers.tabular.tables import rows as customers

from recsys_workers import preprocessing
from recsys_workers.data import arrays, json_lines, parts
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import list_files
from recsys_workers.data.readers import READERS
from recsys_workers.tabular import data, reading, schema, table
from recsys_workers.train import run_config

ROOT = Path(__file__).parents[4]
Columns = dict[str, list[Any]]
COLUMNS: list[dict[str, Any]] = [
    {"name": "user", "role": "User", "minRows": 3},
    {"name": "item", "role": "Item", "minRows": 2},
    {"name": "day", "role": "Timestamp", "calendar": ["Weekday", "Hour"], "encoding": "Cyclic"},
    {"name": "seen", "role": "Calendar", "missing": "Impute", "unit": "Milliseconds"},
    {"name": "price", "role": "Numeric", "missing": "ForwardFill"},
    {"name": "brand", "role": "Categorical", "missing": "ForwardFill"},
    {"name": "shop", "role": "Categorical", "encoding": "Hashed", "buckets": 7, "missing": "Impute"},
    {"name": "words", "role": "Text", "missing": "Constant", "fill": "no words at all"},
    {"name": "weight", "role": "Weight"},
    {"name": "click", "role": "Label"},
]
RULES: list[dict[str, Any]] = [
    {
        "missing": "Drop",
        "duplicates": "KeepLast",
        "minUserInteractions": 9,
        "quantiles": [{"column": "price", "upper": "0.95"}],
    },
    {"duplicates": "KeepFirst", "missing": "Drop", "bounds": [{"column": "price", "min": "9"}]},
]
WRITERS: Mapping[str, Callable[[pa.Table, Path], None]] = {
    "CSV": lambda rows, path: csv.write_csv(rows, path.with_suffix(".csv")),
    "Parquet": lambda rows, path: parquet.write_table(rows, path.with_suffix(".parquet"), row_group_size=17),
    "JSONLines": lambda rows, path: (
        path.with_suffix(".jsonl").write_text(
            "\n".join(json.dumps(row) + "\n" * (number % 7 == 3) for number, row in enumerate(rows.to_pylist()))
        )
        and None
    ),
}
COUNT = 160


def made(*, lacking: bool = False) -> Columns:
    """Rows of which some are there twice, and some lack values; when asked for one that none may lack."""
    random = np.random.default_rng(3)
    rows = [
        {
            "user": f"u-{int(random.integers(0, 12))}",
            "item": int(random.integers(0, 9)),
            "day": int(random.integers(0, 90)) * 7000,
            "seen": None if number % 9 == 4 else int(random.integers(0, 10**12)),
            "price": None if number % 6 == 5 else round(float(random.gamma(2, 10)), 2),
            "brand": None if number % 7 == 2 else f"b-{int(random.integers(0, 4))}",
            "shop": None if number % 11 == 5 else int(random.integers(0, 30)),
            "words": None if number % 5 == 1 else " ".join(random.choice(["red", "warm", "big", "old"], 3)),
            "weight": None if lacking and number == 77 else 1 + number % 3,
            "click": int(random.random() < 0.4),
        }
        for number in range(COUNT)
    ]
    rows = [rows[number - 40] if number % 10 == 9 and number > 40 else row for number, row in enumerate(rows)]
    return {name: [row[name] for row in rows] for name in rows[0]}


def found(folder: Path, file_format: str, cleaning: Mapping[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    """What is left for Ray's worker and told in the version, or why the rows are refused."""
    made = changed | {"cleaning": cleaning, "dataset": {"uri": "pvc://data", "format": file_format}}
    config = run_config.parse(made)
    try:
        loaded = data.load(
            list_files(folder / "rows", file_format),
            config,
            schema.parse(config.schema, config.objective, config.task),
        )
    except InvalidData as error:
        return {"refused": str(error)}
    left = folder / "left"
    shutil.rmtree(left, ignore_errors=True)  # of the call before
    left.mkdir()
    data.write(left, loaded)
    return {
        "report": data.report(loaded, "pvc://data", file_format, "sha256:0", cleaning),
        "preprocessing": preprocessing.encode(loaded.preprocessing),
        "said": loaded.sentence(),
        "places": [loaded.table.place(row) for row in range(len(loaded.table))],
        "users": loaded.users(np.arange(len(loaded.rows))),
        **{path.name: path.read_bytes() for path in sorted(left.iterdir())},
    }


def require_same(expected: dict[str, Any], other: dict[str, Any]) -> None:
    assert expected.keys() == other.keys(), (expected.get("refused"), other.get("refused"))
    for name, value in expected.items():
        assert np.array_equal(other[name], value) if name == "users" else other[name] == value, name


def both(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    columns: Columns,
    file_format: str,
    cleaning: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The same from whole files, and in parts of a few rows."""
    changed = document(folder, monkeypatch)
    del changed["objective"]
    changed |= {"task": "Ranking", "architecture": "DCNv2", "schema": {"columns": COLUMNS}}
    changed["evaluation"] = {"protocol": "ByTime", "metrics": ["AUC", "GAUC"]}
    (folder / "rows").mkdir()
    rows = pa.table(columns)
    for number, start in enumerate((0, 70, COUNT)):
        WRITERS[file_format](rows.slice(start, (70, COUNT, 1)[number]), folder / "rows" / f"part-{number}")
    whole = {name: lambda path, roles, read=read: iter([read(path, roles)]) for name, read in READERS.items()}
    with monkeypatch.context() as patched:
        patched.setattr(reading, "PARTS", whole)
        expected = found(folder, file_format, cleaning or {}, changed)
    for module, name, size in (
        (parts, "ROWS", 7),
        (parts, "TEXT_BYTES", 300),
        (json_lines, "CHUNK_LINES", 6),
        (table, "AT_ONCE", 9),
        (arrays, "MAPPED_BYTES", 100),
    ):
        monkeypatch.setattr(module, name, size)
    require_same(expected, found(folder, file_format, cleaning or {}, changed))
    return expected


@pytest.mark.parametrize("cleaning", RULES, ids=["last", "first"])
@pytest.mark.parametrize("file_format", WRITERS)
def test_parts_are_the_whole(
    file_format: str, cleaning: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = both(tmp_path, monkeypatch, made(lacking=True), file_format, cleaning)
    report = json.loads(expected["report"])
    assert report["rowsRead"] == COUNT
    assert all(dropped["rows"] for dropped in report["dropped"]), report["dropped"]
    laid_down = data.read_part(tmp_path / "left", "train")
    again = np.load(tmp_path / "left" / "prepared-train-numeric.npy")
    assert laid_down.inputs.numeric.tobytes() == again.tobytes()


@pytest.mark.parametrize("name", ["day", "seen"])
@pytest.mark.parametrize("file_format", ["CSV", "JSONLines"])
def test_times_of_which_some_parts_have_fractions_are_as_in_the_whole(
    name: str, file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = made()
    columns[name] = [value if value is None or row < 90 else value + 0.5 for row, value in enumerate(columns[name])]
    assert "refused" not in both(tmp_path, monkeypatch, columns, file_format, {"duplicates": "KeepLast"})


@pytest.mark.parametrize(
    ("name", "wrong", "rows", "said"),
    [
        ("price", "cheap", (31, 65, 66), "holds 'cheap' in line 33, which is no number; so do 3 of its 70 rows"),
        ("price", "inf", (101, 140), "holds inf in line 33, and in 2 of its 90 rows: numbers must be finite"),
        ("seen", "1" + "0" * 18, (5, 64), "in line 7, and in 2 of its 70 rows what is no time from"),
        ("seen", "soon", (100, 130), "it holds 'soon' in line 32, and in 2 of its 90 rows what is neither"),
        ("day", "inf", (71, 130), "it holds inf in line 3, and in 2 of its 90 rows what is neither"),
        ("day", "2026-01-01", (12,), "of its 70 rows 69 hold a number and 1 a time"),
        ("click", None, (90,), "line 22: the label column 'click' is empty, and so in 1 of 160 rows"),
        ("click", "maybe", (90, 95), "line 22: the label column 'click' holds 'maybe', and 2 of 160 rows"),
    ],
)
def test_what_is_wrong_is_told_of_the_whole_file(
    name: str, wrong: str | None, rows: tuple[int, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = made()
    texts = [None if value is None else str(value) for value in columns[name]]
    columns[name] = [wrong if row in rows else text for row, text in enumerate(texts)]
    assert said in both(tmp_path, monkeypatch, columns, "CSV")["refused"]


FILLED = """
import sys
from pathlib import Path
import pyarrow as pa
from recsys_workers.data.errors import DiskFull
from recsys_workers.data.files import list_files
from recsys_workers.tabular import data, schema
from recsys_workers.train import run_config

config = run_config.read(Path(sys.argv[1]) / "run.json")
try:
    data.load(list_files(Path(sys.argv[1]) / "data", "CSV"), config, schema.parse(config.schema, config.objective))
except DiskFull as error:
    print(error)
"""


def test_rows_for_which_the_disk_has_no_room_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a mount namespace of its own, with a disk of 4 KiB."""
    made = document(tmp_path, monkeypatch, customers(2000))
    (tmp_path / "run.json").write_text(json.dumps(made))
    (tmp_path / "scratch").mkdir()
    script = 'mount -t tmpfs -o size=4k none "$TMPDIR" && exec "$0" -c "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, sys.executable, FILLED, str(tmp_path)],
        env={
            "PYTHONPATH": str(ROOT / "workers"),
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "TMPDIR": str(tmp_path / "scratch"),
        },
        check=True,
        capture_output=True,
        text=True,
    )
    assert "go by way of the disk, which has no room for them" in done.stdout
    assert f"in {tmp_path}/scratch of the pod" in done.stdout
