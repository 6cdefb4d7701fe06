"""`python -m recsys_workers.data.join OUT --rows FILE --users FILE --items FILE`: one table for the task Ranking.

The columns of the files of users and items are put beside each row by its ids, and the whole is written as Parquet.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from pyarrow import parquet

from recsys_workers.data.categories import as_text
from recsys_workers.data.delimited import csv_names, recbole_types
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.raw import RawFile
from recsys_workers.data.readers import READERS
from recsys_workers.tabular.cells import as_number

FORMATS = {".inter": "RecBole", ".user": "RecBole", ".item": "RecBole", ".csv": "CSV", ".parquet": "Parquet"}


def read(path: Path) -> RawFile:
    """All columns of a file, by their names without RecBole's types; raises InvalidData."""
    file_format = FORMATS.get(path.suffix)
    if file_format is None:
        raise InvalidData(f"{path} ends with none of {', '.join(FORMATS)}: convert it, or rename it.")
    return READERS[file_format](path, {name: name for name in _names(path, file_format)})


def joined(rows: RawFile, beside: RawFile, key: str) -> tuple[RawFile, int]:
    """The rows with the columns of `beside` whose value of `key` is theirs, and how many rows have none (nulls).

    Raises InvalidData when `beside` has a key twice, or another column that the rows have too.
    """
    ids = as_text(beside, _present(beside, key), key).to_pylist()
    place = {text: row for row, text in enumerate(ids) if text is not None}
    if len(place) < len(ids):
        raise InvalidData(
            f"{beside.path}: the column {key!r} has {len(ids) - len(place)} values that are empty or there twice: a "
            "row must have one row beside it."
        )
    both = [name for name in beside.table.column_names if name in rows.table.column_names and name != key]
    if both:
        raise InvalidData(f"{beside.path} and {rows.path} both have the column {both[0]!r}: rename one.")
    wanted = as_text(rows, _present(rows, key), key).to_pylist()
    found = pa.array([place.get(text) for text in wanted], pa.int64())
    table = rows.table
    for name in beside.table.column_names:
        if name != key:
            table = table.append_column(name, beside.table[name].take(found))
    return replace(rows, table=table), found.null_count


def flags(raw: RawFile, name: str) -> RawFile:
    """The file with a column of 0 and 1 for each word of a column, `name_word`, instead of the column.

    What is no letter and no digit becomes `_` in the name: Sci-Fi is `class_Sci_Fi`.
    """
    texts = [str(text or "") for text in raw.table[_present(raw, name)].to_pylist()]
    words = {text: {re.sub(r"\W+", "_", word) for word in text.split()} for text in set(texts)}
    table = raw.table.drop_columns([name])
    for word in sorted({word for found in words.values() for word in found}):
        table = table.append_column(f"{name}_{word}", pa.array([int(word in words[text]) for text in texts], pa.int8()))
    return replace(raw, table=table)


def labelled(raw: RawFile, label: str, column: str, least: float) -> RawFile:
    """The file with `label`, 1 where the column is at least `least`, else 0; instead of the column, which tells it.

    A row without a value has no label.
    """
    values = as_number(raw, _present(raw, column), column)
    liked = pc.greater_equal(values, least).cast(pa.int8())
    return replace(raw, table=raw.table.drop_columns([column]).append_column(label, liked))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 2 for files of which no table can be made."""
    parser = argparse.ArgumentParser(prog="python -m recsys_workers.data.join", description=__doc__)
    parser.add_argument("out", type=Path, help="the Parquet file to write")
    parser.add_argument("--rows", type=Path, required=True, help="what users did: *.inter, *.csv or *.parquet")
    parser.add_argument("--users", type=Path, help="a row a user")
    parser.add_argument("--items", type=Path, help="a row an item")
    parser.add_argument("--user-id", default="user_id", help="column of the users' ids")
    parser.add_argument("--item-id", default="item_id", help="column of the items' ids")
    parser.add_argument("--words", action="append", default=[], help="column of words that becomes one of 0 and 1 each")
    parser.add_argument("--label", nargs=3, metavar=("NAME", "COLUMN", "LEAST"), help="NAME is 1 where COLUMN >= LEAST")
    asked = parser.parse_args(arguments)
    try:
        print(_join(asked))
    except (InvalidData, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _join(asked: argparse.Namespace) -> str:
    given = {name: read(path) for name in ("rows", "users", "items") if (path := getattr(asked, name)) is not None}
    for word in asked.words:
        # Where the column stands: before the join, so that the words do not depend on who did what.
        name = next((name for name, raw in given.items() if word in raw.table.column_names), "rows")
        given[name] = flags(given[name], word)
    rows = given["rows"]
    told = [f"{rows.table.num_rows} rows"]
    for name, key in (("users", asked.user_id), ("items", asked.item_id)):
        if name in given:
            rows, without = joined(rows, given[name], key)
            told.append(f"{without} without a row of their {name.removesuffix('s')}")
    if asked.label:
        label, column, least = asked.label
        rows = labelled(rows, label, column, float(least))
        share = np.nanmean(rows.table[label].to_numpy().astype(np.float64))
        told.append(f"{share:.1%} of them {label}")
    parquet.write_table(rows.table, asked.out)
    return f"{asked.out}: {', '.join(told)}."


def _names(path: Path, file_format: str) -> list[str]:
    if file_format == "Parquet":
        return list(parquet.read_schema(path).names)
    return csv_names(path) if file_format == "CSV" else list(recbole_types(path))


def _present(raw: RawFile, name: str) -> str:
    if name not in raw.table.column_names:
        raise InvalidData(f"{raw.path} has no column {name!r}: it has {', '.join(raw.table.column_names)}.")
    return name


if __name__ == "__main__":
    sys.exit(main())
