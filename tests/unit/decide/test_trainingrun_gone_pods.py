"""What status.failure says of a pod that went away before anybody read how it ended."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.decide.run_facts import NOW, failed_pod, job, pod, progress, run_spec, started

from recsys_operator.api.trainingrun import Failure
from recsys_operator.decide.trainingrun.decision import decide
from recsys_operator.decide.trainingrun.facts import ObservedRun, PodFacts

A, B, C = (f"movies-1-train-{name}" for name in ("aaaaa", "bbbbb", "ccccc"))
CREATED = {A: "2026-01-02T03:00:01Z", B: "2026-01-02T03:02:01Z", C: "2026-01-02T03:03:01Z"}
GONE = "The pod {} is gone, and with it its exit code: somebody deleted it, or its node went away."
TOLD = "Epoch 5 of 20: loss 5.1, validation NDCG@10 0.04"


def runs(name: str) -> PodFacts:
    return pod(name, phase="Running", running=True, created=CREATED[name])


def ended(name: str, code: int | None = 1, finished: str = "2026-01-02T03:01:00Z") -> PodFacts:
    return replace(failed_pod(name, code, message="the last line", finished=finished), created=CREATED[name])


def looked(run: ObservedRun, *pods: PodFacts, told: dict[str, Any] | None = None, **of_job: Any) -> ObservedRun:
    """The run after a look at these pods; `told` is what the trainer reported until then."""
    status = run.status if told is None else run.status.model_copy(update={"progress": progress(**told)})
    seen = replace(run, status=status, pods=pods, job=job(**{"active": 0, **of_job}))
    status = decide(seen, NOW).status.model_copy(update={"progress": status.progress})
    again = decide(replace(seen, status=status), NOW).status.model_copy(update={"progress": status.progress})
    assert again == status, "a second look finds nothing new"
    return replace(seen, status=status)


def remembered(run: ObservedRun) -> str | None:
    return None if run.status.training_pod is None else run.status.training_pod.name


def failure_of(run: ObservedRun) -> Failure:
    assert run.status.failure is not None
    return run.status.failure


def training(*pods: PodFacts, **of_job: Any) -> ObservedRun:
    told = {"message": TOLD, "updateTime": "2026-01-02T03:02:30Z"}
    return looked(started(), *pods, told=told, **{"active": 1, **of_job})


def test_it_is_named_with_what_the_trainer_told_last() -> None:
    run = training(runs(A))
    assert (remembered(run), run.status.failure) == (A, None)
    run = looked(run, active=0)
    assert (remembered(run), run.status.failure) == (A, None), "the Job controller has yet to count it"
    seen = replace(run, job=job(active=0, failed=1))
    (notice,) = [one for one in decide(seen, NOW).notices if one.reason == "AttemptFailed"]
    assert notice.message == f"Pod {A} failed with TrainerFailed: {GONE.format(A)}"
    run = looked(run, failed=1)
    found = failure_of(run)
    assert (found.reason, found.message, found.pod, found.exit_code, found.log) == (
        "TrainerFailed",
        GONE.format(A),
        A,
        None,
        TOLD,
    )
    run = looked(run, runs(B), active=1, failed=1)
    assert (remembered(run), failure_of(run)) == (B, found), "it stands while the next pod trains"


def test_an_evicted_pod_is_no_failed_attempt() -> None:
    """The Job's policy leaves it out of the count."""
    run = looked(looked(training(runs(A))), runs(B), active=1)
    assert (remembered(run), run.status.failure) == (B, None)


def test_a_pod_whose_end_was_read_stays_as_it_was_read() -> None:
    run = looked(training(runs(A)), ended(A, 137), failed=1)
    found = failure_of(run)
    assert (found.pod, found.exit_code, found.log) == (A, 137, "the last line")
    assert failure_of(looked(run, failed=1)) == found


def test_the_newest_one_counts_although_an_older_one_is_still_there() -> None:
    run = training(ended(A), runs(B), failed=1)
    assert failure_of(run).pod == A
    run = looked(run, ended(A), failed=1)
    assert failure_of(run).pod == A, "not counted yet"
    run = looked(run, ended(A), failed=2)
    assert (failure_of(run).pod, failure_of(run).log) == (B, TOLD)
    run = looked(run, ended(A), runs(C), active=1, failed=2)
    assert failure_of(run).pod == B
    run = looked(run, ended(A), ended(C, 2), failed=3)
    assert (failure_of(run).pod, failure_of(run).exit_code) == (C, 2)


def test_a_pod_that_came_and_failed_between_two_looks_is_newer() -> None:
    run = looked(training(runs(A)), failed=1)
    assert failure_of(run).pod == A
    run = looked(run, ended(B), failed=2)
    assert (remembered(run), failure_of(run).pod) == (B, B)


def test_a_pod_that_has_ended_before_the_first_look_is_remembered_too() -> None:
    """An operator that was away while it trained comes to the same status as one that saw it."""
    well = replace(ended(B, 0), phase="Succeeded")
    assert remembered(looked(started(), well, succeeded=1)) == B
    assert remembered(looked(started(), ended(A), failed=1)) == A
    assert remembered(looked(training(ended(A), failed=1), ended(A), well, failed=1, succeeded=1)) == B
    assert remembered(looked(training(runs(A)), well, failed=1, succeeded=1)) == B, "nothing comes after it"


@pytest.mark.parametrize("left", [(ended(A),), ()], ids=["it is still there", "it is gone as well"])
def test_the_word_of_an_earlier_pod_is_not_put_into_its_mouth(left: tuple[PodFacts, ...]) -> None:
    told = {"message": TOLD, "updateTime": "2026-01-02T03:00:59Z"}
    run = looked(started(), ended(A), runs(B), told=told, active=1, failed=1)
    run = looked(run, *left, failed=2)
    assert (failure_of(run).pod, failure_of(run).log) == (B, None)


@pytest.mark.parametrize("earlier", [False, True], ids=["the first pod", "after one that failed, and is gone"])
@pytest.mark.parametrize(("code", "reason"), [(2, "TrainerFailed"), (137, "Killed")])
def test_one_that_was_evicted_is_not_blamed_for_the_next_ones_failure(earlier: bool, code: int, reason: str) -> None:
    """The operator was away: the eviction counts nothing, so the count is that of the next pod, which tells itself."""
    run, before = started(), int(earlier)
    if earlier:
        run = looked(run, ended(A), failed=1)
    run = looked(run, runs(B), active=1, failed=before)
    run = looked(run, ended(C, code), failed=before + 1)
    assert (remembered(run), failure_of(run).pod, failure_of(run).exit_code) == (C, C, code)
    assert failure_of(looked(run, failed=before + 1)).pod == C


def test_the_first_pod_of_a_job_that_was_made_anew_is_named_too() -> None:
    """A queued run's Job is deleted when it is suspended; the next one counts from 0."""
    run = looked(training(runs(A)), failed=1)
    run = looked(replace(run, job=None), failed=0)
    run = looked(run, runs(B), active=1)
    assert failure_of(looked(run, failed=1)).pod == B


@pytest.mark.parametrize("suspended", [True, False], ids=["suspended", "drained"])
def test_one_that_is_stopped_after_another_one_failed_is_no_failed_attempt(suspended: bool) -> None:
    """The Job counts a pod that ends in neither way, and one that it stopped itself nowhere."""
    run = looked(started(), ended(A, 137), runs(B), active=1, failed=1)
    failure = failure_of(run)
    leaving = replace(runs(B), deleting=True)
    run = looked(run, ended(A, 137), leaving, active=0, failed=1, suspended=suspended)
    run = looked(run, ended(A, 137), active=0, failed=1, suspended=suspended)
    assert (failure_of(run), remembered(run)) == (failure, B)
    assert failure_of(looked(run, active=0, failed=1, suspended=suspended)) == failure


def test_one_that_a_suspension_ends_has_not_failed() -> None:
    run = training(runs(A))
    leaving = replace(ended(A, 143), deleting=True)
    assert looked(run, leaving, active=0, suspended=True).status.failure is None
    assert failure_of(looked(run, leaving, active=0, failed=1)).exit_code == 143, "by anything else it has"
    run = looked(run, ended(A, 2), active=0, failed=1, suspended=True)
    assert failure_of(run).exit_code == 2, "it ended by itself"


def test_a_pod_of_the_job_before_is_not_blamed_for_a_failure_that_a_new_job_counts() -> None:
    run = replace(training(runs(A)), job=None)
    run = looked(run, active=0, failed=1, created=CREATED[B])
    assert (run.status.failure, remembered(run)) == (None, A)


@pytest.mark.parametrize(("reported", "log"), [("2026-01-02T03:00:00Z", None), ("2026-01-02T03:00:30Z", TOLD)])
def test_a_pod_without_an_exit_code_has_no_log_but_what_it_told(reported: str, log: str | None) -> None:
    run = looked(started(), runs(A), told={"message": TOLD, "updateTime": reported}, active=1)
    found = failure_of(looked(run, ended(A, None), failed=1))
    assert (found.pod, found.exit_code, found.log) == (A, None, log)


def test_the_end_of_the_run_keeps_it() -> None:
    run = replace(training(runs(A)), spec=run_spec(maxRetries=0))
    run = looked(run, failed=1, verdict="Failed", verdict_reason="BackoffLimitExceeded")
    condition = run.status.conditions[0]
    assert (condition.status, condition.reason, condition.message) == ("False", "TrainerFailed", GONE.format(A))
    assert (failure_of(run).pod, failure_of(run).log) == (A, TOLD)
    assert run.status.training_pod is None, "what status says in the end does not hang on who saw which pod"


def test_the_job_controllers_word_of_the_exit_code_is_the_message() -> None:
    word = f"Container trainer for pod shop/{A} failed with exit code 2 matching FailJob rule at index 1"
    run = looked(training(runs(A)), failed=1, verdict="Failed", verdict_reason="PodFailurePolicy", verdict_message=word)
    condition = run.status.conditions[0]
    assert (condition.reason, condition.message.startswith(f"The Job movies-1-train failed: {word}. ")) == (
        "JobFailed",
        True,
    )
    assert (failure_of(run).pod, failure_of(run).log) == (A, TOLD)
