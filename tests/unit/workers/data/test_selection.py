"""The n-th number without sorting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from recsys_workers.data import selection


@given(
    st.one_of(
        arrays.arrays(np.int64, st.integers(1, 40), elements=st.integers(-(2**63), 2**63 - 1)),
        arrays.arrays(np.float64, st.integers(1, 40), elements=st.floats(allow_nan=False)),
        arrays.arrays(np.int64, st.integers(1, 40), elements=st.integers(-2, 2)),
    )
)
def test_it_is_what_sorting_finds(numbers: "np.ndarray[tuple[int], np.dtype[np.int64 | np.float64]]") -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(selection, "TOGETHER", 7)
        found = [selection.nth(numbers, rank) for rank in range(len(numbers))]
    np.testing.assert_array_equal(np.array(found), np.sort(numbers))
    assert found[0].dtype == numbers.dtype
