"""What Prometheus reads of the operator. Series of a deleted object are removed."""

from collections.abc import Mapping

from prometheus_client import Counter, Gauge, Histogram

from recsys_operator.api.kinds import DEPLOYMENTS, KINDS
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
QUEUE = Gauge("recsys_queue_length", "Objects that wait for their reconcile.")
WEIGHT = Gauge(
    "recsys_rollout_weight",
    "Percent of the requests that a version gets; role is stable or canary.",
    ("namespace", "deployment", "version", "role"),
)
ROLLBACKS = Counter("recsys_rollbacks_total", "Rollbacks by cause.", ("namespace", "deployment", "cause"))
ALERTS_RECEIVED = Counter(
    "recsys_alerts_received_total", "Alerts that were taken in, by what became of them.", ("outcome",)
)
ALERTS_REJECTED = Counter(
    "recsys_alerts_rejected_total", "Posts to the alert receiver that were refused, and malformed alerts.", ("reason",)
)


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

    def gone(self, key: Key) -> None:
        """Remove the series of a deleted object."""
        if key.plural == DEPLOYMENTS.plural:
            labels = {"namespace": key.namespace, "deployment": key.name}
            WEIGHT.remove_by_labels(labels)
            ROLLBACKS.remove_by_labels(labels)


def set_weights(namespace: str, deployment: str, weights: Mapping[tuple[int, str], int]) -> None:
    """Tell the weight of each (version, role) of a Deployment, in percent; others lose their series."""
    WEIGHT.remove_by_labels({"namespace": namespace, "deployment": deployment})
    for (version, role), weight in weights.items():
        WEIGHT.labels(namespace, deployment, str(version), role).set(weight)
