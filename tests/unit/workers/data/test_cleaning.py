"""What each rule drops, in the stated order, against one row at a time; and what is said when nothing stays."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_workers.data import cleaning
from recsys_workers.data.cleaning import Cleaning, clean, core
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import list_files
from recsys_workers.data.interactions import in_order
from recsys_workers.data.readers import Columns, read_columns
from recsys_workers.data.report import report, span_of

ROLES = {"User": "user_id", "Item": "item_id", "Timestamp": "timestamp"}
Row = tuple[str, str, str]


def read(folder: Path, rows: list[Row], *, drop: bool = False) -> Columns:
    text = "".join(",".join(row) + "\n" for row in rows)
    (folder / "x.csv").write_text("user_id,item_id,timestamp\n" + text)
    return read_columns(list_files(folder, "CSV"), "CSV", ROLES, drop_incomplete=drop)


def cleaned(folder: Path, rows: list[Row], **rules: Any) -> tuple[list[Row], dict[str, int]]:
    """The rows that stay, and how many each rule dropped."""
    asked = Cleaning(**rules)
    columns, dropped = clean(read(folder, rows, drop=asked.missing == "Drop"), asked)
    kept = [columns.user.to_pylist(), columns.item.to_pylist(), map(str, columns.time.to_pylist())]
    return list(zip(*kept, strict=True)), {entry.rule: entry.rows for entry in dropped}


def test_rows_with_a_missing_value_are_dropped_when_asked(tmp_path: Path) -> None:
    rows = [("u", "a", "1"), ("", "a", "2"), ("u", "", "3"), ("u", "b", ""), ("u", "c", "nan"), ("u", "d", "4")]
    assert cleaned(tmp_path, rows, missing="Drop") == ([rows[0], rows[5]], {"missing": 4})
    with pytest.raises(InvalidData, match=r"'user_id' is empty in 1 of 6 rows, .*cleaning\.missing: Drop"):
        cleaned(tmp_path, rows)
    with pytest.raises(InvalidData, match=r"no row with a value in each of the columns .*: .* dropped all 2 rows"):
        cleaned(tmp_path, rows[1:3], missing="Drop")


@pytest.mark.parametrize(
    ("times", "ends", "kept"),
    [
        (["1", "2", "3"], (2, None), ["2", "3"]),
        (["1", "2", "3"], ("2", "3"), ["2"]),
        (["1", "2", "3"], (None, "2.5"), ["1", "2"]),
        (["1.5", "2.5"], ("2", None), ["2.5"]),
        (["2026-01-01", "2026-01-02"], (None, "2026-01-02"), ["2026-01-01"]),
        (["2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z"], ("2026-01-01T03:00+02:00", None), ["2026-01-01T02:00:00Z"]),
    ],
)
def test_the_window_keeps_from_and_not_to(
    tmp_path: Path, times: list[str], ends: tuple[Any, Any], kept: list[str]
) -> None:
    rows = [("u", time, time) for time in times]
    found, dropped = cleaned(tmp_path, rows, window_from=ends[0], window_to=ends[1])
    assert [item for _, item, _ in found] == kept
    assert dropped == {"timeWindow": len(times) - len(kept)}


@pytest.mark.parametrize(
    ("times", "ends", "said"),
    [
        (["1"], ("2026-01-01", None), "from is 2026-01-01, but the column of timestamps holds numbers: write a number"),
        (["1"], ("2026-13-01", None), "from is 2026-13-01, but the column of timestamps holds numbers: write a number"),
        (["2026-01-01"], (None, 5), "to is 5, but the column of timestamps holds times: write an ISO 8601 time"),
        (["2026-01-01"], ("2026-13-01", None), "from is 2026-13-01, but the column of timestamps holds times"),
        (
            ["2026-01-01"],
            ("9999-01-01", None),
            "from is 9999-01-01: it must be a number, or an ISO 8601 time from 1677",
        ),
        (["1"], (3, 3), "keeps nothing: from (3) must be before to (3)"),
        (["1", "5"], (2, 3), "left none of the 2 rows: timeWindow dropped 2. The times are from 1 to 5. Loosen"),
        (["2026-01-01"], (None, "2025-01-01"), "The times are from 2026-01-01T00:00:00Z to 2026-01-01T00:00:00Z."),
    ],
)
def test_a_window_that_fits_no_row_is_refused(
    tmp_path: Path, times: list[str], ends: tuple[Any, Any], said: str
) -> None:
    with pytest.raises(InvalidData) as refused:
        cleaned(tmp_path, [("u", "a", time) for time in times], window_from=ends[0], window_to=ends[1])
    assert said in str(refused.value)


def test_of_equal_rows_the_first_or_the_last_stays_in_its_place(tmp_path: Path) -> None:
    rows = [("u", "a", "1"), ("u", "b", "1"), ("v", "a", "1"), ("u", "a", "1"), ("u", "a", "2")]
    assert cleaned(tmp_path, rows, duplicates="KeepFirst") == ([*rows[:3], rows[4]], {"duplicates": 1})
    assert cleaned(tmp_path, rows, duplicates="KeepLast") == (rows[1:], {"duplicates": 1})
    assert cleaned(tmp_path, rows) == (rows, {})


def naive_core(rows: list[tuple[int, int]], least_user: int, least_item: int) -> list[tuple[int, int]]:
    """Take away one row at a time, the last offending one first."""
    rows = list(rows)
    while True:
        for row in reversed(rows):
            of_user, of_item = sum(r[0] == row[0] for r in rows), sum(r[1] == row[1] for r in rows)
            if of_user < least_user or of_item < least_item:
                rows.remove(row)
                break
        else:
            return rows


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=25), st.integers(0, 4), st.integers(0, 4))
def test_the_core_is_the_same_in_whatever_order_rows_go(
    rows: list[tuple[int, int]], least_user: int, least_item: int
) -> None:
    user, item = np.array([row[0] for row in rows], dtype=np.int64), np.array([row[1] for row in rows], dtype=np.int64)
    kept, rounds = core(user, item, least_user, least_item)
    assert sorted(rows[position] for position in kept) == sorted(naive_core(rows, least_user, least_item))
    assert kept.tolist() == sorted(kept.tolist())
    assert rounds >= 1


def test_the_rules_go_in_the_stated_order_and_each_sees_what_is_left(tmp_path: Path) -> None:
    rows = [("", "a", "0"), ("u", "a", "0"), ("u", "a", "0"), ("u", "b", "1"), ("u", "b", "1"), ("v", "b", "1")]
    rows += [("v", "c", "2"), ("w", "b", "2"), ("w", "b", "3"), ("u", "b", "4")]
    asked = {
        "missing": "Drop",
        "timeWindow": {"from": 1},
        "duplicates": "KeepFirst",
        "minUserInteractions": 2,
        "minItemInteractions": 3,
    }
    parsed = cleaning.parse(asked)
    assert parsed.document() == asked
    columns, dropped = clean(read(tmp_path, rows, drop=True), parsed)
    assert [(entry.rule, entry.rows, entry.rounds) for entry in dropped] == [
        ("missing", 1, None),
        ("timeWindow", 2, None),
        ("duplicates", 1, None),
        ("minInteractions", 2, 3),
    ]
    ordered = in_order(columns)
    found = report("pvc://data", "CSV", "sha256:0", parsed, dropped, ordered, span_of(ordered))
    assert (found.rows_read, found.rows_dropped, found.rows, found.users, found.items) == (10, 6, 4, 2, 1)
    assert (found.first_time, found.last_time) == ("1", "4")
    assert found.sentence() == (
        "10 rows read, dropped 1 by missing, 2 by timeWindow, 1 by duplicates, 2 by minInteractions; 4 rows of 2 users "
        "with 1 items are left, from 1 to 4; the last timestamp of 0 users is tied."
    )


def test_what_is_not_asked_for_is_not_in_the_protocol() -> None:
    assert cleaning.parse(None) == Cleaning()
    assert cleaning.parse({"missing": "Fail", "duplicates": "KeepAll", "timeWindow": None}).document() == {}
    with pytest.raises(ValueError, match="cleaning is"):
        cleaning.parse({"duplicates": "First"})
