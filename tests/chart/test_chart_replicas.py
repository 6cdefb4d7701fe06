"""One replica or several: what changes with their number, and that one hands over to the next."""

import pytest
from tests.chart.tools import HERE, Manifest, manifests, only


def of_kind(kind: str, *options: str) -> list[Manifest]:
    return [found for found in manifests(*options) if found["kind"] == kind]


def test_a_new_pod_stands_by_before_an_old_one_goes() -> None:
    for options in ((), ("--set", "replicas=2")):
        (deployment,) = of_kind("Deployment", *options)
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_one_replica_is_in_nobody_s_way() -> None:
    """A budget for a single pod would keep its node from being drained."""
    assert of_kind("PodDisruptionBudget") == []
    (deployment,) = of_kind("Deployment")
    assert "topologySpreadConstraints" not in deployment["spec"]["template"]["spec"]


@pytest.mark.parametrize("replicas", [2, 3])
def test_several_are_spread_and_go_one_at_a_time(replicas: int) -> None:
    found = manifests("--set", f"replicas={replicas}")
    deployment, budget = only("Deployment", found), only("PodDisruptionBudget", found)
    labels = deployment["spec"]["selector"]["matchLabels"]
    assert deployment["spec"]["replicas"] == replicas
    assert (budget["spec"]["maxUnavailable"], budget["spec"]["selector"]["matchLabels"]) == (1, labels)
    (spread,) = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert (spread["whenUnsatisfiable"], spread["labelSelector"]["matchLabels"]) == ("ScheduleAnyway", labels)


def test_replicas_may_hand_alerts_on_to_each_other() -> None:
    found = manifests("--values", str(HERE / "values" / "namespaced.yaml"))
    rules = only("NetworkPolicy", found)["spec"]["ingress"]
    (alerts,) = [rule for rule in rules if rule["ports"][0]["port"] == "alerts"]
    labels = only("Deployment", found)["spec"]["selector"]["matchLabels"]
    assert {"podSelector": {"matchLabels": labels}} in alerts["from"]
    assert len(alerts["from"]) == 2
