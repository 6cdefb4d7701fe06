"""The baseline ranks as a model would whose scores are the items' counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_workers.data.split import Examples
from recsys_workers.evaluate import metrics, popularity
from recsys_workers.evaluate.scoring import Lists

N_ITEMS = 6
ITEMS = st.integers(1, N_ITEMS)
SEQUENCE = st.lists(ITEMS, min_size=1, max_size=6).map(lambda items: np.array(items, dtype=np.int32))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(SEQUENCE, min_size=1, max_size=4),
    st.lists(st.tuples(SEQUENCE, ITEMS), min_size=1, max_size=4),
    st.booleans(),
)
def test_it_equals_the_metrics_on_lists_of_counts(
    training: list[np.ndarray], tasks: list[tuple[np.ndarray, int]], exclude_seen: bool
) -> None:
    histories = [history for history, _ in tasks]
    targets = np.array([target for _, target in tasks], dtype=np.int32)
    counts = np.bincount(np.concatenate(training), minlength=N_ITEMS + 1)[1:].astype(np.float32)
    scores = np.tile(counts, (len(tasks), 1))
    for row, history in enumerate(histories):
        scores[row, history - 1] = -np.inf if exclude_seen else scores[row, history - 1]
    order = np.argsort(-scores, axis=1, kind="stable")
    lists = Lists(np.take_along_axis(scores, order, axis=1), order + 1)
    expected = metrics.target_ranks(lists, targets, N_ITEMS)
    examples = Examples(np.arange(len(tasks)), histories, targets)
    assert popularity.ranks(training, examples, N_ITEMS, exclude_seen=exclude_seen) == pytest.approx(expected)
