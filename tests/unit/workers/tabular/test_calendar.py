"""Calendar features: the same of a time in trainer and server, and those of Python's own calendar."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.unit.workers.refusals import outcome
from tests.unit.workers.tabular.tables import document, rows

from recsys_workers import calendars, preprocessing
from recsys_workers.calendars import CYCLIC, ONE_HOT, Calendar
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import list_files
from recsys_workers.preprocessing import UNKNOWN, Columns, Preprocessing, Target
from recsys_workers.serve.refusal import Refused
from recsys_workers.serve.rows import parse
from recsys_workers.tabular import data, schema
from recsys_workers.train import run_config

COUNT = 10_000
ALL = ["Hour", "Weekday", "Day", "Month"]
LABEL = {"name": "label", "role": "Label"}


def moments() -> list[datetime]:
    """From 1700 to 2200, as many before 1970 as after, with fractions and the last moments of days and years."""
    random = np.random.default_rng(5)
    edges = [
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2000, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    ]
    first, last = datetime(1700, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
    drawn = random.integers(0, int((last - first).total_seconds() * 1e6), COUNT - len(edges))
    return edges + [first + timedelta(microseconds=int(number)) for number in drawn]


def table(times: list[Any]) -> list[dict[str, Any]]:
    """Rows with some times missing, and those of the role Timestamp whole."""
    return [
        {"seen": None if number % 13 == 7 else time, "day": time, "label": number % 2}
        for number, time in enumerate(times)
    ]


def columns(**unit: str) -> list[dict[str, Any]]:
    return [
        {"name": "seen", "role": "Calendar", "calendar": ALL, "missing": "Impute", **unit},
        {"name": "day", "role": "Timestamp", "calendar": ALL, "encoding": CYCLIC, **unit},
        LABEL,
    ]


def loaded(made: dict[str, Any], folder: Path) -> data.Rowwise:
    config = run_config.parse(made)
    files = list_files(folder / "data", config.dataset.format)
    return data.load(files, config, schema.parse(config.schema, config.objective))


WRITTEN = {
    "text": lambda time: time.isoformat(),
    "offset": lambda time: time.astimezone(timezone(timedelta(hours=-7, minutes=-30))).isoformat(sep=" "),
    "milliseconds": lambda time: (time - calendars.EPOCH) // timedelta(milliseconds=1),
    "seconds": lambda time: (time - calendars.EPOCH) / timedelta(seconds=1),
}


@pytest.mark.parametrize(
    ("file_format", "written"),
    [
        ("CSV", "text"),
        ("CSV", "seconds"),
        ("Parquet", "text"),
        ("Parquet", "milliseconds"),
        ("JSONLines", "offset"),
        ("JSONLines", "milliseconds"),
    ],
)
def test_trainer_and_server_make_the_same_bits_of_10000_rows(
    file_format: str, written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = table([WRITTEN[written](time) for time in moments()])
    made = document(tmp_path, monkeypatch, told)
    made["dataset"]["format"] = file_format
    made["schema"]["columns"] = columns(**({"unit": "Milliseconds"} if written == "milliseconds" else {}))
    if file_format == "Parquet":
        stored = table(moments()) if written == "text" else told
        parquet.write_table(pa.Table.from_pylist(stored), tmp_path / "data" / "customers.parquet")
    if file_format == "JSONLines":
        (tmp_path / "data" / "customers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))
    found = loaded(made, tmp_path)
    trained = found.preprocessing.apply(data.columns_of(found.table, found.rows), len(found.rows))
    fitted = preprocessing.decode(preprocessing.encode(found.preprocessing))
    assert fitted == found.preprocessing
    for start in range(0, COUNT, 1000):
        asked = [{name: row[name] for name in ("seen", "day")} for row in told[start : start + 1000]]
        served = fitted.apply(*parse(json.dumps({"rows": asked}).encode(), fitted))
        assert np.array_equal(trained.numeric[start : start + 1000], served.numeric)
        assert np.array_equal(trained.categorical[start : start + 1000], served.categorical)
    assert len(np.unique(trained.numeric)) > 50
    assert len(np.unique(trained.categorical)) > 70


def test_parts_are_those_of_pythons_calendar() -> None:
    times = moments()
    seconds = np.array([math.floor((time - calendars.EPOCH) / timedelta(seconds=1)) for time in times], dtype=float)
    expected = {
        "Hour": [time.hour for time in times],
        "Weekday": [time.isoweekday() for time in times],
        "Day": [time.day for time in times],
        "Month": [time.month for time in times],
    }
    assert {part: calendars.part_of(part, seconds).tolist() for part in ALL} == expected


TARGET = Target("y", "Binary", ("0", "1"))


def of(column: Calendar, *times: str | None) -> tuple[list[list[float]], list[list[int]]]:
    fitted = Preprocessing((column,), TARGET)
    rows, count = parse(json.dumps({"rows": [{column.name: time} for time in times]}).encode(), fitted)
    made = fitted.apply(rows, count)
    return np.round(made.numeric, 6).tolist(), made.categorical.tolist()


def test_one_hot_knows_what_training_rows_have() -> None:
    column = Calendar("t", "Seconds", ONE_HOT, {"Hour": (8, 9, 20), "Month": (1, 2)}, True)
    assert column.sizes == (4, 3)
    _, found = of(column, "2026-01-05T08:59", "2026-02-05T20:00Z", "2026-12-05 10:00", None)
    assert found == [[1, 5], [3, 6], [UNKNOWN, UNKNOWN], [4, 7]]


def test_a_circle_ends_beside_its_beginning() -> None:
    column = Calendar("t", "Seconds", CYCLIC, {"Hour": (), "Weekday": ()}, True)
    # 2026-01-05 is a Monday.
    found, _ = of(column, "2026-01-05", "2026-01-05T06:30", "2026-01-05T23:00", None)
    week = [0.0, 1.0, 0.0]
    assert found[0] == [0.0, 1.0, *week]
    assert found[1] == [1.0, 0.0, *week]
    assert found[2] == [pytest.approx(-math.sin(math.pi / 12), abs=1e-6), pytest.approx(0.965926, abs=1e-6), *week]
    assert found[3] == [0.0, 0.0, 0.0, 0.0, 1.0]


def test_only_training_rows_and_the_named_parts_are_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = rows()
    for number, row in enumerate(told):
        row["day"] = f"2026-0{1 + number // 10}-03"
    made = document(tmp_path, monkeypatch, told)
    made["schema"]["columns"] = [{"name": "day", "role": "Timestamp", "calendar": ["Month"]}, LABEL]
    made["evaluation"] = {
        "protocol": "ByTime",
        "byTime": {"validationPercent": 15, "testPercent": 15},
        "metrics": ["Accuracy"],
    }
    found = loaded(made, tmp_path)
    (day,) = found.preprocessing.columns
    assert day == Calendar("day", "Seconds", ONE_HOT, {"Month": (1, 2, 3, 4)}, False)
    test = found.examples(found.parts.test).inputs
    assert (test.categorical == UNKNOWN).all(), "months that no training row has count as none"
    report = json.loads(data.report(found, "pvc://data", "CSV", "sha256:0", {}))
    assert report["columns"] == [{"name": "day", "distinct": 6, "missing": 0}]
    assert report["timeRange"] == {"first": "2026-01-03T00:00:00Z", "last": "2026-06-03T00:00:00Z"}


@pytest.mark.parametrize(
    ("time", "column", "said"),
    [
        ("soon", {}, "the column 'seen' must hold a number, or an ISO 8601 time"),
        (
            1767225600000,
            {},
            "in 1 of its 60 rows what is no time from 1677-09-22 to 2262-04-10 where numbers count Sec",
        ),
        (None, {}, "line 2: the column 'seen' is empty, and so in 1 of 60 rows"),
        (1767225600, {"calendar": ["Year"]}, "has the calendar part Year: use Hour, Weekday, Day, Month"),
        (1767225600, {"unit": "Minutes"}, "has the unit Minutes and the encoding None, not of times"),
    ],
)
def test_what_is_no_time_is_told(
    time: Any, column: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [{"seen": 1767225600 + number, "label": number % 2} for number in range(60)]
    told[0]["seen"] = time
    made = document(tmp_path, monkeypatch, told)
    made["schema"]["columns"] = [{"name": "seen", "role": "Calendar", **column}, LABEL]
    code, reason, message = outcome(made, tmp_path)
    assert (code, reason) == (2, "InvalidData")
    assert said in message


def test_the_order_of_the_parts_changes_no_input() -> None:
    """They are a set in the API, and weights of a version must go on meaning the same."""

    def parsed(*parts: str) -> schema.TableSchema:
        return schema.parse([{"name": "seen", "role": "Calendar", "calendar": list(parts)}, LABEL], "Binary")

    assert parsed("Month", "Weekday", "Hour") == parsed("Hour", "Weekday", "Month")
    assert parsed("Day", "Hour").features[0].parts == ("Hour", "Day")


def test_an_empty_column_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = document(tmp_path, monkeypatch, [{"seen": None, "label": number % 2} for number in range(60)])
    made["schema"]["columns"] = [{"name": "seen", "role": "Calendar", "missing": "Impute"}, LABEL]
    with pytest.raises(InvalidData, match=r"'seen' is empty in all 24 training rows"):
        loaded(made, tmp_path)


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (
            "2026-02-30",
            "rows[0].t is a string of 10 characters, but must be an ISO 8601 date or time, or a number of mi",
        ),
        ("20260101", "a string of 8 characters, but must be an ISO"),
        ("noon", "a string of 4 characters, but must be an ISO"),
        (True, "true, but must be an ISO"),
        ("1500-01-01", "rows[0].t is too far from 1970"),
        (1e300, "rows[0].t is too far from 1970"),
        (-(10**400), "rows[0].t is too far from 1970"),
        ("", "is empty, but the model was trained"),
    ],
)
def test_a_request_with_no_time_is_refused(time: Any, said: str) -> None:
    fitted = Preprocessing((Calendar("t", "Milliseconds", ONE_HOT, {"Hour": (1,)}, False),), TARGET)
    with pytest.raises(Refused) as refused:
        parse(json.dumps({"rows": [{"t": time}]}).encode(), fitted)
    assert said in refused.value.message


def test_a_champion_can_be_asked_by_its_own_unit() -> None:
    """The values of a column of times are seconds, whatever its unit."""
    own, theirs = (Calendar("t", unit, ONE_HOT, {"Hour": (1,)}, False) for unit in ("Seconds", "Milliseconds"))
    assert preprocessing.values_of(own) == preprocessing.values_of(theirs) == "times"
    told: Columns = {"t": np.array([3600.0])}
    assert all(Preprocessing((one,), TARGET).apply(told, 1).categorical.tolist() == [[1]] for one in (own, theirs))
