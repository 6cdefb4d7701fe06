"""Runs with several workers: what their RayJobs come to, and what is done about them."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.unit.decide.run_facts import (
    NOW,
    OWNER,
    failed_pod,
    model_spec,
    observed,
    pod,
    progress,
    result,
    run_spec,
    snapshot,
)

from recsys_operator.api.trainingrun import TrainingPod, TrainingRunStatus
from recsys_operator.build.ray_job import concluded, ray_job
from recsys_operator.decide.conditions import find
from recsys_operator.decide.refusal import Refusal
from recsys_operator.decide.times import rfc3339
from recsys_operator.decide.trainingrun.decision import RunDecision, decide
from recsys_operator.decide.trainingrun.facts import (
    Conclusion,
    Exit,
    ModelFacts,
    ObservedRun,
    PodFacts,
    RayAttempt,
    Snapshot,
)
from recsys_operator.decide.trainingrun.rayjobs import RayStep, back_off, written
from recsys_operator.decide.trainingrun.rayword import MARK
from recsys_operator.observe.trainer_pods import pod_facts, ray_attempt

TWO = {"workers": 2, "resourcesPerWorker": {}}
HEAD, WORKER = "movies-1-ray1-abcde-head-x", "movies-1-ray1-abcde-worker-y"


def spec(**changes: Any) -> Any:
    return run_spec(**{"ray": TWO, **changes})


def attempt(number: int = 1, **changes: Any) -> RayAttempt:
    """One that trains, unless something else is said."""
    facts = RayAttempt(
        f"movies-1-ray{number}",
        number,
        "2026-01-02T03:00:00Z",
        False,
        "Running",
        "RUNNING",
        started="2026-01-02T03:00:01Z",
    )
    return replace(facts, **changes)


def ray_pod(name: str = HEAD, number: int = 1, **changes: Any) -> PodFacts:
    return replace(pod(name, phase="Running", running=True), attempt=number, head="-head-" in name, **changes)


def seen(name: str) -> TrainingPod:
    return TrainingPod(name=name, creation_time=ray_pod(name).created, failures_before=0)


def run_of(*attempts: RayAttempt, **changes: Any) -> ObservedRun:
    """A run with its snapshot, these attempts, and both pods of the last one."""
    number = attempts[-1].number if attempts else 1
    defaults = {
        "model": None,
        "snapshot": Snapshot("movies-1-config", snapshot()),
        "spec": spec(),
        "attempts": attempts,
        "pods": (ray_pod(HEAD, number), ray_pod(WORKER, number)) if attempts else (),
    }
    return observed(**{**defaults, **changes})


def says(run: ObservedRun, now: datetime = NOW) -> tuple[str, str, str]:
    condition = find(decide(run, now).status.conditions, "Succeeded")
    assert condition is not None
    return condition.status, condition.reason, condition.message


def word(code: int, reason: str, message: str, **more: Any) -> str:
    """KubeRay's message of a RayJob whose trainer said something at its end."""
    told = json.dumps({"exitCode": code, "reason": reason, "message": message, **more})
    return (
        f"Job entrypoint command failed with exit code {code}, last available logs (truncated to 20,000 chars):\n"
        f"a line\n{MARK}{told}\n"
    )


def failed(number: int = 1, message: str = "", **changes: Any) -> RayAttempt:
    return attempt(
        number, **{"deployment": "Failed", "job": "FAILED", "reason": "AppFailed", "message": message, **changes}
    )


def conclude(run: ObservedRun, now: datetime = NOW) -> ObservedRun:
    """The run after its last attempt was concluded, as it is read back from the RayJob."""
    step = decide(run, now).ray
    assert step is not None
    assert step.action == "Conclude"
    assert step.conclusion is not None
    newest = run.attempts[-1]
    assert step.attempt == newest.number
    live = ray_job(OWNER, run.spec, snapshot(), attempt=newest.number)
    live["metadata"]["creationTimestamp"] = newest.created
    manifest = concluded(live, OWNER, written(step.conclusion), over=False)
    manifest["metadata"]["creationTimestamp"] = newest.created
    read = ray_attempt(manifest).conclusion
    assert read == step.conclusion
    return replace(run, attempts=(*run.attempts[:-1], replace(newest, conclusion=read)), pods=())


ELASTIC = {"minWorkers": 2, "maxWorkers": 4, "resourcesPerWorker": {}}


class TestElastic:
    def test_its_cluster_is_to_have_all_pods_once_it_trains(self) -> None:
        run = run_of(attempt(pods_asked=2), spec=spec(ray=ELASTIC))
        assert decide(run, NOW).ray == RayStep("Grow", 1)
        assert says(run)[1] == "Running"
        assert decide(run_of(attempt(pods_asked=4), spec=spec(ray=ELASTIC)), NOW).ray is None
        assert decide(run_of(attempt(), spec=spec(ray=ELASTIC)), NOW).ray is None, "its cluster is not read yet"
        waits = attempt(pods_asked=2, deployment="Initializing", job="")
        assert decide(run_of(waits, spec=spec(ray=ELASTIC)), NOW).ray is None
        stopped = run_of(attempt(pods_asked=2), spec=spec(ray=ELASTIC, suspend=True))
        assert decide(stopped, NOW).ray == RayStep("Suspend", 1)

    def test_it_tells_how_many_train_of_how_many(self) -> None:
        told = TrainingRunStatus(progress=progress(workers=2))
        message = says(run_of(attempt(pods_asked=4), spec=spec(ray=ELASTIC), status=told))[2]
        assert message == "Training: epoch 3 of 20, loss 5.1 (15 %), by 2 of at most 4 workers"
        message = says(run_of(attempt(), status=told))[2]
        assert message == "Training: epoch 3 of 20, loss 5.1 (15 %)", "a fixed number is known"

    def test_it_waits_when_it_has_lost_too_many(self) -> None:
        pods = (ray_pod(), replace(ray_pod("w"), deleting=True), replace(pod("x"), attempt=1, unscheduled="0/3 nodes."))
        run = run_of(attempt(pods_asked=4), spec=spec(ray=ELASTIC), pods=pods)
        assert says(run) == (
            "Unknown",
            "TooFewWorkers",
            "1 of the 2 pods run that spec.ray.minWorkers asks for: the training goes on from its last checkpoint when "
            "others have come. Pod x is not scheduled: 0/3 nodes.",
        )
        assert decide(run, NOW).requeue_after == 5
        assert says(replace(run, pods=(*pods, ray_pod("y"))))[1] == "Running"
        assert says(replace(run, spec=spec()))[1] == "Running", "a fixed number fails by itself"

    def test_it_waits_for_nobody_when_its_head_is_what_it_loses(self) -> None:
        """The attempt fails when that is gone, so no training goes on from its checkpoint when others have come."""
        pods = (replace(ray_pod(), deleting=True), ray_pod("w"))
        run = run_of(attempt(pods_asked=4), spec=spec(ray=ELASTIC), pods=pods)
        assert says(run)[1] == "Running"
        assert says(replace(run, pods=pods[1:]))[2].startswith("1 of 4 attempts failed, ")

    def test_it_starts_with_the_least(self) -> None:
        waits = attempt(deployment="Initializing", job="")
        message = says(run_of(waits, spec=spec(ray=ELASTIC), pods=(ray_pod(),)))[2]
        assert message == "Ray starts: 1 of 2 pods run; others, up to 4, are asked for once it trains."
        queued = run_of(waits, spec=spec(ray=ELASTIC, queueName="team-a"), pods=(ray_pod(),))
        assert says(queued)[2] == "Ray starts: 1 of 4 pods run."

    def test_without_kuberay_it_names_its_own_field(self) -> None:
        message = says(observed(spec=spec(ray=ELASTIC), kuberay=False))[2]
        assert message.startswith("KubeRay is not installed, and spec.ray.maxWorkers is 4: ")


def later(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


class TestStart:
    def test_the_first_attempt_is_made_with_everything_else(self) -> None:
        run = observed(spec=spec(activeDeadlineSeconds=600), model=ModelFacts(1, 1, model_spec(), None))
        decision = decide(run, NOW)
        assert (decision.children, decision.take_snapshot, decision.job) == (True, True, None)
        assert decision.ray == RayStep("Create", 1, deadline=600)
        assert says(run) == ("Unknown", "Pending", "The RayJob is being made.")

    def test_the_pods_of_a_rayjob_that_somebody_deleted_are_waited_for(self) -> None:
        """KubeRay's finalizer does not keep the RayJob until its pods are gone, and they may write until then."""
        run = run_of(pods=(ray_pod(HEAD, deleting=True), ray_pod(WORKER, deleting=True)))
        decision = decide(run, NOW)
        assert (decision.ray, decision.requeue_after) == (None, 5.0)
        assert says(run)[1:] == ("Pending", "The last pod is ending; another one takes its place then.")
        assert decide(replace(run, pods=()), NOW).ray == RayStep("Create", 1)

    def test_without_kuberay_nothing_is_made_and_the_run_goes_on_when_it_is_there(self) -> None:
        run = observed(spec=spec(), kuberay=False)
        assert says(run) == (
            "Unknown",
            "KubeRayNotInstalled",
            "KubeRay is not installed, and spec.ray.workers is 2: several workers are a RayJob of KubeRay's "
            "(rayjobs.ray.io/v1). Install KubeRay, and the run starts by itself; or make another TrainingRun with one "
            "worker.",
        )
        decision = decide(run, NOW)
        assert (decision.children, decision.ray, decision.requeue_after) == (False, None, 5.0)
        assert [(notice.type, notice.reason) for notice in decision.notices] == [("Warning", "KubeRayNotInstalled")]
        assert decide(replace(run, kuberay=True), NOW).ray == RayStep("Create", 1)

    def test_one_worker_needs_no_kuberay(self) -> None:
        one = run_spec(ray={"workers": 1, "resourcesPerWorker": {}})
        decision = decide(observed(spec=one, kuberay=False), NOW)
        assert (decision.job, decision.ray) == ("Create", None)

    def test_a_rayjob_that_nobody_takes_up(self) -> None:
        run = run_of(attempt(deployment="", job="", started=None), pods=())
        assert says(run) == (
            "Unknown",
            "Pending",
            "The RayJob movies-1-ray1 has no pod yet; `kubectl -n shop describe rayjob movies-1-ray1` says why if it "
            "stays so: KubeRay's operator may not run, or not watch this namespace.",
        )

    def test_a_worker_that_finds_no_node_is_named(self) -> None:
        waiting = replace(pod(WORKER, unscheduled="0/1 nodes are available: 1 Too many pods."), attempt=1)
        run = run_of(attempt(deployment="Initializing", job=""), pods=(ray_pod(), waiting))
        assert says(run)[1:] == (
            "Pending",
            f"Pod {WORKER} is not scheduled: 0/1 nodes are available: 1 Too many pods.",
        )

    def test_ray_starts_once_the_pods_run(self) -> None:
        run = run_of(attempt(deployment="Initializing", job=""))
        assert says(run)[1:] == ("Pending", "Ray starts: 2 of 2 pods run.")


class TestRunning:
    def test_progress_is_the_message(self) -> None:
        run = run_of(attempt(), status=TrainingRunStatus(progress=progress()))
        assert says(run) == ("Unknown", "Running", "Training: epoch 3 of 20, loss 5.1 (15 %)")
        decision = decide(run, NOW)
        assert (decision.ray, decision.requeue_after) == (None, 10.0)
        assert (decision.status.attempts, decision.status.start_time) == (1, "2026-01-02T03:00:00.000000Z")

    def test_a_version_counts_once_its_rayjob_has_ended(self) -> None:
        made = TrainingRunStatus(result=result())
        assert says(run_of(attempt(), status=made))[1] == "Running"
        done = run_of(attempt(deployment="Complete", job="SUCCEEDED"), status=made)
        assert says(done) == ("True", "VersionCreated", "version 2 passed 4 gates, NDCG@10 0.061")
        assert decide(done, NOW).ray is None

    def test_a_version_counts_when_the_head_is_lost_right_after_it_and_the_cluster_is_ended(self) -> None:
        run = run_of(attempt(), status=TrainingRunStatus(result=result()), pods=(ray_pod(WORKER),))
        assert says(run)[:2] == ("True", "VersionCreated")
        step = decide(run, NOW).ray
        assert step is not None
        assert step.action == "Conclude"

    def test_a_rayjob_that_succeeds_without_a_result(self) -> None:
        run = run_of(attempt(deployment="Complete", job="SUCCEEDED"))
        status, reason, message = says(run)
        assert (status, reason) == ("False", "ResultMissing")
        assert message.startswith("The RayJob movies-1-ray1 is complete but its pod wrote no status.result")

    def test_suspending_and_resuming_touch_the_rayjob_once(self) -> None:
        run = run_of(attempt(), spec=spec(suspend=True))
        assert says(run)[1] == "Suspended"
        assert decide(run, NOW).ray == RayStep("Suspend", 1)
        held = attempt(suspended=True, deployment="Suspended", job="")
        assert decide(replace(run, attempts=(held,), pods=()), NOW).ray is None
        resumed = run_of(held, pods=())
        assert decide(resumed, NOW).ray == RayStep("Resume", 1)
        assert says(resumed)[1:] == ("Pending", "The RayJob movies-1-ray1 is being resumed.")


class TestQueue:
    def queued(self, **changes: Any) -> ObservedRun:
        held = attempt(queue="team-a", suspended=True, deployment="Suspended", job="")
        return run_of(held, **{"spec": spec(queueName="team-a"), "pods": (), **changes})

    def test_a_rayjob_that_kueue_holds_waits_in_its_queue(self) -> None:
        run = self.queued()
        assert says(run)[1] == "Queued"
        assert says(run)[2].startswith("The RayJob movies-1-ray1 waits in the queue team-a until Kueue admits it")
        assert decide(run, NOW).ray is None
        assert decide(run, NOW).status.start_time is None

    @pytest.mark.parametrize("deployment", ["Suspended", ""])
    def test_the_run_starts_when_kuberay_begins_after_the_admission_and_not_when_it_was_queued(
        self, deployment: str
    ) -> None:
        """KubeRay gives a RayJob that is made suspended a start too, and another one when it takes it up."""
        admitted = attempt(queue="team-a", deployment=deployment, job="")
        run = self.queued(attempts=(admitted,))
        assert decide(run, NOW).status.start_time is None
        begun = replace(admitted, deployment="Initializing", started="2026-01-02T03:03:00Z")
        assert decide(replace(run, attempts=(begun,)), NOW).status.start_time == "2026-01-02T03:03:00.000000Z"

    def test_one_that_published_before_it_lost_its_place_is_not_left_to_kueue(self) -> None:
        run = self.queued(status=TrainingRunStatus(result=result()))
        assert says(run)[:2] == ("True", "VersionCreated")
        assert decide(run, NOW).ray == RayStep("Delete", 1)
        assert says(replace(run, pods=(ray_pod(WORKER, deleting=True),)))[1] == "Queued"

    def test_suspending_takes_the_rayjob_away_because_kueue_would_start_it_again(self) -> None:
        run = self.queued(spec=spec(queueName="team-a", suspend=True))
        assert decide(run, NOW).ray == RayStep("Delete", 1)
        gone = replace(run, attempts=(replace(run.attempts[0], deleting=True),))
        assert decide(gone, NOW).ray is None
        assert decide(replace(run, attempts=()), NOW).ray is None
        assert decide(replace(run, attempts=(), spec=spec(queueName="team-a")), NOW).ray == RayStep("Create", 1)

    def test_a_rayjob_that_is_being_deleted_has_lost_no_head_when_that_ends_before_the_workers(self) -> None:
        """The last attempt that the run may make: to call it lost would end the run."""
        going = attempt(queue="team-a", deleting=True)
        changes = {"queueName": "team-a", "maxRetries": 0}
        run = run_of(going, pods=(ray_pod(WORKER, deleting=True),), spec=spec(suspend=True, **changes))
        decision = decide(run, NOW)
        assert (says(run)[:2], decision.ray, decision.status.failure) == (("Unknown", "Suspended"), None, None)
        assert says(replace(run, spec=spec(**changes)))[1:] == (
            "Pending",
            "The RayJob movies-1-ray1 of before is being deleted; another one takes its place then.",
        )


class TestFailure:
    def test_what_cannot_heal_ends_the_run_with_the_trainers_own_word(self) -> None:
        run = run_of(failed(message=word(2, "InvalidData", "Row 7 has no timestamp.")))
        assert says(run) == ("False", "InvalidData", "Row 7 has no timestamp.")
        failure = decide(run, NOW).status.failure
        assert failure is not None
        assert (failure.pod, failure.exit_code, failure.log) == (HEAD, 2, None)
        assert says(conclude(run)) == says(run)

    def test_what_may_heal_is_tried_again_after_a_back_off_when_the_pods_are_gone(self) -> None:
        run = run_of(failed(message=word(1, "TrainingFailed", "A worker died.", log="Traceback\nkilled")))
        decision = decide(run, NOW)
        assert [(notice.reason, notice.message) for notice in decision.notices] == [
            ("AttemptFailed", "RayJob movies-1-ray1 failed with TrainingFailed: A worker died.")
        ]
        done = replace(conclude(run), status=decision.status)
        assert says(done)[1] == "Pending"
        assert says(done)[2] == (
            "1 of 4 attempts failed, the last one with TrainingFailed: A worker died. The next RayJob comes after a "
            "back-off."
        )
        told = decide(done, NOW)
        assert told.status.failure is not None
        assert (told.status.failure.log, told.notices[:1], told.ray) == ("Traceback\nkilled", (), None)
        assert decide(done, later(9)).ray is None
        assert decide(replace(done, pods=(ray_pod(WORKER, deleting=True),)), later(10)).ray is None
        assert decide(done, later(10)).ray == RayStep("Create", 2)

    def test_it_is_told_by_the_next_look_where_the_one_that_concluded_it_wrote_no_status(self) -> None:
        run = run_of(failed(message=word(1, "TrainingFailed", "A worker died.")), status=TrainingRunStatus(attempts=1))
        done = conclude(run)
        text = "RayJob movies-1-ray1 failed with TrainingFailed: A worker died."
        for unwritten in (done, replace(done, attempts=(*done.attempts, attempt(2)), pods=(ray_pod("m-head-2", 2),))):
            decision = decide(unwritten, NOW)
            assert [one.message for one in decision.notices if one.reason == "AttemptFailed"] == [text]
            written_down = replace(unwritten, status=decision.status)
            assert [one for one in decide(written_down, NOW).notices if one.reason == "AttemptFailed"] == []

    def test_one_that_was_told_is_not_told_again_when_somebody_deletes_the_next(self) -> None:
        first = conclude(run_of(failed(1, word(1, "TrainingFailed", "First."))))
        second = failed(2, word(1, "TrainingFailed", "Second."))
        run = replace(first, attempts=(*first.attempts, second), status=decide(first, NOW).status)
        assert [one.message for one in decide(run, NOW).notices if one.reason == "AttemptFailed"] == [
            "RayJob movies-1-ray2 failed with TrainingFailed: Second."
        ]
        assert decide(replace(first, status=decide(run, NOW).status), NOW).notices == ()

    def test_each_attempt_is_counted_and_the_last_one_ends_the_run(self) -> None:
        run = run_of(failed(1, word(1, "TrainingFailed", "First.")), spec=spec(maxRetries=1))
        run = conclude(run)
        second = failed(2, word(1, "TrainingFailed", "Second."))
        run = replace(run, attempts=(*run.attempts, second), pods=(ray_pod("m-head-2", 2),))
        assert says(run) == (
            "False",
            "AttemptsExhausted",
            "All 2 attempts failed. The last one: TrainingFailed: Second.",
        )
        decision = decide(run, NOW)
        assert decision.status.attempts == 2
        assert decision.ray is not None
        assert decision.ray.action == "Conclude"

    def test_the_second_attempt_says_so(self) -> None:
        run = conclude(run_of(failed(message=word(1, "TrainingFailed", "First."))))
        run = replace(
            run, attempts=(*run.attempts, attempt(2)), status=TrainingRunStatus(progress=progress(message="E"))
        )
        assert says(replace(run, pods=(ray_pod("m-head-2", 2),)))[2] == "Attempt 2 of 4: E (15 %)"

    def test_a_process_that_the_kernel_killed_is_named(self) -> None:
        run = run_of(failed(message=word(1, "OutOfMemory", "Killed.", pod=WORKER)), spec=spec(maxRetries=0))
        status, reason, message = says(run)
        assert (status, reason) == ("False", "OOMKilled")
        assert message == "It used more than its 4Gi of memory: raise spec.ray.resourcesPerWorker.memory in a new run."
        failure = decide(run, NOW).status.failure
        assert failure is not None
        assert failure.pod == WORKER

    def test_a_pod_that_was_killed_whole_is_named_and_stays_named_when_it_is_gone(self) -> None:
        killed = replace(ray_pod(WORKER), ended_before=Exit(137, "OOMKilled", "", "2026-01-02T03:03:00Z"))
        run = run_of(failed(message=word(1, "TrainingFailed", "A worker died.")), pods=(ray_pod(), killed))
        done = conclude(run)
        failure = decide(done, NOW).status.failure
        assert failure is not None
        assert (failure.reason, failure.pod, failure.exit_code) == ("OOMKilled", WORKER, 137)

    def test_a_trainer_that_was_killed_says_nothing_and_leaves_its_lines(self) -> None:
        message = "Job entrypoint command failed with exit code -9, last available logs (truncated):\nline 1\nline 2\n"
        failure = decide(run_of(failed(message=message), spec=spec(maxRetries=0)), NOW).status.failure
        assert failure is not None
        assert (failure.reason, failure.exit_code, failure.log) == ("TrainerFailed", -9, "line 1\nline 2")

    @pytest.mark.parametrize(
        ("word_of_kuberay", "message"),
        [
            ("", "The trainer ended without a reason: KubeRay has none either."),
            ("Unexpected error\nmore", "The trainer ended without a reason: Unexpected error."),
            (f"{MARK}[1]", "The trainer ended without a reason: recsys-trainer-ended [1]."),
        ],
    )
    def test_a_message_of_another_form(self, word_of_kuberay: str, message: str) -> None:
        assert says(run_of(failed(message=word_of_kuberay), spec=spec(maxRetries=0))) == (
            "False",
            "TrainerFailed",
            message,
        )

    def test_a_rayjob_that_kuberay_does_not_take(self) -> None:
        run = run_of(attempt(deployment="ValidationFailed", job="", message="rayVersion is wrong"), pods=())
        assert says(run) == (
            "False",
            "JobFailed",
            "KubeRay does not take the RayJob movies-1-ray1: rayVersion is wrong",
        )

    def test_a_long_word_of_kuberays_fits_into_status(self) -> None:
        run = run_of(attempt(deployment="ValidationFailed", job="", message="x" * 5000), pods=())
        failure = decide(run, NOW).status.failure
        assert failure is not None
        assert len(failure.message) == 4096

    def test_somebody_who_stops_the_trainer(self) -> None:
        run = run_of(attempt(deployment="Complete", job="STOPPED"), spec=spec(maxRetries=0))
        assert says(run) == ("False", "TrainerFailed", "Somebody stopped the trainer by Ray's API.")


class TestLostHead:
    @pytest.mark.parametrize(
        ("pods", "reason", "message"),
        [
            (
                (),
                "TrainerFailed",
                "The pod of Ray's head is gone, and with it the training and the exit code: somebody deleted it, or "
                "its node went away.",
            ),
            (
                (replace(ray_pod(), ended_before=Exit(1, "Error", "", "")),),
                "TrainerFailed",
                "Ray's head ended with exit code 1, and the training with it.",
            ),
            (
                (replace(ray_pod(), ended_before=Exit(137, "OOMKilled", "", "")),),
                "OOMKilled",
                "It used more than its 4Gi of memory: raise spec.ray.resourcesPerWorker.memory in a new run.",
            ),
            (
                (replace(failed_pod(HEAD, None, pod_reason="Evicted", pod_message="disk"), attempt=1, head=True),),
                "Evicted",
                "Evicted: disk",
            ),
        ],
    )
    def test_kuberay_does_not_tell_so_the_operator_ends_the_attempt(
        self, pods: tuple[PodFacts, ...], reason: str, message: str
    ) -> None:
        run = run_of(attempt(), pods=(*pods, ray_pod(WORKER)), spec=spec(maxRetries=0))
        decision = decide(run, NOW)
        assert says(run) == ("False", reason, message)
        assert decision.ray is not None
        assert decision.ray.action == "Conclude"

    @pytest.mark.parametrize(
        ("known", "reported", "pod", "log"),
        [
            (HEAD, "2026-01-02T03:00:00Z", HEAD, "Epoch 3 of 20: loss 5.1"),
            (HEAD, "2026-01-02T02:59:59Z", HEAD, None),  # an earlier attempt told that
            ("movies-1-ray10-abcde-head-x", "2026-01-02T03:00:00Z", None, "Epoch 3 of 20: loss 5.1"),
            (None, "2026-01-02T03:00:00Z", None, "Epoch 3 of 20: loss 5.1"),
        ],
    )
    def test_a_head_that_is_gone_is_named_with_what_the_trainer_told_last(
        self, known: str | None, reported: str, pod: str | None, log: str | None
    ) -> None:
        told = progress(message="Epoch 3 of 20: loss 5.1", updateTime=reported)
        status = TrainingRunStatus(training_pod=known and seen(known), progress=told)
        run = run_of(attempt(), pods=(ray_pod(WORKER),), status=status)
        decision = decide(run, NOW)
        assert decision.status.failure is not None
        found = decision.status.failure
        assert (found.reason, found.pod, found.exit_code, found.log) == ("TrainerFailed", pod, None, log)
        assert decision.status.training_pod == (known and seen(known))
        assert decision.ray is not None
        assert decision.ray.conclusion == Conclusion(rfc3339(NOW), found)

    def test_a_head_that_kuberay_has_deleted_is_named_when_the_trainer_did_not(self) -> None:
        ended = failed(message="Job entrypoint command failed with exit code -9. No logs available.")
        run = run_of(ended, pods=(), status=TrainingRunStatus(training_pod=seen(HEAD)))
        failure = decide(run, NOW).status.failure
        assert failure is not None
        assert (failure.pod, failure.exit_code) == (HEAD, -9)

    def test_the_newest_attempts_head_is_remembered(self) -> None:
        def name(run: ObservedRun) -> str | None:
            pod = decide(run, NOW).status.training_pod
            return None if pod is None else pod.name

        second = "movies-1-ray2-fghij-head-x"
        assert name(run_of(attempt())) == HEAD
        assert name(run_of(attempt(), pods=(ray_pod(WORKER),))) is None
        pods = (ray_pod(HEAD), replace(ray_pod(second, 2), created="2026-01-02T03:02:09Z"))
        assert name(run_of(attempt(), attempt(2), pods=pods)) == second

    def test_with_attempts_left_another_one_follows_when_the_workers_are_gone(self) -> None:
        run = conclude(run_of(attempt(), pods=(ray_pod(WORKER),)))
        assert says(run)[1] == "Pending"
        assert decide(replace(run, pods=(ray_pod(WORKER),)), later(60)).ray is None
        assert decide(run, later(60)).ray == RayStep("Create", 2)

    def test_the_run_goes_on_until_the_api_server_takes_the_word_that_ends_the_cluster(self) -> None:
        run = run_of(attempt(), pods=(ray_pod(WORKER),), spec=spec(maxRetries=0))
        refused = (Refusal("RayJob", "movies-1-ray1", "a policy says no"),)
        assert says(run)[:2] == ("False", "TrainerFailed")
        status, reason, message = says(replace(run, refusals=refused))
        assert (status, reason) == ("Unknown", "ChildRefused")
        assert message.startswith("The API server refuses RayJob movies-1-ray1: a policy says no. ")
        ended = run_of(failed(message=word(2, "InvalidData", "No.")), refusals=refused)
        assert says(ended)[:2] == ("False", "InvalidData"), "KubeRay ends that one by itself"

    @pytest.mark.parametrize("changes", [{"suspended": True}, {"deployment": "Suspending"}, {"deployment": ""}])
    def test_a_cluster_that_is_not_there_on_purpose_has_lost_nothing(self, changes: dict[str, Any]) -> None:
        step = decide(run_of(attempt(**changes), pods=()), NOW).ray
        assert step is None or step.action != "Conclude"

    def test_a_head_that_is_not_there_yet_is_waited_for(self) -> None:
        assert decide(run_of(attempt(deployment="Initializing", job=""), pods=()), NOW).ray is None


class TestTime:
    def test_kuberay_ends_the_attempt_that_takes_too_long(self) -> None:
        run = run_of(failed(reason="DeadlineExceeded"), spec=spec(activeDeadlineSeconds=60))
        assert says(run)[:2] == ("False", "DeadlineExceeded")
        assert says(conclude(run))[:2] == ("False", "DeadlineExceeded")

    def test_what_is_left_is_the_next_attempts(self) -> None:
        ended = failed(message=word(1, "TrainingFailed", "A worker died."), started=rfc3339(later(-100)))
        run = conclude(run_of(ended, spec=spec(activeDeadlineSeconds=130)))
        assert decide(run, later(10)).ray == RayStep("Create", 2, deadline=20)
        assert decide(replace(run, spec=spec(activeDeadlineSeconds=110)), later(10)).ray is None
        assert says(replace(run, spec=spec(activeDeadlineSeconds=110)), later(10))[:2] == ("False", "DeadlineExceeded")

    def test_neither_a_suspension_nor_a_queue_takes_time_from_the_attempts(self) -> None:
        ended = failed(message=word(1, "TrainingFailed", "A worker died."), started=rfc3339(later(-100)))
        first = conclude(run_of(ended, spec=spec(activeDeadlineSeconds=130, suspend=True)))
        assert says(first, later(86400))[1] == "Suspended"
        resumed = replace(first, spec=spec(activeDeadlineSeconds=130))
        assert decide(resumed, later(86400)).ray == RayStep("Create", 2, deadline=20)

        # The second attempt waited in its queue for a day, and failed after five seconds.
        queued = {"queueName": "team-a", "activeDeadlineSeconds": 130}
        begun = {"created": rfc3339(later(10)), "started": rfc3339(later(86400)), "queue": "team-a"}
        second = failed(2, word(1, "TrainingFailed", "A worker died."), **begun)
        run = replace(first, attempts=(*first.attempts, second), spec=spec(**queued))
        run = conclude(run, later(86405))
        assert decide(run, later(86425)).ray is None
        assert says(run, later(86425))[:2] == ("False", "DeadlineExceeded")
        run = replace(run, spec=spec(**{**queued, "activeDeadlineSeconds": 140}))
        assert decide(run, later(86425)).ray == RayStep("Create", 3, deadline=5)

    def test_bad_data_is_told_as_such_however_late(self) -> None:
        run = run_of(failed(message=word(2, "InvalidData", "No.")), spec=spec(activeDeadlineSeconds=1))
        assert says(run)[:2] == ("False", "InvalidData")

    def test_back_offs_double_up_to_six_minutes(self) -> None:
        assert [back_off(number) for number in (1, 2, 3, 6, 7, 100)] == [10, 20, 40, 320, 360, 360]


class TestFacts:
    def test_a_conclusion_that_cannot_be_read_is_none(self) -> None:
        manifest = ray_job(OWNER, spec(), snapshot(), attempt=3)
        manifest["metadata"]["creationTimestamp"] = "2026-01-02T03:00:00Z"
        for text in ("", "{", "[1]", '{"at": "then", "failure": {}}', '{"at": 1, "failure": {"reason": "X"}}'):
            manifest["metadata"]["annotations"]["recsys.dev/concluded"] = text
            assert ray_attempt(manifest).conclusion is None
        assert ray_attempt(manifest).number == 3

    def test_a_pod_of_kuberays(self) -> None:
        made = {
            "metadata": {"name": HEAD, "labels": {"ray.io/node-type": "head", "recsys.dev/attempt": "2"}},
            "status": {
                "phase": "Running",
                "containerStatuses": [
                    {
                        "name": "trainer",
                        "state": {"running": {}},
                        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
                    }
                ],
            },
        }
        facts = pod_facts(made)
        assert (facts.attempt, facts.head, facts.running) == (2, True, True)
        assert facts.ended_before == Exit(137, "OOMKilled", "", "")

    def test_a_conclusion_survives_the_annotation(self) -> None:
        decision: RunDecision = decide(run_of(failed(message=word(1, "TrainerError", "Ünicode\n", log="a\nb"))), NOW)
        assert decision.ray is not None
        assert isinstance(decision.ray.conclusion, Conclusion)
