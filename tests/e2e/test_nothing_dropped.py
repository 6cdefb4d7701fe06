"""No request is lost through the gateway, whatever happens to an endpoint; and the counter counts."""

import time
from collections.abc import Iterator

import pytest
from hack.demo.kube import get, kubectl
from hack.demo.main_job import kill_container
from hack.soak.alert import silenced
from hack.soak.disturbances import ALL
from hack.soak.shop import NAME, Shop

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]

RATE = 200


@pytest.fixture(scope="module")
def shop(gateway: str) -> Iterator[Shop]:
    """The endpoint, with the versions that the main job leaves behind."""
    versions = get("recmodels.recsys.dev", "movies").get("status", {}).get("versions", [])
    assert {1, 2} <= {one["version"] for one in versions}, "versions 1 and 2 are missing: run `make demo` first"
    made = Shop(gateway)
    with silenced(NAME, "RecsysLatencyHigh", minutes=60):  # A busy machine is no reason to take a canary back.
        made.begin()
        yield made
    kubectl("delete", "rdep", NAME, "--ignore-not-found", "--wait=false")


@pytest.mark.parametrize("name", ALL)
def test_no_request_fails(shop: Shop, name: str) -> None:
    result = shop.under_load(f"dropped-{name}", RATE, lambda: ALL[name](shop))
    print(f"{name}: {result['requests']} requests, {result['failed']} failed")
    assert result["requests"] > RATE
    assert result["failed"] == 0, result["reasons"]


def test_the_counter_counts(shop: Shop) -> None:
    """A pod that is killed without draining costs requests: else the test above could not fail."""

    def killed() -> None:
        time.sleep(3)
        for pod in shop.pods(shop.stable):
            kill_container(pod)
        time.sleep(3)

    result = shop.under_load("dropped-control", RATE, killed)
    assert result["failed"] > 0
    shop.settled()
