"""How much two rankings agree, and what kind of items they show: pure functions, each with its source.

A ranking is a list of distinct ids, best first. Two rankings may have different lengths.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

PERSISTENCE = 0.9
"""RBO's p: a reader looks at the next item with this chance, so the first ten carry 86 % of the weight."""
COVERAGE_WINDOW = 100
"""Answers whose distinct items are counted together. Fixed, so that windows compare over pods and versions."""


def overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """Common items over the length of the longer ranking, from 0 to 1; two empty rankings agree."""
    longest = max(len(one), len(other))
    return len(set(one) & set(other)) / longest if longest else 1.0


def rank_biased_overlap(one: Sequence[str], other: Sequence[str], persistence: float = PERSISTENCE) -> float:
    """RBO_ext, from 0 to 1: the agreement at every depth, the top weighted most, extrapolated past the ends.

    Webber, Moffat, Zobel: A similarity measure for indefinite rankings, ACM TOIS 28(4), 2010, equation 32, which is
    made for rankings of different lengths. Two empty rankings agree, an empty one and another do not.
    """
    short, long = sorted((one, other), key=len)
    shorter, longer = len(short), len(long)
    if not shorter:
        return 0.0 if longer else 1.0
    seen_short: set[str] = set()
    seen_long: set[str] = set()
    common = common_of_short = 0
    agreement = 0.0
    for depth in range(1, longer + 1):
        item = long[depth - 1]
        seen_long.add(item)
        common += item in seen_short
        if depth <= shorter:
            item = short[depth - 1]
            seen_short.add(item)
            common += item in seen_long
        if depth == shorter:
            common_of_short = common
        beyond = common_of_short * (depth - shorter) / shorter if depth > shorter else 0.0
        agreement += (common + beyond) / depth * persistence**depth
    tail = (common - common_of_short) / longer + common_of_short / shorter
    return (1 - persistence) / persistence * agreement + tail * float(persistence**longer)


def kendall_tau_b(one: Mapping[str, float], other: Mapping[str, float]) -> float | None:
    """Kendall's tau-b of two maps from id to score, over the ids in both, from -1 to 1.

    An id that only one of them has says nothing about an order (overlap and RBO count it). Equal scores are ties, as
    nothing was preferred. None where there is no order to compare: fewer than two common ids, or all of them tied.
    """
    common = [item for item in one if item in other]
    if len(common) < 2:
        return None
    signs_one = _signs([one[item] for item in common])
    signs_other = _signs([other[item] for item in common])
    untied = float(np.count_nonzero(signs_one)) * float(np.count_nonzero(signs_other))
    if not untied:
        return None
    return float((signs_one * signs_other).sum() / np.sqrt(untied))


def popularity_percentiles(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """For each item the share of the catalogue that is less popular, ties counted half: from 0 to 1, mean 0.5."""
    ordered = np.sort(counts)
    below, upto = np.searchsorted(ordered, counts, "left"), np.searchsorted(ordered, counts, "right")
    return (below + upto) / (2.0 * len(counts))


class CoverageWindow:
    """Which part of the catalogue a run of answers shows."""

    def __init__(self, catalogue_size: int, answers: int = COVERAGE_WINDOW) -> None:
        self._catalogue_size = catalogue_size
        self._answers = answers
        self._counted = 0
        self._items: set[str] = set()

    def add(self, items: Sequence[str]) -> float | None:
        """Count one answer; at the window's last one its distinct items over the catalogue's, and a new window."""
        self._items.update(items)
        self._counted += 1
        if self._counted < self._answers:
            return None
        covered = len(self._items) / self._catalogue_size
        self._items, self._counted = set(), 0
        return covered


def _signs(scores: Sequence[float]) -> npt.NDArray[np.float64]:
    values = np.asarray(scores, dtype=np.float64)
    return np.sign(values[:, np.newaxis] - values[np.newaxis, :])
