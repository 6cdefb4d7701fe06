"""What Prometheus reads of the operator. Series of a deleted object are removed."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from prometheus_client import Counter, Gauge, Histogram

from recsys_operator.api.analysis_status import MetricStatus
from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.gpu_use import GpuUse
from recsys_operator.api.kinds import DEPLOYMENTS, KINDS, RECMODELS
from recsys_operator.api.rollout import DeploymentStatus, HistoryEntry
from recsys_operator.decide.conditions import find
from recsys_operator.decide.deployment.standing import STATES, standing
from recsys_operator.decide.times import instant
from recsys_operator.held_time import HeldTime
from recsys_operator.reconcile.loop import Key

KIND_OF = {kind.plural: kind.kind for kind in KINDS}

RECONCILES = Counter("recsys_reconciles_total", "Reconciles: Done, Failed or Gone.", ("kind", "outcome"))
DURATION = Histogram(
    "recsys_reconcile_duration_seconds",
    "Duration of a reconcile.",
    ("kind",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
)
ERRORS = Counter("recsys_reconcile_errors_total", "Reconciles that failed.", ("kind",))
LEADER = Gauge("recsys_leader", "1 in the replica that acts, 0 in one that stands by.")
NAMESPACE_READABLE = Gauge(
    "recsys_namespace_readable",
    "1 for a namespace of watchNamespaces that can be read, 0 for one that is left alone until it can.",
    ("namespace",),
)
QUEUE = Gauge("recsys_queue_length", "Objects that wait for their reconcile.")
WEIGHT = Gauge(
    "recsys_rollout_weight",
    "Percent of the requests that a version gets; role is stable or canary.",
    ("namespace", "deployment", "version", "role"),
)
STATE = Gauge(
    "recsys_rollout_state",
    f"1 for the state that a rollout is in, 0 for the others: {', '.join(STATES)}.",
    ("namespace", "deployment", "state"),
)
READY = Gauge(
    "recsys_deployment_ready",
    "Whether a Deployment does what its spec asks for (1 or 0), with the reason of its condition Ready.",
    ("namespace", "deployment", "reason"),
)
STEP = Gauge(
    "recsys_rollout_step",
    "Index of the step that a canary is in; the number of steps when all are done. Only while there is a canary.",
    ("namespace", "deployment", "version"),
)
STEPS = Gauge("recsys_rollout_steps", "Number of steps in spec.strategy.", ("namespace", "deployment"))
HELD = Gauge(
    "recsys_rollout_held",
    "1 while a canary is kept from going on, with the reason of the condition Ready.",
    ("namespace", "deployment", "version", "reason"),
)
HELD_SECONDS = HeldTime()
ANALYSIS_VALUE = Gauge(
    "recsys_analysis_value",
    "What a metric of a canary's analysis was at the last look; arm is canary or stable.",
    ("namespace", "deployment", "version", "metric", "arm"),
)
ANALYSIS_PHASE = Gauge(
    "recsys_analysis_phase",
    "1 for the phase that a metric of a canary's analysis is in: Running, Passed, Failed, Inconclusive or Error.",
    ("namespace", "deployment", "version", "metric", "phase"),
)
ANALYSIS_SAMPLES = Gauge(
    "recsys_analysis_samples",
    "How much of the canary the last look at a metric was based on.",
    ("namespace", "deployment", "version", "metric"),
)
ROLLOUT_SECONDS = Histogram(
    "recsys_rollout_duration_seconds",
    "From the start of a rollout to its end, by verdict.",
    ("namespace", "deployment", "verdict"),
    buckets=(1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400, 259200, 604800),
)
LAST_ROLLBACK = Gauge(
    "recsys_last_rollback_timestamp_seconds",
    "When the newest rollback in status.history ended; version is the one that was taken back.",
    ("namespace", "deployment", "version", "cause"),
)
ROLLBACKS = Counter("recsys_rollbacks_total", "Rollbacks by cause.", ("namespace", "deployment", "cause"))
GPU_SECONDS = Counter(
    "recsys_gpu_seconds_total",
    "GPU-seconds that pods of the runs of a RecModel held, while there is that RecModel.",
    ("namespace", "model"),
)
GPU_SECONDS_LOST = Counter(
    "recsys_gpu_seconds_lost_total",
    "Those of them since the last checkpoint of a pod that ended before its run had a version.",
    ("namespace", "model"),
)
ALERTS_RECEIVED = Counter(
    "recsys_alerts_received_total", "Alerts that were taken in, by what became of them.", ("outcome",)
)
ALERTS_REJECTED = Counter(
    "recsys_alerts_rejected_total",
    "Posts to the alert receiver that were refused or lack alerts, and malformed alerts.",
    ("reason",),
)
NOTIFICATIONS = Counter(
    "recsys_notifications_total",
    "Notifications by what became of them: Sent (taken by all addresses of the target), Failed (given up) or Dropped "
    "(too many waited).",
    ("target", "outcome"),
)
NOTIFICATION_REFUSALS = Counter(
    "recsys_notification_refusals_total",
    "Attempts to send a notification that failed, by reason: Http503, Smtp535, TimedOut, NoAddress and the like.",
    ("target", "reason"),
)
NOTIFICATIONS_WAITING = Gauge(
    "recsys_notifications_waiting", "Notifications that wait for their first or another attempt.", ("target",)
)
NOTIFICATION_FAULTS = Gauge(
    "recsys_notification_targets_faulty", "Targets of the configuration that cannot be read and are left out."
)

MODELS: set[Key] = set()
"""The RecModels that there are: their runs outlive them, and would begin their series anew."""
ANALYSIS = (ANALYSIS_VALUE, ANALYSIS_PHASE, ANALYSIS_SAMPLES)
OF_A_DEPLOYMENT = (*ANALYSIS, WEIGHT, STATE, READY, STEP, STEPS, HELD, ROLLOUT_SECONDS, LAST_ROLLBACK, ROLLBACKS)


class LoopMetrics:
    """Counts what the loops do."""

    def reconciled(self, plural: str, outcome: str, seconds: float) -> None:
        """A reconcile ended."""
        kind = KIND_OF[plural]
        RECONCILES.labels(kind, outcome).inc()
        DURATION.labels(kind).observe(seconds)
        if outcome == "Failed":
            ERRORS.labels(kind).inc()

    def queued(self, change: int) -> None:
        """So many more (or fewer) objects wait."""
        QUEUE.inc(change)

    def known(self, key: Key) -> None:
        """Series of this object may begin."""
        if key.plural == RECMODELS.plural:
            MODELS.add(key)

    def gone(self, key: Key) -> None:
        """Remove the series of a deleted object."""
        if key.plural == DEPLOYMENTS.plural:
            for family in OF_A_DEPLOYMENT:
                family.remove_by_labels({"namespace": key.namespace, "deployment": key.name})
            HELD_SECONDS.forget(key.namespace, key.name)
        elif key.plural == RECMODELS.plural:
            MODELS.discard(key)
            for family in (GPU_SECONDS, GPU_SECONDS_LOST):
                family.remove_by_labels({"namespace": key.namespace, "model": key.name})


def set_weights(namespace: str, deployment: str, weights: Mapping[tuple[int, str], int]) -> None:
    """Tell the weight of each (version, role) of a Deployment, in percent; others lose their series."""
    WEIGHT.remove_by_labels({"namespace": namespace, "deployment": deployment})
    for (version, role), weight in weights.items():
        WEIGHT.labels(namespace, deployment, str(version), role).set(weight)


def set_rollout(namespace: str, deployment: str, spec: DeploymentSpec, status: DeploymentStatus) -> None:
    """Tell how the rollout of a Deployment stands; what is no longer so loses its series."""
    name = {"namespace": namespace, "deployment": deployment}
    found = standing(status)
    for state in STATES:
        STATE.labels(**name, state=state).set(state == found.state)
    STEPS.labels(**name).set(len(spec.strategy.canary.steps) if spec.strategy else 0)
    for family in (READY, STEP, HELD, LAST_ROLLBACK, *ANALYSIS):
        family.remove_by_labels(name)
    ready = find(status.conditions, "Ready")
    if ready:
        READY.labels(**name, reason=ready.reason).set(ready.status == "True")
    if status.canary:
        version = str(status.canary.version)
        STEP.labels(**name, version=version).set(status.canary.step)
        for metric in status.canary.analysis:
            _set_analysis({**name, "version": version, "metric": metric.name}, metric)
        if found.held:
            HELD.labels(**name, version=version, reason=found.held).set(1)
    HELD_SECONDS.hold(namespace, deployment, found.held)
    last = next((entry for entry in reversed(status.history) if entry.verdict in ("RolledBack", "Reverted")), None)
    if last:
        bad = last.to_version if last.verdict == "RolledBack" else last.from_version
        ended = instant(last.end_time).timestamp()
        LAST_ROLLBACK.labels(**name, version=str(bad or ""), cause=last.cause).set(ended)


def _set_analysis(labels: dict[str, str], metric: MetricStatus) -> None:
    ANALYSIS_PHASE.labels(**labels, phase=metric.phase).set(1)
    ANALYSIS_SAMPLES.labels(**labels).set(metric.samples)
    for arm, text in (("canary", metric.value), ("stable", metric.stable)):
        # A query may have answered with anything: a value that is no number has no series.
        with suppress(ValueError):
            value = float(text or "none")
            ANALYSIS_VALUE.labels(**labels, arm=arm).set(value)


def count_finished(namespace: str, deployment: str, entries: Iterable[HistoryEntry]) -> None:
    """These rollouts have just ended."""
    for entry in entries:
        seconds = (instant(entry.end_time) - instant(entry.start_time)).total_seconds()
        ROLLOUT_SECONDS.labels(namespace, deployment, entry.verdict).observe(seconds)


def count_gpus(namespace: str, model: str, before: GpuUse | None, after: GpuUse | None) -> None:
    """What a run's status.gpu has become, as it was written just now; of a RecModel that is gone nothing counts."""
    if after is None or not any((one.namespace, one.name) == (namespace, model) for one in MODELS):
        return
    used, lost = (before.used_seconds, before.lost_seconds) if before else (0, 0)
    GPU_SECONDS.labels(namespace, model).inc(max(0, after.used_seconds - used))
    GPU_SECONDS_LOST.labels(namespace, model).inc(max(0, after.lost_seconds - lost))
