"""Metrics against an independent brute force, with ties, NaN, exclusions and cut lists."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_operator.api.schema import DECIMAL
from recsys_workers.evaluate import metrics
from recsys_workers.evaluate.scoring import Lists
from recsys_workers.export import limits


def brute_force(scores: list[float], excluded: set[int], target: int, name: str) -> float:
    """One user's metric, from all scores, item by item; item indices start at 1."""
    if any(math.isnan(score) for score in scores):
        return math.nan
    kind, cutoff = name.split("@")
    if target in excluded:
        return 0.0
    at_least_as_high = 0
    for item, score in enumerate(scores, start=1):
        if item != target and item not in excluded and score >= scores[target - 1]:
            at_least_as_high += 1
    rank = at_least_as_high + 1
    if rank > int(cutoff):
        return 0.0
    return {"HR": 1.0, "MRR": 1 / rank, "NDCG": math.log(2) / math.log(rank + 1)}[kind]


def top_k(scores: list[float], excluded: set[int], k: int) -> tuple[list[float], list[int]]:
    """What the graph returns: excluded items score -inf, ties by index."""
    shown = [-math.inf if item in excluded else score for item, score in enumerate(scores, start=1)]
    order = sorted(range(len(shown)), key=lambda position: (-shown[position], position))[:k]
    return [shown[position] for position in order], [position + 1 for position in order]


# Few distinct values, so that ties are common.
SCORES = st.lists(st.sampled_from([-1.5, 0.0, 0.25, 0.5, 1.0, 2.0]), min_size=2, max_size=30)


@settings(max_examples=150)
@given(st.data())
def test_equals_brute_force(data: st.DataObject) -> None:
    scores = data.draw(SCORES)
    items = st.integers(1, len(scores))
    target = data.draw(items)
    excluded = data.draw(st.sets(items, max_size=len(scores) - 1))
    k = data.draw(st.integers(1, len(scores)))
    best, order = top_k(scores, excluded, len(scores))
    lists = Lists(np.array([best], dtype=np.float32), np.array([order]))
    ranks = metrics.target_ranks(lists, np.array([target], dtype=np.int32), len(scores))
    for name in (f"NDCG@{k}", f"HR@{k}", f"MRR@{k}"):
        assert metrics.values(name, ranks)[0] == pytest.approx(brute_force(scores, excluded, target, name))


@settings(max_examples=150)
@given(st.data())
def test_a_cut_list_never_flatters_and_is_exact_inside(data: st.DataObject) -> None:
    scores = data.draw(SCORES)
    target = data.draw(st.integers(1, len(scores)))
    length = data.draw(st.integers(2, len(scores)))
    best, order = top_k(scores, set(), length)
    lists = Lists(np.array([best], dtype=np.float32), np.array([order]))
    rank = metrics.target_ranks(lists, np.array([target], dtype=np.int32), len(scores))[0]
    exact = sum(score >= scores[target - 1] for score in scores)
    assert rank >= exact
    if exact < length:
        assert rank == exact


@pytest.mark.parametrize("target", [99, 100, 101])
def test_the_last_place_that_a_metric_counts_is_told_from_a_longer_list(target: int) -> None:
    scores = [float(-item) for item in range(200)]
    best, order = top_k(scores, set(), limits.top_k(len(scores)))
    lists = Lists(np.array([best], dtype=np.float32), np.array([order]))
    ranks = metrics.target_ranks(lists, np.array([target], dtype=np.int32), len(scores))
    for name in ("NDCG@100", "HR@100", "MRR@100"):
        assert metrics.values(name, ranks)[0] == pytest.approx(brute_force(scores, set(), target, name))


@pytest.mark.parametrize("number", [0.0, 1e-5, -3e7, 999_999.0, 1e6, 1.23456789e6, -1.5e30, 2.5e-11])
def test_a_number_is_written_as_the_crds_take_it(number: float) -> None:
    found = metrics.text(number)
    assert re.fullmatch(DECIMAL, found)
    assert float(found) == pytest.approx(number, rel=1e-5)


def test_nan_anywhere_makes_the_mean_nan() -> None:
    lists = Lists(np.array([[2.0, 1.0], [np.nan, 1.0]], dtype=np.float32), np.array([[1, 2], [1, 2]]))
    ranks = metrics.target_ranks(lists, np.array([1, 2], dtype=np.int32), 2)
    found = metrics.estimate("NDCG@10", metrics.values("NDCG@10", ranks))
    assert math.isnan(found.value)
    assert found.as_strings()["value"] == "NaN"


def test_all_items_tied_is_the_worst_rank() -> None:
    lists = Lists(np.zeros((1, 5), dtype=np.float32), np.arange(1, 6)[None])
    assert metrics.target_ranks(lists, np.array([1], dtype=np.int32), 5)[0] == 5
    assert math.isinf(metrics.target_ranks(lists, np.array([1], dtype=np.int32), 6)[0])


def test_the_interval_is_the_normal_one_over_users() -> None:
    found = metrics.estimate("HR@1", np.array([1.0, 0.0, 1.0, 1.0]))
    assert found.value == 0.75
    assert found.standard_error == pytest.approx(0.25)
    assert found.as_strings() == {"name": "HR@1", "value": "0.75", "low": "0.260009", "high": "1.23999"}


def test_targets_of_one_user_are_no_independent_evidence() -> None:
    once = np.array([1.0, 0.0, 0.5, 1.0, 0.25])
    users = np.array([3, 1, 4, 0, 9])
    alone = metrics.estimate("HR@1", once)
    assert metrics.estimate("HR@1", once, users) == alone
    # Each user's target ten times over says nothing more than once.
    repeated = metrics.estimate("HR@1", np.repeat(once, 10), np.repeat(users, 10))
    assert repeated.standard_error == pytest.approx(alone.standard_error)
    assert metrics.estimate("HR@1", np.repeat(once, 10)).standard_error < alone.standard_error / 3
    assert metrics.estimate("HR@1", once, np.zeros(5, np.int64)).standard_error == 0.0


def test_the_interval_over_users_covers_the_truth_where_targets_of_a_user_are_alike() -> None:
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        users = np.repeat(np.arange(60), random.integers(1, 12, 60))
        taste = random.beta(0.5, 0.5, 60)
        found = metrics.estimate("HR@1", (random.random(len(users)) < taste[users]).astype(float), users)
        covered += found.low <= 0.5 <= found.high
    assert 0.91 <= covered / 400 <= 0.97


def test_figures_of_known_ranks() -> None:
    ranks = np.array([1.0, 2.0, 4.0, 5.0, np.inf, np.nan])
    told = {name: metrics.values(name, ranks).tolist() for name in ("MRR@4", "HR@4", "NDCG@4")}
    assert told == {
        "MRR@4": pytest.approx([1, 1 / 2, 1 / 4, 0, 0, math.nan], nan_ok=True),
        "HR@4": pytest.approx([1, 1, 1, 0, 0, math.nan], nan_ok=True),
        "NDCG@4": pytest.approx([1, 0.63092975, 0.43067656, 0, 0, math.nan], nan_ok=True),
    }


@pytest.mark.parametrize("name", ["NDCG", "NDCG@0", "NDCG@101", "MAP@10", "MRR@101", "ndcg@10", "HR@1.5"])
def test_unknown_metrics_are_refused(name: str) -> None:
    with pytest.raises(metrics.UnknownMetric, match="use NDCG@k, HR@k or MRR@k"):
        metrics.parse(name)
