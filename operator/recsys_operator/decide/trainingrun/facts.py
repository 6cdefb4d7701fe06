"""Everything that the decision about a TrainingRun rests on, as it was read."""

from dataclasses import dataclass
from typing import Literal

from recsys_operator.api.recmodel import Champion, ModelVersion, RecModelSpec
from recsys_operator.api.run_config import RunConfig
from recsys_operator.api.trainingrun import Failure, TrainingRunSpec, TrainingRunStatus
from recsys_operator.decide.refusal import Refusal

TRAINER = "trainer"
"""Name of the container in a run's pod."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The RecModel that the run names."""

    generation: int
    observed_generation: int | None
    spec: RecModelSpec
    champion: Champion | None
    versions: tuple[ModelVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The RecModel exists but is not as its CRD says; `message` says where."""

    message: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The run's ConfigMap; `config` is None when its run.json cannot be read."""

    name: str
    config: RunConfig | None


@dataclass(frozen=True, slots=True)
class JobFacts:
    """The run's Job. `verdict` is None until the Job controller has ended it and all pods are gone or finished.

    `queue`: the one that it bears as a label, by which Kueue decides when it is suspended, and nobody else.
    `started`: since when it is not suspended. `deleting`: it goes, and stays until its pods are gone.
    """

    name: str
    created: str
    suspended: bool
    active: int
    succeeded: int
    failed: int
    verdict: Literal["Complete", "Failed"] | None
    verdict_reason: str
    verdict_message: str
    queue: str | None = None
    started: str | None = None
    deleting: bool = False
    kind: str = "Job"
    """RayJob for what stands in a Job's place where a run has several workers; see `rayjobs.py`."""
    trains: bool | None = None
    """Whether a RayJob trains: its pods run before and after that too. None of a Job, whose pods tell."""

    @property
    def attempts(self) -> int:
        """Pods that were started, as far as the Job counts them; of RayJobs, how many."""
        return self.active + self.succeeded + self.failed


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a container is not started."""

    reason: str
    message: str
    image: str


@dataclass(frozen=True, slots=True)
class Exit:
    """How a pod ended: `code`, `reason` and `message` are its container's, as far as that came to run.

    `pod_reason` and `pod_message` are the kubelet's, when it ended the pod itself (Evicted) or never admitted it.
    """

    code: int | None
    reason: str
    message: str
    finished: str
    pod_reason: str = ""
    pod_message: str = ""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How an attempt failed, as it was written down when that was seen, and when that was."""

    at: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class RayAttempt:
    """One attempt of a run with several workers: a RayJob. `deployment`, `job`, `reason`, `message` are KubeRay's.

    `deployment` is about the cluster (Initializing, Running, Complete, Failed, Suspended, …), `job` about the trainer
    in it (PENDING, RUNNING, SUCCEEDED, FAILED, STOPPED); both are empty until KubeRay takes the RayJob up.
    """

    name: str
    number: int
    created: str
    suspended: bool
    deployment: str = ""
    job: str = ""
    reason: str = ""
    message: str = ""
    started: str | None = None
    queue: str | None = None
    deleting: bool = False
    conclusion: Conclusion | None = None
    pods_asked: int | None = None
    """How many pods its RayCluster asks for, the head's included. Read of an elastic run that trains."""


@dataclass(frozen=True, slots=True)
class PodFacts:
    """One pod of the Job or RayJob."""

    name: str
    created: str
    phase: str
    deleting: bool
    running: bool
    """Its container runs, or has just ended well and the kubelet has yet to say so of the pod."""
    unscheduled: str | None
    waiting: Waiting | None
    exit: Exit | None
    attempt: int | None = None
    """Of a RayJob's pod: the number of its attempt."""
    head: bool = False
    """Ray's head, in which the trainer begins."""
    ended_before: Exit | None = None
    """How its container ended before it was started again."""
    scheduled: str | None = None
    """Since when it has a node, and with it what it asks for."""


@dataclass(frozen=True, slots=True)
class ObservedRun:
    """A TrainingRun, its children and its RecModel.

    `strangers` are objects that bear a child's name but belong to somebody else, such as "Job x-train".
    """

    namespace: str
    name: str
    uid: str
    generation: int
    spec: TrainingRunSpec
    status: TrainingRunStatus
    model: ModelFacts | Unreadable | None = None
    snapshot: Snapshot | None = None
    job: JobFacts | None = None
    attempts: tuple[RayAttempt, ...] = ()
    """Of a run with several workers, oldest first. Such a run has no Job."""
    kuberay: bool = True
    """RayJobs are served. Read only for a run with several workers."""
    pods: tuple[PodFacts, ...] = ()
    strangers: tuple[str, ...] = ()
    unlisted: bool = False
    """The RecModel is to list the version of this run and does not yet. Read only when the run is to be deleted."""
    refusals: tuple[Refusal, ...] = ()
    """What the API server refused when the children were applied just now."""

    @property
    def workers(self) -> int:
        """How many pods train together, at most."""
        return self.spec.workers
