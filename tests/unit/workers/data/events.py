"""Events with a Split column, in files of each format."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from recsys_workers.data import json_lines, parts, shards
from recsys_workers.data.blocks import Wanted
from recsys_workers.data.cleaning import Cleaning
from recsys_workers.data.files import list_files
from recsys_workers.data.readers import roles_of

COLUMNS = [
    {"name": "part", "role": "Split"},
    {"name": "day", "role": "Timestamp"},
    {"name": "user", "role": "User"},
    {"name": "item", "role": "Item"},
]
NAMES = ("user", "item", "day", "part")
SUFFIXES = {"CSV": ".csv", "RecBole": ".inter", "Parquet": ".parquet", "JSONLines": ".jsonl"}
Event = tuple[str, str, int, str | None]


def write(folder: Path, file_format: str, files: list[list[Event]]) -> None:
    """Each list of events as a file."""
    for number, events in enumerate(files):
        path = folder / f"{number}{SUFFIXES[file_format]}"
        rows: list[dict[str, Any]] = [dict(zip(NAMES, event, strict=True)) for event in events]
        if file_format == "Parquet":
            parquet.write_table(pa.Table.from_pylist(rows, pa.schema(list(TYPES.items()))), path)
        elif file_format == "JSONLines":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            comma = "," if file_format == "CSV" else "\t"
            header = NAMES if file_format == "CSV" else [f"{name}:{HEADERS.get(name, 'token')}" for name in NAMES]
            lines = [["" if cell is None else str(cell) for cell in row.values()] for row in rows]
            path.write_text("\n".join(comma.join(line) for line in [header, *lines]) + "\n")


HEADERS = {"day": "float"}
TYPES = {"user": pa.string(), "item": pa.string(), "day": pa.int64(), "part": pa.string()}


def wanted(folder: Path, file_format: str, cleaning: Cleaning | None = None, *, split: bool = True) -> Wanted:
    """What a run reads of the folder."""
    roles = roles_of(COLUMNS, split=split)
    return Wanted(list_files(folder, file_format), file_format, roles, cleaning or Cleaning())


def in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let parts of files and shards have a few rows."""
    monkeypatch.setattr(parts, "TEXT_BYTES", 60)
    monkeypatch.setattr(parts, "ROWS", 5)
    monkeypatch.setattr(json_lines, "CHUNK_LINES", 4)
    monkeypatch.setattr(shards, "SHARD_ROWS", 7)
