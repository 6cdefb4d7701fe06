"""What augmentation may do to a training history, and what it must leave."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_workers.models.hyperparameters import check
from recsys_workers.train.augmentation import Augmentation, augmentation_of

HISTORY = np.arange(1, 41, dtype=np.int32)


def random(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_by_default_nothing_changes() -> None:
    found = augmentation_of(check("SASRec", {}))
    assert not found.changes
    assert found.rearranged(HISTORY, random()) is HISTORY
    assert found.masked(HISTORY, random()) is HISTORY


def test_the_hyperparameters_are_those_of_their_name() -> None:
    given_ = {"tokenDropout": "0.1", "maskProbability": "0.2", "cropShare": "0.3", "reorderShare": "0.4"}
    assert augmentation_of(check("SASRec", given_)) == Augmentation(0.1, 0.2, 0.3, 0.4)


def test_a_crop_keeps_the_latest_items_and_at_least_its_share() -> None:
    lengths = set()
    for seed in range(200):
        found = Augmentation(crop_share=0.5).rearranged(HISTORY, random(seed))
        assert np.array_equal(found, HISTORY[-len(found) :])
        lengths.add(len(found))
    assert lengths == set(range(21, 41))


def test_token_dropout_leaves_the_order() -> None:
    counts = []
    for seed in range(200):
        found = Augmentation(token_dropout=0.25).rearranged(HISTORY, random(seed))
        assert (np.diff(found) > 0).all()
        counts.append(len(found))
    assert np.mean(counts) == pytest.approx(30, abs=0.6)


def test_reordering_shuffles_one_stretch_of_its_share() -> None:
    moved = []
    for seed in range(200):
        found = Augmentation(reorder_share=0.25).rearranged(HISTORY, random(seed))
        assert sorted(found) == HISTORY.tolist()
        places = np.flatnonzero(found != HISTORY)
        assert places[-1] - places[0] < 10
        moved.append(places[0])
    assert len(set(moved)) > 20
    assert np.array_equal(HISTORY, np.arange(1, 41)), "the training data stay as they are"


def test_masking_hides_its_share_and_never_the_oldest() -> None:
    found = [Augmentation(mask_probability=0.3).masked(HISTORY, random(seed)) for seed in range(200)]
    assert all(history[0] == 1 and set(history) <= {0, *HISTORY} for history in found)
    assert np.mean([(history[1:] == 0).mean() for history in found]) == pytest.approx(0.3, abs=0.01)
    assert {history.dtype for history in found} == {np.dtype(np.int32)}


@settings(deadline=None)
@given(
    st.integers(1, 9),
    st.builds(Augmentation, *[st.floats(0, 0.9)] * 3, st.floats(0, 1)),
    st.integers(0, 99),
)
def test_something_stays_and_nothing_is_made_up(length: int, augmentation: Augmentation, seed: int) -> None:
    source = random(seed)
    rearranged = augmentation.rearranged(HISTORY[:length], source)
    masked = augmentation.masked(rearranged, source)
    assert 1 <= len(masked) == len(rearranged) <= length
    assert set(rearranged) <= set(HISTORY[:length])
    assert masked[0] != 0
