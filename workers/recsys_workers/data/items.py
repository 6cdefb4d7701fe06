"""The item table of a dataset: what its file says of the items of the interactions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.data.attributes import Attribute, Counted, ItemAttributes, Positions, coded
from recsys_workers.data.delimited import recbole_types
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import DatasetFile
from recsys_workers.data.ids import FITTING, as_text
from recsys_workers.data.raw import ATTRIBUTE, RawFile, plain
from recsys_workers.data.readers import READERS

ITEM = "Item"
MOST_VALUES = 1_000_000
LEAST = 2
"""minRows where the spec does not say: what one item has tells nothing that the item's own vector does not."""


@dataclass(frozen=True, slots=True)
class AttributeColumn:
    """One column of the item table that says what items are."""

    name: str
    separator: str | None = None
    """What stands between two values of one cell; without it a cell of text is one value. Lists need none."""
    min_rows: int = LEAST


@dataclass(frozen=True, slots=True)
class ItemColumns:
    """Which columns of the item table are read."""

    id_column: str
    attributes: Sequence[AttributeColumn]


@dataclass(frozen=True, slots=True)
class ItemReport:
    """What the item table holds of the items of the interactions."""

    rows: int
    """All rows, also those of items that nobody had."""
    described: int
    """Items of the interactions with a row."""
    counted: Sequence[Counted]

    def document(self, n_items: int) -> dict[str, Any]:
        """The entry in data.json."""
        return {
            "rows": self.rows,
            "itemsWithRow": self.described,
            "itemsWithoutRow": n_items - self.described,
            "attributes": [asdict(counted) for counted in self.counted],
        }


def read_items(
    files: Sequence[DatasetFile], file_format: str, columns: ItemColumns, item_ids: Sequence[str]
) -> tuple[ItemAttributes, ItemReport]:
    """The attributes of the items, whose index is their place in `item_ids` from 1 on, and what was read.

    An item may have several rows: it has the values of all of them. One without a row, or with empty cells, has none.
    Raises InvalidData for a column that is missing or of another type, a row without an id, an attribute without any
    value or without one that enough items have, and when no row is of an item of the interactions.
    """
    keys = {ITEM: columns.id_column} | {_key(column): column.name for column in columns.attributes}
    raws = [_named(READERS[file_format], file, keys) for file in files]
    ids = pa.chunked_array([chunk for raw in raws for chunk in _ids(raw, columns.id_column).chunks], pa.string())
    named = ", ".join(str(file.path) for file in files)
    if not len(ids):
        raise InvalidData(f"The item table {named} has no rows.")
    index = pc.index_in(ids, value_set=pa.array(item_ids, pa.string())).combine_chunks()
    known = index.drop_null().to_numpy()
    if not len(known):
        raise InvalidData(
            f"The item table {named}: none of its {len(ids)} rows is of an item of the interactions. The column "
            f"{columns.id_column!r} holds ids such as {ids[0].as_py()!r}, the interactions such as {item_ids[0]!r}: "
            "correct dataset.items.idColumn, or the file."
        )
    types = recbole_types(files[0].path) if file_format == "RecBole" else {}
    attributes = [_attribute(raws, _typed(files[0], column, types), index) for column in columns.attributes]
    made, counted = coded(len(item_ids), attributes)
    described = len(np.unique(known))
    for column, found in zip(columns.attributes, counted, strict=True):
        _require_values(named, column, found, described)
    return made, ItemReport(len(ids), described, counted)


def _require_values(named: str, column: AttributeColumn, found: Counted, described: int) -> None:
    if found.values:
        return
    if not found.rare:
        raise InvalidData(
            f"The item table {named}: {column.name!r} is empty for all {described} items of the interactions that have "
            "a row: fill it, or leave it out of dataset.items.attributes."
        )
    raise InvalidData(
        f"The item table {named}: none of the {found.rare} values of the column {column.name!r} stands with "
        f"{column.min_rows} items of the interactions or more, so it says nothing that items have in common: "
        "lower its minRows, give it a separator, or leave it out of dataset.items.attributes."
    )


def _typed(file: DatasetFile, column: AttributeColumn, types: Mapping[str, str]) -> AttributeColumn:
    """The column as RecBole's header types it: a sequence of tokens has spaces between them."""
    kind = types.get(column.name, "token")
    if kind.startswith("float"):
        raise InvalidData(
            f"{file.path}: the column {column.name!r} is of the type {kind}: attributes must be token or token_seq. "
            "Write numbers as ranges, such as 10-20."
        )
    return replace(column, separator=" ") if kind == "token_seq" and column.separator is None else column


def _key(column: AttributeColumn) -> str:
    return f"{ATTRIBUTE}{column.name}"


def _named(reader: Any, file: DatasetFile, keys: Mapping[str, str]) -> RawFile:
    """The file; what the reader says of the schema is here said of dataset.items, which names the columns."""
    try:
        raw: RawFile = reader(file.path, keys)
    except InvalidData as error:
        raise InvalidData(str(error).replace("schema.columns names", "dataset.items names")) from error
    return raw


def _ids(raw: RawFile, name: str) -> pa.ChunkedArray:
    ids = as_text(raw, ITEM, name)
    if ids.null_count:
        first = raw.place(pc.index(ids.is_null(), True).as_py())
        raise InvalidData(
            f"{raw.path}: the column {name!r} is empty in {ids.null_count} of {len(ids)} rows, the first is {first}: "
            "every row of the item table must say which item it is of."
        )
    return ids


def _attribute(raws: Sequence[RawFile], column: AttributeColumn, index: pa.Array) -> Attribute:
    """The pairs of the rows whose item is known; `index` has its place from 0, or null, for the rows of all files."""
    parts = [_words(raw, column) for raw in raws]
    before = np.cumsum([0, *(raw.table.num_rows for raw in raws)])
    rows = pa.array(np.concatenate([row + first for (row, _), first in zip(parts, before[:-1], strict=True)]))
    words = pa.concat_arrays([found for _, found in parts])
    if not len(words):
        raise InvalidData(
            f"{', '.join(str(raw.path) for raw in raws)}: {column.name!r} is empty in all {before[-1]} rows: "
            "fill it, or leave it out of dataset.items.attributes."
        )
    item = index.take(rows)
    known = pc.is_valid(item)
    encoded = words.filter(known).dictionary_encode()
    if len(encoded.dictionary) > MOST_VALUES:
        raise InvalidData(
            f"{raws[0].path}: the column {column.name!r} has {len(encoded.dictionary)} values in {before[-1]} rows, "
            f"and an attribute at most {MOST_VALUES}: leave it out of dataset.items.attributes."
        )
    return Attribute(
        column.name,
        item.filter(known).to_numpy().astype(np.int64) + 1,
        encoded.indices.to_numpy().astype(np.int64),
        encoded.dictionary.to_pylist(),
        column.min_rows,
    )


def _words(raw: RawFile, column: AttributeColumn) -> tuple[Positions, pa.Array]:
    """Every value of the column, and in which row of the file it stands; what is empty has none."""
    parts = raw.table[_key(column)].chunks
    cells = plain(pa.concat_arrays(parts)) if parts else pa.array([], pa.string())
    rows: Positions = np.arange(len(cells))
    if pa.types.is_list(cells.type) or pa.types.is_large_list(cells.type):
        rows, cells = pc.list_parent_indices(cells).to_numpy(), plain(pc.list_flatten(cells))
    _require_words(raw, column.name, cells.type)
    words = cells.cast(pa.string())
    if column.separator is not None:
        lists = pc.split_pattern(words, column.separator)
        rows, words = rows[pc.list_parent_indices(lists).to_numpy()], pc.list_flatten(lists)
    words = pc.utf8_trim_whitespace(words)
    filled = pc.not_equal(pc.fill_null(words, ""), "")
    return rows[filled.to_numpy(zero_copy_only=False)].astype(np.int64), words.filter(filled)


def _require_words(raw: RawFile, name: str, kind: pa.DataType) -> None:
    if not any(fits(kind) for fits in (*FITTING, pa.types.is_boolean)):
        raise InvalidData(
            f"{raw.path}: the column {name!r} holds {kind} in {raw.table.num_rows} rows: attributes must be text, "
            "whole numbers or booleans, or lists of them. Write other numbers as ranges, such as 10-20."
        )
