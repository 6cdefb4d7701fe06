"""data.json of a version: what was read, what each rule of the cleaning dropped, what was left."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recsys_workers.data.cleaning import Cleaning, Dropped
from recsys_workers.data.interactions import Interactions
from recsys_workers.data.times import written


@dataclass(frozen=True, slots=True)
class Report:
    """The figures; `encode` writes them."""

    uri: str
    file_format: str
    digest: str
    """SHA-256 of the input, see recsys_workers.data.files."""
    rows_read: int
    cleaning: Cleaning
    dropped: Sequence[Dropped]
    rows: int
    users: int
    items: int
    tied_users: int
    first_time: str
    last_time: str
    item_table: Mapping[str, Any] | None = None
    """What was read of the item table, if there is one."""

    @property
    def rows_dropped(self) -> int:
        """By all rules together."""
        return sum(entry.rows for entry in self.dropped)

    def sentence(self) -> str:
        """For people, in one line."""
        told = ", ".join(f"{entry.rows} by {entry.rule}" for entry in self.dropped)
        left = f"{self.rows} rows of {self.users} users with {self.items} items"
        span = f"from {self.first_time} to {self.last_time}; the last timestamp of {self.tied_users} users is tied"
        if not self.dropped:
            return f"{left}, {span}."
        return f"{self.rows_read} rows read, dropped {told}; {left} are left, {span}."

    def encode(self) -> bytes:
        """The bytes of data.json."""
        document: dict[str, Any] = {
            "dataset": {"uri": self.uri, "format": self.file_format, "digest": self.digest},
            "rowsRead": self.rows_read,
            "cleaning": self.cleaning.document(),
            "dropped": [entry.document() for entry in self.dropped],
            "rows": self.rows,
            "users": self.users,
            "items": self.items,
            "tiedUsers": self.tied_users,
            "timeRange": {"first": self.first_time, "last": self.last_time},
            **({"itemTable": self.item_table} if self.item_table else {}),
        }
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Span:
    """The first and the last time, for people."""

    first: str
    last: str


def span_of(interactions: Interactions) -> Span:
    """Of the rows that are left."""
    times = interactions.times
    return Span(*(written(end.item(), timed=interactions.timed) for end in (times.min(), times.max())))


def report(
    uri: str,
    file_format: str,
    digest: str,
    cleaning: Cleaning,
    dropped: Sequence[Dropped],
    interactions: Interactions,
    span: Span,
    item_table: Mapping[str, Any] | None = None,
) -> Report:
    """Count the interactions that are left."""
    rows = len(interactions.items)
    return Report(
        uri=uri,
        file_format=file_format,
        digest=digest,
        rows_read=rows + sum(entry.rows for entry in dropped),
        cleaning=cleaning,
        dropped=dropped,
        rows=rows,
        users=len(interactions.user_ids),
        items=len(interactions.item_ids),
        tied_users=interactions.tied_users,
        first_time=span.first,
        last_time=span.last,
        item_table=item_table,
    )
