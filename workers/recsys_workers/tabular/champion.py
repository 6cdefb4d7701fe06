"""The champion's artifact on this run's own test rows."""

from pathlib import Path

import numpy as np

from recsys_workers import manifest, preprocessing
from recsys_workers.predictions import Outputs
from recsys_workers.preprocessing import Floats, Preprocessing, Target
from recsys_workers.tabular import metrics
from recsys_workers.tabular.data import Rowwise, inputs_of
from recsys_workers.tabular.graph import RowGraph

NEVER = -1e4
"""A logit whose probability is 0 beside any other."""


class DifferentRows(Exception):
    """The champion cannot be asked about these rows; the message is a sentence."""


def per_row(folder: Path, digest: str, data: Rowwise, metric: str, threads: int) -> Floats:
    """The metric of the champion on each test row, by its own preprocessing, after its bytes are verified.

    A class of this run that the champion does not know has the probability 0 for it: it is always wrong there. Raises
    manifest.ArtifactError, or DifferentRows where the champion needs a column that the schema does not have any more,
    or predicts something else.
    """
    version = manifest.load(folder, digest)
    try:
        theirs = preprocessing.decode(version.contents[manifest.PREPROCESSING])
    except KeyError as error:
        raise manifest.ArtifactError(f"The manifest in {folder} lists no {error}.") from error
    own = data.preprocessing.target
    _require_comparable(theirs, data)
    rows = data.rows[data.parts.test]
    # A value that may not be missing for it is what it does not know.
    outputs = RowGraph(version.contents[manifest.MODEL], threads).of_pieces(inputs_of(theirs, data.table, rows))
    labels = data.labels[data.parts.test]
    return metrics.per_row(metric, *_in_terms_of(own, theirs.target, outputs), labels, data.users(data.parts.test))


def _require_comparable(theirs: Preprocessing, data: Rowwise) -> None:
    own = data.preprocessing
    kinds = {column.name: preprocessing.values_of(column) for column in own.columns}
    for column in theirs.columns:
        if kinds.get(column.name) != preprocessing.values_of(column):
            raise DifferentRows(f"it needs the column {column.name!r}, which the schema does not have as it was")
    found, wanted = theirs.target, own.target
    if (found.name, found.objective) != (wanted.name, wanted.objective):
        raise DifferentRows(f"it predicts {found.name!r} ({found.objective})")
    if found.objective == preprocessing.BINARY and found.classes != wanted.classes:
        raise DifferentRows(f"its classes are {' and '.join(found.classes)}")


def _in_terms_of(own: Target, theirs: Target, outputs: Outputs) -> tuple[Target, Outputs]:
    """The outputs in the order of our classes; others of theirs stay behind them."""
    if own.objective != preprocessing.MULTICLASS:
        return theirs, outputs
    others = [name for name in theirs.classes if name not in own.classes]
    classes = (*own.classes, *others)
    place = {name: index for index, name in enumerate(theirs.classes)}
    ordered = np.full((len(outputs), len(classes)), NEVER, dtype=np.float32)
    for index, name in enumerate(classes):
        if name in place:
            ordered[:, index] = outputs[:, place[name]]
    return own, ordered
