"""What the main job does not play: two replicas of the operator, no gateway, an autoscaler, each under load."""

import subprocess
import time
from collections.abc import Iterator

import pytest
from hack.demo.kube import SYSTEM, get, items, kubectl, wait_until
from hack.soak.disturbances import OPERATOR, promotion
from hack.soak.shop import NAME, Shop
from tests.e2e.cluster import ROOT

pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]


@pytest.fixture(autouse=True)
def tidy(gateway: str) -> Iterator[None]:
    """The Deployment is deleted in the end."""
    yield
    kubectl("delete", "rdep", NAME, "--ignore-not-found", "--wait=true")


def test_without_a_gateway_rolling_updates_lose_no_request() -> None:
    """… of clients that keep their connection and of clients that do not, at 200 a second to the Service."""
    shop = Shop("", extra={"traffic": None, "strategy": None, "rollback": {"warmSeconds": 5}})
    shop.begin()

    def there_and_back() -> None:
        promotion(shop)
        shop.wait("the pods of before to end", lambda status: "previous" not in status)
        promotion(shop)
        shop.wait("the pods of before to end", lambda status: "previous" not in status)

    result = shop.under_load("no-gateway", 200, there_and_back)
    assert result["requests"] > 200
    assert result["failed"] == 0, result["reasons"]
    assert set(result["versions"]) == {"1", "2"}


@pytest.fixture
def two_replicas() -> Iterator[None]:
    """The operator with a second replica that stands by."""
    subprocess.run([ROOT / "hack/cluster/bins.sh", "helm"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    chart = ["helm", "upgrade", "recsys-operator", "charts/recsys-operator", "-n", SYSTEM, "--reuse-values", "--wait"]
    subprocess.run([*chart, "--set", "replicas=2"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    yield
    subprocess.run([*chart, "--set", "replicas=1"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def leader() -> str:
    """The pod that holds the Lease."""
    holder = get("lease", "recsys-operator", SYSTEM).get("spec", {}).get("holderIdentity", "")
    pods = [
        pod["metadata"]["name"] for pod in items("pods", "-n", SYSTEM, "-l", "app.kubernetes.io/name=recsys-operator")
    ]
    return next((pod for pod in pods if pod in holder), "")


@pytest.mark.usefixtures("two_replicas")
def test_the_other_replica_goes_on_with_a_canary(gateway: str) -> None:
    """The leader's pod is deleted without grace in mid-canary: the other one promotes it, and no request is lost."""
    shop = Shop(gateway)
    shop.begin()
    wait_until("a leader", lambda: None if leader() else "nobody holds the Lease", 60)
    first = leader()

    def killed() -> None:
        shop.canary(10)
        kubectl("delete", "pod", first, "-n", SYSTEM, "--grace-period=0", "--force")
        began = time.monotonic()
        wait_until("another leader", lambda: None if leader() not in ("", first) else "nobody else", 60, every=0.2)
        print(f"another replica leads {time.monotonic() - began:.1f} s after the leader was deleted")
        shop.stable = shop.other
        shop.settled()

    result = shop.under_load("failover", 200, killed)
    assert result["requests"] > 200
    assert result["failed"] == 0, result["reasons"]
    kubectl("rollout", "status", OPERATOR, "-n", SYSTEM, "--timeout=120s")


def test_an_autoscaler_gives_each_version_the_pods_that_its_load_needs(gateway: str) -> None:
    """More load, more pods of stable; a canary has pods for its weight; the operator and the autoscaler agree."""
    subprocess.run([ROOT / "hack/cluster/metrics-server.sh"], cwd=ROOT, check=True)
    autoscaling = {"minReplicas": 1, "maxReplicas": 3, "targetCPUUtilizationPercentage": 80}
    resources = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}}
    shop = Shop(gateway, extra={"replicas": None, "autoscaling": autoscaling, "resources": resources})
    shop.begin()
    assert shop.status()["stable"]["readyReplicas"] == 1
    seen: list[int] = []

    def grows() -> None:
        shop.wait("three pods of stable", lambda status: status["stable"]["readyReplicas"] == 3, 420)
        shop.canary(50)
        seen.append(shop.status()["canary"]["readyReplicas"])
        shop.stable = shop.other
        shop.settled()
        seen.append(shop.status()["stable"]["readyReplicas"])

    result = shop.under_load("autoscaler", 100, grows)
    assert result["requests"] > 200
    assert result["failed"] == 0, result["reasons"]
    assert seen[0] >= 2, "half of the requests with less than half of the pods"
    assert seen[1] == 3, "a version took over with fewer pods than the one before had"
