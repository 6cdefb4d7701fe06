"""A column whose values are not of the type that the schema gives it is told before anything is made of them."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.readers import READERS
from recsys_workers.data.types import TYPES, require, types_of

DAY = datetime(2026, 1, 1, tzinfo=UTC)
VALUES: dict[str, list[Any]] = {
    "words": ["a", "b"],
    "digits": ["7", "-12"],
    "whole": [7, -12],
    "some": [7, None],
    "fractions": [0.5, -3e-7],
    "exact": [Decimal("0.50"), Decimal("1.25")],
    "truth": [True, False],
    "bits": [1, 0],
    "days": ["2026-01-01", "2026-01-01T06:30:00Z"],
    "moments": [DAY, DAY],
}
PARQUET = {
    "Text": {"words", "digits", "days"},
    "Integer": {"digits", "whole", "some", "bits"},
    "Number": {"digits", "whole", "some", "bits", "fractions", "exact"},
    "Boolean": {"truth", "bits"},
    "Time": {"days", "moments"},
}
"""Which columns are of which type. Text that looks like a number is one as well."""
TEXT = {
    **{
        kind: fitting | {"exact"} & PARQUET["Number"] if kind == "Number" else fitting
        for kind, fitting in PARQUET.items()
    },
    "Text": set(VALUES),
}
"""In a format that has text only, everything is text."""


def written(folder: Path, file_format: str) -> Path:
    if file_format == "Parquet":
        parquet.write_table(pa.table(VALUES), folder / "rows.parquet")
        return folder / "rows.parquet"
    rows = [dict(zip(VALUES, row, strict=True)) for row in zip(*VALUES.values(), strict=True)]
    texts = [
        {name: str(value).lower() if type(value) is bool else value for name, value in row.items()} for row in rows
    ]
    if file_format == "JSONLines":
        shown = [json.dumps(row, default=str) + "\n" for row in rows]
    else:
        separator, header = (
            (",", list(VALUES)) if file_format == "CSV" else ("\t", [f"{name}:token" for name in VALUES])
        )
        lines = [separator.join("" if value is None else str(value) for value in row.values()) for row in texts]
        shown = [f"{line}\n" for line in (separator.join(header), *lines)]
    path = folder / {"CSV": "rows.csv", "RecBole": "rows.inter", "JSONLines": "rows.jsonl"}[file_format]
    path.write_text("".join(shown))
    return path


@pytest.mark.parametrize("file_format", ["CSV", "RecBole", "JSONLines", "Parquet"])
@pytest.mark.parametrize("wanted", TYPES)
def test_each_type_takes_its_values_and_no_other(wanted: str, file_format: str, tmp_path: Path) -> None:
    raw = READERS[file_format](written(tmp_path, file_format), {f"column {name}": name for name in VALUES})
    fitting = (PARQUET if file_format == "Parquet" else TEXT)[wanted]
    for name in VALUES:
        if name in fitting:
            require(raw, f"column {name}", name, wanted)
            continue
        with pytest.raises(InvalidData, match=rf"rows\..*: the column '{name}' holds .*2 rows.*") as refused:
            require(raw, f"column {name}", name, wanted)
        assert f"the type {wanted}" in str(refused.value)


@pytest.mark.parametrize("kind", ["Integer", "Number"])
def test_times_are_of_their_types_as_well(kind: str, tmp_path: Path) -> None:
    """What is read as the Timestamp has the type that the reader of text found."""
    (tmp_path / "rows.csv").write_text("at\n2026-01-01\n2026-01-02\n")
    raw = READERS["CSV"](tmp_path / "rows.csv", {"Timestamp": "at"})
    require(raw, "Timestamp", "at", "Time")
    with pytest.raises(
        InvalidData, match=r"the column 'at' holds date32\[day\] in 2 rows, and schema.columns gives it"
    ):
        require(raw, "Timestamp", "at", kind)


def test_the_first_wrong_value_is_shown_with_its_place_and_how_many_there_are(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("age,name\n31,a\n,b\n3.5,c\nold,d\n")
    raw = READERS["CSV"](tmp_path / "rows.csv", {"column age": "age"})
    require(raw, "column age", "age", None)
    with pytest.raises(InvalidData) as refused:
        require(raw, "column age", "age", "Integer")
    assert str(refused.value) == (
        f"{tmp_path}/rows.csv: the column 'age' holds '3.5' in line 4, which is not of the type Integer; so do 2 of "
        "its 4 rows. Correct them, or change the column's type in schema.columns."
    )


def test_a_type_that_does_not_exist_is_told() -> None:
    assert types_of([{"name": "a", "type": "Time"}, {"name": "b", "type": None}, {"name": "c"}]) == {"a": "Time"}
    with pytest.raises(InvalidData, match=r"'a' has the type Date: use Text, Integer, Number, Boolean, Time\."):
        types_of([{"name": "a", "type": "Date"}])
