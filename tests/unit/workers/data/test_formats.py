"""The four formats: the same rows give the same interactions, and what is wrong is told by file, column and row."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import list_files
from recsys_workers.data.interactions import Interactions, in_order
from recsys_workers.data.readers import read_columns, roles_of

SCHEMA = [
    {"name": "user_id", "role": "User"},
    {"name": "item_id", "role": "Item"},
    {"name": "timestamp", "role": "Timestamp"},
]
NAMES = ("user_id", "item_id", "timestamp")
Row = tuple[Any, Any, Any]


def read(root: Path, file_format: str) -> Interactions:
    return in_order(read_columns(list_files(root, file_format), file_format, roles_of(SCHEMA)))


def write_csv(path: Path, rows: Sequence[Row]) -> Path:
    cells = [[cell.isoformat() if isinstance(cell, date) else str(cell) for cell in row] for row in rows]
    path.write_text("\n".join([",".join(NAMES), *map(",".join, cells)]) + "\n")
    return path


def write_recbole(path: Path, rows: Sequence[Row]) -> Path:
    header = "user_id:token\titem_id:token\ttimestamp:float"
    path.write_text("\n".join([header, *("\t".join(map(str, row)) for row in rows)]) + "\n")
    return path


def write_parquet(path: Path, rows: Sequence[Row], **types: pa.DataType) -> Path:
    columns = {name: pa.array([row[index] for row in rows], types.get(name)) for index, name in enumerate(NAMES)}
    parquet.write_table(pa.table({"extra": pa.array([b"\xff"] * len(rows)), **columns}), path)
    return path


def write_json(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("".join(json.dumps({"extra": [], **dict(zip(NAMES, row, strict=True))}) + "\n" for row in rows))
    return path


WRITERS: dict[str, tuple[str, Callable[[Path, Sequence[Row]], Path]]] = {
    "CSV": (".csv", write_csv),
    "RecBole": (".inter", write_recbole),
    "Parquet": (".parquet", write_parquet),
    "JSONLines": (".jsonl", write_json),
}


def shown(found: Interactions) -> dict[str, list[str]]:
    return {
        user: [found.item_ids[item - 1] for item in found.sequence(index)] for index, user in enumerate(found.user_ids)
    }


@pytest.mark.parametrize("file_format", WRITERS)
def test_the_same_rows_give_the_same_interactions_in_every_format(tmp_path: Path, file_format: str) -> None:
    suffix, write = WRITERS[file_format]
    (tmp_path / "later").mkdir()
    write(tmp_path / "later" / f"b{suffix}", [(7, 20, 5), (7, 3, 1), (10, 3, 2)])
    write(tmp_path / f"a{suffix}", [(7, 11, 5), (10, 20, 9)])
    (tmp_path / "_SUCCESS").write_text("")
    found = read(tmp_path, file_format)
    assert shown(found) == {"7": ["3", "11", "20"], "10": ["3", "20"]}
    assert (found.item_ids, found.tied_users) == (["3", "11", "20"], 1)
    assert shown(read(tmp_path / f"a{suffix}", file_format)) == {"7": ["11"], "10": ["20"]}


LATE, EARLY = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 11, tzinfo=UTC)
FIVE_HOURS = timezone(timedelta(hours=5))


@pytest.mark.parametrize(
    ("late", "early", "kind"),
    [
        (2, 1, pa.int8()),
        (2**63 - 1, 2**63 - 2, pa.uint64()),
        (1.5, 1.25, pa.float32()),
        (LATE, EARLY, pa.timestamp("ms", "UTC")),
        (LATE.astimezone(FIVE_HOURS), EARLY, pa.timestamp("ns", "Asia/Karachi")),
        (LATE.replace(tzinfo=None), EARLY.replace(tzinfo=None), pa.timestamp("us")),
        (date(2026, 3, 2), date(2026, 3, 1), pa.date32()),
        ("2026-03-01T12:00:00.5", "2026-03-01 12:00", pa.large_string()),
        ("2026-03-01T12:00:00+01:00", "2026-03-01T10:59:59Z", pa.string()),
        ("10", "9", pa.string()),
        ("2026-03-02", "2026-03-01", pa.string_view()),
        ("10", "9", pa.string_view()),
        ("b", "a", None),
    ],
)
def test_parquet_times_of_any_type_are_ordered(tmp_path: Path, late: Any, early: Any, kind: pa.DataType) -> None:
    path = write_parquet(tmp_path / "x.parquet", [("u", "late", late), ("u", "early", early)], timestamp=kind)
    if kind is None:
        with pytest.raises(InvalidData, match=r"x\.parquet: the column 'timestamp' must hold a number, or an ISO"):
            read(path, "Parquet")
    else:
        assert shown(read(path, "Parquet")) == {"u": ["early", "late"]}


def test_times_of_different_formats_of_time_are_one_order(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [("u", "second", LATE)], timestamp=pa.timestamp("s", "UTC"))
    write_parquet(tmp_path / "b.parquet", [("u", "third", "2026-03-01T12:00:00.001Z")])
    write_parquet(tmp_path / "c.parquet", [("u", "first", date(2026, 3, 1))])
    assert shown(read(tmp_path, "Parquet")) == {"u": ["first", "second", "third"]}


@pytest.mark.parametrize("kind", [pa.dictionary(pa.int8(), pa.string()), pa.large_string(), pa.string_view()])
def test_parquet_ids_of_any_text_type(tmp_path: Path, kind: pa.DataType) -> None:
    path = write_parquet(tmp_path / "x.parquet", [("u", "é", 1), ("u", "007", 2)], item_id=kind)
    assert shown(read(path, "Parquet")) == {"u": ["é", "007"]}


def test_whole_numbers_as_ids_are_what_a_csv_gives(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", [(-5, 2**64 - 1, 1), (-5, 0, 2)], item_id=pa.uint64())
    assert shown(read(path, "Parquet")) == {"-5": [str(2**64 - 1), "0"]}
    write_json(tmp_path / "x.jsonl", [(-5, 2**64 - 1, 1), (-5, "0", 2)])
    assert shown(read(tmp_path, "JSONLines")) == {"-5": [str(2**64 - 1), "0"]}


def test_json_lines_may_be_empty_and_mix_whole_numbers_and_fractions(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    lines = ['{"user_id": "u", "item_id": "b", "timestamp": 2.5}', "", '{"timestamp":2,"item_id":"a","user_id":"u"}']
    path.write_bytes(b"\xef\xbb\xbf" + "\n".join(lines).encode() + b"\r\n  \n")
    assert shown(read(tmp_path, "JSONLines")) == {"u": ["a", "b"]}


@pytest.mark.parametrize(
    ("rows", "types", "said"),
    [
        ([("u", 5.0, 1)], {}, "the column 'item_id' holds double numbers, such as 5.0, in 1 rows, which are"),
        ([("u", Decimal("5"), 1)], {}, "the column 'item_id' holds decimal128(1, 0) numbers, such as 5"),
        ([(True, "i", 1)], {}, "the column 'user_id' holds bool in 1 rows: ids must be text or whole numbers"),
        ([(["u"], "i", 1)], {}, "the column 'user_id' holds list<element: string> in 1 rows: ids must be text"),
        ([("u", b"i", 1)], {}, "the column 'item_id' holds binary in 1 rows: ids must be text or whole numbers"),
        ([("u", "i", 1), ("u", None, 1)], {}, "the column 'item_id' is empty in 1 of 2 rows, the first is row 2"),
        ([("u", "", 1)], {}, "the column 'item_id' is empty in 1 of 1 rows, the first is row 1"),
        ([("u", None, 1)], {}, "the column 'item_id' is empty in 1 of 1 rows"),
        ([("u", "i", None)], {}, "the column 'timestamp' is empty in 1 of 1 rows, the first is row 1"),
        ([("u", "i", 1.0), ("u", "i", float("nan"))], {}, "'timestamp' is empty in 1 of 2 rows, the first is row 2"),
        ([("u", "i", 1.0), ("u", "i", float("inf"))], {}, "holds inf in row 2, and in 1 of its 2 rows what is n"),
        (
            [("u", "i" * 256, 1), ("u", "é" * 257, 2)],
            {},
            f"holds an id of 257 characters in row 2, '{'é' * 60}'…, and 1 of its 2 rows hold more than 256",
        ),
        ([("u", "i", True)], {}, "the column 'timestamp' holds bool in 1 rows: it must hold a number"),
        (
            [("u", "i", 1), ("u", "i", 2**63), ("u", "i", 2**64 - 1)],
            {"timestamp": pa.uint64()},
            "holds 9223372036854775808 in row 2, and in 2 of its 3 rows what is neither. Correct them, or "
            "leave such rows out. Numbers go up to 9223372036854775807.",
        ),
        (
            [("u", "i", LATE), ("u", "i", datetime(2300, 1, 1, tzinfo=UTC))],
            {"timestamp": pa.timestamp("ms", "UTC")},
            "holds 2300-01-01 00:00:00.000Z in row 2, and in 1 of its 2 rows what is neither. Correct them, or "
            "leave such rows out. Times further away can be given as numbers.",
        ),
        ([], {"user_id": pa.string(), "item_id": pa.string(), "timestamp": pa.int64()}, "has no rows"),
    ],
)
def test_wrong_parquet_columns_are_refused(
    tmp_path: Path, rows: list[Row], types: dict[str, pa.DataType], said: str
) -> None:
    path = write_parquet(tmp_path / "bad.parquet", rows, **types)
    with pytest.raises(InvalidData, match=r"bad\.parquet") as refused:
        read(path, "Parquet")
    assert said in str(refused.value)


def test_a_missing_or_doubled_parquet_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"user_id": ["u"], "item_id": ["i"], "time": [1]}), path)
    with pytest.raises(InvalidData, match=r"no column 'timestamp', .*: it has user_id, item_id, time"):
        read(path, "Parquet")
    parquet.write_table(
        pa.table([["u"], ["i"], ["j"], [1]], names=["user_id", "item_id", "item_id", "timestamp"]), path
    )
    with pytest.raises(InvalidData, match=r"x\.parquet has 2 columns 'item_id', of which one is wanted"):
        read(path, "Parquet")


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "page"])
def test_a_corrupt_parquet_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "bad.parquet"
    table = pa.table({"user_id": [str(n) for n in range(999)], "item_id": ["i"] * 999, "timestamp": range(999)})
    parquet.write_table(table, path, write_page_checksum=True, compression="none")
    data = bytearray(path.read_bytes())
    if damage == "page":
        data[200] ^= 1
    path.write_bytes({"empty": b"", "text": b"user_id,item_id\n", "cut": data[:-20], "page": data}[damage])
    with pytest.raises(InvalidData, match=r"bad\.parquet cannot be read as Parquet: .*\. Write it anew\."):
        read(path, "Parquet")


GOOD = '{"user_id": "u", "item_id": "i", "timestamp": 1}\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "\n" + '{"user_id": "u", "item\n', "line 3 is not JSON"),
        (GOOD + GOOD.strip() + GOOD, "line 2 is not JSON (Extra data"),
        ("[" * 100_000 + "\n", "line 1 is not JSON"),
        ("[\n" + GOOD + "]\n", "line 1 is not JSON"),
        (GOOD + '["u", "i", 1]\n', 'line 2 is ["u", "i", 1]. Each line must be one object'),
        ("\xff\xfe\n", "line 1 is not JSON"),
        (GOOD + GOOD.replace('"i"', "5.0"), "'item_id' holds 5.0 in line 2: it must be a string or a whole number"),
        (GOOD + "\n" + GOOD.replace('"i"', "true"), "'item_id' holds true in line 3"),
        (GOOD.replace('"i"', '"\\ud800"'), "'item_id' cannot be read from line 1 to line 1"),
        (GOOD + GOOD.replace('"i"', "null"), "'item_id' is empty in 1 of 2 rows, the first is line 2"),
        (GOOD + '{"user_id": "u", "item_id": "i"}\n', "'timestamp' is empty in 1 of 2 rows, the first is line 2"),
        (
            '{"user_id": "u", "time": 1}\n',
            "no column 'item_id', which schema.columns names: none of its 1 lines has such a key, the first has "
            "user_id, time. Name one of these there, or write the column",
        ),
        (GOOD + GOOD.replace("1}", "[1]}"), "'timestamp' holds [1] in line 2: it must be a number or an ISO"),
        (GOOD + GOOD.replace("1}", '"2026-01-01"}'), "'timestamp' holds numbers but also '2026-01-01' in line 2"),
        (GOOD.replace("1}", '"2026-01-01"}') + GOOD, "'timestamp' holds strings but also 1 in line 2"),
        (GOOD.replace("1}", '"soon"}'), "the column 'timestamp' must hold a number, or an ISO 8601 time"),
        (GOOD.replace("1}", "1e999}"), "holds inf in line 1, and in 1 of its 1 rows what is neither"),
        (GOOD.replace("1}", f"{2**70}}}"), "'timestamp' cannot be read from line 1 to line 1"),
        ("", "has no rows"),
    ],
)
def test_wrong_json_lines_are_refused_with_the_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InvalidData, match=r"bad\.jsonl") as refused:
        read(path, "JSONLines")
    assert said in str(refused.value)


def test_json_lines_are_one_file_however_they_are_chunked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsys_workers.data.json_lines.CHUNK_LINES", 2)
    path = tmp_path / "x.jsonl"
    path.write_text(GOOD * 5 + GOOD.replace("1}", '"2026-01-01"}'))
    with pytest.raises(InvalidData, match="holds numbers but also '2026-01-01' in line 6"):
        read(path, "JSONLines")
    path.write_text(GOOD * 3 + "\n" + GOOD.replace("1}", "0.5}") + GOOD.replace('"i"', "null"))
    with pytest.raises(InvalidData, match="'item_id' is empty in 1 of 5 rows, the first is line 6"):
        read(path, "JSONLines")


def test_a_ragged_csv_is_refused_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("user_id,item_id,timestamp\nu,i,1\nu,i\n")
    with pytest.raises(InvalidData, match=r"as CSV: line 3 has 2 cells and the header 3: 'u,i'\. .* 1 of its 2"):
        read(path, "CSV")


def test_a_doubled_csv_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("user_id,item_id,item_id,timestamp\nu,i,j,1\n")
    with pytest.raises(InvalidData, match=r"bad\.csv has 2 columns 'item_id'"):
        read(path, "CSV")
