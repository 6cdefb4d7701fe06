"""The dataset of a run: read, cleaned, split, fitted, and laid down as arrays for Ray's worker."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_workers.data import arrays
from recsys_workers.data.cleaning import Dropped
from recsys_workers.data.errors import InvalidData, full_disk_told
from recsys_workers.data.files import DatasetFile
from recsys_workers.data.split_column import PARTS
from recsys_workers.data.times import written
from recsys_workers.preprocessing import Column, Columns, Floats, Inputs, Preprocessing
from recsys_workers.tabular import splitting
from recsys_workers.tabular.cleaning import kept_rows
from recsys_workers.tabular.distinct import counted
from recsys_workers.tabular.filling import carry_forward
from recsys_workers.tabular.fitting import fit
from recsys_workers.tabular.labels import labels
from recsys_workers.tabular.reading import read
from recsys_workers.tabular.schema import CALENDAR, FORWARD_FILL, NUMERIC, Feature, TableSchema
from recsys_workers.tabular.scratch import on_disk
from recsys_workers.tabular.splitting import Parts
from recsys_workers.tabular.table import Rows, Table, pieces
from recsys_workers.train.run_config import RunConfig

NAME = "prepared"
"""What the names of the files begin with that `write` leaves of the run's rows."""
ARRAYS = ("numeric", "categorical", "labels", "weights")
"""Of each part a file each."""
VALIDATION, USERS = "validation", "users"
"""The part that has this array too, where rows have users: for a metric that is a mean over them."""


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
        return {told: self.table.distinct(name, self.rows) for told, name in named.items() if name is not None}

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
        """The rows of one part, or of a piece of it."""
        weight = self.table.schema.weight
        rows = self.rows[part]
        weights = np.ones(len(part)) if weight is None else self.table.taken([weight], rows)[weight].to_numpy()
        return Examples(self.preprocessing.apply(columns_of(self.table, rows), len(part)), self.labels[part], weights)


def load(files: Sequence[DatasetFile], config: RunConfig, schema: TableSchema) -> Rowwise:
    """Read and check everything; raises InvalidData, and DiskFull."""
    with full_disk_told(lambda error: _full(config, error)):
        return _load(files, config, schema)


def _load(files: Sequence[DatasetFile], config: RunConfig, schema: TableSchema) -> Rowwise:
    table = read(files, config.dataset.format, schema)
    kept, dropped = kept_rows(table, config.cleaning)
    rows = on_disk(kept)
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


def _full(config: RunConfig, error: OSError) -> str:
    """What to say where the pod's disk or the store's has no room."""
    return (
        f"The rows of the dataset {config.dataset.uri} go by way of the disk, which has no room for them: {error}. "
        f"They need 8 bytes a number and a text's own in {gettempdir()} of the pod (ask for a node with more by "
        "ray.resourcesPerWorker.ephemeralStorage), and what the model takes in the store."
    )


def _fitted(table: Table, rows: Rows, parts: Parts, protocol: Mapping[str, Any], dropped: Sequence[Dropped]) -> Rowwise:
    """The target and the preprocessing, fitted on the training rows of a split; raises InvalidData."""
    target, coded = labels(table, rows, parts)
    _require_weights(table, rows, parts)
    preprocessing = fit(table, rows[parts.train], target)
    parts = Parts(*map(on_disk, (parts.train, parts.validation, parts.test)))
    return Rowwise(table, rows, parts, preprocessing, protocol, dropped, on_disk(coded))


def columns_of(table: Table, rows: Rows) -> Columns:
    """The features' values of some rows, as `Preprocessing.apply` takes them."""
    taken = table.taken([feature.name for feature in table.schema.features], rows)
    return {
        feature.name: (
            taken[feature.name].to_numpy().astype(np.float64)
            if feature.role in (NUMERIC, CALENDAR)
            else taken[feature.name].to_pylist()
        )
        for feature in table.schema.features
    }


def inputs_of(fitted: Preprocessing, table: Table, rows: Rows) -> Iterator[Inputs]:
    """What a graph is asked about rows, some at a time."""
    for some in pieces(rows, _width(fitted, table)):
        yield fitted.apply(columns_of(table, some), len(some))


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


def write(folder: Path, data: Rowwise, name: str = NAME, parts: Collection[str] = PARTS) -> None:
    """Lay down these parts, a piece of the rows at a time; replaces what is there. Raises OSError for a full disk."""
    all_parts = (data.parts.train, data.parts.validation, data.parts.test)
    for part, rows in zip(PARTS, all_parts, strict=True):
        if part in parts:
            some_at_a_time = pieces(rows, _width(data.preprocessing, data.table))
            arrays.write(folder, f"{name}-{part}", len(rows), (_arrays(data.examples(some)) for some in some_at_a_time))
            users = data.users(rows) if part == VALIDATION else None
            if users is not None:
                arrays.write(folder, f"{name}-{part}", len(rows), [{USERS: users}])


def _width(fitted: Preprocessing, table: Table) -> int:
    """The bytes of a row: its features, and what the model takes of them."""
    return table.bytes_a_row([feature.name for feature in table.schema.features]) + fitted.bytes_a_row


def _arrays(examples: Examples) -> dict[str, npt.NDArray[Any]]:
    inputs = examples.inputs
    values = (inputs.numeric, inputs.categorical, examples.labels, examples.weights)
    return dict(zip(ARRAYS, values, strict=True))


def read_part(folder: Path, part: str, name: str = NAME) -> Examples:
    """One of recsys_workers.data.split_column.PARTS, as it was laid down."""
    numeric, categorical, labels, weights = (arrays.read(folder, f"{name}-{part}", each) for each in ARRAYS)
    users = arrays.read_if_any(folder, f"{name}-{part}", USERS)
    return Examples(Inputs(numeric, categorical, 0), labels, weights, users)


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
    before = data.table.carried.get(feature.name, 0)
    distinct, absent = counted(data.table, feature, data.rows)
    missing = absent + before
    told = {"name": feature.name, "distinct": distinct, "missing": missing}
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
