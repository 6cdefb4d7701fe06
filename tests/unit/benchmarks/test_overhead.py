"""Where each second of a run goes, from recorded objects and a trainer's log."""

from typing import Any

import pytest
from benchmarks.overhead import timeline
from benchmarks.overhead.timeline import Moments

from recsys_workers.train.seconds import Stopwatch

TOLD = {"start": 1.0, "data": 0.5, "ray": 6.0, "training": 8.0, "export": 2.5, "gates": 2.0, "publish": 0.0}


def log() -> str:
    """The end of a trainer's log, with the line that it writes."""
    now = 0.0
    watch = Stopwatch(now, lambda: now)
    for stage, seconds in TOLD.items():
        now += seconds
        watch.lap(stage)
    before = "2026-11-29T10:12:39 INFO version 1 (sha256:a280): Passed"
    return f"{before}\n2026-11-29T10:12:39 INFO {watch.sentence()}\n"


def pod(state: dict[str, Any] | None, node: str | None = None) -> dict[str, Any]:
    statuses = [] if state is None else [{"name": "trainer", "state": state}]
    return {"kind": "Pod", "spec": {"nodeName": node} if node else {}, "status": {"containerStatuses": statuses}}


def test_a_pod_is_as_far_as_its_container_and_its_node_say() -> None:
    assert timeline.pod_state(pod(None)) == "pod"
    assert timeline.pod_state(pod({"waiting": {"reason": "ContainerCreating"}}, "node")) == "scheduled"
    assert timeline.pod_state(pod({"running": {}}, "node")) == "running"
    assert timeline.pod_state(pod({"terminated": {"exitCode": 0}}, "node")) == "ended"


def test_a_run_is_as_far_as_its_status_says() -> None:
    def run(status: str, **more: Any) -> dict[str, Any]:
        return {"status": {"conditions": [{"type": "Succeeded", "status": status}], **more}}

    assert timeline.run_state({}) is None
    assert timeline.run_state(run("Unknown")) is None
    assert timeline.run_state(run("Unknown", result={"version": 1})) == "result"
    assert timeline.run_state(run("True", result={"version": 1})) == "succeeded"
    assert timeline.run_state(run("False")) == "failed"


def test_the_rows_make_up_the_time_from_apply_to_succeeded() -> None:
    seen = timeline.moments(
        100.0,
        [(100.5, "job")],
        [(100.6, "pod"), (102.6, "running"), (124.0, "ended")],
        [(123.0, "result"), (125.5, "succeeded")],
    )
    assert seen == Moments(100.0, 100.5, 100.6, 102.6, 102.6, 123.0, 124.0, 125.5)
    told = timeline.stages(log())
    assert told == TOLD
    found = timeline.rows(seen, told)
    assert sum(found.values()) == pytest.approx(25.5)
    assert timeline.overhead(found, told) == pytest.approx(17.5)
    assert found[timeline.BEFORE["job"]] == pytest.approx(0.5)
    assert found[timeline.BEFORE["scheduled"]] == pytest.approx(2.0)
    assert found[timeline.BEFORE["running"]] == 0.0
    assert found["trainer: between its container, its own clock and the status"] == pytest.approx(0.4)
    assert found[timeline.AFTER["ended"]] == pytest.approx(1.0)
    assert found[timeline.AFTER["succeeded"]] == pytest.approx(1.5)


def test_the_table_has_the_median_and_the_extremes_of_the_runs() -> None:
    one, other = ({"a": 1.0, "b": 4.0}, {"training": 2.0}), ({"a": 3.0}, {"training": 1.0})
    lines = timeline.table([one, other, one]).splitlines()
    assert lines[2:] == [
        "| a | 1.0 | 1.0 | 3.0 |",
        "| b | 4.0 | 0.0 | 4.0 |",
        "| **from `kubectl apply` to Succeeded** | 5.0 | 3.0 | 5.0 |",
        "| **without the training** | 3.0 | 2.0 | 3.0 |",
    ]


def test_an_image_whose_trainer_does_not_tell_its_seconds_is_named() -> None:
    with pytest.raises(ValueError, match="older than this benchmark"):
        timeline.stages("2026-11-29T10:12:39 INFO version 1 (sha256:a280): Passed\n")


def test_what_was_not_seen_is_told() -> None:
    with pytest.raises(ValueError, match="'running'"):
        timeline.rows(Moments(1.0, 2.0, 3.0, 4.0), {})
