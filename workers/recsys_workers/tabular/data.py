"""The dataset of a run: read, cleaned, split, fitted, and laid down as arrays for Ray's worker."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from recsys_workers.data.cleaning import Dropped
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import DatasetFile
from recsys_workers.data.split_column import PARTS
from recsys_workers.data.times import written
from recsys_workers.preprocessing import Column, Columns, Floats, Inputs, Preprocessing
from recsys_workers.tabular import splitting
from recsys_workers.tabular.cleaning import Rows, kept_rows
from recsys_workers.tabular.filling import carry_forward
from recsys_workers.tabular.fitting import fit
from recsys_workers.tabular.labels import labels
from recsys_workers.tabular.reading import Table, read
from recsys_workers.tabular.schema import CALENDAR, FORWARD_FILL, NUMERIC, Feature, TableSchema
from recsys_workers.tabular.splitting import Parts
from recsys_workers.train.run_config import RunConfig

FILE = "prepared.npz"
VALIDATION = "validation"
"""The part whose users are laid down too: for a metric that is a mean over users."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows as the model takes them; `labels` are classes' indices, or values in the label's own unit.

    `users` says whose each row is, as numbers; None where rows have no user, or nobody needs to know.
    """

    inputs: Inputs
    labels: Floats
    weights: Floats
    users: Rows | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Rowwise:
    """Everything that is known of the rows before the training."""

    table: Table
    rows: Rows
    parts: Parts
    preprocessing: Preprocessing
    protocol: Mapping[str, Any]
    """What the manifest says of the split."""
    dropped: Sequence[Dropped]
    labels: Floats
    """Of `rows`."""
    folds: "Sequence[Rowwise]" = ()
    """Of a cross-validation: the same rows, where those of one fold test and those that test here stand in no part."""

    @property
    def rows_dropped(self) -> int:
        """By all rules of the cleaning together."""
        return sum(entry.rows for entry in self.dropped)

    def distinct(self) -> dict[str, int]:
        """How many users and items the rows have; nothing where rows have none."""
        schema = self.table.schema
        named = {"users": schema.user, "items": schema.item}
        return {
            told: len(np.unique(self.table.codes(name)[self.rows])) for told, name in named.items() if name is not None
        }

    def sentence(self) -> str:
        """For people, in one line."""
        told = ", ".join(f"{entry.rows} by {entry.rule}" for entry in self.dropped)
        parts = f"{len(self.parts.train)} train, {len(self.parts.validation)} validate, {len(self.parts.test)} test"
        left = f"{len(self.rows)} rows with {len(self.preprocessing.columns)} columns: {parts}."
        return f"{len(self.table)} rows read, dropped {told}; {left}" if told else left

    def users(self, part: Rows) -> Rows | None:
        """Whose each row of a part is, as numbers; None where rows have no user."""
        user = self.table.schema.user
        return None if user is None else self.table.codes(user)[self.rows[part]]

    def clusters(self, part: Rows) -> Rows | None:
        """Which rows of a part say less together than apart: a user's, or a group's; None where each is for itself."""
        schema = self.table.schema
        name = schema.group if schema.user is None else schema.user
        return None if name is None else self.table.codes(name)[self.rows[part]]

    def examples(self, part: Rows) -> Examples:
        """The rows of one part."""
        weight = self.table.schema.weight
        rows = self.rows[part]
        weights = np.ones(len(part)) if weight is None else self.table.numbers(weight)[rows]
        inputs = self.preprocessing.apply(columns_of(self.table, rows), len(part))
        return Examples(inputs, self.labels[part], weights, self.users(part))


def load(files: Sequence[DatasetFile], config: RunConfig, schema: TableSchema) -> Rowwise:
    """Read and check everything; raises InvalidData."""
    table = read(files, config.dataset.format, schema)
    rows, dropped = kept_rows(table, config.cleaning)
    table = carry_forward(table, rows)
    parts, protocol = splitting.split(table, rows, config.protocol)
    found = _fitted(table, rows, parts, protocol, dropped)
    if not config.protocol.folds:
        return found
    folds = []
    for number in range(1, config.protocol.folds + 1):
        try:
            held = splitting.fold(table, rows, config.protocol, number)
            folds.append(_fitted(table, rows, held, protocol, dropped))
        except InvalidData as error:
            raise InvalidData(f"Fold {number} of {config.protocol.folds}, where test is the fold: {error}") from error
    return replace(found, folds=folds)


def _fitted(table: Table, rows: Rows, parts: Parts, protocol: Mapping[str, Any], dropped: Sequence[Dropped]) -> Rowwise:
    """The target and the preprocessing, fitted on the training rows of a split; raises InvalidData."""
    target, coded = labels(table, rows, parts)
    _require_weights(table, rows, parts)
    preprocessing = fit(table, rows[parts.train], target)
    return Rowwise(table, rows, parts, preprocessing, protocol, dropped, coded)


def columns_of(table: Table, rows: Rows) -> Columns:
    """The features' values of some rows, as `Preprocessing.apply` takes them."""
    taken = table.columns.select([feature.name for feature in table.schema.features]).take(rows)
    return {
        feature.name: (
            taken[feature.name].to_numpy().astype(np.float64)
            if feature.role in (NUMERIC, CALENDAR)
            else taken[feature.name].to_pylist()
        )
        for feature in table.schema.features
    }


def report(data: Rowwise, uri: str, file_format: str, digest: str, cleaning: Mapping[str, Any]) -> bytes:
    """The bytes of data.json: rows read, dropped and left, what columns hold and were filled with, label, times."""
    table, rows = data.table, data.rows
    document: dict[str, Any] = {
        "dataset": {"uri": uri, "format": file_format, "digest": digest},
        "rowsRead": len(table),
        "cleaning": cleaning,
        "dropped": [entry.document() for entry in data.dropped],
        "rows": len(rows),
        "columns": [
            _column(data, *both) for both in zip(table.schema.features, data.preprocessing.columns, strict=True)
        ],
        "label": _label(data),
    }
    if table.times is not None:
        time = table.times.found[rows]
        ends = {"first": time.min().item(), "last": time.max().item()}
        document["timeRange"] = {name: written(end, timed=table.times.timed) for name, end in ends.items()}
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def write(folder: Path, data: Rowwise, file: str = FILE) -> None:
    """Lay down the three parts; replaces what is there."""
    arrays: dict[str, Any] = {}
    for name, part in zip(PARTS, (data.parts.train, data.parts.validation, data.parts.test), strict=True):
        made = data.examples(part)
        arrays |= {
            f"{name}Numeric": made.inputs.numeric,
            f"{name}Categorical": made.inputs.categorical,
            f"{name}Labels": made.labels,
            f"{name}Weights": made.weights,
        }
        if made.users is not None and name == VALIDATION:
            arrays[f"{name}Users"] = made.users
    partial = folder / f".{file}.partial.npz"
    np.savez(partial, allow_pickle=False, **arrays)
    partial.replace(folder / file)


def read_part(folder: Path, name: str, file: str = FILE) -> Examples:
    """One of recsys_workers.data.split_column.PARTS, as it was laid down."""
    with np.load(folder / file) as arrays:
        inputs = Inputs(arrays[f"{name}Numeric"], arrays[f"{name}Categorical"], 0)
        users = arrays.get(f"{name}Users")
        return Examples(inputs, arrays[f"{name}Labels"], arrays[f"{name}Weights"], users)


def _require_weights(table: Table, rows: Rows, parts: Parts) -> None:
    if table.schema.weight is None:
        return
    weights = table.numbers(table.schema.weight)[rows]
    wrong = weights < 0
    if wrong.any():
        row = int(rows[int(wrong.argmax())])
        raise InvalidData(
            f"{table.place(row)}: the weight column {table.schema.weight!r} is negative, and so in {wrong.sum()} of "
            f"{len(rows)} rows: a weight is a number of at least 0."
        )
    if not weights[parts.train].sum() > 0:
        raise InvalidData(
            f"{table.places[0].path}: the weight column {table.schema.weight!r} is 0 in all {len(parts.train)} "
            "training rows: nothing would be learned."
        )


def _column(data: Rowwise, feature: Feature, fitted: Column) -> dict[str, Any]:
    column = data.table.columns[feature.name].take(data.rows)
    before = data.table.carried.get(feature.name, 0)
    missing = int(column.null_count) + before
    told = {"name": feature.name, "distinct": len(column.unique().drop_null()), "missing": missing}
    if feature.fill is None:
        return told
    filled = {"by": feature.fill, "rows": missing, "value": fitted.fill}
    return told | {"filled": filled | ({"fromRowBefore": before} if feature.fill == FORWARD_FILL else {})}


def _label(data: Rowwise) -> dict[str, Any]:
    target = data.preprocessing.target
    if not target.classes:
        low, high, mean = data.labels.min(), data.labels.max(), data.labels.mean()
        return {"name": target.name, "low": float(low), "high": float(high), "mean": float(mean)}
    counts = np.bincount(data.labels.astype(np.int64), minlength=len(target.classes)).tolist()
    return {"name": target.name, "rows": dict(zip(target.classes, counts, strict=True))}
