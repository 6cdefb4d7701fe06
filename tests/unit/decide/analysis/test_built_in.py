"""The built-in metrics, against figures worked out by hand or by NumPy."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.unit.decide.analysis.analysis_world import SCORES, World, observed

from recsys_operator.decide.analysis import values
from recsys_operator.decide.analysis.facts import Histogram


def value(metric: dict[str, Any], stable: dict[str, Any] | None = None, **served: Any) -> tuple[str, str | None]:
    """Value and stable's value of a metric after 200 requests to the canary and 400 to stable within ten seconds."""
    world = World([{"name": "m", "max": "1000", **metric}])
    world.look()
    world.serve("Canary", 200, **served)
    world.serve("Stable", 400, **(stable or {}))
    world.look()
    assert world.phase == "Passed"
    return world.entry().value or "", world.entry().stable


def test_success_rate_is_the_share_of_answers_that_are_no_5xx() -> None:
    assert value({"builtIn": "SuccessRate"}, {"errors": 1}, errors=5) == ("0.975", "0.9975")


@pytest.mark.parametrize(
    ("built_in", "canary", "stable"),
    # All 200 lie in (10, 25] ms but 40 in (0.5, 1] s; the 90th percentile is half-way into those.
    [("LatencyP50", "0.01938", "0.0175"), ("LatencyP90", "0.75", "0.0235"), ("LatencyP99", "0.975", "0.02485")],
)
def test_latencies_are_interpolated_within_their_bucket(built_in: str, canary: str, stable: str) -> None:
    assert value({"builtIn": built_in}, slow=40) == (canary, stable)


def test_throughput_is_of_one_pod_and_one_second() -> None:
    assert value({"builtIn": "ThroughputPerPod"}) == ("10", "20")


def test_empty_answers_are_a_share_of_answers() -> None:
    assert value({"builtIn": "EmptyAnswers"}, {"empty": 8}, empty=10, errors=100) == ("0.1", "0.02")


def test_unknown_items_are_a_share_of_the_ids_asked() -> None:
    assert value({"builtIn": "UnknownItems"}, {"unknown": 400}, unknown=100) == ("0.05", "0.1")


def test_scores_of_the_same_shape_have_not_shifted() -> None:
    world = World([{"name": "m", "builtIn": "ScoreShift", "max": "0.2"}])
    world.look()
    for arm, requests in (("Canary", 100), ("Stable", 300)):
        for score in (0.5, 1.5, 2.5):
            world.serve(arm, requests, score=score)  # type: ignore[arg-type]
    world.look()
    assert world.phase == "Passed"
    assert float(world.entry().value or "1") < 0.001


def test_scores_that_shift_are_bad() -> None:
    world = World([{"name": "m", "builtIn": "ScoreShift", "max": "0.2", "failureLimit": 0}])
    world.look()
    for score in (0.5, 1.5, 2.5):
        world.serve("Stable", 300, score=score)
        world.serve("Canary", 100, score=score + 1)
    world.look()
    assert world.condemned
    assert float(world.entry().value or "0") > 1


def test_scores_are_compared_with_the_versions_own_evaluation() -> None:
    world = World([{"name": "m", "builtIn": "ScoreShift", "against": "Evaluation", "max": "0.2", "failureLimit": 0}])
    world.look()
    world.serve("Canary", 100)
    world.look()
    assert world.phase == "Running"
    assert "tell no scores of the version's own evaluation" in world.entry().message
    evaluation = observed(Histogram(SCORES, (0,) * (len(SCORES) + 1)), 0.5, 77)
    world.canary_pods["c1"] = replace(world.canary_pods["c1"], evaluation=evaluation)
    world.serve("Canary", 100)
    world.look()
    assert world.phase == "Passed"
    world.serve("Canary", 100, score=4.5)
    world.look()
    assert world.condemned


def test_the_stability_index_is_the_sum_over_tenths_of_the_reference() -> None:
    rng = np.random.default_rng(3)
    reference, found = rng.normal(0, 1, 100_000), rng.normal(0.5, 1, 100_000)
    bounds = np.quantile(reference, np.arange(1, 10) / 10)
    counts = [np.histogram(data, [-np.inf, *bounds, np.inf])[0] for data in (reference, found)]
    q, p = (count / count.sum() for count in counts)
    expected = float(((p - q) * np.log(p / q)).sum())
    index = values.shift(list(bounds), counts[0].tolist(), list(bounds), counts[1].tolist())
    assert index == pytest.approx(expected, rel=0.05)
    # Two images may count in different buckets: only bounds that both know are compared.
    finer = sorted([*bounds.tolist(), -5.0, 0.01, 7.0])
    fine = np.histogram(found, [-np.inf, *finer, np.inf])[0].tolist()
    assert values.shift(list(bounds), counts[0].tolist(), finer, fine) == pytest.approx(index)


@pytest.mark.parametrize("moved", [-2.5, 4.5])
def test_scores_that_all_move_to_where_the_reference_has_none_have_shifted(moved: float) -> None:
    nothing = Histogram(SCORES, (0,) * (len(SCORES) + 1))
    reference, found = (np.diff(observed(nothing, score, 1000).counts, prepend=0).tolist() for score in (0.5, moved))
    assert values.shift(SCORES, reference, SCORES, found) > 5


def test_histograms_without_observations_have_no_shift() -> None:
    assert values.shift(SCORES, (0,) * 9, SCORES, (0,) * 9) == 0


def test_quantiles_agree_with_the_data_within_a_bucket() -> None:
    rng = np.random.default_rng(4)
    data = rng.gamma(2, 0.02, 50_000)
    bounds = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2)
    buckets = np.histogram(data, [-np.inf, *bounds, np.inf])[0].tolist()
    for share in (0.5, 0.9, 0.99):
        found, exact = values.quantile(bounds, buckets, share), float(np.quantile(data, share))
        assert np.searchsorted(bounds, found) == np.searchsorted(bounds, exact)
        assert found == pytest.approx(exact, rel=0.1)


def test_a_quantile_beyond_the_last_bound_is_at_least_that() -> None:
    assert values.quantile((0.1, 0.2), (1, 1, 98), 0.99) == 0.2


def test_a_bound_that_is_slow_leaves_that_share_within_it() -> None:
    bounds, buckets = (0.01, 0.02, 0.04, 0.08), (50, 40, 9, 1, 0)
    assert values.slow_bound(bounds, buckets, 0.9, 0.0) == (0.02, 0.02)
    assert values.slow_bound(bounds, buckets, 0.99, 0.0) == (0.04, 0.04)
    assert values.slow_bound(bounds, buckets, 0.9, 0.1) == (0.02, 0.04)
    assert values.slow_bound(bounds, buckets, 0.9, 5.0) is None
    assert values.slow_bound(bounds, (50, 0, 0, 0, 50), 0.9, 0.0) is None
    assert values.beyond(bounds, buckets, 0.02) == 10
    assert values.beyond(bounds, buckets, 0.03) == 1


@pytest.mark.parametrize(
    ("bounds", "errors", "good"),
    [
        ({"relativeToStable": {"min": "0.95"}}, 8, True),
        ({"relativeToStable": {"min": "0.95"}}, 12, False),
        ({"relativeToStable": {"min": "0.95"}, "min": "0.97"}, 8, False),
        ({"min": "0.9", "max": "0.99"}, 0, False),
    ],
)
def test_bounds_are_absolute_or_relative_to_stable_or_both(bounds: dict[str, Any], errors: int, good: bool) -> None:
    world = World([{"name": "m", "builtIn": "SuccessRate", **bounds}])
    world.look()
    world.serve("Canary", 200, errors)
    world.serve("Stable", 400)
    world.look()
    assert (world.entry().failures == 0) == good


def test_nothing_is_relative_to_a_stable_version_without_a_value() -> None:
    world = World([{"name": "m", "builtIn": "EmptyAnswers", "relativeToStable": {"max": "1.5"}}])
    world.look()
    world.serve("Canary", 200, empty=2)
    world.look()
    assert "Stable has shown 0 of the 100" in world.entry().message
    world.serve("Stable", 200)
    world.look()
    assert "nothing can be relative to it" in world.entry().message
    assert world.holds()
    assert world.condemned is None
    world.serve("Canary", 200)
    world.serve("Stable", 200)
    world.look()
    assert world.phase == "Passed"
