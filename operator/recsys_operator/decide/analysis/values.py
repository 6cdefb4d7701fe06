"""What the built-in metrics are, as functions of what was counted in a window.

Buckets are counts of single buckets (not cumulative); the last one has no upper bound.
"""

from bisect import bisect_left
from collections.abc import Sequence
from math import log

MOST_BINS = 10
"""The population stability index is customarily taken over tenths."""


def quantile(bounds: Sequence[float], buckets: Sequence[int], share: float) -> float:
    """The quantile by linear interpolation within its bucket, as PromQL's histogram_quantile has it.

    In the last bucket it is that bucket's lower bound: what is known is that it is at least that.
    """
    rank, below = share * sum(buckets), 0
    for index, count in enumerate(buckets):
        if index == len(bounds):
            break
        if below + count >= rank and count:
            low = bounds[index - 1] if index else min(0.0, bounds[0])
            return low + (bounds[index] - low) * (rank - below) / count
        below += count
    return bounds[-1]


def slow_bound(
    bounds: Sequence[float], buckets: Sequence[int], share: float, tolerance: float
) -> tuple[float, float] | None:
    """The smallest bound that at least this share is within, and the smallest bound that is greater by the tolerance.

    None where there is no such bound: too much is slower than all of them.
    """
    needed, within = share * sum(buckets), 0
    for bound, count in zip(bounds, buckets, strict=False):
        within += count
        if within >= needed:
            index = bisect_left(bounds, bound * (1.0 + tolerance))
            return (bound, bounds[index]) if index < len(bounds) else None
    return None


def beyond(bounds: Sequence[float], buckets: Sequence[int], bound: float) -> int:
    """How many observations are above a bound; bounds in between two buckets count as the next greater one."""
    return sum(buckets[bisect_left(bounds, bound) + 1 :])


def shift(
    reference_bounds: Sequence[float], reference: Sequence[int], bounds: Sequence[float], buckets: Sequence[int]
) -> float:
    """The population stability index of a histogram against a reference: 0 when both have the same shape.

    Both are brought to the bounds that they have in common, then to some ten bins that hold about as much of both each.
    Half an observation is added to each bin, so that an empty one is finite.
    """
    common = [bound for bound in reference_bounds if bound in set(bounds)]
    expected = _merged(reference_bounds, reference, common)
    found = _merged(bounds, buckets, common)
    bins = _bins(
        [count / max(1, sum(expected)) + more / max(1, sum(found)) for count, more in zip(expected, found, strict=True)]
    )
    of_expected = [sum(expected[begin:end]) + 0.5 for begin, end in bins]
    of_found = [sum(found[begin:end]) + 0.5 for begin, end in bins]
    index = 0.0
    for a, b in zip(of_found, of_expected, strict=True):
        p, q = a / sum(of_found), b / sum(of_expected)
        index += (p - q) * log(p / q)
    return index


def _merged(bounds: Sequence[float], buckets: Sequence[int], common: Sequence[float]) -> list[int]:
    merged = [0] * (len(common) + 1)
    for index, count in enumerate(buckets):
        merged[bisect_left(common, bounds[index]) if index < len(bounds) else len(common)] += count
    return merged


def _bins(shares: Sequence[float]) -> list[tuple[int, int]]:
    """Neighbouring buckets put together until each bin has a tenth of both together; the rest is the last bin."""
    enough = sum(shares) / MOST_BINS
    bins, begin, held = [], 0, 0.0
    for index, share in enumerate(shares):
        held += share
        if held >= enough and held > 0:
            bins.append((begin, index + 1))
            begin, held = index + 1, 0.0
    return [*bins, (begin, len(shares))] if begin < len(shares) else bins
