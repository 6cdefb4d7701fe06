"""What takes the place of missing values, against pandas' and plain Python's word for it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.workers.refusals import outcome
from tests.unit.workers.tabular.tables import document, rows

from recsys_workers import preprocessing
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import list_files
from recsys_workers.preprocessing import Hashed, Numeric, OneHot
from recsys_workers.serve.refusal import Refused
from recsys_workers.serve.rows import parse
from recsys_workers.tabular import data, schema
from recsys_workers.tabular.filling import last_there
from recsys_workers.train import run_config

LABEL, PART, DAY, HOME = (
    {"name": name, "role": role}
    for name, role in (("label", "Label"), ("part", "Split"), ("day", "Timestamp"), ("home", "Group"))
)
IDLE, PLAN = {"name": "idle", "role": "Numeric"}, {"name": "plan", "role": "Categorical"}


def table() -> list[dict[str, Any]]:
    """Days are not in the order of the rows, and several rows share one; test rows would change what is fitted."""
    made = rows(120)
    for number, row in enumerate(made):
        row["plan"] = None if number % 5 == 2 else f"plan-{number // 3 % 4}"
        row["idle"] = None if number % 7 == 3 else number % 4 + (100 if row["part"] == "test" else 0)
        row["day"] = number * 37 % 40
        row["home"] = f"home-{number % 4}-{number % 3}"
    return made


def loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *columns: dict[str, Any], **changed: Any
) -> tuple[data.Rowwise, pd.DataFrame]:
    """What the trainer makes of the rows, and the rows as pandas has them, by number."""
    made = document(folder, monkeypatch, changed.pop("table", None) or table()) | changed
    made["schema"]["columns"] = [*columns, LABEL, PART]
    made["evaluation"]["protocol"] = "ByColumn"
    config = run_config.parse(made)
    found = data.load(list_files(folder / "data", "CSV"), config, schema.parse(config.schema, config.objective))
    frame = pd.read_csv(folder / "data" / "customers.csv")
    return found, frame


def inputs(found: data.Rowwise) -> preprocessing.Inputs:
    return found.preprocessing.apply(data.columns_of(found.table, found.rows), len(found.rows))


def served(found: data.Rowwise, asked: list[dict[str, Any]]) -> preprocessing.Inputs:
    fitted = preprocessing.decode(preprocessing.encode(found.preprocessing))
    return fitted.apply(*parse(json.dumps({"rows": asked}).encode(), fitted))


def report(found: data.Rowwise) -> dict[str, dict[str, Any]]:
    made = json.loads(data.report(found, "pvc://data", "CSV", "sha256:0", {}))
    return {column["name"]: column for column in made["columns"]}


@pytest.mark.parametrize("by", ["Mean", "Mode", "Constant"])
def test_a_number_is_filled_as_pandas_does(by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose standard scores then follow from the training rows with what fills them."""
    column = {**IDLE, "missing": by, **({"fill": "-2.5"} if by == "Constant" else {})}
    found, frame = loaded(tmp_path, monkeypatch, column)
    training = frame["idle"][frame["part"] == "train"]
    fill = {"Mean": training.mean(), "Mode": training.mode()[0], "Constant": -2.5}[by]
    whole = frame["idle"].fillna(fill)
    known = whole[frame["part"] == "train"]
    made = inputs(found).numeric
    assert made.shape == (120, 1), "the model is not told"
    assert made[:, 0] == pytest.approx(((whole - known.mean()) / known.std(ddof=0)).to_numpy(), abs=1e-5)
    (fitted,) = found.preprocessing.columns
    assert fitted.fill == pytest.approx(fill)
    empty = int(frame["idle"].isna().sum())
    assert report(found)["idle"]["missing"] == empty == 17
    assert report(found)["idle"]["filled"] == {"by": by, "rows": empty, "value": fitted.fill}
    # A row that is asked for without the number gets what the table's rows without one got.
    without = int(np.flatnonzero(frame["idle"].isna())[0])
    for row in ({}, {"idle": None}):
        assert np.array_equal(served(found, [row]).numeric[0], made[without])


@pytest.mark.parametrize(
    "coding", [{}, {"encoding": "Hashed", "buckets": 64}, {"encoding": "Vocabulary", "minRows": 2}]
)
@pytest.mark.parametrize("by", ["Mode", "Constant"])
def test_a_category_is_filled_as_pandas_does(
    by: str, coding: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    column = {**PLAN, **coding, "missing": by, **({"fill": "none at all"} if by == "Constant" else {})}
    found, frame = loaded(tmp_path, monkeypatch, column)
    training = frame["plan"][frame["part"] == "train"]
    fill = str(training.mode()[0]) if by == "Mode" else "none at all"
    whole = frame["plan"].fillna(fill)
    (fitted,) = found.preprocessing.columns
    assert (fitted.fill, fitted.missing) == (fill, False)
    if not isinstance(fitted, Hashed):
        assert fitted.values == tuple(sorted(set(whole[frame["part"] == "train"])))
    made = inputs(found)
    assert made.unknown == 0
    asked = served(found, [{"plan": plan} for plan in whole])
    assert np.array_equal(made.categorical, asked.categorical)
    absent = served(found, [{} if plan != plan else {"plan": plan} for plan in frame["plan"]])
    assert np.array_equal(made.categorical, absent.categorical)


def test_of_the_most_frequent_the_smallest_fills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole numbers count as numbers, also as categories."""
    found, _ = loaded(
        tmp_path,
        monkeypatch,
        {**IDLE, "missing": "Mode"},
        {**PLAN, "missing": "Mode"},
        table=[
            {"idle": idle, "plan": plan, "label": number % 2, "part": "train"}
            for number, (idle, plan) in enumerate([(7, 10), (-1, 9), (7, 9), (-1, 10), (3, 8), (None, None)])
        ]
        + [
            {"idle": 3, "plan": 8, "label": number, "part": part}
            for number in (0, 1)
            for part in ("validation", "test")
        ],
    )
    assert [column.fill for column in found.preprocessing.columns] == [-1.0, "9"]


def test_times_and_texts_are_filled_by_a_constant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        {**row, "seen": None if number % 3 else f"2026-01-0{number % 5 + 1}", "note": None if number % 4 else "is fine"}
        for number, row in enumerate(table())
    ]
    found, _ = loaded(
        tmp_path,
        monkeypatch,
        {"name": "seen", "role": "Calendar", "calendar": ["Day"], "missing": "Constant", "fill": "2026-01-31"},
        {"name": "note", "role": "Text", "missing": "Constant", "fill": "nothing said"},
        table=made,
    )
    seen, note = found.preprocessing.columns
    assert seen.parts == {"Day": (1, 2, 3, 4, 5, 31)}  # type: ignore[union-attr]
    assert note.words == ("fine", "is", "nothing", "said")  # type: ignore[union-attr]
    told = served(found, [{}, {"seen": "2026-01-31", "note": "nothing said"}])
    for part in (told.numeric, told.categorical):
        assert np.array_equal(part[0], part[1])
    assert told.categorical[0, 0] == 6


@pytest.mark.parametrize("grouped", [False, True])
def test_the_row_before_fills_as_pandas_does(grouped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the time and then of the rows; what no row is before gets what the training rows say."""
    columns = [{**IDLE, "missing": "ForwardFill"}, {**PLAN, "missing": "ForwardFill"}, DAY]
    # The parts follow the groups, which no part tears.
    made = table()
    for row in made:
        row["part"] = {"0": "train", "1": "validation", "2": "test"}[row["home"][-1]]
        if row["home"] == "home-1-0" and row["day"] < 20:
            row |= {"idle": None, "plan": None}
    found, frame = loaded(tmp_path, monkeypatch, *columns, *([HOME] if grouped else []), table=made)
    ordered = frame.sort_values("day", kind="stable")
    features = ordered[["idle", "plan"]]
    carried = (features.groupby(frame["home"]) if grouped else features).ffill().sort_index()
    training = carried[frame["part"] == "train"]
    whole = carried.fillna({"idle": training["idle"].mean(), "plan": training["plan"].mode()[0]})
    known = whole["idle"][frame["part"] == "train"]
    rows_ = inputs(found)
    assert rows_.numeric[:, 0] == pytest.approx((whole["idle"] - known.mean()) / known.std(ddof=0), abs=1e-5)
    values = found.preprocessing.columns[1].values  # type: ignore[union-attr]
    assert [values[place - 1] for place in rows_.categorical[:, 0]] == whole["plan"].tolist()
    for name in ("idle", "plan"):
        empty, left = int(frame[name].isna().sum()), int(carried[name].isna().sum())
        told = report(found)[name]
        assert (told["missing"], told["distinct"]) == (empty, frame[name].nunique())
        assert (told["filled"]["rows"], told["filled"]["fromRowBefore"]) == (empty, empty - left)
        assert left > 0 or not grouped
    # A request has no row before it.
    asked = served(found, [{}, {"idle": training["idle"].mean(), "plan": training["plan"].mode()[0]}])
    assert np.array_equal(asked.numeric[0], asked.numeric[1])
    assert np.array_equal(asked.categorical[0], asked.categorical[1])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 2), st.one_of(st.none(), st.integers(0, 9))), min_size=1))
def test_the_last_that_is_there_is_what_a_loop_finds(drawn: list[tuple[int, int, int | None]]) -> None:
    groups, times = (np.array([one[index] for one in drawn]) for index in (0, 1))
    order = np.lexsort((times, groups))
    there = np.array([one[2] is not None for one in drawn])[order]
    begins = np.append(True, groups[order][1:] != groups[order][:-1])
    source = order[last_there(there, begins)]
    for place, position in enumerate(order):
        group, time, value = drawn[position]
        before = [
            (when, row)
            for row, (other, when, there_) in enumerate(drawn)
            if other == group and there_ is not None and (when, row) <= (time, position)
        ]
        wanted = drawn[max(before)[1]][2] if before and value is None else value
        assert drawn[source[place]][2] == wanted


def test_rows_that_cleaning_drops_give_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither those outside of the window nor those without a group."""
    made = [
        {"day": 10, "home": "a", "idle": 5, "label": 0, "part": "train"},
        {"day": 20, "home": "a", "idle": None, "label": 1, "part": "train"},
        {"day": 21, "home": None, "idle": 6, "label": 1, "part": "train"},
        {"day": 22, "home": "a", "idle": None, "label": 1, "part": "train"},
        {"day": 23, "home": "a", "idle": 8, "label": 0, "part": "train"},
        {"day": 24, "home": "a", "idle": None, "label": 0, "part": "train"},
        *(
            {"day": 30, "home": part, "idle": 7, "label": label, "part": part}
            for part in ("validation", "test")
            for label in (0, 1)
        ),
    ]
    found, _ = loaded(
        tmp_path,
        monkeypatch,
        {**IDLE, "missing": "ForwardFill"},
        DAY,
        HOME,
        table=made,
        cleaning={"missing": "Drop", "timeWindow": {"from": 15}},
    )
    taken = found.table.numbers("idle")[found.rows]
    assert np.array_equal(taken, [np.nan, np.nan, 8, 8, 7, 7, 7, 7], equal_nan=True)
    (idle,) = found.preprocessing.columns
    assert idle.fill == 8.0
    assert report(found)["idle"]["filled"] == {"by": "ForwardFill", "rows": 3, "value": 8.0, "fromRowBefore": 1}


def test_a_file_from_before_there_were_fills_is_read_and_written_as_it_was() -> None:
    fitted = preprocessing.Preprocessing(
        (Numeric("age", 40.0, 10.0, True), OneHot("plan", ("a", "b"), False)),
        preprocessing.Target("y", "Binary", ("0", "1")),
    )
    encoded = preprocessing.encode(fitted)
    assert b"fill" not in encoded
    assert preprocessing.decode(encoded) == fitted
    with pytest.raises(Refused, match="plan is missing"):
        parse(b'{"rows": [{"age": null}]}', fitted)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ([{**IDLE, "missing": "Constant"}], "'idle' must have both missing Constant and fill, or neither."),
        ([{**IDLE, "missing": "Mean", "fill": "3"}], "'idle' must have both missing Constant and fill, or neither."),
        ([{**IDLE, "missing": "Constant", "fill": "none"}], "'idle' has the fill 'none': write a finite number."),
        ([{**IDLE, "missing": "Constant", "fill": "1e999"}], "'idle' has the fill '1e999': write a finite number."),
        ([{**IDLE, "missing": "Constant", "fill": "nan"}], "'idle' has the fill 'nan': write a finite number."),
        ([{**PLAN, "missing": "Mean"}], "'plan' has missing: Mean, which is for the role Numeric: use another."),
        (
            [{"name": "idle", "role": "Calendar", "missing": "Mode"}],
            "'idle' has missing: Mode, which is for the role Numeric or Categorical: use another.",
        ),
        (
            [{"name": "idle", "role": "Calendar", "missing": "Constant", "fill": "2026-02-30"}],
            "'idle' has the fill '2026-02-30': write an ISO 8601 date or time, or a number of its unit since 1970",
        ),
        (
            [{"name": "idle", "role": "Calendar", "missing": "Constant", "fill": "99999999999"}],
            "from 1677-09-22 to 2262-04-10.",
        ),
        ([{**IDLE, "missing": "ForwardFill"}], "which goes by a column with the role Timestamp: add one."),
    ],
)
def test_what_does_not_go_together_is_refused(
    columns: list[dict[str, Any]], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = document(tmp_path, monkeypatch)
    made["schema"]["columns"] = [*columns, LABEL]
    code, reason, message = outcome(made, tmp_path)
    assert (code, reason) == (2, "InvalidData")
    assert said in message


@pytest.mark.parametrize("column", [{**IDLE, "missing": "Mean"}, {**PLAN, "missing": "Mode"}])
def test_nothing_is_learned_from_no_value(
    column: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [{**row, column["name"]: None if row["part"] == "train" else 3} for row in table()]
    with pytest.raises(InvalidData, match=f"{column['name']!r} is empty in all 60 training rows: leave it out"):
        loaded(tmp_path, monkeypatch, column, table=made)


def test_numbers_too_large_for_a_mean_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [{**row, "idle": row["idle"] and 1e308} for row in table()]
    with pytest.raises(InvalidData, match=r"too large to be averaged, up to 1e\+308"):
        loaded(tmp_path, monkeypatch, {**IDLE, "missing": "Mean"}, table=made)
