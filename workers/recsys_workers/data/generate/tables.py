"""The tables of a log, and writing them in each format."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import csv, parquet

from recsys_workers.data.generate.log import Chunk
from recsys_workers.data.generate.world import World

EVENTS = pa.array(["Impression", "Click", "Cart", "Purchase"])
LATER = 1000
"""Milliseconds from an impression to its click, from that to the cart, from that to the purchase."""
MILLISECONDS = pa.timestamp("ms", "UTC")


def item_table(world: World) -> pa.Table:
    """The catalogue: item_id, title, category, price, rating."""
    ids = _item_ids(world)
    titles = [f"{name} of {category}" for name, category in zip(ids, _categories(world), strict=True)]
    return pa.table(
        {"item_id": ids, "title": titles, "category": _categories(world), "price": world.price, "rating": world.rating}
    )


def user_table(world: World) -> pa.Table:
    """user_id, segment, price_sensitivity."""
    count = len(world.segment)
    return pa.table(
        {"user_id": _user_ids(0, count), "segment": _segments(world), "price_sensitivity": world.sensitivity}
    )


class Tables:
    """Makes the tables of one chunk after the other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.items, self.categories, self.segments = map(
            pa.array, (_item_ids(world), _categories(world), _segments(world))
        )
        self.start = round(world.settings.start.timestamp() * 1000)

    def impressions(self, chunk: Chunk) -> pa.Table:
        """One row an impression, with what is known of user and item, and what came of it (0 or 1)."""
        ids = self._ids(chunk, np.arange(len(chunk.user)), chunk.time)
        labels = {"click": chunk.click, "cart": chunk.cart, "purchase": chunk.purchase}
        return pa.table(
            {
                **ids,
                "segment": self.segments.take(pa.array(chunk.user)),
                "price_sensitivity": self.world.sensitivity[chunk.user],
                "category": self.categories.take(pa.array(chunk.item)),
                "price": self.world.price[chunk.item],
                "rating": self.world.rating[chunk.item],
                **{name: label.astype(np.int8) for name, label in labels.items()},
                "click_probability": chunk.click_probability,
            }
        )

    def events(self, chunk: Chunk) -> pa.Table:
        """One row an event: every impression, and each click, cart and purchase some seconds after it."""
        rows = [np.arange(len(chunk.user)), *map(np.flatnonzero, (chunk.click, chunk.cart, chunk.purchase))]
        row = np.concatenate(rows)
        kind = np.repeat(np.arange(len(rows)), [len(part) for part in rows])
        time = chunk.time[row] + LATER * kind
        order = np.lexsort((kind, time, chunk.user[row]))
        row, kind, time = row[order], kind[order], time[order]
        ids = self._ids(chunk, row, time)
        return pa.table({**ids, "event": EVENTS.take(pa.array(kind))})

    def _ids(
        self, chunk: Chunk, row: "np.ndarray[tuple[int], np.dtype[np.int64]]", time: object
    ) -> dict[str, pa.Array]:
        users = _user_ids(chunk.first_user, int(chunk.user[-1]) + 1)
        moments = pa.array(np.asarray(time) + self.start).cast(MILLISECONDS)
        return {
            "user_id": pa.array(users).take(pa.array(chunk.user[row] - chunk.first_user)),
            "item_id": self.items.take(pa.array(chunk.item[row])),
            "timestamp": moments,
        }


def write_parquet(table: pa.Table, path: Path) -> None:
    """A Parquet file."""
    parquet.write_table(table, path, compression="zstd", write_page_checksum=True)


def write_csv(table: pa.Table, path: Path) -> None:
    """A CSV with a header; quotes only where a cell needs them."""
    csv.write_csv(table, path, csv.WriteOptions(quoting_style="needed"))


def write_json_lines(table: pa.Table, path: Path) -> None:
    """One object a line; times as ISO 8601."""
    if "timestamp" in table.column_names:
        text = pa.array([moment.isoformat() for moment in table["timestamp"].to_pylist()])
        table = table.set_column(table.column_names.index("timestamp"), "timestamp", text)
    with path.open("w", encoding="utf-8") as stream:
        for row in table.to_pylist():
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


WRITERS: Mapping[str, tuple[str, Callable[[pa.Table, Path], None]]] = {
    "Parquet": (".parquet", write_parquet),
    "CSV": (".csv", write_csv),
    "JSONLines": (".jsonl", write_json_lines),
}


def _item_ids(world: World) -> list[str]:
    return [f"sku-{number:06d}" for number in range(len(world.category))]


def _user_ids(first: int, end: int) -> list[str]:
    return [f"u-{number:07d}" for number in range(first, end)]


def _categories(world: World) -> list[str]:
    return [f"category-{number:02d}" for number in world.category]


def _segments(world: World) -> list[str]:
    return [f"segment-{number}" for number in world.segment]
