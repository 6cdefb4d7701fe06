"""What Prometheus reads about the operator's own work."""

import pytest
from prometheus_client import REGISTRY

from recsys_operator.metrics import LoopMetrics


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize(("outcome", "errors"), [("Done", 0), ("Failed", 1), ("Gone", 0)])
def test_a_reconcile_is_counted_by_its_outcome_and_measured(outcome: str, errors: int) -> None:
    def seen() -> list[float]:
        return [
            sample("recsys_reconciles_total", kind="TrainingRun", outcome=outcome),
            sample("recsys_reconcile_errors_total", kind="TrainingRun"),
            sample("recsys_reconcile_duration_seconds_count", kind="TrainingRun"),
            sample("recsys_reconcile_duration_seconds_sum", kind="TrainingRun"),
        ]

    before = seen()
    LoopMetrics().reconciled("trainingruns", outcome, 0.5)
    assert [after - was for after, was in zip(seen(), before, strict=True)] == [1, errors, 1, 0.5]


def test_the_queue_grows_and_shrinks() -> None:
    before, hooks = sample("recsys_queue_length"), LoopMetrics()
    hooks.queued(1)
    hooks.queued(1)
    hooks.queued(-1)
    assert sample("recsys_queue_length") == before + 1
    hooks.queued(-1)
