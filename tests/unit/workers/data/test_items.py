"""The item table: the same table in every format gives the same attributes, and what is wrong is told in a sentence."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from recsys_workers.data.attributes import Attribute, ItemAttributes, coded
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import list_files
from recsys_workers.data.items import AttributeColumn, ItemColumns, ItemReport, read_items

IDS = ["3", "7", "20"]
Cells = Sequence[tuple[Any, list[str] | None, str | None]]
TABLE: Cells = [
    (7, ["oils", "hair"], "acme"),
    (3, ["hair"], "acme"),
    (99, ["hair", "soap"], "other"),
    (20, None, None),
]


def csv(path: Path, rows: Cells) -> None:
    lines = [f"{item},{'|'.join(categories or [])},{brand or ''}" for item, categories, brand in rows]
    (path / "items.csv").write_text("\n".join(["item_id,categories,brand", *lines]) + "\n")


def recbole(path: Path, rows: Cells) -> None:
    lines = [f"{item}\t{' '.join(categories or [])}\t{brand or ''}" for item, categories, brand in rows]
    header = "item_id:token\tcategories:token_seq\tbrand:token"
    (path / "shop.item").write_text("\n".join([header, *lines]) + "\n")
    (path / "shop.inter").write_text("what stands beside it is not read")


def as_parquet(path: Path, rows: Cells) -> None:
    item, categories, brand = ([row[index] for row in rows] for index in range(3))
    lists = pa.array(categories, pa.list_(pa.dictionary(pa.int8(), pa.string())))
    table = pa.table({"item_id": item, "categories": lists, "brand": pa.array(brand, pa.large_string())})
    parquet.write_table(table, path / "items.parquet")


def json_lines(path: Path, rows: Cells) -> None:
    lines = [
        json.dumps({"item_id": item, "categories": categories, "brand": brand}) for item, categories, brand in rows
    ]
    (path / "items.jsonl").write_text("\n".join(lines) + "\n")


FORMATS: dict[str, tuple[str, Callable[[Path, Cells], None], str | None]] = {
    "CSV": ("CSV", csv, "|"),
    "RecBole item": ("RecBole", recbole, None),
    "Parquet": ("Parquet", as_parquet, None),
    "JSONLines": ("JSONLines", json_lines, None),
}


def read(
    path: Path, name: str = "CSV", columns: Sequence[AttributeColumn] = (), id_column: str = "item_id"
) -> tuple[ItemAttributes, ItemReport]:
    file_format, _, separator = FORMATS[name]
    columns = columns or [AttributeColumn("categories", separator, 1), AttributeColumn("brand")]
    return read_items(list_files(path, name), file_format, ItemColumns(id_column, columns), IDS)


def of(found: ItemAttributes, item: int) -> dict[int, float]:
    span = slice(*found.starts[item : item + 2])
    return dict(zip(found.values[span].tolist(), found.weights[span].tolist(), strict=True))


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_table_gives_the_same_attributes_in_every_format(tmp_path: Path, name: str) -> None:
    FORMATS[name][1](tmp_path, TABLE)
    found, report = read(tmp_path, name)
    # categories: 0 is none, 1 and 2 are oils and hair; brand: 3 is none, 4 is acme, which two items have.
    assert (found.n_items, found.n_values) == (3, 5)
    assert of(found, 0) == {}
    assert of(found, 1) == {2: 1.0, 4: 1.0}
    assert of(found, 2) == {1: 0.5, 2: 0.5, 4: 1.0}
    assert of(found, 3) == {0: 1.0, 3: 1.0}
    assert report.document(3) == {
        "rows": 4,
        "itemsWithRow": 3,
        "itemsWithoutRow": 0,
        "attributes": [
            {"name": "categories", "values": 2, "rare": 0, "without": 1},
            {"name": "brand", "values": 1, "rare": 0, "without": 1},
        ],
    }


def test_an_item_with_several_rows_has_the_values_of_all_of_them(tmp_path: Path) -> None:
    csv(tmp_path, [(3, ["hair"], "acme"), (7, ["hair"], "acme"), (3, ["oils"], "acme")])
    found, report = read(tmp_path)
    assert of(found, 1) == {1: 0.5, 2: 0.5, 4: 1.0}
    assert (report.rows, report.described) == (3, 2)
    assert of(found, 3) == {0: 1.0, 3: 1.0}, "an item without a row has no attribute, and is there all the same"


def test_rare_values_are_one_with_none(tmp_path: Path) -> None:
    csv(tmp_path, TABLE)
    found, report = read(tmp_path, columns=[AttributeColumn("categories", "|", 2)])
    assert [of(found, item) for item in (1, 2, 3)] == [{1: 1.0}, {0: 0.5, 1: 0.5}, {0: 1.0}]
    assert (report.counted[0].values, report.counted[0].rare, report.counted[0].without) == (1, 1, 1)


@pytest.mark.parametrize(
    ("name", "text", "columns", "said"),
    [
        ("items.csv", "item_id,brand\n3,a\n", {}, "items.csv has no column 'categories', which dataset.items names"),
        ("items.csv", "id,categories,brand\n3,a,b\n", {}, "has no column 'item_id', which dataset.items names: it has"),
        (
            "items.csv",
            "item_id,categories,brand\n3,a,b\n,a,b\n,c,d\n",
            {},
            "the column 'item_id' is empty in 2 of 3 rows, the first is line 3",
        ),
        ("items.csv", "item_id,categories,brand\n3,a,\n7,b,\n", {}, "'brand' is empty in all 2 rows: fill it"),
        (
            "items.csv",
            "item_id,categories,brand\nsku-3,a,b\n",
            {},
            "none of its 1 rows is of an item of the interactions. The column 'item_id' holds ids such as 'sku-3', "
            "the interactions such as '3'",
        ),
        ("items.csv", "item_id,categories,brand\n", {}, "has no rows"),
        (
            "items.csv",
            "item_id,categories,brand\n3,a,b\n7,a,c\n99,a,b\n",
            {},
            "none of the 2 values of the column 'brand' stands with 2 items of the interactions or more",
        ),
        (
            "items.csv",
            "item_id,categories,brand\n3,a,\n7,a,\n99,a,b\n",
            {},
            "'brand' is empty for all 2 items of the interactions that have a row: fill it, or leave it out of",
        ),
        (
            "shop.item",
            "item_id:token\tcategories:float\tbrand:token\n3\t1.5\tb\n",
            {"name": "RecBole item"},
            "the column 'categories' is of the type float: attributes must be token or token_seq",
        ),
        (
            "items.jsonl",
            '{"item_id": 3, "categories": ["a", 1.5], "brand": "b"}\n',
            {"name": "JSONLines"},
            "the column 'categories' holds [\"a\", 1.5] in line 1: it must be a string, a whole number, true or false",
        ),
        (
            "items.jsonl",
            '{"item_id": 3, "categories": [], "brand": "b"}\n{"item_id": 7.5, "brand": "b"}\n',
            {"name": "JSONLines"},
            "the column 'item_id' holds 7.5 in line 2: it must be a string or a whole number",
        ),
    ],
)
def test_what_is_wrong_names_file_column_and_rows(
    tmp_path: Path, name: str, text: str, columns: dict[str, str], said: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidData) as error:
        read(tmp_path, **columns)
    assert said in str(error.value)
    assert name in str(error.value)


@pytest.mark.parametrize("kind", [pa.float64(), pa.list_(pa.float32()), pa.struct([("a", pa.string())])])
def test_parquet_of_another_type_is_refused(tmp_path: Path, kind: pa.DataType) -> None:
    table = pa.table({"item_id": [3, 7], "categories": pa.array([None, None], kind), "brand": ["a", "b"]})
    parquet.write_table(table, tmp_path / "items.parquet")
    with pytest.raises(
        InvalidData, match=r"items\.parquet: the column 'categories' holds .* in 2 rows: attributes must"
    ):
        read(tmp_path, "Parquet")


PAIRS = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 4)), max_size=30)


@given(st.lists(PAIRS, min_size=1, max_size=3), st.integers(0, 3))
def test_each_item_has_a_weight_of_one_for_each_attribute(columns: list[list[tuple[int, int]]], least: int) -> None:
    attributes = []
    for number, pairs in enumerate(columns):
        items, codes = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        attributes.append(Attribute(str(number), items, codes, list("abcde"), least))
    found, counted = coded(6, attributes)
    assert found.starts[0] == found.starts[1] == 0, "padding has none"
    for item in range(1, 7):
        assert sum(of(found, item).values()) == pytest.approx(len(columns))
    first = 0
    for pairs, told in zip(columns, counted, strict=True):
        held = {word: {item for item, code in pairs if code == word} for word in range(5)}
        own = sorted(word for word, items in held.items() if items and len(items) >= least)
        assert (told.values, told.rare) == (len(own), sum(bool(items) for items in held.values()) - len(own))
        for item in range(1, 7):
            wanted = {first + 1 + own.index(word) if word in own else first for word in held if item in held[word]}
            span = {value for value in of(found, item) if first <= value <= first + len(own)}
            assert span == (wanted or {first})
        first += len(own) + 1
    assert found.n_values == first
