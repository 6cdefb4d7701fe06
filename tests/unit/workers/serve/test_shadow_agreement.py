"""Each figure equals an independent implementation on random rankings, and its definition at the edges."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recsys_workers.serve import shadow_agreement as agreement

IDS = [f"i{number}" for number in range(30)]
rankings = st.lists(st.sampled_from(IDS), unique=True, max_size=20)
scored = st.dictionaries(st.sampled_from(IDS), st.integers(-3, 3).map(float), max_size=20)


def rbo_by_definition(one: list[str], other: list[str], p: float) -> float:
    """(1 - p) * sum of p^(d-1) * A_d to a great depth; past an end the agreement there goes on (Webber et al., 4.4)."""
    short, long = sorted((one, other), key=len)
    if not short:
        return float(not long)
    at_end = len(set(short) & set(long[: len(short)])) / len(short)
    total = 0.0
    for depth in range(1, 3000):
        common = len(set(short[:depth]) & set(long[:depth]))
        if len(short) < depth:
            common += at_end * (min(depth, len(long)) - len(short))
        agreed = common / min(depth, len(long))
        total += (1 - p) * p ** (depth - 1) * agreed
    return total


@given(rankings, rankings, st.sampled_from([0.5, 0.9, 0.98]))
@example(["a"], ["b", "a"], 0.9)
@example(["a", "b"], ["a", "b", "c", "d"], 0.9)
def test_rank_biased_overlap_is_the_sum_over_all_depths(one: list[str], other: list[str], p: float) -> None:
    found = agreement.rank_biased_overlap(one, other, p)
    assert found == pytest.approx(rbo_by_definition(one, other, p), abs=1e-9)
    assert found == pytest.approx(agreement.rank_biased_overlap(other, one, p), abs=1e-12)
    assert -1e-12 <= found <= 1 + 1e-12


@given(rankings)
def test_a_ranking_agrees_with_itself(one: list[str]) -> None:
    assert agreement.rank_biased_overlap(one, one) == pytest.approx(1)
    assert agreement.overlap(one, one) == 1


def test_the_top_counts_most() -> None:
    base = ["a", "b", "c", "d", "e"]
    top_swapped, end_swapped = ["b", "a", "c", "d", "e"], ["a", "b", "c", "e", "d"]
    assert agreement.rank_biased_overlap(base, top_swapped) < agreement.rank_biased_overlap(base, end_swapped) < 1


@pytest.fixture(scope="module")
def kendalltau() -> Any:
    """SciPy's, which takes seconds to import: who runs other tests need not wait for it."""
    from scipy import stats

    return stats.kendalltau


@given(one=scored, other=scored)
def test_kendall_is_scipys(kendalltau: Any, one: dict[str, float], other: dict[str, float]) -> None:
    found = agreement.kendall_tau_b(one, other)
    common = sorted(set(one) & set(other))
    expected = math.nan
    if len(common) > 1:
        expected = kendalltau([one[item] for item in common], [other[item] for item in common]).statistic
    if math.isnan(expected):
        assert found is None
    else:
        assert found == pytest.approx(expected, abs=1e-12)


def test_kendall_ignores_what_only_one_ranking_has() -> None:
    one, other = {"a": 3.0, "b": 2.0, "x": 1.0}, {"y": 9.0, "b": 5.0, "a": 4.0}
    assert agreement.kendall_tau_b(one, other) == -1
    assert agreement.kendall_tau_b({"a": 3.0}, {"a": 3.0}) is None
    assert agreement.kendall_tau_b({"a": 1.0, "b": 1.0}, {"a": 2.0, "b": 1.0}) is None


@given(rankings, rankings)
def test_overlap_is_the_share_of_the_longer_ranking(one: list[str], other: list[str]) -> None:
    found = agreement.overlap(one, other)
    assert 0 <= found <= 1
    assert found * max(len(one), len(other), 1) == pytest.approx(
        len([item for item in one if item in other]) if one or other else 1
    )


@given(st.lists(st.integers(0, 9), min_size=1, max_size=50))
def test_percentiles_count_what_is_less_popular_and_half_of_the_equals(counts: list[int]) -> None:
    found = agreement.popularity_percentiles(np.array(counts, dtype=np.float64))
    for count, percentile in zip(counts, found, strict=True):
        below, equal = sum(other < count for other in counts), counts.count(count)
        assert percentile == pytest.approx((below + equal / 2) / len(counts))
    assert found.mean() == pytest.approx(0.5)


@given(st.lists(rankings, min_size=6, max_size=6))
def test_coverage_is_of_each_window_alone(answers: list[list[str]]) -> None:
    window = agreement.CoverageWindow(len(IDS), answers=3)
    found = [window.add(answer) for answer in answers]
    first, second = ({item for answer in part for item in answer} for part in (answers[:3], answers[3:]))
    assert found == [None, None, len(first) / 30, None, None, len(second) / 30]
