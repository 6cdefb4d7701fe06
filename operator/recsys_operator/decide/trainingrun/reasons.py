"""Reasons of a TrainingRun's condition and events. One word has one meaning; programs may rely on it.

A trainer adds reasons of its own (InvalidData, DatasetChanged, …) in its termination message, but cannot use these.
"""

from enum import StrEnum

SUCCEEDED = "Succeeded"
"""The summary condition."""


class Reason(StrEnum):
    """Of the condition `Succeeded`."""

    MODEL_NOT_FOUND = "ModelNotFound"
    """Unknown: the RecModel does not exist (yet)."""
    MODEL_UNREADABLE = "ModelUnreadable"
    """Unknown: the RecModel is not as its CRD says."""
    MODEL_NOT_OBSERVED = "ModelNotObserved"
    """Unknown: the RecModel's status is not up to date, so its champion is not known."""
    CHILD_NAME_TAKEN = "ChildNameTaken"
    """Unknown: an object of somebody else bears the name of a child."""
    CHILD_REFUSED = "ChildRefused"
    """Unknown: the API server refuses a child; the message quotes it."""
    SNAPSHOT_UNREADABLE = "SnapshotUnreadable"
    """Unknown: run.json in the run's ConfigMap cannot be read."""
    KUBERAY_NOT_INSTALLED = "KubeRayNotInstalled"
    """Unknown: the run has several workers, and the API server knows no RayJobs."""
    SUSPENDED = "Suspended"
    """Unknown: spec.suspend is true."""
    QUEUED = "Queued"
    """Unknown: Kueue has yet to admit the run, or took its place away; the message names the queue."""
    PENDING = "Pending"
    """Unknown: no pod runs; the message says what it waits for."""
    TOO_FEW_WORKERS = "TooFewWorkers"
    """Unknown: a run with spec.ray.minWorkers has lost so many pods that it waits for others."""
    RUNNING = "Running"
    """Unknown: a pod trains."""
    VERSION_CREATED = "VersionCreated"
    """True: there is a version and it passed its gates."""
    GATES_FAILED = "GatesFailed"
    """False: there is a version and it did not pass its gates."""
    INVALID_HYPERPARAMETERS = "InvalidHyperparameters"
    """False: nobody can train with these; found by the operator before the start, or by a newer trainer."""
    ITEM_TABLE_NOT_TAKEN = "ItemTableNotTaken"
    """False: the run names an item table, and its RecModel's architecture learns from none."""
    TRAINER_FAILED = "TrainerFailed"
    """False: the trainer gave up without a reason of its own."""
    OUT_OF_MEMORY = "OOMKilled"
    """False: the last attempt, or a process of it, was killed for its memory."""
    EVICTED = "Evicted"
    """False: the last attempt was evicted from its node, for its own use of the disk for instance."""
    ATTEMPTS_EXHAUSTED = "AttemptsExhausted"
    """False: spec.maxRetries replacements failed too."""
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    """False: spec.activeDeadlineSeconds have passed."""
    JOB_FAILED = "JobFailed"
    """False: the Job controller gave up for another reason, or KubeRay does not take the RayJob."""
    RESULT_MISSING = "ResultMissing"
    """False: the pod succeeded but reported no version."""
    RESULT_INVALID = "ResultInvalid"
    """False: the reported version is not one of this run's store."""


class EventReason(StrEnum):
    """Of events that are no change of the condition's reason."""

    TRAINING_STARTED = "TrainingStarted"
    """A pod of the run trains now."""
    ATTEMPT_FAILED = "AttemptFailed"
    """A pod failed and will be replaced."""


RESERVED = frozenset((*Reason, *EventReason)) - {Reason.INVALID_HYPERPARAMETERS}
"""Reasons that a trainer may not give."""
