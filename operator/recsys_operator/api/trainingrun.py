"""TrainingRun: one attempt to make a version."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.alias_generators import to_camel

from recsys_operator.api.cleaning import Cleaning
from recsys_operator.api.common import (
    Condition,
    FusedBy,
    GateVerdict,
    LocalRef,
    Members,
    MetricValue,
    Origin,
    one_of,
)
from recsys_operator.api.dataset import ACCESS_KEYS, SESSION_TOKEN, Dataset, anywhere
from recsys_operator.api.gpu_use import GpuUse
from recsys_operator.api.locations import GCS
from recsys_operator.api.podfields import SharedPodFields
from recsys_operator.api.progress import Figure, Progress
from recsys_operator.api.ray import Ray
from recsys_operator.api.schema import (
    DNS_SUBDOMAIN,
    NAME_RULES,
    Annotations,
    Column,
    Digest,
    Hyperparameters,
    Kind,
    MetricName,
    Model,
    Rule,
    Text,
    Time,
    listing,
)
from recsys_operator.api.tuning import Tuning, TuningResult

LARGEST = 2147483647
Number = Annotated[int, Field(ge=1, le=LARGEST)]
"""Of a version."""
Seed = Annotated[int, Field(ge=0, le=LARGEST)]

QueueName = Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_SUBDOMAIN)]
"""Name of an object that is the value of a label too."""


SEVERAL = "has(self.ray.maxWorkers) || (has(self.ray.workers) && self.ray.workers > 1)"
PORTS_OF_RAY = (
    "self.metricsPort in [6379, 8080, 8265, 52365] || (self.metricsPort >= 10001 && self.metricsPort <= 19999)"
)


class InitFrom(Model):
    """What a run begins with instead of fresh weights."""

    version: int = Field(
        ge=1,
        le=LARGEST,
        description="Number of a version of the same RecModel, whatever its verdict. The run goes on from its weights, which "
        "known items, categories and classes keep by their names; the optimizer begins anew. Task, architecture, the columns "
        "that are learned from, and the hyperparameters that make the network must be the version's.",
    )


class Ensemble(Model):
    """What is fused into one version."""

    CEL = (
        one_of("versions", "seeds", subject="spec.ensemble"),
        Rule(
            "self.method == 'Scores' || !has(self.seeds)",
            "spec.ensemble.method Weights needs versions that began with the same one (initFrom): networks of different seeds "
            "have nothing in common that a mean of their weights would keep; use Scores",
        ),
    )

    method: FusedBy = Field(
        "Scores",
        description="Scores: one graph runs all members and gives the mean of their outputs (of logits, so before any softmax "
        "or sigmoid), at the cost of all of them. Weights: the mean of the members' weights, at the cost of one; it is for "
        "versions of one network that began with the same version.",
    )
    versions: tuple[Number, ...] | None = Field(
        None,
        min_length=2,
        max_length=8,
        json_schema_extra=listing("set"),
        description="Numbers of versions of the same RecModel, whatever their verdicts, made from the same data under the same "
        "split. Nothing is trained.",
    )
    seeds: tuple[Seed, ...] | None = Field(
        None,
        min_length=2,
        max_length=8,
        json_schema_extra=listing("set"),
        description="The run trains with each of these instead of spec.seed, one after the other.",
    )


CHANGEABLE = "(only spec.suspend and spec.ttlSecondsAfterFinished may change)"


def unchanged(name: str, *, optional: bool) -> Rule:
    """`spec.<name>` is immutable."""
    same = f"self.{name} == oldSelf.{name}"
    rule = f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || {same})" if optional else same
    return Rule(rule, f"spec.{name} is immutable: make another TrainingRun {CHANGEABLE}")


def unchanged_ray() -> Rule:
    """`spec.ray` is immutable, but one worker may be written down or left out.

    An earlier release wrote the 1 into each object by default, which a file of the user's need not have.
    """
    workers = "(has({0}.ray.workers) ? {0}.ray.workers : 1)"
    same = [f"{workers.format('self')} == {workers.format('oldSelf')}"]
    for name, field in Ray.model_fields.items():
        at = f"ray.{to_camel(name)}"
        if field.is_required():
            same.append(f"self.{at} == oldSelf.{at}")
        elif name != "workers":
            same.append(f"has(self.{at}) == has(oldSelf.{at}) && (!has(self.{at}) || self.{at} == oldSelf.{at})")
    rule = f"has(self.ray) == has(oldSelf.ray) && (!has(self.ray) || {' && '.join(same)})"
    return Rule(rule, f"spec.ray is immutable: make another TrainingRun {CHANGEABLE}")


class TrainingRunSpec(SharedPodFields):
    """What to train and with what, and where. Immutable but for `suspend` and `ttlSecondsAfterFinished`."""

    CEL = (
        unchanged("modelRef", optional=False),
        unchanged("dataset", optional=False),
        unchanged("cleaning", optional=True),
        unchanged("hyperparameters", optional=True),
        unchanged("tuning", optional=True),
        unchanged("seed", optional=False),
        unchanged("initFrom", optional=True),
        unchanged("ensemble", optional=True),
        unchanged_ray(),
        unchanged("maxRetries", optional=False),
        unchanged("activeDeadlineSeconds", optional=True),
        unchanged("queueName", optional=True),
        unchanged("metricsPort", optional=True),
        unchanged("serviceAccountAnnotations", optional=True),
        *(unchanged(to_camel(name), optional=True) for name in SharedPodFields.model_fields),
        Rule(
            f"!has(self.dataset.credentialsSecret) || !has(self.env) || {anywhere(GCS, 'self.dataset')} || "
            f"!self.env.exists(one, one.name in {[*ACCESS_KEYS, SESSION_TOKEN]})",
            f"env must not set {', '.join(ACCESS_KEYS)} or {SESSION_TOKEN} beside a dataset.credentialsSecret for s3://, "
            "which sets them",
        ),
        Rule(
            f"!has(self.metricsPort) || !has(self.ray) || !({SEVERAL}) || !({PORTS_OF_RAY})",
            "metricsPort must not be a port of Ray's where a run has several workers: 6379, 8080, 8265, 10001 to 19999 "
            "or 52365",
        ),
        Rule(
            "!has(self.tuning) || !has(self.hyperparameters) || "
            "self.tuning.parameters.all(one, !(one.name in self.hyperparameters))",
            "tuning.parameters must not name what spec.hyperparameters fixes: leave it out of one of them",
        ),
        Rule(
            "!has(self.tuning) || !has(self.ray) || !has(self.ray.maxWorkers)",
            "spec.tuning takes a fixed number of workers: use ray.workers instead of ray.minWorkers and ray.maxWorkers",
        ),
        Rule(
            "!has(self.ensemble) || !has(self.tuning)",
            "spec.ensemble and spec.tuning exclude each other: search first, and fuse with what the search has found",
        ),
        Rule(
            "!has(self.ensemble) || !has(self.initFrom)",
            "spec.ensemble and spec.initFrom exclude each other: let the versions of the ensemble be of runs with initFrom",
        ),
        Rule(
            f"!has(self.ensemble) || !has(self.ray) || !({SEVERAL})",
            "spec.ray.workers must be 1 with spec.ensemble, and maxWorkers absent: its members are trained and fused in one pod",
        ),
        *(
            Rule(
                f"!has(self.ensemble) || !has(self.ensemble.versions) || !has(self.{field})",
                f"spec.{field} must be left out with spec.ensemble.versions, which trains nothing: the members keep theirs",
            )
            for field in ("hyperparameters", "dataset.items")
        ),
    )

    model_ref: LocalRef = Field(description="The RecModel that this run makes a version of.")
    dataset: Dataset = Field(description="The rows to learn from.")
    cleaning: Cleaning | None = Field(
        None,
        description="Which rows are left out. It is part of the protocol: figures compare under one cleaning only.",
    )
    hyperparameters: Hyperparameters | None = Field(
        None, description="Values by name, all written as strings; they override the RecModel's."
    )
    tuning: Tuning | None = Field(
        None, description="A search for hyperparameters; the run trains once, with those it has, when absent."
    )
    seed: Seed = Field(1, description="Seed of every random choice.")
    init_from: InitFrom | None = Field(
        None, description="The version that the run continues; it begins with fresh weights when absent."
    )
    ensemble: Ensemble | None = Field(
        None, description="Versions or seeds that become one version; the run makes a single model when absent."
    )
    ray: Ray | None = Field(None, description="How Ray runs; one worker with 1 CPU and 4Gi when absent.")
    max_retries: int = Field(
        3,
        ge=0,
        le=20,
        description="How often a failed pod is replaced, or with several workers all of them. Bad data and bad settings "
        "are not retried.",
    )
    active_deadline_seconds: int | None = Field(
        None,
        ge=1,
        le=2592000,
        description="How long the run may take in all, retries included; counted anew after a suspension.",
    )
    queue_name: QueueName | None = Field(
        None, description="The LocalQueue of Kueue that admits the run; it starts at once when absent."
    )
    service_account_annotations: Annotations | None = Field(
        None,
        description="Annotations of the ServiceAccount <run>-trainer, by which a cloud gives its pods an identity, such as "
        "eks.amazonaws.com/role-arn or iam.gke.io/gcp-service-account.",
    )
    metrics_port: int | None = Field(
        None,
        ge=1024,
        le=65535,
        description="Port of the run's pod that serves metrics for Prometheus, at /metrics; none when absent.",
    )
    ttl_seconds_after_finished: int | None = Field(
        None,
        ge=0,
        le=31536000,
        description="How long after its end the run is deleted; never when absent. Its version stays. May be changed.",
    )
    suspend: bool = Field(False, description="Stop the pod, keep the checkpoints; false goes on from the last one.")

    @property
    def workers(self) -> int:
        """How many pods train together, at most."""
        return self.ray.most if self.ray else 1

    @property
    def elastic(self) -> bool:
        """Whether the training goes on with fewer workers."""
        return self.ray is not None and self.ray.min_workers is not None

    @property
    def least_workers(self) -> int:
        """With how few workers it trains."""
        return self.ray.least if self.ray else 1

    @property
    def first_workers(self) -> int:
        """With how many pods an attempt begins: KubeRay waits for all of them, and Kueue admits no others later."""
        return self.workers if self.queue_name is not None else self.least_workers


class DatasetFacts(Model):
    """What was found in the data."""

    digest: Digest = Field(description="SHA-256 over the sorted list of path, size and SHA-256 of each file.")
    users: int | None = Field(None, ge=0, description="Distinct users; absent where rows have none (task Tabular).")
    items: int | None = Field(None, ge=0, description="Distinct items; absent where rows have none (task Tabular).")
    interactions: int = Field(ge=0, description="Rows that were trained and evaluated on.")
    rows_dropped: int = Field(
        0, ge=0, description="Rows that spec.cleaning dropped; data.json of the version says why."
    )
    tied_users: int = Field(
        0, ge=0, description="Users whose last timestamp stands on several rows; row order decides."
    )


class CrossValidated(Model):
    """One metric of a cross-validation."""

    name: MetricName = Field(description="The metric, such as AUC.")
    mean: Figure = Field(description="Mean over the folds.")
    standard_deviation: Figure = Field(description="Standard deviation of one fold's value.")
    values: tuple[Figure, ...] = Field(
        max_length=20, json_schema_extra=listing("atomic"), description="The value of each fold."
    )


class CrossValidation(Model):
    """Figures of models that were trained on parts of the rows; the version is none of them."""

    folds: int = Field(ge=2, le=20, description="How many.")
    metrics: tuple[CrossValidated, ...] = Field(
        (), max_length=10, json_schema_extra=listing("map", keys=("name",)), description="Each metric's figures."
    )


class RunResult(Model):
    """What the run made. Written by the trainer."""

    version: int = Field(ge=1, description="Number of the version.")
    uri: str = Field(max_length=1024, description="Where the artifact is.")
    digest: Digest = Field(description="SHA-256 of the artifact's manifest.")
    verdict: Literal["Passed", "Failed"] = Field(description="Whether all gates passed.")
    dataset: DatasetFacts = Field(description="What was found in the data.")
    init_from: Origin | None = Field(
        None, description="The version that it began with; absent when it began with fresh weights."
    )
    ensemble: Members | None = Field(None, description="What it was fused of; absent when it is a single model.")
    metrics: tuple[MetricValue, ...] = Field(
        (), max_length=10, json_schema_extra=listing("map", keys=("name",)), description="Test figures."
    )
    protocol: str | None = Field(
        None,
        max_length=1024,
        description="Under which rules the metrics compare, in a sentence: the split and its cuts, how much was evaluated, "
        "and of lists the candidates, whether items that a user had are left out, how ties count and what k is. Absent of "
        "runs that an earlier release of the trainer made.",
    )
    gates: tuple[GateVerdict, ...] = Field(
        (), max_length=16, json_schema_extra=listing("map", keys=("name",)), description="What each gate found."
    )
    cross_validation: CrossValidation | None = Field(None, description="Of evaluation.byRatio.folds; absent without.")
    tuning: TuningResult | None = Field(None, description="What spec.tuning found; absent without.")


class Failure(Model):
    """Why the run failed, kept after its pods are gone."""

    reason: str = Field(max_length=64, description="One CamelCase word.")
    message: Text = Field(description="A sentence that says what to change.")
    pod: str | None = Field(None, max_length=253, description="The pod that failed last.")
    exit_code: int | None = Field(
        None, description="Its exit code; absent of a pod that went away before anybody read how it ended."
    )
    log: str | None = Field(
        None,
        max_length=4096,
        description="The last lines of its log; where nobody could read those, what status.progress.message said last.",
    )


class TrainingPod(Model):
    """The pod that trains, or did last; with several workers, that of Ray's head."""

    name: str = Field(max_length=253, description="Its name.")
    creation_time: Time = Field(description="When it was made.")
    failures_before: int = Field(ge=0, description="How many pods had failed before it, as its Job counted them.")


class TrainingRunStatus(Model):
    """What became of the run."""

    observed_generation: int | None = Field(None, ge=0, description="The generation of the spec that this is about.")
    conditions: tuple[Condition, ...] = Field(
        (), max_length=8, json_schema_extra=listing("map", keys=("type",)), description="Succeeded is the summary."
    )
    attempts: int | None = Field(
        None, ge=0, description="Pods started so far; with several workers, how often all of them were."
    )
    training_pod: TrainingPod | None = Field(
        None,
        description="The pod that trains, or did last; with several workers, that of Ray's head. Absent once the run is "
        "decided: failure.pod names the one that failed.",
    )
    start_time: Time | None = Field(
        None, description="When the first pod was asked for; in a queue, when Kueue first admitted the run."
    )
    completion_time: Time | None = Field(None, description="When the run was decided.")
    progress: Progress | None = Field(None, description="How far the trainer is.")
    result: RunResult | None = Field(None, description="What the run made.")
    failure: Failure | None = Field(None, description="Why it failed.")
    gpu: GpuUse | None = Field(None, description="GPU-seconds; absent of a run that asks for no GPU.")


TRAININGRUN = Kind(
    kind="TrainingRun",
    plural="trainingruns",
    short_name="trun",
    spec=TrainingRunSpec,
    status=TrainingRunStatus,
    description="TrainingRun is one attempt to make a version of a RecModel.",
    rules=NAME_RULES,
    columns=(
        Column("Model", "string", ".spec.modelRef.name"),
        Column("Status", "string", '.status.conditions[?(@.type=="Succeeded")].reason'),
        Column("Stage", "string", ".status.progress.stage"),
        Column("Percent", "integer", ".status.progress.percent"),
        Column("Version", "integer", ".status.result.version"),
        Column("Verdict", "string", ".status.result.verdict"),
        Column("From", "integer", ".spec.initFrom.version", priority=1),
        Column("GPU-Seconds", "integer", ".status.gpu.usedSeconds", priority=1),
        Column("Age", "date", ".metadata.creationTimestamp"),
    ),
)
