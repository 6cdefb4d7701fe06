"""Whether ONNX returns what torch computes: the same lists, but for swaps of scores closer than a tolerance.

Or, of a model of single rows, the same predictions up to a tolerance.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_workers.evaluate.scoring import Lists


@dataclass(frozen=True, slots=True)
class Reference:
    """What torch says for the same users. All [users, K].

    `items` and `scores` are torch's own list (ties by index), `scores_of_onnx` its scores of ONNX's items; an
    excluded item has -inf. `finite` [users] is False where torch gave any score that is not a finite number.
    """

    items: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    scores_of_onnx: npt.NDArray[np.float32]
    finite: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Parity:
    """The comparison over all histories, of which a user may have several.

    `largest_difference` is that of one item's score in ONNX and torch.
    """

    users: int
    length: int
    different_users: int
    swapped_users: int
    largest_difference: float


def compare(onnx: Lists, reference: Reference, tolerance: float) -> Parity:
    """Compare position by position.

    Where the items differ, torch must score ONNX's item within `tolerance` of the one that it puts there itself; an
    item must not be returned twice, and an excluded place must be excluded in both.
    """
    excluded = np.isneginf(reference.scores)
    same_item = (onnx.items == reference.items) | excluded
    with np.errstate(invalid="ignore"):
        gap = np.abs(reference.scores_of_onnx - reference.scores)
        drift = np.abs(onnx.scores - reference.scores_of_onnx)
    close = np.where(excluded, np.isneginf(onnx.scores), same_item | (gap <= tolerance))
    twice = np.array([len(set(row[kept])) < kept.sum() for row, kept in zip(onnx.items, ~excluded, strict=True)])
    finite = reference.finite & ~np.isnan(onnx.scores).any(axis=1)
    good = close.all(axis=1) & ~twice & finite
    swapped = good & ~same_item.all(axis=1)
    compared = drift[~excluded & finite[:, None]]
    largest = float(compared.max()) if compared.size else float("nan")
    return Parity(len(good), onnx.items.shape[1], int((~good).sum()), int(swapped.sum()), largest)


@dataclass(frozen=True, slots=True)
class RowsParity:
    """The comparison of single predictions."""

    rows: int
    different: int
    largest_difference: float


def compare_rows(onnx: npt.NDArray[np.float64], reference: npt.NDArray[np.float64], tolerance: float) -> RowsParity:
    """Compare predictions [rows, K]: each may differ by `tolerance`, of numbers above 1 by that share.

    What is no finite number is different.
    """
    with np.errstate(invalid="ignore"):
        gaps = np.abs(onnx - reference) / np.maximum(1.0, np.abs(reference))
    good = (gaps <= tolerance).all(axis=1)
    finite = gaps[np.isfinite(gaps)]
    return RowsParity(len(gaps), int((~good).sum()), float(finite.max()) if finite.size else float("nan"))
