"""What a TrainingRun's status says, and what is made for it, from each thing that can be observed."""

import json
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from tests.unit.decide.run_facts import (
    DIGEST,
    NOW,
    OWNER,
    failed_pod,
    gate_verdicts,
    job,
    model_spec,
    observations,
    observed,
    pod,
    progress,
    result,
    run_spec,
    snapshot,
    started,
)

from recsys_operator.api.common import Condition
from recsys_operator.api.trainingrun import TrainingRunStatus
from recsys_operator.build.run_config import run_config
from recsys_operator.decide.conditions import find
from recsys_operator.decide.trainingrun.decision import RunDecision, decide
from recsys_operator.decide.trainingrun.facts import ModelFacts, ObservedRun, PodFacts, Snapshot, Unreadable, Waiting


def summary(decision: RunDecision) -> Condition:
    condition = find(decision.status.conditions, "Succeeded")
    assert condition is not None
    return condition


def says(run: ObservedRun) -> tuple[str, str, str]:
    condition = summary(decide(run, NOW))
    return condition.status, condition.reason, condition.message


def after(run: ObservedRun, decision: RunDecision, **changes: Any) -> ObservedRun:
    """The run with the decision's status written, beside what the trainer wrote."""
    status = decision.status.model_copy(update={"progress": run.status.progress, "result": run.status.result})
    return replace(run, status=status, **changes)


class TestStart:
    def test_a_missing_model_is_waited_for(self) -> None:
        run = observed(model=None)
        assert says(run) == (
            "Unknown",
            "ModelNotFound",
            "The RecModel movies does not exist in the namespace shop; the run starts when it does. Create it, or make "
            "another run with the right spec.modelRef: it is immutable.",
        )
        decision = decide(run, NOW)
        assert not decision.children
        assert decision.job is None
        healed = decide(after(run, decision, model=ModelFacts(1, 1, model_spec(), None)), NOW)
        assert healed.children
        assert healed.take_snapshot
        assert healed.job == "Create"

    def test_a_model_that_cannot_be_read_is_waited_for(self) -> None:
        run = observed(model=Unreadable("spec.gates: Input should be a valid tuple"))
        assert says(run) == (
            "Unknown",
            "ModelUnreadable",
            "The RecModel movies is not as its CRD says (spec.gates: Input should be a valid tuple): correct it; the "
            "run starts then.",
        )
        decision = decide(run, NOW)
        assert (decision.children, decision.job) == (False, None)
        assert decide(after(run, decision, model=ModelFacts(1, 1, model_spec(), None)), NOW).job == "Create"
        assert says(started(model=run.model))[1] == "Pending"

    def test_a_model_whose_champion_is_not_known_yet_is_waited_for(self) -> None:
        run = observed(model=ModelFacts(4, 3, model_spec(), None))
        assert says(run)[:2] == ("Unknown", "ModelNotObserved")
        assert not decide(run, NOW).children

    def test_everything_is_made_at_once(self) -> None:
        decision = decide(observed(), NOW)
        assert (decision.children, decision.take_snapshot, decision.job) == (True, True, "Create")
        assert summary(decision).reason == "Pending"
        assert decision.status.observed_generation == 1
        assert decision.status.attempts is None

    def test_a_snapshot_is_taken_once(self) -> None:
        decision = decide(started(job=None, model=ModelFacts(9, 9, model_spec(), None)), NOW)
        assert decision.job == "Create"
        assert not decision.take_snapshot

    def test_a_started_run_needs_its_model_no_more(self) -> None:
        assert says(started(model=None))[1] == "Pending"

    def test_a_child_of_somebody_else_is_left_alone(self) -> None:
        run = observed(strangers=("Job movies-1-train",))
        status, reason, message = says(run)
        assert (status, reason) == ("Unknown", "ChildNameTaken")
        assert "Job movies-1-train belongs to somebody else" in message
        decision = decide(run, NOW)
        assert (decision.children, decision.take_snapshot, decision.job) == (False, False, None)
        assert decision.requeue_after is not None

    def test_a_broken_snapshot_is_not_rewritten(self) -> None:
        run = started(snapshot=Snapshot("movies-1-config", None))
        assert says(run)[:2] == ("Unknown", "SnapshotUnreadable")
        assert not decide(run, NOW).take_snapshot

    def test_a_run_suspended_from_the_start_makes_nothing(self) -> None:
        run = observed(spec=run_spec(suspend=True))
        assert says(run)[:2] == ("Unknown", "Suspended")
        assert not decide(run, NOW).children


class TestItemTable:
    SPEC: ClassVar = run_spec(
        dataset={
            "uri": "pvc://data/clicks",
            "items": {"uri": "pvc://data/items", "idColumn": "sku", "attributes": [{"name": "brand"}]},
        }
    )

    def test_an_architecture_that_learns_from_none_ends_the_run_before_a_pod(self) -> None:
        model = model_spec(task="Retrieval", architecture={"name": "BPRMF"})
        run = observed(spec=self.SPEC, model=ModelFacts(1, 1, model, None))
        assert says(run) == (
            "False",
            "ItemTableNotTaken",
            "spec.dataset.items names an item table, and BPRMF, the architecture of the RecModel movies, learns from "
            "none: leave spec.dataset.items out of another TrainingRun, or use a RecModel with BSARec or Decoder or "
            "SASRec.",
        )
        assert not decide(run, NOW).children

    def test_one_that_learns_from_it_starts_and_a_snapshot_is_the_trainers_to_judge(self) -> None:
        assert decide(observed(spec=self.SPEC), NOW).take_snapshot
        model = ModelFacts(1, 1, model_spec(task="Retrieval", architecture={"name": "BPRMF"}), None)
        assert says(started(spec=self.SPEC, model=model))[1] == "Pending"


class TestHyperparameters:
    @pytest.mark.parametrize(
        ("given_parameters", "message"),
        [
            (
                {"learning_rate": "0.1"},
                "spec.hyperparameters.learning_rate: SASRec has no such hyperparameter; did you mean learningRate?",
            ),
            ({"epochs": "many"}, "spec.hyperparameters.epochs is 'many' but must be an integer from 1 to 10000."),
            ({"epochs": "0"}, "spec.hyperparameters.epochs is 0 but must be an integer from 1 to 10000."),
            ({"dropout": "1.5"}, "spec.hyperparameters.dropout is 1.5 but must be a number from 0 to 0.9."),
            (
                {"heads": "5"},
                "RecModel movies spec.architecture.hyperparameters.hiddenSize is 32 but must be a multiple of "
                "spec.hyperparameters.heads, which is 5.",
            ),
        ],
    )
    def test_a_wrong_one_ends_the_run(self, given_parameters: dict[str, str], message: str) -> None:
        run = observed(spec=run_spec(hyperparameters=given_parameters))
        assert says(run) == ("False", "InvalidHyperparameters", message)
        decision = decide(run, NOW)
        assert not decision.children
        assert decision.status.completion_time is not None
        assert decision.status.failure is not None
        assert decision.status.failure.reason == "InvalidHyperparameters"

    def test_the_models_are_named_as_the_models(self) -> None:
        architecture = {"name": "SASRec", "hyperparameters": {"layer": "2"}}
        run = observed(model=ModelFacts(1, 1, model_spec(architecture=architecture), None))
        assert says(run)[2] == (
            "RecModel movies spec.architecture.hyperparameters.layer: SASRec has no such hyperparameter; "
            "did you mean layers?"
        )

    def test_many_faults_fit_into_the_status(self) -> None:
        run = observed(spec=run_spec(hyperparameters={f"zz{number}{'q' * 30}": "x" * 64 for number in range(32)}))
        TrainingRunStatus.model_validate(decide(run, NOW).status.wire())


class TestPending:
    def test_a_pod_without_a_node(self) -> None:
        run = started(pods=(pod(unscheduled="0/1 nodes are available: 1 Too many pods."),))
        assert says(run) == (
            "Unknown",
            "Pending",
            "Pod movies-1-train-abcde is not scheduled: 0/1 nodes are available: 1 Too many pods.",
        )
        assert decide(run, NOW).requeue_after == 5.0

    def test_an_image_that_cannot_be_pulled_is_named(self) -> None:
        waiting = Waiting("ImagePullBackOff", "not found", "registry.example/trainer:9")
        assert says(started(pods=(pod(waiting=waiting),)))[2] == (
            "Pod movies-1-train-abcde cannot pull the image registry.example/trainer:9 (ImagePullBackOff): not found"
        )

    def test_a_secret_that_is_missing_is_named(self) -> None:
        waiting = Waiting("CreateContainerConfigError", 'secret "shop-s3" not found', "trainer:1")
        assert says(started(pods=(pod(waiting=waiting),)))[1:] == (
            "Pending",
            'Pod movies-1-train-abcde cannot start (CreateContainerConfigError): secret "shop-s3" not found. Create '
            "what is missing: the pod starts by itself then.",
        )

    def test_between_two_attempts_the_failure_is_told(self) -> None:
        run = started(job=job(active=0, failed=1), pods=(failed_pod(code=137, reason="OOMKilled"),))
        decision = decide(run, NOW)
        assert summary(decision).reason == "Pending"
        assert summary(decision).message.startswith("1 of 4 attempts failed, the last one with OOMKilled: ")
        assert decision.status.failure is not None
        assert decision.status.failure.exit_code == 137
        assert [notice.reason for notice in decision.notices] == ["AttemptFailed"]
        assert decide(after(run, decision), NOW).notices == ()

    def test_no_pod_at_all(self) -> None:
        assert "`kubectl -n shop describe job movies-1-train`" in says(started())[2]


class TestRunning:
    def test_progress_is_the_message(self) -> None:
        status = TrainingRunStatus(progress=progress())
        run = started(status=status, pods=(pod(phase="Running", running=True),))
        assert says(run) == ("Unknown", "Running", "Training: epoch 3 of 20, loss 5.1 (15 %)")
        decision = decide(run, NOW)
        assert [notice.reason for notice in decision.notices] == ["TrainingStarted"]
        assert decision.status.attempts == 1
        assert decision.status.start_time == "2026-01-02T03:00:00.000000Z"

    def test_the_trainers_fields_are_not_written(self) -> None:
        status = TrainingRunStatus(progress=progress(), result=result())
        written = decide(started(status=status), NOW).status.wire()
        assert "progress" not in written
        assert "result" not in written

    def test_the_second_attempt_says_so(self) -> None:
        run = started(
            status=TrainingRunStatus(progress=progress(message="Epoch 4")),
            job=job(failed=1),
            pods=(failed_pod("a"), pod("b", phase="Running", running=True)),
        )
        assert says(run)[2] == "Attempt 2 of 4: Epoch 4 (15 %)"

    def test_suspending_touches_the_job_once(self) -> None:
        run = started(spec=run_spec(suspend=True), pods=(pod(phase="Running", running=True),))
        assert decide(run, NOW).job == "Suspend"
        assert says(run)[1] == "Suspended"
        assert decide(replace(run, job=job(suspended=True)), NOW).job is None
        assert decide(replace(run, spec=run_spec(), job=job(suspended=True)), NOW).job == "Resume"

    def test_a_transition_time_moves_only_with_the_status(self) -> None:
        first = decide(observed(), NOW)
        later = decide(after(started(), first), NOW.replace(year=2027))
        assert summary(later).last_transition_time == summary(first).last_transition_time


class TestQueue:
    def queued(self, *, suspend: bool = False, **of_job: Any) -> ObservedRun:
        facts = job(**{"active": 0, "suspended": True, "queue": "team-a"} | of_job)
        return started(spec=run_spec(queueName="team-a", suspend=suspend), job=facts)

    def test_a_job_that_kueue_holds_waits_in_its_queue(self) -> None:
        run = self.queued()
        assert says(run) == (
            "Unknown",
            "Queued",
            "The Job movies-1-train waits in the queue team-a until Kueue admits it; `kubectl -n shop get workloads` "
            "says what is missing. It waits for ever where Kueue is not installed, or the namespace has no LocalQueue "
            "team-a.",
        )
        decision = decide(run, NOW)
        assert decision.job is None
        assert [(notice.type, notice.reason) for notice in decision.notices] == [("Normal", "Queued")]
        assert decision.status.start_time is None, "nothing was asked for yet"

    def test_an_admitted_one_is_as_any_other(self) -> None:
        run = self.queued(suspended=False, active=1, started="2026-01-02T03:02:00Z")
        run = replace(run, pods=(pod(phase="Running", running=True),))
        assert says(run)[1] == "Running"
        decision = decide(run, NOW)
        assert decision.job is None
        assert decision.status.start_time == "2026-01-02T03:02:00.000000Z"

    def test_one_that_lost_its_place_waits_again_while_its_pod_ends(self) -> None:
        run = replace(self.queued(active=1), pods=(pod(phase="Running", running=True, deleting=True),))
        assert says(run)[1] == "Queued"
        assert decide(run, NOW).job is None

    @pytest.mark.parametrize("suspended", [True, False])
    def test_suspending_takes_the_job_away_because_kueue_would_start_it_again(self, suspended: bool) -> None:
        run = self.queued(suspended=suspended, suspend=True)
        assert says(run)[1] == "Suspended"
        assert decide(run, NOW).job == "Delete"
        assert decide(replace(run, job=job(queue="team-a", deleting=True)), NOW).job is None
        assert decide(replace(run, job=None), NOW).job is None
        assert decide(replace(run, job=None, spec=run_spec(queueName="team-a")), NOW).job == "Create"

    def test_resuming_awaits_the_end_of_the_pods_of_before(self) -> None:
        run = self.queued(suspended=True, deleting=True)
        assert says(run) == (
            "Unknown",
            "Pending",
            "The Job movies-1-train of before is being deleted; another one takes its place then.",
        )
        assert decide(run, NOW).job is None

    def test_a_queue_that_kueue_gave_a_job_by_itself_counts(self) -> None:
        run = replace(self.queued(), spec=run_spec())
        assert says(run)[1] == "Queued"
        assert decide(run, NOW).job is None


class TestSuspendedWithAResult:
    """The pod of a suspended run has half a minute, in which it may come to its end."""

    def held(self, *pods: PodFacts, **of_job: Any) -> ObservedRun:
        status = TrainingRunStatus(result=result())
        return started(status=status, job=job(active=0, suspended=True, **of_job), pods=pods)

    def test_its_version_counts_once_the_pod_is_gone(self) -> None:
        ending = pod(phase="Running", running=True, deleting=True)
        for spec in (run_spec(suspend=True), run_spec()):
            assert says(replace(self.held(ending), spec=spec))[0] == "Unknown"
            assert says(replace(self.held(), spec=spec))[:2] == ("True", "VersionCreated")
            assert says(replace(self.held(failed_pod("a")), spec=spec))[:2] == ("True", "VersionCreated")
        suspended = replace(self.held(ending), spec=run_spec(suspend=True))
        assert decide(suspended, NOW).requeue_after == 5, "nobody tells when it is gone"
        assert decide(replace(self.held(), spec=run_spec()), NOW).job is None

    def test_kueue_is_not_left_a_job_that_it_would_start(self) -> None:
        preempted = replace(self.held(queue="team-a"), spec=run_spec(queueName="team-a"))
        decision = decide(preempted, NOW)
        assert (says(preempted)[1], decision.job) == ("VersionCreated", "Delete")
        for over in (job(queue="team-a", verdict="Complete"), job(queue="team-a", suspended=True, deleting=True)):
            assert decide(replace(preempted, job=over), NOW).job is None


class TestSuccess:
    def done(self, **changes: Any) -> ObservedRun:
        return started(
            status=TrainingRunStatus(result=result(**changes)),
            job=job(active=0, succeeded=1, verdict="Complete"),
            pods=(pod(phase="Succeeded"),),
        )

    def test_a_version(self) -> None:
        run = self.done()
        assert says(run) == ("True", "VersionCreated", "version 2 passed 4 gates, NDCG@10 0.061")
        decision = decide(run, NOW)
        assert decision.status.completion_time == "2026-01-02T03:04:05.000000Z"
        assert [(notice.type, notice.reason) for notice in decision.notices] == [("Normal", "VersionCreated")]

    def test_the_jobs_end_is_awaited(self) -> None:
        run = replace(self.done(), job=job(), pods=(pod(phase="Running", running=True),))
        assert says(run)[1] == "Running"

    def test_a_job_that_failed_after_the_version_was_written(self) -> None:
        run = replace(self.done(), job=job(active=0, failed=1, verdict="Failed", verdict_reason="DeadlineExceeded"))
        assert says(run)[0] == "True"

    def test_a_job_that_was_deleted_after_the_version_was_written(self) -> None:
        assert says(replace(self.done(), job=None, pods=()))[0] == "True"

    def test_an_earlier_attempts_failure_is_dropped(self) -> None:
        run = replace(self.done(), pods=(failed_pod("a"), pod("b", phase="Succeeded")))
        assert decide(run, NOW).status.failure is None

    def test_a_failed_gate(self) -> None:
        failed = {"metric": "NDCG@10", "value": "0.004", "threshold": "0.03", "message": "Too low."}
        run = self.done(
            version=3,
            uri="pvc://store/models/shop/movies/versions/3",
            verdict="Failed",
            gates=gate_verdicts(quality=failed),
        )
        assert says(run) == (
            "False",
            "GatesFailed",
            "gate quality: NDCG@10 0.004 is below the floor 0.03; version 3 can never be deployed",
        )
        assert decide(run, NOW).status.failure is None
        assert [(notice.type, notice.reason) for notice in decide(run, NOW).notices] == [("Warning", "GatesFailed")]

    def test_a_gate_without_a_verdict_did_not_pass(self) -> None:
        status, reason, message = says(self.done(gates=gate_verdicts()[:3]))
        assert (status, reason) == ("False", "GatesFailed")
        assert message.startswith("gate latency: the trainer gave no verdict")

    def test_a_failed_gate_outweighs_the_trainers_verdict(self) -> None:
        assert says(self.done(gates=gate_verdicts(parity={"message": "3 lists differ."})))[2].startswith(
            "gate parity: 3 lists differ; version 2"
        )

    def test_a_version_of_another_store_is_not_taken(self) -> None:
        status, reason, message = says(self.done(uri="pvc://secrets/versions/2"))
        assert (status, reason) == ("False", "ResultInvalid")
        assert "pvc://store/models/shop/movies/versions/2" in message

    def test_the_version_that_it_began_with_is_told(self) -> None:
        run = self.done(initFrom={"version": 1, "digest": DIGEST})
        assert says(run)[2] == "version 2, which began with version 1, passed 4 gates, NDCG@10 0.061"

    @pytest.mark.parametrize(
        ("begun", "told"), [(None, "fresh weights"), ({"version": 3, "digest": DIGEST}, "version 3")]
    )
    def test_a_version_that_began_with_something_else_is_not_taken(self, begun: Any, told: str) -> None:
        """A trainer of an older release does not know spec.initFrom."""
        spec = run_spec(initFrom={"version": 1})
        config = run_config(OWNER, spec, model_spec(), None, image="trainer:1", operator_version="0.1.0")
        run = replace(self.done(initFrom=begun), spec=spec, snapshot=Snapshot("movies-1-config", config))
        status, reason, message = says(run)
        assert (status, reason) == ("False", "ResultInvalid")
        assert message.startswith(f"spec.initFrom names version 1, but the trainer began with {told}: ")

    def test_the_number_of_trials_is_told_and_a_run_that_searched_nothing_is_not_taken(self) -> None:
        """A trainer of an older release does not know spec.tuning."""
        space = {"parameters": [{"name": "dropout", "values": ["0.1", "0.2"]}], "maxTrials": 2}
        spec = run_spec(tuning=space)
        config = run_config(OWNER, spec, model_spec(), None, image="trainer:1", operator_version="0.1.0")
        found = {
            "trials": 2,
            "metric": "NDCG@10",
            "best": "0.07",
            "bestTrial": 1,
            "hyperparameters": {"dropout": "0.2"},
        }
        searched = replace(self.done(tuning=found), spec=spec, snapshot=Snapshot("movies-1-config", config))
        assert says(searched)[2] == "version 2, the best of 2 trials, passed 4 gates, NDCG@10 0.061"
        status, reason, message = says(replace(searched, status=self.done().status))
        assert (status, reason) == ("False", "ResultInvalid")
        assert message.startswith("spec.tuning asks for a search, but the trainer trained once: ")

    @pytest.mark.parametrize("members", [{"versions": [2, 1]}, {"seeds": [3, 4]}])
    def test_what_was_fused_is_told_and_nothing_else_is_taken(self, members: dict[str, list[int]]) -> None:
        """A trainer of an older release does not know spec.ensemble, and trains a single model."""
        spec = run_spec(ensemble=members)
        config = run_config(OWNER, spec, model_spec(), None, image="trainer:1", operator_version="0.1.0")
        listed = [{"version": number, "digest": DIGEST} for number in members.get("versions", ())]
        found = {"method": "Scores", "versions": listed, "seeds": members.get("seeds", [])}
        told = "the Scores of the versions 2, 1" if listed else "the Scores of the seeds 3, 4"
        run = replace(self.done(ensemble=found), spec=spec, snapshot=Snapshot("movies-1-config", config))
        assert says(run)[2] == f"version 2, which fuses {told}, passed 4 gates, NDCG@10 0.061"
        wrong = ({"method": "Weights"}, {"versions": [{"version": 1, "digest": DIGEST}]}, {"seeds": [4, 3]})
        for other in (None, *({**found, **change} for change in wrong)):
            status, reason, message = says(replace(run, status=self.done(ensemble=other).status))
            assert (status, reason) == ("False", "ResultInvalid"), other
            assert message.startswith(f"spec.ensemble names {told}, but the trainer did not fuse these: ")

    def test_a_complete_job_without_a_result(self) -> None:
        run = replace(self.done(), status=TrainingRunStatus())
        assert says(run)[:2] == ("False", "ResultMissing")


class TestFailure:
    def gave_up(self, reason: str, *pods: Any, retries: int = 3) -> ObservedRun:
        return started(
            spec=run_spec(maxRetries=retries, activeDeadlineSeconds=60),
            job=job(active=0, failed=len(pods), verdict="Failed", verdict_reason=reason, verdict_message="as told"),
            pods=pods,
        )

    def test_what_cannot_heal_bears_the_trainers_own_reason(self) -> None:
        message = json.dumps({"reason": "InvalidData", "message": "Row 7 of ml-100k.inter has no timestamp."})
        run = self.gave_up("PodFailurePolicy", failed_pod(code=2, message=message))
        assert says(run) == ("False", "InvalidData", "Row 7 of ml-100k.inter has no timestamp.")
        failure = decide(run, NOW).status.failure
        assert failure is not None
        assert (failure.pod, failure.exit_code, failure.log) == ("movies-1-train-abcde", 2, None)

    @pytest.mark.parametrize(
        "reason",
        ["VersionCreated", "TrainingStarted", "two words", "X" * 65, "", "VersionCreated\n", "X" * 64 + "\n"],
    )
    def test_a_trainer_cannot_use_the_operators_reasons(self, reason: str) -> None:
        message = json.dumps({"reason": reason, "message": "Ha."})
        assert says(self.gave_up("PodFailurePolicy", failed_pod(code=2, message=message)))[:2] == (
            "False",
            "TrainerFailed",
        )

    def test_a_trainer_may_refuse_hyperparameters_too(self) -> None:
        message = json.dumps({"reason": "InvalidHyperparameters", "message": "No such loss."})
        run = self.gave_up("PodFailurePolicy", failed_pod(code=2, message=message))
        assert says(run) == ("False", "InvalidHyperparameters", "No such loss.")

    def test_a_silent_trainer_leaves_its_log(self) -> None:
        log = "\n".join(f"line {number}" for number in range(100))
        failure = decide(self.gave_up("PodFailurePolicy", failed_pod(code=2, message=log)), NOW).status.failure
        assert failure is not None
        assert failure.reason == "TrainerFailed"
        assert failure.log == "\n".join(f"line {number}" for number in range(80, 100))

    def test_the_end_of_a_traceback_that_the_trainer_tells_is_kept(self) -> None:
        message = json.dumps(
            {"reason": "TrainerError", "message": "ValueError: no", "log": "Traceback\nValueError: no"}
        )
        run = self.gave_up("BackoffLimitExceeded", failed_pod(message=message), retries=0)
        failure = decide(run, NOW).status.failure
        assert failure is not None
        assert (failure.reason, failure.message) == ("TrainerError", "ValueError: no")
        assert failure.log == "Traceback\nValueError: no"

    @pytest.mark.parametrize(
        ("log", "kept"),
        [
            (7, None),
            (None, None),
            (["line"], None),
            ({"a": "b"}, None),
            ("", None),
            (" \n ", None),
            ("x" * 10_000, "x" * 4096),
            ("\n".join(f"line {number}" for number in range(1000)), "\n".join(f"line {n}" for n in range(980, 1000))),
            ("half \ud800", "half ?"),
        ],
    )
    def test_a_log_of_any_form_fits_into_status(self, log: Any, kept: str | None) -> None:
        message = json.dumps({"reason": "TrainerError", "message": "no", "log": log})
        failure = decide(self.gave_up("PodFailurePolicy", failed_pod(code=2, message=message)), NOW).status.failure
        assert failure is not None
        assert (failure.reason, failure.message, failure.log) == ("TrainerError", "no", kept)

    def test_exhausted_attempts_tell_the_last_one(self) -> None:
        pods = (
            failed_pod("a", finished="2026-01-02T03:09:00Z", message=json.dumps({"reason": "New", "message": "last"})),
            failed_pod("b", finished="2026-01-02T03:01:00Z", message=json.dumps({"reason": "Old", "message": "first"})),
        )
        run = self.gave_up("BackoffLimitExceeded", *pods, retries=1)
        assert says(run) == ("False", "AttemptsExhausted", "All 2 attempts failed. The last one: New: last")
        failure = decide(run, NOW).status.failure
        assert failure is not None
        assert (failure.reason, failure.pod) == ("New", "a")

    def test_out_of_memory(self) -> None:
        run = self.gave_up("BackoffLimitExceeded", failed_pod(code=137, reason="OOMKilled"), retries=0)
        status, reason, message = says(run)
        assert (status, reason) == ("False", "OOMKilled")
        assert "4Gi" in message
        assert "spec.ray.resourcesPerWorker.memory" in message

    def test_too_late(self) -> None:
        status, reason, message = says(self.gave_up("DeadlineExceeded"))
        assert (status, reason) == ("False", "DeadlineExceeded")
        assert "60 s" in message

    def test_any_other_end_of_the_job(self) -> None:
        assert says(self.gave_up("Odd")) == (
            "False",
            "JobFailed",
            "The Job movies-1-train failed: as told. See `kubectl -n shop describe job movies-1-train`, and make "
            "another TrainingRun once the cause is gone.",
        )

    def test_exhausted_attempts_without_a_pod_say_where_to_look(self) -> None:
        assert says(self.gave_up("BackoffLimitExceeded")) == (
            "False",
            "AttemptsExhausted",
            "All 4 attempts failed; no pod is left to ask. See `kubectl -n shop get events` for what became of them, "
            "and make another TrainingRun once the cause is gone.",
        )

    def test_a_pod_that_ends_without_a_word(self) -> None:
        run = self.gave_up("BackoffLimitExceeded", failed_pod(code=None), retries=0)
        assert says(run) == (
            "False",
            "TrainerFailed",
            "The pod failed without an exit code or a message: see `kubectl describe pod movies-1-train-abcde` and its "
            "node.",
        )

    def test_a_failure_outlives_its_pod(self) -> None:
        run = started(job=job(active=0, failed=1), pods=(failed_pod(code=137, reason="OOMKilled"),))
        run = after(run, decide(run, NOW))
        gone = job(active=0, failed=4, verdict="Failed", verdict_reason="BackoffLimitExceeded")
        assert says(replace(run, pods=(), job=gone))[1] == "OOMKilled"

    def test_a_pod_that_a_full_node_evicts(self) -> None:
        told = {"pod_reason": "Evicted", "pod_message": "The node was low on resource: ephemeral-storage. "}
        evicted = failed_pod(code=None, reason="", finished="", **told)
        assert says(self.gave_up("BackoffLimitExceeded", evicted, retries=0)) == (
            "False",
            "Evicted",
            "Evicted: The node was low on resource: ephemeral-storage.",
        )

    def test_a_pod_that_is_evicted_for_its_own_limit_keeps_exit_code_and_log(self) -> None:
        stopped = json.dumps({"reason": "Stopped", "message": "The trainer was asked to stop before it was done."})
        limit = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "
        for message, log in ((stopped, None), ("line 1\nline 2\n", "line 1\nline 2")):
            evicted = failed_pod(code=137, message=message, pod_reason="Evicted", pod_message=limit)
            run = self.gave_up("BackoffLimitExceeded", evicted, retries=0)
            assert says(run) == (
                "False",
                "Evicted",
                f"Evicted: {limit}Raise spec.ray.resourcesPerWorker.ephemeralStorage in a new run.",
            )
            failure = decide(run, NOW).status.failure
            assert failure is not None
            assert (failure.pod, failure.exit_code, failure.log) == ("movies-1-train-abcde", 137, log)

    def test_a_pod_that_a_node_never_admitted(self) -> None:
        message = "Allocate failed due to no healthy devices present, which is unexpected"
        refused = failed_pod(code=None, reason="", pod_reason="UnexpectedAdmissionError", pod_message=message)
        assert says(self.gave_up("BackoffLimitExceeded", refused, retries=0)) == (
            "False",
            "TrainerFailed",
            f"UnexpectedAdmissionError: {message}",
        )

    def test_out_of_memory_outweighs_what_else_is_said(self) -> None:
        message = json.dumps({"reason": "TrainingFailed", "message": "The worker died.", "log": "Traceback"})
        killed = failed_pod(code=1, reason="OOMKilled", message=message)
        failure = decide(self.gave_up("BackoffLimitExceeded", killed, retries=0), NOW).status.failure
        assert failure is not None
        assert (failure.reason, failure.exit_code, failure.log) == ("OOMKilled", 1, "Traceback")


class TestFinal:
    @pytest.mark.parametrize("status", ["True", "False"])
    def test_nothing_is_made_for_a_decided_run(self, status: str) -> None:
        run = TestSuccess().done() if status == "True" else observed(spec=run_spec(hyperparameters={"epochs": "0"}))
        first = decide(run, NOW)
        gone = after(
            run, first, job=None, pods=(), snapshot=None, model=None, generation=2, spec=run_spec(suspend=True)
        )
        second = decide(gone, NOW.replace(year=2027))
        assert (second.children, second.take_snapshot, second.job, second.notices) == (False, False, None, ())
        assert summary(second).status == status
        assert second.status.completion_time == first.status.completion_time
        assert second.status.observed_generation == 2


class TestFigures:
    """What the trainer tells of its pace goes once no pod could write it; where it stopped stays."""

    PACE: ClassVar[tuple[dict[str, int], ...]] = ({"etaSeconds": 9}, {"targetsPerSecond": 9})

    @pytest.mark.parametrize("pace", PACE)
    @pytest.mark.parametrize(
        ("change", "gone"),
        [
            ({"pods": (pod(phase="Running", running=True),)}, False),
            ({"pods": (pod(deleting=True, phase="Running", running=True),), "spec": run_spec(suspend=True)}, False),
            ({"job": job(suspended=True, active=0), "spec": run_spec(suspend=True)}, True),
            ({"job": job(suspended=True, active=0, queue="team-a"), "spec": run_spec(queueName="team-a")}, True),
            ({"job": job(active=0, failed=1), "pods": (failed_pod(),)}, True),  # the next pod comes after a back-off
        ],
    )
    def test_they_go_with_the_pods(self, pace: dict[str, int], change: dict[str, Any], gone: bool) -> None:
        run = started(**change, status=TrainingRunStatus(progress=progress(**pace)))
        decision = decide(run, NOW)
        assert decision.drop_figures == gone
        assert not decide(replace(run, status=TrainingRunStatus(progress=progress())), NOW).drop_figures
        assert not decide(replace(run, status=TrainingRunStatus()), NOW).drop_figures

    @pytest.mark.parametrize("pace", PACE)
    def test_also_of_a_run_that_has_ended(self, pace: dict[str, int]) -> None:
        run = observed(spec=run_spec(hyperparameters={"epochs": "0"}))
        run = after(run, decide(run, NOW))
        late = replace(run, status=run.status.model_copy(update={"progress": progress(**pace)}))
        assert decide(late, NOW).drop_figures
        assert not decide(run, NOW).drop_figures

    def test_a_suspended_run_is_looked_at_until_they_have_gone(self) -> None:
        change = {"job": job(suspended=True), "pods": (pod(deleting=True),), "spec": run_spec(suspend=True)}
        told = TrainingRunStatus(progress=progress(etaSeconds=9))
        assert decide(started(**change, status=told), NOW).requeue_after == 5
        assert decide(started(**change, status=TrainingRunStatus(progress=progress())), NOW).requeue_after is None


class TestExpiry:
    """NOW is 03:04:05; the run ended a minute before."""

    def ended(self, ttl: int | None, *, unlisted: bool = False, **status: Any) -> ObservedRun:
        run = TestSuccess().done()
        run = after(run, decide(run, NOW.replace(minute=3)), spec=run_spec(ttlSecondsAfterFinished=ttl))
        return replace(run, status=run.status.model_copy(update=status), unlisted=unlisted)

    @pytest.mark.parametrize(
        ("ttl", "delete", "again"), [(None, False, None), (61, False, 1.0), (60, True, 5.0), (0, True, 5.0)]
    )
    def test_a_run_is_deleted_so_long_after_its_end(self, ttl: int | None, delete: bool, again: float | None) -> None:
        decision = decide(self.ended(ttl), NOW)
        assert (decision.delete, decision.requeue_after) == (delete, again)
        assert summary(decision).reason == "VersionCreated"

    def test_a_failed_one_too(self) -> None:
        run = observed(spec=run_spec(hyperparameters={"epochs": "0"}, ttlSecondsAfterFinished=60))
        first = decide(run, NOW)
        assert not first.delete, "its end is told first"
        assert not decide(after(run, first), NOW).delete
        assert decide(after(run, first), NOW.replace(minute=5)).delete

    def test_one_that_has_not_ended_stays(self) -> None:
        assert not decide(started(spec=run_spec(ttlSecondsAfterFinished=0)), NOW).delete

    def test_its_version_is_listed_first(self) -> None:
        decision = decide(self.ended(0, unlisted=True), NOW)
        assert (decision.delete, decision.requeue_after) == (False, 5.0)

    def test_a_clock_that_was_set_back_takes_no_time_away(self) -> None:
        decision = decide(self.ended(60), NOW.replace(hour=2))
        assert (decision.delete, decision.requeue_after) == (False, 60.0)

    def test_a_status_without_its_time_has_that_of_the_condition(self) -> None:
        assert decide(self.ended(60, completion_time=None), NOW).delete


@settings(max_examples=150, deadline=None)
@given(observations)
def test_every_observation_has_an_answer(run: ObservedRun) -> None:
    decision = decide(run, NOW)
    condition = summary(decision)
    written = TrainingRunStatus.model_validate(decision.status.wire())
    assert written == decision.status
    if condition.status != "Unknown":
        assert decision.job in (None, "Delete")
        assert not decision.take_snapshot
    if decision.delete:
        before = find(run.status.conditions, "Succeeded")
        assert before is not None
        assert before.status != "Unknown"
        assert run.spec.ttl_seconds_after_finished is not None
        assert not run.unlisted
    if run.job is not None and run.job.queue is not None:
        assert decision.job in (None, "Delete")
        assert decision.job is None or run.spec.suspend or condition.status != "Unknown"
    if decision.take_snapshot:
        assert run.snapshot is None
        assert run.model is not None
    again = decide(after(run, decision), NOW)
    assert again.status == decision.status
    assert not [notice for notice in again.notices if notice.reason == condition.reason]


def test_the_snapshot_holds_champion_and_gates() -> None:
    config = snapshot()
    told = json.loads(config.text())
    assert told["champion"] == {"version": 1, "digest": DIGEST}
    assert told["gates"][0] == {"name": "quality", "floor": {"metric": "NDCG@10", "min": "0.03"}}
    assert told["hyperparameters"] == {"epochs": "20", "hiddenSize": "32"}
    assert told["dataset"]["digest"] is None
