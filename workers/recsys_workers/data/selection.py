"""The n-th of many numbers in their order, without sorting them: a radix selection, some of them at a time."""

from typing import Any

import numpy as np
import numpy.typing as npt

TOGETHER = 1_000_000
"""Numbers that are looked at at once."""
DIGIT_BITS = 16
SIGN = np.uint64(1 << 63)

Keys = npt.NDArray[np.uint64]


def nth(numbers: npt.NDArray[Any], rank: int) -> np.int64 | np.float64:
    """What stands at place `rank`, from 0, when int64 or float64 numbers (no NaN) are sorted."""
    found, digit = np.uint64(0), np.uint64((1 << DIGIT_BITS) - 1)
    for shift in range(64 - DIGIT_BITS, -1, -DIGIT_BITS):
        counts = np.zeros(1 << DIGIT_BITS, dtype=np.int64)
        for start in range(0, len(numbers), TOGETHER):
            keys = _keys(numbers[start : start + TOGETHER]) >> np.uint64(shift)
            candidates = keys[keys >> np.uint64(DIGIT_BITS) == found]
            counts += np.bincount((candidates & digit).astype(np.int64), minlength=len(counts))
        before = np.cumsum(counts)
        chosen = int(np.searchsorted(before, rank, side="right"))
        rank -= int(before[chosen] - counts[chosen])
        found = (found << np.uint64(DIGIT_BITS)) | np.uint64(chosen)
    return _number(found, numbers.dtype)


def _keys(numbers: npt.NDArray[Any]) -> Keys:
    """Unsigned numbers in the same order."""
    if numbers.dtype == np.float64:
        numbers = numbers + 0.0  # of the two zeros, the positive one
    bits = np.ascontiguousarray(numbers).view(np.uint64)
    if numbers.dtype == np.float64:
        return np.where(bits & SIGN, ~bits, bits | SIGN)
    return bits ^ SIGN


def _number(key: np.uint64, kind: "np.dtype[Any]") -> np.int64 | np.float64:
    bits = key ^ SIGN if kind == np.int64 or key & SIGN else ~key
    found: np.int64 | np.float64 = np.array([bits]).view(kind)[0]
    return found
