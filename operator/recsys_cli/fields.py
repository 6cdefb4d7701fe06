"""Careful reading of JSON: fields that are missing are empty, unknown ones are left alone.

The plugin and the operator are upgraded apart from each other, so neither is taken for the other's age.
"""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def table(obj: Json, *path: str) -> Json:
    """The mapping at a path; empty where there is none."""
    at: Any = obj
    for name in path:
        at = at.get(name) if isinstance(at, Mapping) else None
    return at if isinstance(at, Mapping) else {}


def rows(obj: Json, *path: str) -> list[Json]:
    """The list of mappings at a path; empty where there is none."""
    found = table(obj, *path[:-1]).get(path[-1])
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def texts(row: Json, *names: str) -> tuple[str, ...]:
    """Fields as text; empty where they are missing."""
    return tuple("" if row.get(name) is None else str(row[name]) for name in names)


def number(row: Json, name: str) -> int | None:
    """A whole number; None where there is none."""
    found = row.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None
