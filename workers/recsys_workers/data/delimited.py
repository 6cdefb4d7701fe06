"""Text files with a header: RecBole atomic files (tab separated, `name:type` headers) and CSV."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Protocol

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import csv

from recsys_workers.data.errors import InvalidData, reached
from recsys_workers.data.quotes import header_of, line_of, opened_text, rows_below_header, whole_rows
from recsys_workers.data.raw import TIMESTAMP, RawFile, require_column

SHOWN = 60
"""Characters of a row in a message."""
CHECKED_BYTES = 4 << 20
"""Of a file that are looked at together, about."""


class ReadDelimited(Protocol):
    """Reads a file, or a part of it with the file's header."""

    def __call__(self, path: Path, roles: Mapping[str, str], part: BytesIO | None = None) -> RawFile: ...


def read_recbole(path: Path, roles: Mapping[str, str], part: BytesIO | None = None) -> RawFile:
    """Read a RecBole atomic file, whose header gives each name a type after a colon."""
    header = _header(path, _recbole())
    bare = {name.partition(":")[0]: name for name in header}
    physical = {role: name if name in header else bare.get(name, name) for role, name in roles.items()}
    for role, name in physical.items():
        require_column(
            path, header, name if name in header else roles[role], lambda: rows_below_header(path, quoted=False)
        )
    return _read(path, "RecBole", physical, _recbole(), part)


def read_csv(path: Path, roles: Mapping[str, str], part: BytesIO | None = None) -> RawFile:
    """Read a file with commas, and quotes where a cell holds one, a quote or a line break."""
    header = csv_names(path)
    for name in roles.values():
        require_column(path, header, name, lambda: rows_below_header(path, quoted=True))
    breaks = _has_quotes(path) if part is None else b'"' in part.getvalue()
    return _read(path, "CSV", roles, _csv(breaks=breaks), part)


def csv_names(path: Path) -> list[str]:
    """The names of the columns of a CSV."""
    return _header(path, _csv(breaks=True))


def recbole_types(path: Path) -> dict[str, str]:
    """What the header of a RecBole atomic file says of each column: token, token_seq, float or float_seq."""
    return {name: kind for name, _, kind in (column.partition(":") for column in _header(path, _recbole()))}


def _recbole() -> csv.ParseOptions:
    return csv.ParseOptions(delimiter="\t", quote_char=False)


def _csv(*, breaks: bool) -> csv.ParseOptions:
    return csv.ParseOptions(delimiter=",", quote_char='"', newlines_in_values=breaks)


def _read(
    path: Path,
    file_format: str,
    physical: Mapping[str, str],
    parse_options: csv.ParseOptions,
    part: BytesIO | None,
) -> RawFile:
    convert_options = csv.ConvertOptions(
        include_columns=list(physical.values()),
        column_types={name: pa.string() for role, name in physical.items() if role != TIMESTAMP},
        strings_can_be_null=False,
    )
    try:
        with reached(path):
            table = csv.read_csv(
                path if part is None else part, parse_options=parse_options, convert_options=convert_options
            )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise _unreadable(path, file_format, physical, parse_options, error) from error
    quoted = bool(parse_options.quote_char)
    return RawFile(path, table.rename_columns(list(physical)), lambda row: f"line {line_of(path, row, quoted=quoted)}")


def _has_quotes(path: Path) -> bool:
    """Whether there is any quote, without which no cell has line breaks; raises InvalidData for one left open."""
    with opened_text(path) as stream:
        found = False
        for rows in whole_rows(stream, CHECKED_BYTES, path):
            found = found or b'"' in rows
        return found


def _unreadable(
    path: Path, file_format: str, physical: Mapping[str, str], parse_options: csv.ParseOptions, error: Exception
) -> InvalidData:
    """What to raise for an error of Arrow, by what stands in the whole file."""
    wrong = _wrong_rows(path, physical, parse_options)
    if wrong.ragged:
        told = f"line {wrong.line} has {wrong.cells} cells and the header {wrong.columns}: {wrong.text[:SHOWN]!r}"
        more = f"Such are {wrong.ragged} of its {wrong.rows} rows: correct them, or put quotes around a cell's commas"
        more = more if file_format == "CSV" else more.partition(",")[0]
        return InvalidData(f"{path} cannot be read as {file_format}: {told}. {more}.")
    if wrong.no_text:
        told = f"the column {wrong.column!r} holds what is no UTF-8 in line {wrong.line}"
        return InvalidData(
            f"{path} cannot be read as {file_format}: {told}, and so do {wrong.no_text} of its {wrong.rows} rows: "
            "write the file in UTF-8."
        )
    return InvalidData(f"{path} ({wrong.rows} rows) cannot be read as {file_format}: {error}.")


@dataclass(slots=True)
class _Wrong:
    """How many rows a text file has, how many of them are wrong, and the first of these."""

    rows: int = 0
    ragged: int = 0
    no_text: int = 0
    line: int = 0
    cells: int = 0
    columns: int = 0
    text: str = ""
    column: str = ""


def _wrong_rows(path: Path, physical: Mapping[str, str], parse_options: csv.ParseOptions) -> _Wrong:
    """Read the file a second time, a part after the other, and take whatever bytes there are."""
    wrong, quoted = _Wrong(), bool(parse_options.quote_char)

    def ragged(row: csv.InvalidRow) -> str:
        if not wrong.ragged:
            # Arrow counts rows, from the header on.
            wrong.line = line_of(path, row.number - 2, quoted=quoted)
            wrong.cells, wrong.columns, wrong.text = row.actual_columns, row.expected_columns, row.text
        wrong.ragged += 1
        return "skip"

    parse_options.invalid_row_handler = ragged
    parse_options.newlines_in_values = quoted  # A part of the file may have had none.
    names = list(physical.values())
    types = csv.ConvertOptions(include_columns=names, column_types=dict.fromkeys(names, pa.binary()))
    single = csv.ReadOptions(use_threads=False)  # Only then Arrow says in which row.
    try:
        with reached(path), csv.open_csv(path, single, parse_options, types) as batches:
            for batch in batches:
                for name in names if not wrong.ragged else ():
                    _count_no_text(wrong, batch, name, path, quoted=quoted)
                wrong.rows += batch.num_rows
    except (pa.ArrowInvalid, pa.ArrowKeyError):
        return replace(wrong, rows=rows_below_header(path, quoted=quoted))
    wrong.rows += wrong.ragged
    return wrong


def _count_no_text(wrong: _Wrong, batch: pa.RecordBatch, name: str, path: Path, *, quoted: bool) -> None:
    for row, cell in enumerate(batch[name].to_pylist()):
        try:
            cell.decode()
        except UnicodeDecodeError:
            if not wrong.no_text:
                wrong.line, wrong.column = line_of(path, wrong.rows + row, quoted=quoted), name
            wrong.no_text += 1


def _header(path: Path, parse_options: csv.ParseOptions) -> list[str]:
    """The names of the columns, as Arrow has them."""
    try:
        with opened_text(path) as stream:
            header = header_of(stream, path, quoted=bool(parse_options.quote_char))
        if not header.strip(b"\r\n"):
            raise InvalidData(f"{path} is empty: its first line must name the columns.")
        return list(csv.read_csv(BytesIO(header), parse_options=parse_options).column_names)
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise InvalidData(f"{path} cannot be read as text, whose first line names the columns: {error}.") from error
