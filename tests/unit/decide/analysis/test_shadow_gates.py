"""What a shadow's gates say of its counts, and what its step comes to, look by look."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recsys_operator.api.rollout import CanaryStatus, Revision
from recsys_operator.api.shadow import Shadow
from recsys_operator.decide.analysis import shadow_step
from recsys_operator.decide.analysis.facts import Evidence, Histogram, PodReading, Reading
from recsys_operator.decide.analysis.shadow import against, judge, value_of
from recsys_operator.decide.analysis.shadow_facts import ShadowReading, Sum
from recsys_operator.decide.times import rfc3339

START = datetime(2026, 11, 28, 12, tzinfo=UTC)
DIGEST = "sha256:" + "1" * 64
STABLE = Revision(version=4, digest=DIGEST, uri="pvc://store/4", revision="stable", image="server:1")
HALF = Sum(4, 2.0)
COUNTS = ShadowReading(
    4,
    samples=4,
    failures=1,
    overlap=HALF,
    rank_biased_overlap=Sum(4, 1.0),
    kendall_concordance=Sum(2, 0.5),
    popularity=Sum(4, 3.0),
    stable_popularity=Sum(4, 2.0),
    coverage=Sum(1, 0.3),
    stable_coverage=Sum(1, 0.4),
)


def step(*gates: dict[str, Any], **changes: Any) -> Shadow:
    return Shadow.model_validate({"durationSeconds": 60, "minSamples": 100, "gates": list(gates), **changes})


def canary(**changes: Any) -> CanaryStatus:
    return CanaryStatus.model_validate(
        {
            **{"version": 5, "digest": DIGEST, "uri": "pvc://store/5", "revision": "canary", "image": "server:1"},
            **{"start_time": rfc3339(START), "step_start_time": rfc3339(START), "step": 0},
            **changes,
        }
    )


def pod(*shadows: ShadowReading, uid: str = "pod-1") -> PodReading:
    nothing = Histogram((), (0,))
    return PodReading(uid, 0, START, 0, 0, nothing, nothing, 0, 0, 0, 0, None, shadows)


def look(seconds: float, *pods: PodReading, missing: tuple[str, ...] = ()) -> Evidence:
    return Evidence((Reading("Canary", "canary", START + timedelta(seconds=seconds), pods, missing),))


def compared(samples: int, mean: float = 0.5, failures: int = 0) -> PodReading:
    total = Sum(samples, samples * mean)
    return pod(ShadowReading(4, samples, failures, overlap=total, rank_biased_overlap=total, kendall_concordance=total))


def after(one: CanaryStatus, wanted: Shadow, *looks: Evidence) -> CanaryStatus:
    for evidence in looks:
        one = shadow_step.take(one, STABLE, wanted, evidence)
    return one


def phases(one: CanaryStatus) -> dict[str, str]:
    return {entry.name: entry.phase for entry in one.analysis}


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("Overlap", 0.5),
        ("RankBiasedOverlap", 0.25),
        ("KendallTau", -0.5),
        ("Coverage", 0.3),
        ("RelativeCoverage", 0.75),
        ("PopularityShift", 0.25),
        ("FailureRate", 0.2),
    ],
)
def test_values(metric: Any, value: float) -> None:
    assert value_of(metric, COUNTS) == pytest.approx(value)
    assert value_of(metric, ShadowReading(4)) is None


def test_pods_are_added_and_other_stable_versions_left_out() -> None:
    total = against([COUNTS, ShadowReading(3, samples=99), COUNTS], 4)
    assert (total.samples, total.failures, total.overlap) == (8, 2, Sum(8, 4.0))
    assert value_of("Overlap", total) == value_of("Overlap", COUNTS)
    assert against([], 4) == ShadowReading(4)


@pytest.mark.parametrize(
    ("bounds", "verdict"),
    [
        ({"min": "0.5"}, "Passed"),
        ({"min": "0.51"}, "Failed"),
        ({"max": "0.5"}, "Passed"),
        ({"max": "0.49"}, "Failed"),
        ({"min": "0.4", "max": "0.6"}, "Passed"),
    ],
)
def test_a_bound_is_still_good(bounds: dict[str, str], verdict: str) -> None:
    (result,) = judge(step({"metric": "Overlap", **bounds}), COUNTS)
    assert result.verdict == verdict
    assert "Overlap is 0.5000" in result.sentence


def test_nothing_observed_is_no_verdict() -> None:
    (result,) = judge(step({"metric": "Coverage", "min": "0"}), ShadowReading(4, samples=50))
    assert (result.verdict, result.value) == ("Inconclusive", None)


def test_good_answers_pass_at_the_end_and_not_before() -> None:
    wanted = step({"metric": "Overlap", "min": "0.4"})
    one = after(canary(), wanted, look(10, compared(500)))
    assert phases(one) == {"shadow": "Running", "shadow-overlap": "Running"}
    one = after(one, wanted, look(69, compared(900)))
    assert not shadow_step.passed(one)
    one = after(one, wanted, look(70, compared(1000)))
    assert phases(one) == {"shadow": "Passed", "shadow-overlap": "Passed"}
    assert shadow_step.passed(one)
    assert shadow_step.failed(one) is None
    assert shadow_step.plan(one) is None


def test_bad_answers_fail_at_the_end_and_name_their_gates() -> None:
    wanted = step({"metric": "Overlap", "min": "0.6"}, {"metric": "KendallTau", "min": "-1"})
    one = after(canary(), wanted, look(1, compared(500)))
    assert shadow_step.failed(one) is None
    one = after(one, wanted, look(61, compared(1000)))
    assert phases(one) == {"shadow": "Failed", "shadow-overlap": "Failed", "shadow-kendall-tau": "Passed"}
    assert shadow_step.failed(one) == "Overlap is 0.5000; at least 0.6 is asked for (1000 requests compared)."


def test_the_time_counts_from_the_first_comparison() -> None:
    wanted = step()
    one = after(canary(), wanted, look(5, pod()), look(300, pod()))
    assert phases(one) == {"shadow": "Running"}
    one = after(one, wanted, look(305, compared(200)), look(360, compared(200)))
    assert phases(one) == {"shadow": "Running"}
    assert phases(after(one, wanted, look(365, compared(200)))) == {"shadow": "Passed"}


def test_too_few_samples_hold_and_say_so() -> None:
    wanted = step({"metric": "Overlap", "min": "0.6"})
    one = after(canary(), wanted, look(1, compared(10)), look(100, compared(99)))
    assert phases(one) == {"shadow": "Inconclusive", "shadow-overlap": "Running"}
    assert one.analysis[0].message.endswith("The time is over, but evidence is missing.")
    assert one.analysis[0].lacking_since == rfc3339(START + timedelta(seconds=100))
    later = after(one, wanted, look(200, compared(99)))
    assert later.analysis[0].lacking_since == one.analysis[0].lacking_since
    assert shadow_step.failed(one) is None
    assert shadow_step.failed(after(one, wanted, look(300, compared(100)))) is not None


def test_a_gate_without_a_value_holds_even_when_the_others_are_good() -> None:
    wanted = step({"metric": "Overlap", "min": "0.4"}, {"metric": "Coverage", "min": "0.1"})
    one = after(canary(), wanted, look(1, compared(500)), look(61, compared(500)))
    assert phases(one) == {"shadow": "Inconclusive", "shadow-overlap": "Running", "shadow-coverage": "Inconclusive"}


def test_a_gate_that_fails_needs_not_wait_for_another_that_has_no_value() -> None:
    wanted = step({"metric": "Overlap", "min": "0.6"}, {"metric": "Coverage", "min": "0.1"})
    one = after(canary(), wanted, look(1, compared(500)), look(61, compared(500)))
    assert shadow_step.failed(one) is not None


def test_requests_that_failed_are_evidence() -> None:
    wanted = step({"metric": "FailureRate", "max": "0.1"})
    one = after(canary(), wanted, look(1, compared(0, failures=100)), look(61, compared(0, failures=100)))
    assert shadow_step.failed(one) == "FailureRate is 1.0000; at most 0.1 is asked for (100 requests compared)."


def test_pods_that_cannot_be_read_are_told_and_hold() -> None:
    one = after(canary(), step(), look(1, missing=("pod movies-x: no answer within 2 s",)))
    assert phases(one) == {"shadow": "Running"}
    assert "pod movies-x: no answer within 2 s" in one.analysis[0].message


def test_pods_that_start_anew_begin_anew() -> None:
    wanted = step()
    one = after(canary(), wanted, look(1, compared(500)), look(30, pod()), look(40, compared(500)))
    assert phases(after(one, wanted, look(61, compared(500)))) == {"shadow": "Running"}
    assert phases(after(one, wanted, look(100, compared(500)))) == {"shadow": "Passed"}


def test_the_same_evidence_twice_and_evidence_of_before_change_nothing() -> None:
    wanted = step()
    one = after(canary(), wanted, look(1, compared(500)))
    assert after(one, wanted, look(1, compared(500))) == one
    assert after(one, wanted, look(0.5, compared(900))) == one
    assert after(canary(), wanted, look(-1, compared(500))) == canary()
    assert after(canary(revision="another"), wanted, look(1, compared(500))).analysis == ()
    assert after(canary(), wanted, Evidence()) == canary()


def test_a_verdict_is_final() -> None:
    wanted = step({"metric": "Overlap", "min": "0.4"})
    one = after(canary(), wanted, look(1, compared(500)), look(61, compared(500)))
    assert after(one, wanted, look(70, compared(600, mean=0.0))) == one


def test_looks_follow_each_other_while_there_is_no_verdict() -> None:
    first = shadow_step.plan(canary())
    assert first is not None
    assert (first.at, first.read, first.questions) == (START, (("Canary", "canary"),), ())
    second = shadow_step.plan(after(canary(), step(), look(1, pod())))
    assert second is not None
    assert second.at == START + timedelta(seconds=1) + shadow_step.LOOK


def test_a_second_shadow_step_has_entries_of_its_own() -> None:
    wanted = step({"metric": "Overlap", "min": "0.4"})
    one = after(canary(), wanted, look(1, compared(500)), look(61, compared(500)))
    second = one.model_copy(update={"step": 1, "step_start_time": rfc3339(START + timedelta(seconds=62))})
    assert not shadow_step.passed(second)
    second = after(second, wanted, look(63, compared(600)))
    assert [entry.step for entry in second.analysis] == [1, 1]
    assert set(phases(second).values()) == {"Running"}
