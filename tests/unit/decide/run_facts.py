"""Observations of TrainingRuns for tests: small ones by hand, arbitrary ones by Hypothesis."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from recsys_operator.api.gpu_use import GpuUse
from recsys_operator.api.recmodel import Champion, RecModelSpec
from recsys_operator.api.run_config import RunConfig
from recsys_operator.api.trainingrun import (
    TRAININGRUN,
    Failure,
    Progress,
    RunResult,
    TrainingPod,
    TrainingRunSpec,
    TrainingRunStatus,
)
from recsys_operator.build.labels import Owner
from recsys_operator.build.run_config import run_config
from recsys_operator.decide.conditions import conclude
from recsys_operator.decide.trainingrun.facts import (
    Conclusion,
    Exit,
    JobFacts,
    ModelFacts,
    ObservedRun,
    PodFacts,
    RayAttempt,
    Snapshot,
    Unreadable,
    Waiting,
)
from recsys_operator.decide.trainingrun.reasons import Reason

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32
OWNER = Owner(TRAININGRUN, "shop", "movies-1", "11111111-2222-3333-4444-555555555555")


def model_spec(**changes: Any) -> RecModelSpec:
    return RecModelSpec.model_validate(
        {
            "task": "SequentialRecommendation",
            "architecture": {"name": "SASRec", "hyperparameters": {"epochs": "10", "hiddenSize": "32"}},
            "schema": {
                "columns": [
                    {"name": "user_id", "role": "User"},
                    {"name": "item_id", "role": "Item"},
                    {"name": "timestamp", "role": "Timestamp"},
                ]
            },
            "catalogue": {
                "uri": "pvc://data/ml-100k.item",
                "format": "RecBole",
                "idColumn": "item_id",
                "titleColumn": "movie_title",
            },
            "evaluation": {"protocol": "LeaveOneOut", "metrics": ["NDCG@10", "HR@10"]},
            "gates": [
                {"name": "quality", "floor": {"metric": "NDCG@10", "min": "0.03"}},
                {"name": "champion", "champion": {"metric": "NDCG@10", "maxRegressionPercent": 10}},
                {"name": "parity", "parity": {}},
                {"name": "latency", "latency": {"p99Milliseconds": 150}},
            ],
            "storage": {"uri": "pvc://store/models"},
        }
        | changes
    )


def run_spec(**changes: Any) -> TrainingRunSpec:
    return TrainingRunSpec.model_validate(
        {
            "modelRef": {"name": "movies"},
            "dataset": {"uri": "pvc://data/ml-100k.inter", "format": "RecBole"},
            "hyperparameters": {"epochs": "20"},
            "seed": 7,
            "maxRetries": 3,
        }
        | changes
    )


def snapshot(**changes: Any) -> RunConfig:
    champion = Champion(version=1, digest=DIGEST, deployment="movies")
    return run_config(OWNER, run_spec(), model_spec(**changes), champion, image="trainer:1", operator_version="0.1.0")


def job(**changes: Any) -> JobFacts:
    return replace(
        JobFacts("movies-1-train", "2026-01-02T03:00:00Z", False, 1, 0, 0, None, "", ""),
        **changes,
    )


def pod(name: str = "movies-1-train-abcde", **changes: Any) -> PodFacts:
    return replace(PodFacts(name, "2026-01-02T03:00:01Z", "Pending", False, False, None, None, None), **changes)


def failed_pod(
    name: str = "movies-1-train-abcde",
    code: int | None = 1,
    reason: str = "Error",
    message: str = "",
    finished: str = "2026-01-02T03:01:00Z",
    **of_pod: str,
) -> PodFacts:
    return pod(name, phase="Failed", exit=Exit(code, reason, message, finished, **of_pod))


def gate_verdicts(**failed: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "verdict": "Failed", **failed[name]} if name in failed else {"name": name, "verdict": "Passed"}
        for name in ("quality", "champion", "parity", "latency")
    ]


def result(**changes: Any) -> RunResult:
    return RunResult.model_validate(
        {
            "version": 2,
            "uri": "pvc://store/models/shop/movies/versions/2",
            "digest": DIGEST,
            "verdict": "Passed",
            "dataset": {"digest": DIGEST, "users": 943, "items": 1682, "interactions": 100000, "tiedUsers": 415},
            "metrics": [{"name": "NDCG@10", "value": "0.061", "low": "0.055", "high": "0.067"}],
            "gates": gate_verdicts(),
        }
        | changes
    )


def observed(**changes: Any) -> ObservedRun:
    """A run that is about to start: everything that it needs is there."""
    return replace(
        ObservedRun(
            namespace="shop",
            name="movies-1",
            uid=OWNER.uid,
            generation=1,
            spec=run_spec(),
            status=TrainingRunStatus(),
            model=ModelFacts(3, 3, model_spec(), None),
        ),
        **changes,
    )


def started(**changes: Any) -> ObservedRun:
    """A run with its snapshot and its Job."""
    return observed(**{"model": None, "snapshot": Snapshot("movies-1-config", snapshot()), "job": job()} | changes)


def progress(**changes: Any) -> Progress:
    return Progress.model_validate(
        {"stage": "Training", "epoch": 3, "epochs": 20, "percent": 15, "loss": "5.1"} | changes
    )


texts = st.text(max_size=60)
counts = st.integers(0, 25)
times = st.sampled_from(("2026-01-02T03:00:00Z", "2026-01-02T03:00:01Z", "2026-01-02T03:05:00.123456Z"))
exits = st.builds(
    Exit,
    code=st.none() | st.integers(0, 255),
    reason=st.sampled_from(("", "Error", "OOMKilled", "Completed")),
    message=texts
    | st.sampled_from(
        tuple(json.dumps({"reason": reason, "message": "Bad."}) for reason in ("InvalidData", "VersionCreated", "no"))
    )
    | st.sampled_from(("[", "[1]", '{"reason": 1}', "null", "line\n" * 50)),
    finished=times | st.just(""),
    pod_reason=st.sampled_from(("", "", "Evicted", "UnexpectedAdmissionError")),
    pod_message=texts,
)
pods = st.builds(
    PodFacts,
    name=st.sampled_from(("a", "b", "c", "d")),
    created=times,
    phase=st.sampled_from(("Pending", "Running", "Succeeded", "Failed", "Unknown")),
    deleting=st.booleans(),
    running=st.booleans(),
    unscheduled=st.none() | texts,
    waiting=st.none() | st.builds(Waiting, st.sampled_from(("ImagePullBackOff", "CrashLoopBackOff", "")), texts, texts),
    exit=st.none() | exits,
    attempt=st.none() | st.integers(1, 3),
    head=st.booleans(),
    ended_before=st.none() | exits,
    scheduled=st.none() | times,
)
attempts = st.builds(
    RayAttempt,
    name=st.just("movies-1-ray1"),
    number=st.integers(1, 5),
    created=times,
    suspended=st.booleans(),
    deployment=st.sampled_from(
        ("", "Initializing", "Running", "Complete", "Failed", "ValidationFailed", "Suspending", "Suspended", "Other")
    ),
    job=st.sampled_from(("", "PENDING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED")),
    reason=st.sampled_from(("", "AppFailed", "DeadlineExceeded", "SubmissionFailed")),
    message=texts
    | st.sampled_from(
        (
            "Job entrypoint command failed with exit code -9. No logs available.",
            'x\nrecsys-trainer-ended {"exitCode": 2, "reason": "InvalidData", "message": "Bad."}',
            'recsys-trainer-ended {"exitCode": "2", "reason": "OutOfMemory", "log": 7}',
            "recsys-trainer-ended [",
        )
    ),
    started=st.none() | times,
    queue=st.none() | st.just("team-a"),
    deleting=st.booleans(),
    pods_asked=st.none() | st.integers(1, 4),
    conclusion=st.none()
    | st.builds(Conclusion, at=times, failure=st.builds(Failure, reason=st.just("TrainerError"), message=texts)),
)
jobs = st.builds(
    JobFacts,
    name=st.just("movies-1-train"),
    created=times,
    suspended=st.booleans(),
    active=counts,
    succeeded=counts,
    failed=counts,
    verdict=st.sampled_from((None, "Complete", "Failed")),
    verdict_reason=st.sampled_from(("", "BackoffLimitExceeded", "DeadlineExceeded", "PodFailurePolicy", "Other")),
    verdict_message=texts,
    queue=st.none() | st.just("team-a"),
    started=st.none() | times,
    deleting=st.booleans(),
)
conditions = st.builds(
    lambda status, reason: conclude((), "Succeeded", status, reason, "before", generation=1, now=NOW),
    st.sampled_from(("Unknown", "Unknown", "Unknown", "True", "False")),
    st.sampled_from(tuple(Reason)),
)
results = st.builds(
    lambda verdict, version, uri, gates: result(verdict=verdict, version=version, uri=uri, gates=gates),
    st.sampled_from(("Passed", "Failed")),
    st.integers(1, 3),
    st.sampled_from(("pvc://store/models/shop/movies/versions/2", "pvc://other/versions/2", "")),
    st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from(("quality", "parity", "odd")), "verdict": st.sampled_from(("Passed", "Failed"))},
            optional={
                "metric": st.just("NDCG@10"),
                "value": st.just("0.004"),
                "threshold": st.just("0.03"),
                "message": texts,
            },
        ),
        max_size=4,
    ),
)
statuses = st.builds(
    TrainingRunStatus,
    observed_generation=st.none() | counts,
    conditions=st.lists(conditions, max_size=1).map(tuple),
    attempts=st.none() | counts,
    training_pod=st.none()
    | st.builds(
        TrainingPod,
        name=st.sampled_from(("a", "b", "movies-1-ray1-c-head")),
        creation_time=times,
        failures_before=st.integers(0, 3),
    ),
    start_time=st.none() | times,
    completion_time=st.none() | times,
    progress=st.none()
    | st.builds(
        progress,
        message=texts,
        epochs=st.none() | counts,
        epoch=st.none() | counts,
        etaSeconds=st.none() | counts,
        targetsPerSecond=st.none() | counts,
    ),
    result=st.none() | results,
    failure=st.none()
    | st.builds(Failure, reason=st.just("InvalidData"), message=texts, pod=st.sampled_from((None, "a"))),
    gpu=st.none()
    | st.builds(
        GpuUse, used_seconds=counts, lost_seconds=counts, unsaved_seconds=counts, held=st.integers(0, 4), until=times
    ),
)
specs = st.builds(
    lambda suspend, queue, ttl, retries, deadline, parameters, workers, gpu: run_spec(
        ray=None if workers is None else {**workers, "resourcesPerWorker": {"gpu": gpu}},
        suspend=suspend,
        queueName=queue,
        ttlSecondsAfterFinished=ttl,
        maxRetries=retries,
        activeDeadlineSeconds=deadline,
        hyperparameters=parameters,
    ),
    st.booleans(),
    st.none() | st.just("team-a"),
    st.none() | st.sampled_from((0, 60, 31536000)),
    st.integers(0, 20),
    st.none() | st.integers(1, 100),
    st.none()
    | st.dictionaries(st.sampled_from(("epochs", "heads", "learningRate", "epoch")), st.text(max_size=8), max_size=3),
    st.sampled_from((None, {}, {"workers": 1}, {"workers": 2}, {"minWorkers": 1, "maxWorkers": 3})),
    st.integers(0, 1),
)
models = (
    st.none()
    | st.just(Unreadable("spec.gates: Input should be a valid tuple"))
    | st.builds(
        ModelFacts,
        generation=st.integers(1, 2),
        observed_generation=st.none() | st.integers(1, 2),
        spec=st.just(model_spec()),
        champion=st.none() | st.just(Champion(version=1, digest=DIGEST, deployment="movies")),
    )
)
snapshots = st.none() | st.builds(Snapshot, st.just("movies-1-config"), st.none() | st.just(snapshot()))
observations = st.builds(
    ObservedRun,
    namespace=st.just("shop"),
    name=st.just("movies-1"),
    uid=st.just(OWNER.uid),
    generation=st.integers(1, 3),
    spec=specs,
    status=statuses,
    model=models,
    snapshot=snapshots,
    job=st.none() | jobs,
    attempts=st.lists(attempts, max_size=3, unique_by=lambda one: one.number).map(
        lambda found: tuple(sorted(found, key=lambda one: one.number))
    ),
    kuberay=st.booleans(),
    pods=st.lists(pods, max_size=4).map(tuple),
    strangers=st.just(()) | st.just(("Job movies-1-train",)),
    unlisted=st.booleans(),
)
