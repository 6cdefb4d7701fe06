"""The main job on a real cluster: every arrow of the loop, with the real images."""

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(1800)


def runs(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {run["name"]: run for run in report["runs"]}


def test_three_versions_pass_and_one_fails(report: dict[str, Any]) -> None:
    found = {name: (run["version"], run["reason"]) for name, run in runs(report).items()}
    assert found == {
        "movies-1": (1, "VersionCreated"),
        "movies-2": (2, "VersionCreated"),
        "movies-3": (3, "GatesFailed"),
        "movies-4": (4, "VersionCreated"),
    }


def test_a_failed_gate_says_metric_value_and_threshold(report: dict[str, Any]) -> None:
    failed = [gate for gate in runs(report)["movies-3"]["gates"] if gate["verdict"] == "Failed"]
    assert failed
    for gate in failed:
        assert gate["metric"]
        assert gate["value"]
        assert gate["threshold"]


def test_the_second_version_is_better(report: dict[str, Any]) -> None:
    ndcg = {
        name: float(next(metric["value"] for metric in run["metrics"] if metric["name"] == "NDCG@10"))
        for name, run in runs(report).items()
    }
    assert ndcg["movies-2"] > ndcg["movies-1"] > ndcg["movies-3"]


def test_the_canary_dropped_no_request(report: dict[str, Any]) -> None:
    load = report["loads"]["canary"]
    assert load["requests"] >= 20_000
    assert load["failed"] == 0
    assert set(load["versions"]) == {"1", "2"}


def test_the_control_shows_that_failures_are_counted(report: dict[str, Any]) -> None:
    assert report["loads"]["control"]["failed"] > 0


def test_the_slow_version_was_rolled_back_by_an_alert(report: dict[str, Any]) -> None:
    rollback = report["rollbacks"]
    assert rollback["p99Canary"] > 3 * rollback["p99Stable"]
    assert rollback["weightZeroSeconds"] > 0


def test_ten_titles_are_answered(report: dict[str, Any]) -> None:
    answer = report["answers"][0]
    assert len(answer["items"]) == 10
    assert all(item["title"] for item in answer["items"])


def test_the_operator_stays_small(report: dict[str, Any]) -> None:
    assert report["operator_memory_mib"] <= 120


def test_the_picture_is_drawn(written: Path) -> None:
    assert written.with_name("timeline.png").read_bytes().startswith(b"\x89PNG")
