"""JSON lines: one object a line, ids as integers or strings, times as numbers or strings."""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa  # type: ignore[import-untyped]

from recsys_workers.data.errors import InvalidData, reached
from recsys_workers.data.raw import ATTRIBUTE, CATEGORY, IDS, NAME_ANOTHER, TIMESTAMP, RawFile, shifted
from recsys_workers.spelling import text_of

CHUNK_LINES = 1 << 16
NULL, TEXT, NUMBER = type(None), frozenset({str}), frozenset({int, float})
ID_TYPES, TIME_TYPES = frozenset({str, int, NULL}), TEXT | NUMBER | {NULL}
VALUE_TYPES = TIME_TYPES | {bool}
WORD_TYPES = frozenset({str, int, bool})
SHOWN = 60
"""How many characters of a broken line or value a message shows."""


def read_json_lines(path: Path, roles: Mapping[str, str]) -> RawFile:
    """Read a file of JSON objects, one a line; empty lines are passed over, other keys are ignored."""
    file = _File(path, roles)
    chunks = list(file.chunks())
    columns = [_joined([chunk[place] for chunk in chunks]) for place in range(len(roles))]
    return RawFile(path, pa.table(columns, names=list(roles)), file.place)


def parts(path: Path, roles: Mapping[str, str]) -> Iterator[RawFile]:
    """The same, CHUNK_LINES at a time."""
    file, before = _File(path, roles), 0
    for chunk in file.chunks():
        table = pa.table(chunk, names=list(roles))
        yield RawFile(path, table, shifted(file.place, before))
        before += table.num_rows


class _File:
    def __init__(self, path: Path, roles: Mapping[str, str]) -> None:
        self.path = path
        self.roles = roles
        self.rows = 0
        self.blank_before: list[int] = []
        """For each empty line, how many rows stand before it."""
        self.first: dict[str, Any] = {}
        self.seen: set[str] = set()
        self.text_times: bool | None = None
        """Whether times are strings; None until the first one is seen."""

    def place(self, row: int) -> str:
        """The line of a row."""
        return f"line {row + 1 + bisect_right(self.blank_before, row)}"

    def chunks(self) -> Iterator[list[pa.Array]]:
        """The columns in the order of the roles, some lines at a time; raises InvalidData."""
        try:
            with reached(self.path), self.path.open("rb") as stream:
                for objects in self._chunks(stream):
                    columns = [self._column(role, objects) for role in self.roles]
                    self.rows += len(objects)
                    yield columns
        except OSError as error:
            raise InvalidData(f"{self.path} cannot be read: {error}.") from error
        for name in self.roles.values():
            if self.rows and name not in self.seen:
                raise InvalidData(
                    f"{self.path} has no column {name!r}, which schema.columns names: none of its {self.rows} lines "
                    f"has such a key, the first has {', '.join(self.first)}. {NAME_ANOTHER}"
                )

    def _chunks(self, stream: BinaryIO) -> Iterator[list[dict[str, Any]]]:
        while lines := list(islice(stream, CHUNK_LINES)):
            objects: list[dict[str, Any]] = []
            for line in lines:
                if line.isspace():
                    self.blank_before.append(self.rows + len(objects))
                    continue
                objects.append(self._object(line, self.rows + len(objects)))
            if objects:
                self.first = self.first or objects[0]
                yield objects

    def _object(self, line: bytes, row: int) -> dict[str, Any]:
        try:
            found = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise InvalidData(
                f"{self.path}: {self.place(row)} is not JSON ({error}): {_shown(line.decode(errors='replace'))}. "
                "Each line must be one whole object."
            ) from error
        if not isinstance(found, dict):
            raise InvalidData(
                f"{self.path}: {self.place(row)} is {_shown(json.dumps(found))}. Each line must be one object, "
                'such as {"user_id": "u-17", "item_id": "sku-1", "timestamp": 1767225600}.'
            )
        return found

    def _column(self, role: str, objects: list[dict[str, Any]]) -> pa.Array:
        name = self.roles[role]
        if name not in self.seen and any(name in found for found in objects):
            self.seen.add(name)
        values = [found.get(name) for found in objects]
        types = {type(value) for value in values}
        if role == TIMESTAMP:
            self._require_times(values, types)
            made = values
        elif role in IDS:
            self._require(types <= ID_TYPES, values, ID_TYPES, name, "a string or a whole number")
            made = values if int not in types else [str(value) if type(value) is int else value for value in values]
        elif role.startswith(ATTRIBUTE):
            return pa.array(self._lists(name, values), pa.list_(pa.string()))
        elif role.startswith(CATEGORY):
            made = self._texts(name, values)
        else:
            self._require(types <= VALUE_TYPES, values, VALUE_TYPES, name, "a string, a number, true or false")
            made = [value if value is None or type(value) is str else json.dumps(value) for value in values]
        try:
            return pa.array(made, None if role == TIMESTAMP else pa.string())
        except (pa.ArrowException, OverflowError, UnicodeError) as error:
            first, last = self.place(self.rows), self.place(self.rows + len(values) - 1)
            raise InvalidData(
                f"{self.path}: the column {name!r} cannot be read from {first} to {last}: {error}."
            ) from error

    def _lists(self, name: str, values: list[Any]) -> list[list[str] | None]:
        """Each cell as a list of text; one value is a list of one."""
        lists = [value if value is None or type(value) is list else [value] for value in values]
        right = all(type(one) in WORD_TYPES for found in lists if found for one in found)
        if not right:
            row = next(
                row for row, found in enumerate(lists) if found and any(type(one) not in WORD_TYPES for one in found)
            )
            raise InvalidData(
                f"{self.path}: the column {name!r} holds {_shown(json.dumps(values[row]))} in "
                f"{self.place(self.rows + row)}: it must be a string, a whole number, true or false, or a list of them."
            )
        return [found and [one if type(one) is str else json.dumps(one) for one in found] for found in lists]

    def _texts(self, name: str, values: list[Any]) -> list[str | None]:
        """Each cell as text; NaN is missing, as in Parquet."""
        texts = []
        for row, value in enumerate(values):
            missing = value is None or value != value
            text = None if missing else text_of(value)
            if text is None and not missing:
                raise self._wrong(name, value, row, "a string, a whole number, true or false")
            texts.append(text)
        return texts

    def _require_times(self, values: list[Any], types: set[type]) -> None:
        name = self.roles[TIMESTAMP]
        self._require(types <= TIME_TYPES, values, TIME_TYPES, name, "a number or an ISO 8601 time")
        if not types - {NULL}:
            return
        if self.text_times is None:
            self.text_times = isinstance(next(value for value in values if value is not None), str)
        others, told = (NUMBER, "strings") if self.text_times else (TEXT, "numbers")
        if types & others:
            row = next(row for row, value in enumerate(values) if type(value) in others)
            raise InvalidData(
                f"{self.path}: the column {name!r} holds {told} but also {values[row]!r} in "
                f"{self.place(self.rows + row)}: write all times as numbers, or all as ISO 8601 strings."
            )

    def _require(self, right: bool, values: list[Any], allowed: frozenset[Any], name: str, meaning: str) -> None:
        if right:
            return
        row = next(row for row, value in enumerate(values) if type(value) not in allowed)
        raise self._wrong(name, values[row], row, meaning)

    def _wrong(self, name: str, value: object, row: int, meaning: str) -> InvalidData:
        return InvalidData(
            f"{self.path}: the column {name!r} holds {_shown(json.dumps(value))} in {self.place(self.rows + row)}: it "
            f"must be {meaning}."
        )


def _joined(chunks: list[pa.Array]) -> pa.ChunkedArray:
    """Chunks of one column in one type: text stays text, and a column with a float anywhere holds floats."""
    kinds = {chunk.type for chunk in chunks} - {pa.null()}
    if not kinds:
        return pa.chunked_array([pa.nulls(sum(map(len, chunks)))])
    kind = pa.float64() if len(kinds) > 1 else kinds.pop()
    return pa.chunked_array([chunk.cast(kind, safe=False) for chunk in chunks])


def _shown(text: str) -> str:
    text = text.strip()
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
