"""Canaries measured in real pods: a shadow and an analysis let a good version pass and take a slow one back."""

from collections.abc import Iterator
from typing import Any

import pytest
from hack.demo.kube import get, kubectl
from hack.soak.shop import NAME, Shop

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

RATE = 60
SHADOW = {
    "percent": 50,
    "durationSeconds": 20,
    "minSamples": 200,
    "gates": [
        {"metric": "FailureRate", "max": "0.001"},
        {"metric": "RelativeCoverage", "min": "0.2"},
        {"metric": "RankBiasedOverlap", "min": "0.01"},
    ],
}
ANALYSIS = {
    "durationSeconds": 20,
    "metrics": [
        {"name": "answers", "builtIn": "SuccessRate", "min": "0.999"},
        {"name": "empty", "builtIn": "EmptyAnswers", "max": "0.001"},
        {"name": "scores", "builtIn": "ScoreShift", "against": "Evaluation", "max": "0.25"},
    ],
}


@pytest.fixture
def shop(gateway: str) -> Iterator[Shop]:
    """Version 1 serves, of the versions that the main job leaves behind."""
    made = Shop(gateway)
    made.begin()
    yield made
    kubectl("delete", "rdep", NAME, "--ignore-not-found", "--wait=true")


def found(status: dict[str, Any]) -> dict[str, Any]:
    """What was measured of the canary, by name."""
    return {one["name"]: one for one in status.get("canary", {}).get("analysis", ())}


def test_a_good_version_passes_as_a_shadow_and_under_analysis(shop: Shop) -> None:
    steps = [{"shadow": SHADOW}, {"weight": 20}, {"analysis": ANALYSIS}]
    shop.extra = {"strategy": {"canary": {"steps": steps}}}
    seen: dict[str, Any] = {}

    def promoted(status: dict[str, Any]) -> bool:
        seen.update(found(status))
        return "canary" not in status and status["stable"]["version"] == 2

    def tried() -> None:
        shop.apply(2)
        shop.wait("a shadow that is compared", lambda status: bool(found(status)), 240)
        assert shop.status()["canary"]["weight"] == 0, "a shadow got requests of its own"
        shop.wait("version 2 to pass", promoted, 400)

    result = shop.under_load("measured-good", RATE, tried)
    for name, one in sorted(seen.items()):
        print(f"{name}: {one.get('phase')} {one.get('value')} {one.get('message', '')}")
    assert result["failed"] == 0, result["reasons"]
    assert {"answers", "empty", "scores"} <= seen.keys()


@pytest.fixture
def silence(shop: Shop) -> Iterator[None]:
    """No Alertmanager: its alert on latencies would take the canary back first."""
    scale = ("scale", "deployment/alertmanager", "-n", "monitoring")
    kubectl(*scale, "--replicas=0")
    yield
    kubectl(*scale, "--replicas=1")


@pytest.mark.usefixtures("silence")
def test_a_slow_version_is_taken_back_by_the_analysis_alone(shop: Shop) -> None:
    """Version 4 of the main job costs far more per request; nobody posts an alert."""
    metrics = [{"name": "slow", "builtIn": "LatencyP99", "test": "Sequential", "tolerancePercent": 100}]
    steps = [{"weight": 20}, {"pause": {"durationSeconds": 600}}]
    shop.extra = {"strategy": {"canary": {"steps": steps, "analysis": {"metrics": metrics}}}}

    def tried() -> None:
        shop.apply(4)
        shop.wait("version 4 to be taken back", lambda status: bool(status.get("blocked")), 400)
        shop.wait("no canary", lambda status: "canary" not in status, 120)

    result = shop.under_load("measured-slow", RATE, tried)
    block = shop.status()["blocked"][-1]
    print(block)
    assert (block["version"], block["cause"]) == (4, "Analysis")
    assert "slow" in block["message"]
    weights = get("httproute", NAME)["spec"]["rules"][0]["backendRefs"]
    assert [one.get("weight", 1) for one in weights if "-v4-" in one["name"]] in ([], [0])
    assert result["failed"] == 0, result["reasons"]
