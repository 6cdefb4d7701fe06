"""The gates: on which side of the threshold each verdict falls, and what it says."""

import math
from typing import Any

import numpy as np
import pytest

from recsys_operator.api.common import GateVerdict
from recsys_workers.evaluate import gates
from recsys_workers.evaluate.latency import Session, best_session, first_difference
from recsys_workers.evaluate.metrics import Estimate
from recsys_workers.evaluate.parity import Parity, Reference, compare
from recsys_workers.evaluate.scoring import Lists


@pytest.mark.parametrize(("value", "verdict"), [(0.05, "Passed"), (0.0499, "Failed"), (math.nan, "Failed")])
def test_floor(value: float, verdict: str) -> None:
    found = gates.floor("good-enough", Estimate("NDCG@10", value, 0.01), "0.05")
    assert found.verdict == verdict
    assert found.threshold == "0.05"
    assert found.metric == "NDCG@10"


def test_floor_says_metric_value_threshold_and_margin() -> None:
    found = gates.floor("good-enough", Estimate("NDCG@10", 0.02, 0.005), "0.05").as_strings()
    assert found["value"] == "0.02"
    assert found["marginStandardErrors"] == "-6.0"
    assert "NDCG@10 is 0.02" in found["message"]
    assert "at least 0.05 is required, missed with a margin of -6.0 standard errors" in found["message"]


def test_a_message_is_no_longer_than_status_takes() -> None:
    crd = GateVerdict.model_fields["message"].metadata
    for length in (gates.LONGEST_MESSAGE, gates.LONGEST_MESSAGE + 1):
        told = gates.Verdict("fast", "Failed", "p99Milliseconds", "1", "2", "é" * length).as_strings()["message"]
        assert len(told) == gates.LONGEST_MESSAGE
        assert told.endswith("…") == (length > gates.LONGEST_MESSAGE)
    assert [one.max_length for one in crd if hasattr(one, "max_length")] == [gates.LONGEST_MESSAGE]


OLD = np.tile([1.0, 0.0], 200)


def judged(new: np.ndarray[Any, Any], max_regression: str = "10") -> gates.Verdict:
    return gates.champion("no-regression", "HR@10", new, OLD, 7, max_regression)


def test_no_champion_yet_passes_and_says_so() -> None:
    found = gates.champion("no-regression", "HR@10", OLD, None, 0, "10")
    assert found.verdict == "Passed"
    assert "no champion yet" in found.message


def test_a_model_that_is_nan_fails_even_without_a_champion() -> None:
    assert gates.champion("no-regression", "HR@10", np.array([np.nan]), None, 0, "10").verdict == "Failed"
    assert judged(np.full(400, np.nan)).verdict == "Failed"


@pytest.mark.parametrize("max_regression", ["0", "10"])
def test_an_identical_model_passes(max_regression: str) -> None:
    assert judged(OLD.copy(), max_regression).verdict == "Passed"


def test_the_comparison_is_paired_and_uses_the_lower_bound() -> None:
    slightly_worse = OLD.copy()
    slightly_worse[:4] = [0, 0, 0, 0]
    # Two users of 400 lose: -0.005 ± 0.0069 (95 %), well above -10 % of 0.5 although unpaired intervals are ±0.049.
    found = judged(slightly_worse)
    assert found.verdict == "Passed"
    assert float(found.value) == pytest.approx(-0.0119, abs=1e-3)
    worse = OLD.copy()
    worse[:60] = 0
    # 30 of 400 lose: -0.075 misses the -0.05 that is allowed.
    assert judged(worse).verdict == "Failed"
    assert "version 7" in judged(worse).message


def test_the_comparison_counts_users_where_they_have_several_targets() -> None:
    worse = OLD.copy()
    worse[:20] = 0
    users = np.repeat(np.arange(40), 10)
    # 10 of 400 lose: -0.025 ± 0.015 passes where each is another user's, and does not where they are two of 40 users.
    assert judged(worse).verdict == "Passed"
    found = gates.champion("no-regression", "HR@10", worse, OLD, 7, "10", users)
    assert found.verdict == "Failed"
    assert "on the same 400 targets of 40 users" in found.message


def test_uncertain_equality_is_not_enough() -> None:
    shuffled = np.tile([0.0, 1.0], 200)
    found = judged(shuffled)
    assert found.verdict == "Failed"
    assert float(found.value) < float(found.threshold) < 0


def test_a_baseline_must_be_beaten_for_sure() -> None:
    gate = {"name": "x", "floor": {"metric": "HR@10", "against": "Popularity"}}
    assert gates.kind_of(gate) == "floor"
    old = np.tile([0.0, 0.0, 0.0, 1.0], 100)
    better = np.tile([0.0, 0.0, 1.0, 1.0], 100)
    found = gates.baseline("x", "HR@10", better, old, "Popularity")
    assert (found.verdict, found.threshold) == ("Passed", "0")
    assert 0.2 < float(found.value) < 0.25
    assert "HR@10 is 0.5 and Popularity has 0.25 on the same 400 users" in found.message
    for new in (old, np.roll(old, 1), np.full(400, np.nan)):
        assert gates.baseline("x", "HR@10", new, old, "Popularity").verdict == "Failed"


def test_the_baselines_that_a_gate_may_name() -> None:
    for baseline in ("Popularity", "ItemKNN"):
        assert gates.kind_of({"name": "x", "floor": {"metric": "HR@10", "against": baseline}}) == "floor"


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ({"name": "x"}, "exactly one of"),
        ({"name": "x", "floor": {}, "latency": {}}, "exactly one of"),
        ({"name": "x", "smoke": {}}, "exactly one of"),
        ({"name": "x", "floor": {"metric": "MAP@10", "min": "0.1"}}, "MAP@10"),
        ({"name": "x", "floor": {"metric": "HR@10", "min": "a lot"}}, "a lot"),
        ({"name": "x", "floor": {"metric": "HR@10", "min": "nan"}}, "limit nan"),
        (
            {"name": "x", "floor": {"metric": "HR@10", "min": "1.01"}},
            "has the min 1.01: it must be a number of at most 1",
        ),
        (
            {"name": "x", "parity": {"tolerance": "0.011"}},
            "has the tolerance 0.011: it must be a number of at most 0.01",
        ),
        ({"name": "x", "floor": {"metric": "HR@10"}}, "'min' is missing"),
        ({"name": "x", "floor": {"metric": "HR@10", "against": "Random"}}, "be against one of Popularity, ItemKNN"),
        ({"name": "x", "floor": {"metric": "HR@10", "min": "0", "against": "Popularity"}}, "must name a min, or"),
        ({"name": "x", "latency": {}}, "p99Milliseconds"),
    ],
)
def test_gates_that_cannot_be_judged_are_refused(gate: dict[str, Any], said: str) -> None:
    with pytest.raises(gates.InvalidGate, match="The gate 'x'") as refused:
        gates.kind_of(gate)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "gate",
    [
        {"floor": {"metric": "HR@10", "min": "1"}},
        {"parity": {"tolerance": "0.01"}},
        {"champion": {"metric": "HR@10", "maxRegressionPercent": 100}},
        {"latency": {"p99Milliseconds": 60000}},
    ],
)
def test_the_largest_limits(gate: dict[str, Any]) -> None:
    assert gates.kind_of({"name": "x", **gate}) in gate


def test_an_error_of_a_number_has_no_largest_limit() -> None:
    gate = {"name": "x", "floor": {"metric": "RMSE", "max": "250000"}}
    assert gates.kind_of(gate, str, rowwise=True) == "floor"


def test_latency_judges_the_nearest_rank_percentile() -> None:
    session = Session(milliseconds=[float(number) for number in range(1, 101)], compared=100)
    assert session.percentile(0.99) == 99
    assert gates.latency("fast", session, "99").verdict == "Passed"
    assert gates.latency("fast", session, "98").verdict == "Failed"


@pytest.mark.parametrize("fault", ["errors", "different"])
def test_latency_fails_on_errors_and_on_other_lists(fault: str) -> None:
    session = Session(milliseconds=[1.0], compared=1)
    setattr(session, fault, ["a reason"])
    found = gates.latency("fast", session, "100")
    assert found.verdict == "Failed"
    assert "a reason" in found.message


def test_latency_without_a_measurement_fails() -> None:
    assert gates.latency("fast", Session(), "100").verdict == "Failed"


@pytest.mark.parametrize(
    ("measured", "p99", "sessions"),
    [([5.0], 5.0, 1), ([50.0, 5.0], 5.0, 2), ([50.0, 40.0, 60.0, 1.0], 40.0, 3)],
)
def test_slow_sessions_are_repeated_and_the_fastest_counts(measured: list[float], p99: float, sessions: int) -> None:
    waiting = list(measured)
    found = best_session(lambda: Session(milliseconds=[waiting.pop(0)], compared=1), 10)
    assert (found.percentile(0.99), found.sessions) == (p99, sessions)
    message = gates.latency("fast", found, "10").message
    assert (f"in the fastest of {sessions} sessions" in message) is (sessions > 1)


@pytest.mark.parametrize("fault", ["errors", "different"])
@pytest.mark.parametrize("milliseconds", [(99.0, 1.0), (1.0, 99.0), (99.0, 98.0)])
def test_no_repetition_excuses_a_wrong_list_or_an_error(fault: str, milliseconds: tuple[float, float]) -> None:
    """… in whichever session it was, however fast the others are."""
    for faulty in (0, 1):
        sessions = [Session(milliseconds=[each], compared=1) for each in (*milliseconds, 97.0)]
        setattr(sessions[faulty], fault, ["a reason"])
        found = best_session(lambda: sessions.pop(0), 10)  # noqa: B023  (it is called in this round only)
        asked = 3 - len(sessions)
        assert (getattr(found, fault) == ["a reason"]) is (asked > faulty)


EXPECTED = [("a", 3.0), ("b", 2.0), ("c", 1.0)]


@pytest.mark.parametrize(
    ("served", "equal"),
    [
        ([("a", 3.0), ("b", 2.0), ("c", 1.0)], True),
        ([("a", 3.0), ("b", 2.0), ("z", 1.0)], True),  # a tie at the cut
        ([("b", 3.0), ("a", 2.0), ("c", 1.0)], False),
        ([("a", 3.0), ("c", 2.0), ("b", 1.0)], False),
        ([("a", 3.0), ("b", 2.0)], False),
        ([("a", 3.0), ("b", 1.5), ("c", 1.0)], False),
        ([("z", 3.0), ("b", 2.0), ("c", 1.0)], False),
    ],
)
def test_served_lists_are_compared_with_the_evaluated_ones(served: list[tuple[str, float]], equal: bool) -> None:
    assert (first_difference(EXPECTED, served, 1e-5) is None) is equal


def parity_of(onnx_items: list[int], of_onnx: list[float], *, finite: bool = True) -> Parity:
    reference = Reference(
        np.array([[1, 2, 3]]),
        np.array([[3.0, 2.0, 1.999995]], dtype=np.float32),
        np.array([of_onnx], dtype=np.float32),
        np.array([finite]),
    )
    return compare(Lists(np.array([of_onnx], dtype=np.float32), np.array([onnx_items])), reference, 1e-5)


def test_parity_accepts_swaps_of_close_scores_only() -> None:
    assert parity_of([1, 2, 3], [3.0, 2.0, 1.999995]).different_users == 0
    swapped = parity_of([1, 3, 2], [3.0, 1.999995, 2.0])
    assert (swapped.different_users, swapped.swapped_users) == (0, 1)
    assert parity_of([2, 1, 3], [2.0, 3.0, 1.999995]).different_users == 1
    assert parity_of([1, 2, 9], [3.0, 2.0, 1.9]).different_users == 1
    assert parity_of([1, 2, 2], [3.0, 2.0, 2.0]).different_users == 1


def test_parity_fails_on_scores_that_are_not_finite() -> None:
    assert parity_of([1, 2, 3], [3.0, 2.0, 1.999995], finite=False).different_users == 1
    assert parity_of([1, 2, 3], [3.0, 2.0, math.nan]).different_users == 1


def test_parity_demands_the_same_exclusions() -> None:
    reference = Reference(
        np.array([[1, 2]]),
        np.array([[3.0, -np.inf]], dtype=np.float32),
        np.array([[3.0, -np.inf]], dtype=np.float32),
        np.array([True]),
    )
    excluded = Lists(np.array([[3.0, -np.inf]], dtype=np.float32), np.array([[1, 7]]))
    shown = Lists(np.array([[3.0, 2.0]], dtype=np.float32), np.array([[1, 2]]))
    assert compare(excluded, reference, 1e-5).different_users == 0
    assert compare(shown, reference, 1e-5).different_users == 1
