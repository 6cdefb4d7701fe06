"""The rules that leave rows of a table out go in the order that the documentation states."""

import statistics
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tests.unit.workers.tabular.tables import write_csv

from recsys_workers.data.cleaning import parse
from recsys_workers.data.files import list_files
from recsys_workers.tabular import reading, schema
from recsys_workers.tabular.cleaning import kept_rows

COLUMNS = [
    {"name": "user", "role": "User"},
    {"name": "item", "role": "Item"},
    {"name": "price", "role": "Numeric"},
    {"name": "day", "role": "Timestamp"},
    {"name": "click", "role": "Label"},
]
CLEANING = {
    "missing": "Drop",
    "timeWindow": {"from": 2, "to": 9},
    "bounds": [{"column": "price", "min": "1", "max": "20"}],
    "quantiles": [{"column": "price", "upper": "0.9"}],
    "duplicates": "KeepFirst",
    "minUserInteractions": 3,
    "minItemInteractions": 4,
}


class Row(NamedTuple):
    """A row of the table; None is an empty cell."""

    number: int
    user: int
    item: int
    price: int | None
    day: int
    click: int


Rule = Callable[[list[Row]], list[Row]]


def below_the_quantile(rows: list[Row]) -> list[Row]:
    prices = [row.price for row in rows if row.price is not None]
    highest = statistics.quantiles(prices, n=10, method="inclusive")[-1]
    return [row for row in rows if row.price is None or row.price <= highest]


def firsts(rows: list[Row]) -> list[Row]:
    places: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        places.setdefault(row[1:], row)
    return list(places.values())


def frequent(rows: list[Row]) -> list[Row]:
    while True:
        users, items = Counter(row.user for row in rows), Counter(row.item for row in rows)
        kept = [row for row in rows if users[row.user] >= 3 and items[row.item] >= 4]
        if len(kept) == len(rows):
            return rows
        rows = kept


STATED: list[tuple[str, Rule]] = [
    ("missing", lambda rows: [row for row in rows if row.price is not None]),
    ("timeWindow", lambda rows: [row for row in rows if 2 <= row.day < 9]),
    ("bounds", lambda rows: [row for row in rows if row.price is None or 1 <= row.price <= 20]),
    ("quantiles", below_the_quantile),
    ("duplicates", firsts),
    ("minInteractions", frequent),
]


def dropped(rows: list[Row], order: list[tuple[str, Rule]]) -> tuple[dict[str, int], list[int]]:
    """How many rows each rule drops, one after the other, and the numbers of those that are left."""
    counts = {}
    for name, rule in order:
        left = rule(rows)
        counts[name], rows = len(rows) - len(left), left
    return counts, [row.number for row in rows]


def test_the_rules_go_in_the_stated_order_and_each_sees_what_is_left(tmp_path: Path) -> None:
    random = np.random.default_rng(5)

    def row(number: int) -> Row:
        price = None if random.random() < 0.1 else int(random.integers(0, 25))
        user, item, day, click = (int(random.integers(0, most)) for most in (25, 8, 11, 2))
        return Row(number, user, item, price, day, click)

    rows = [row(number) for number in range(200)]
    rows += [Row(number, *rows[int(random.integers(0, 200))][1:]) for number in range(200, 300)]
    expected = dropped(rows, STATED)
    for place in range(len(STATED) - 1):
        one, other = STATED[place : place + 2]
        swapped = [*STATED[:place], other, one, *STATED[place + 2 :]]
        assert dropped(rows, swapped) != expected, f"these rows do not tell {one[0]} before {other[0]} from after it"

    write_csv(tmp_path / "rows.csv", [row._asdict() for row in rows])
    table = reading.read(list_files(tmp_path, "CSV"), "CSV", schema.parse(COLUMNS, "Binary", "Ranking"))
    cleaning = parse(CLEANING)
    assert cleaning.document() == CLEANING
    kept, found = kept_rows(table, cleaning)
    assert ({entry.rule: entry.rows for entry in found}, kept.tolist()) == expected
    assert [entry.rule for entry in found] == [name for name, _ in STATED]
    assert all(entry.rows for entry in found)
    assert len(kept) > 10
