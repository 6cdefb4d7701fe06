"""The baseline ItemKNN ranks as the cosines of whole columns of the matrix of users and items say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_workers.data.split import Examples
from recsys_workers.evaluate import metrics, neighbours
from recsys_workers.evaluate.scoring import Lists

N_ITEMS = 7
ITEMS = st.integers(1, N_ITEMS)
SEQUENCE = st.lists(ITEMS, min_size=1, max_size=6).map(lambda items: np.array(items, dtype=np.int32))


def similarities(training: list[np.ndarray], kept: int) -> np.ndarray:
    """Dense [i, j]: the cosine of items i and j where j is among the nearest of i, else 0."""
    had = np.zeros((len(training), N_ITEMS + 1))
    for user, items in enumerate(training):
        had[user, items] = 1
    similar = np.zeros((N_ITEMS + 1, N_ITEMS + 1))
    for item in range(1, N_ITEMS + 1):
        found = []
        for other in range(1, N_ITEMS + 1):
            both = float(had[:, item] @ had[:, other])
            if both and item != other:
                length = float(np.linalg.norm(had[:, item]) * np.linalg.norm(had[:, other]))
                found.append((-round(both / length, 12), other))
        for cosine, other in sorted(found)[:kept]:
            similar[item, other] = -cosine
    return similar


@settings(max_examples=80, deadline=None)
@given(
    st.lists(SEQUENCE, min_size=1, max_size=6),
    st.lists(st.tuples(SEQUENCE, ITEMS), min_size=1, max_size=4),
    st.booleans(),
)
def test_it_equals_the_metrics_on_lists_of_cosines(
    training: list[np.ndarray], tasks: list[tuple[np.ndarray, int]], exclude_seen: bool
) -> None:
    histories = [history for history, _ in tasks]
    targets = np.array([target for _, target in tasks], dtype=np.int32)
    similar = similarities(training, N_ITEMS)
    scores = np.array([similar[1:, np.unique(history)].sum(1) for history in histories])
    if exclude_seen:
        for row, history in enumerate(histories):
            scores[row, history - 1] = -np.inf
    # Sums in another order differ in the last bits, which would tear ties apart.
    scores = scores.round(9)
    order = np.argsort(-scores, axis=1, kind="stable")
    lists = Lists(np.take_along_axis(scores, order, axis=1).astype(np.float32), order + 1)
    expected = metrics.target_ranks(lists, targets, N_ITEMS)
    examples = Examples(np.arange(len(tasks)), histories, targets)
    assert neighbours.ranks(training, examples, N_ITEMS, exclude_seen=exclude_seen) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(SEQUENCE, min_size=1, max_size=6), SEQUENCE, st.integers(1, 3))
def test_only_the_nearest_neighbours_count(training: list[np.ndarray], history: np.ndarray, kept: int) -> None:
    expected = similarities(training, kept)[:, np.unique(history)].sum(1)
    found = neighbours.neighbourhoods(training, N_ITEMS, kept).scores(history)
    assert found == pytest.approx(expected)


def test_neither_order_nor_repetition_of_a_history_counts() -> None:
    training = [np.array(items, dtype=np.int32) for items in ([1, 2, 3], [2, 3, 4], [1, 4], [5, 6])]
    near = neighbours.neighbourhoods(training, N_ITEMS)
    once, again = near.scores(np.array([1, 2, 6], np.int32)), near.scores(np.array([6, 2, 2, 1, 6], np.int32))
    assert np.array_equal(once, again)
    assert once[7] == 0


def test_users_with_one_item_make_no_neighbours() -> None:
    alone = [np.array([1], dtype=np.int32), np.array([2, 2], dtype=np.int32)]
    examples = Examples(np.arange(1), [np.array([1], dtype=np.int32)], np.array([2], dtype=np.int32))
    # All that is left ties at 0 and counts against the target: 6 of 7 items after the exclusion of item 1.
    assert neighbours.ranks(alone, examples, N_ITEMS, exclude_seen=True).tolist() == [6]
