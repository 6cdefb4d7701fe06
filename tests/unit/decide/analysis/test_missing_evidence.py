"""Regression aborts; missing evidence holds. One case each of what goes missing, and of what only looks bad."""

from typing import Any, get_args

import pytest
from tests.unit.decide.analysis.analysis_world import World

from recsys_operator.api.analysis import BuiltIn
from recsys_operator.decide.analysis.answers import SAID
from recsys_operator.decide.analysis.facts import Answer

QUERY: dict[str, Any] = {
    "name": "clicks",
    "prometheus": {"address": "http://prometheus:9090", "query": "sum(clicks)"},
    "min": "0.9",
    "inconclusiveLimit": 2,
    "consecutiveErrorLimit": 2,
}
ERRORS: dict[str, Any] = {"name": "errors", "builtIn": "SuccessRate", "min": "0.99", "inconclusiveLimit": 2}


def asked(answer: Answer, **settings: Any) -> World:
    world = World([QUERY], settings=settings)
    world.answers["clicks", "Canary"] = Answer("Value", 0.95)
    world.look()
    assert world.phase == "Passed"
    assert not world.holds()
    world.answers["clicks", "Canary"] = answer
    return world


MISSING = [
    pytest.param(Answer("Unavailable", None, "connection refused"), "Error", "nobody answers", id="Prometheus away"),
    pytest.param(Answer("NotANumber"), "Inconclusive", "not a number", id="NaN"),
    pytest.param(Answer("Value", float("nan")), "Inconclusive", "not a number", id="NaN as a value"),
    pytest.param(Answer("Value", float("inf")), "Inconclusive", "not a number", id="infinite"),
    pytest.param(Answer("Empty"), "Inconclusive", "finds nothing", id="empty result"),
    pytest.param(Answer("SeveralSeries", None, "3 series"), "Error", "several series", id="several series"),
    pytest.param(Answer("Refused", None, "parse error at 3"), "Error", "parse error at 3", id="a query that is wrong"),
]


@pytest.mark.parametrize(("answer", "phase", "message"), MISSING)
def test_an_answer_that_is_none_holds_and_is_told_past_the_limit(answer: Answer, phase: str, message: str) -> None:
    world = asked(answer)
    world.look(2)
    assert world.phase == "Passed"  # Two such looks are within the limit.
    assert message in world.entry().message
    world.look()
    assert world.phase == phase
    assert world.holds()
    world.look(500)
    assert world.condemned is None
    assert world.holds()


@pytest.mark.parametrize(("answer", "phase", "message"), MISSING)
def test_a_canary_that_never_had_an_answer_holds_from_the_first_look(answer: Answer, phase: str, message: str) -> None:
    world = World([QUERY])
    world.answers["clicks", "Canary"] = answer
    assert world.holds()
    world.look()
    assert world.phase == "Running"
    assert world.holds()


@pytest.mark.parametrize(("answer", "phase", "message"), MISSING)
def test_at_the_deadline_missing_evidence_is_told_and_held(answer: Answer, phase: str, message: str) -> None:
    world = asked(answer, deadlineSeconds=25)
    world.look()
    assert world.phase == "Passed"
    world.look(1, seconds=30)
    assert world.phase == phase
    assert world.condemned is None
    assert world.holds()


@pytest.mark.parametrize(("answer", "phase", "message"), MISSING)
def test_at_the_deadline_the_user_may_want_the_canary_taken_back(answer: Answer, phase: str, message: str) -> None:
    world = asked(answer, deadlineSeconds=25, onDeadline="Abort")
    world.look()
    assert world.condemned is None
    world.look(1, seconds=30)
    assert world.condemned
    assert not world.condemned.proven
    assert message in world.condemned.message


RELATIVE: dict[str, Any] = {**QUERY, "relativeToStable": {"min": "0.9"}}


@pytest.mark.parametrize(("answer", "phase", "message"), MISSING)
def test_where_stable_has_no_answer_what_is_relative_to_it_holds(answer: Answer, phase: str, message: str) -> None:
    world = World([RELATIVE])
    world.answers = {("clicks", "Canary"): Answer("Value", 0.95), ("clicks", "Stable"): answer}
    world.look(3)
    assert world.phase == phase
    assert f"Of stable, {SAID[answer.kind] if answer.value is None else SAID['NotANumber']}" in world.entry().message
    assert world.holds()
    world.look(100)
    assert world.condemned is None
    world.answers["clicks", "Stable"] = Answer("Value", 0.95)
    world.look()
    assert world.phase == "Passed"


@pytest.mark.parametrize(("answer", "phase", "message"), MISSING)
def test_where_stable_has_no_answer_a_bound_of_the_canarys_own_is_judged(
    answer: Answer, phase: str, message: str
) -> None:
    world = World([RELATIVE])
    world.answers = {("clicks", "Canary"): Answer("Value", 0.5), ("clicks", "Stable"): answer}
    world.look(2)
    assert world.condemned
    assert world.condemned.proven
    assert "clicks: 0.5 is less than min 0.9" in world.condemned.message


BUILT_IN: list[dict[str, Any]] = [
    {"builtIn": "SuccessRate", "min": "0.99"},
    {"builtIn": "LatencyP50", "max": "0.1"},
    {"builtIn": "LatencyP90", "max": "0.1"},
    {"builtIn": "LatencyP99", "max": "0.1"},
    {"builtIn": "ThroughputPerPod", "min": "5"},
    {"builtIn": "EmptyAnswers", "max": "0.05"},
    {"builtIn": "UnknownItems", "max": "0.05"},
    {"builtIn": "ScoreShift", "max": "0.2"},
    {"builtIn": "ScoreShift", "max": "0.2", "against": "Evaluation"},
    {"builtIn": "SuccessRate", "test": "Sequential"},
    {"builtIn": "LatencyP99", "test": "Sequential"},
    {"builtIn": "EmptyAnswers", "test": "Sequential"},
]


def test_no_built_in_metric_is_left_out() -> None:
    assert {one["builtIn"] for one in BUILT_IN} == set(get_args(BuiltIn))


@pytest.mark.parametrize("metric", BUILT_IN, ids=lambda one: "-".join(one.values()))
def test_without_traffic_every_built_in_metric_holds(metric: dict[str, Any]) -> None:
    """Also a throughput, of which there is none, and a share of nothing."""
    world = World([{"name": "m", **metric}])
    world.look()
    for _ in range(100):
        world.serve("Stable", 200)
        world.look()
        assert world.condemned is None
        assert world.holds()
        assert world.holds("TakeOver")
    assert world.phase == "Inconclusive"


def test_where_stable_has_no_traffic_a_bound_of_the_canarys_own_is_judged() -> None:
    world = World([{**ERRORS, "relativeToStable": {"min": "0.95"}}])
    world.look()
    for errors in (0, 100, 100):
        assert world.condemned is None
        world.serve("Canary", 200, errors)
        world.look()
    assert world.condemned
    assert world.condemned.proven
    assert "is less than min 0.99" in world.condemned.message


def test_where_stable_has_no_traffic_what_is_within_the_canarys_own_bound_holds() -> None:
    world = World([{**ERRORS, "relativeToStable": {"min": "0.95"}}])
    world.look()
    for _ in range(50):
        world.serve("Canary", 200)
        world.look()
        assert world.condemned is None
        assert world.holds()
    assert "Stable has shown 0 of the 100 samples" in world.entry().message


def test_evidence_that_comes_back_goes_on_at_once() -> None:
    world = asked(Answer("Unavailable"))
    world.look(10)
    assert world.holds()
    world.answers["clicks", "Canary"] = Answer("Value", 0.95)
    world.look()
    assert world.phase == "Passed"
    assert not world.holds()
    assert (world.entry().errors, world.entry().lacking_since) == (0, None)


def test_bad_answers_do_not_become_forgotten_by_missing_ones() -> None:
    world = asked(Answer("Value", 0.5))
    world.look()
    assert world.condemned is None
    assert world.holds()
    world.answers["clicks", "Canary"] = Answer("Unavailable")
    world.look(3)
    world.answers["clicks", "Canary"] = Answer("Value", 0.5)
    world.look()
    assert world.condemned
    assert world.condemned.proven


def test_no_traffic_holds_and_is_told() -> None:
    world = World([ERRORS])
    world.look(3)
    assert world.phase == "Running"
    assert world.holds()
    world.look()
    assert world.phase == "Inconclusive"
    assert "0 of the 100 samples" in world.entry().message
    world.look(100)
    assert world.condemned is None


def test_too_few_samples_hold_however_bad_they_are_until_there_are_enough() -> None:
    world = World([ERRORS])
    world.look()
    for _ in range(4):
        world.serve("Canary", 20, 20)
        world.look()
    assert world.phase == "Inconclusive"
    assert "80 of the 100 samples" in world.entry().message
    assert world.condemned is None
    world.serve("Canary", 20, 20)
    world.look()
    assert world.entry().failures == 1
    assert world.entry().value == "0"
    assert world.entry().samples == 100


def test_one_bad_sample_holds_the_weight_and_takes_nothing_back() -> None:
    world = World([ERRORS])
    world.look()
    for errors in (0, 40, 0, 0, 0):
        world.serve("Canary", 200, errors)
        world.look()
        assert world.holds() == (errors > 0)
        assert world.condemned is None
    assert world.entry().failures == 1


def test_a_second_bad_sample_takes_the_canary_back() -> None:
    world = World([ERRORS])
    world.look()
    for errors in (40, 0, 40):
        assert world.condemned is None
        world.serve("Canary", 200, errors)
        world.look()
    assert world.condemned
    assert world.condemned.proven
    assert "errors: 0.8 is less than min 0.99" in world.condemned.message


def test_a_metric_that_flaps_fails_once_it_was_bad_too_often() -> None:
    world = World([{**QUERY, "failureLimit": 3}])
    for look in range(1, 8):
        world.answers["clicks", "Canary"] = Answer("Value", 0.5 if look % 2 else 0.95)
        world.look()
        assert (world.condemned is not None) == (look == 7)


def test_without_a_failure_limit_the_first_bad_sample_takes_the_canary_back() -> None:
    world = World([{**ERRORS, "failureLimit": 0}])
    world.look()
    world.serve("Canary", 100, 2)
    world.look()
    assert world.condemned


def test_a_canary_pod_that_cannot_be_read_holds_what_would_be_good() -> None:
    world = World([ERRORS])
    world.look()
    world.unreadable["Canary"] = ("c2",)
    world.serve("Canary", 200)
    world.look()
    assert world.holds()
    assert "pod c2: timed out" in world.entry().message


def test_a_canary_pod_that_cannot_be_read_does_not_hide_a_regression() -> None:
    world = World([ERRORS])
    world.look()
    world.unreadable["Canary"] = ("c2",)
    for _ in range(2):
        world.serve("Canary", 200, 100)
        world.look()
    assert world.condemned


@pytest.mark.parametrize("arm", ["Canary", "Stable"])
def test_an_arm_of_which_no_pod_can_be_read_holds(arm: Any) -> None:
    world = World([{**ERRORS, "consecutiveErrorLimit": 1}])
    world.look()
    world.unreadable[arm] = ("c1", "c2", "s1", "s2")
    world.serve("Canary", 200)
    world.look(2)
    assert world.phase == "Error"
    assert world.condemned is None
    assert world.holds()
    world.unreadable.clear()
    world.look()
    assert world.phase == "Passed"
