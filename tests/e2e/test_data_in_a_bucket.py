"""A run whose data are in a bucket, while the store is away: in mid-training, when it begins, and when it goes on."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e import churn, node
from tests.e2e.bucket import SECRET, Store
from tests.e2e.churn import EPOCHS, EVERY, ended, pods, reaches, status_of, succeeded, trainingrun
from tests.e2e.cluster import Namespace, until

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

MIDDLE = 5
AWAY_SECONDS = 60
RETRIES = 4
"""Their back-off is two and a half minutes: the pods of the store take their time, too."""


class Shop:
    """The namespace with a store, and what a run came to that read the same files on a claim."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.store = Store(namespace)
        namespace.apply(trainingrun("on-a-claim"))
        self.expected = ended(namespace, "on-a-claim")
        assert succeeded(self.expected) == ("True", "VersionCreated", 1), json.dumps(self.expected, indent=2)
        self.uri = self.store.put(node.folder_of(namespace, "churn") / "table/churn", "churn")

    def begins(self, run: str, **spec: Any) -> None:
        """Apply a run that reads from the bucket."""
        address = {"endpoint": self.store.endpoint, "region": "us-east-1", "credentialsSecret": {"name": SECRET}}
        dataset = {**trainingrun("")["spec"]["dataset"], "uri": self.uri, **address}
        self.namespace.apply(trainingrun(run, dataset=dataset, **spec))

    def same(self, run: str) -> dict[str, Any]:
        """Wait for the run's end: the data, and every figure, are those of the claim."""
        found = ended(self.namespace, run)
        assert succeeded(found)[:2] == ("True", "VersionCreated"), json.dumps(found, indent=2)
        assert found["result"]["dataset"]["digest"] == self.expected["result"]["dataset"]["digest"]
        assert found["result"]["metrics"] == self.expected["result"]["metrics"]
        assert found["progress"]["history"] == self.expected["progress"]["history"]
        return found


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """A restricted namespace with a RecModel, and with data on a claim and in a bucket."""
    with Namespace("recsys-bucket") as made:
        churn.load(made)
        yield Shop(made)
        made.kubectl("delete", "trun", "--all", "--timeout=120s")


def test_a_bucket_that_is_away_from_mid_training_on_is_not_missed(shop: Shop) -> None:
    """The data were copied to the pod before the training began."""
    shop.begins("mid-training", maxRetries=0)
    seen = reaches(shop.namespace, "mid-training", MIDDLE)
    with shop.store.away():
        found = shop.same("mid-training")
    assert found["attempts"] == 1
    print(f"the store went away after epoch {seen} of {EPOCHS}")


def test_a_bucket_that_is_away_when_a_run_begins_costs_retries(shop: Shop) -> None:
    """Each attempt says at once what is wrong, and the back-off outlasts it."""
    with shop.store.away():
        shop.begins("no-bucket", maxRetries=RETRIES)
        failure = until("status.failure", lambda: status_of(shop.namespace, "no-bucket").get("failure"), 120)
        assert failure["reason"] == "DatasetUnreachable", failure
        assert shop.store.endpoint in failure["message"]
        assert "does not answer" in failure["message"], failure
        time.sleep(AWAY_SECONDS)
    found = shop.same("no-bucket")
    assert 1 < found["attempts"] <= 1 + RETRIES
    print(f"{found['attempts']} attempts: {failure['message']}")


def test_a_bucket_that_is_away_when_a_run_goes_on_costs_no_attempt(shop: Shop) -> None:
    """It gave the data once, so the pod that takes the place of an evicted one waits for it."""
    shop.begins("evicted", maxRetries=0)
    seen = reaches(shop.namespace, "evicted", MIDDLE)
    (pod,) = pods(shop.namespace, "evicted")
    with shop.store.away():
        churn.evict(shop.namespace, pod)
        again = until("another pod", lambda: other(shop.namespace, "evicted", pod), 120)
        said = "the store of the data is waited for"
        until("its waiting", lambda: True if said in churn.log_of(shop.namespace, again) else None, 120)
        time.sleep(AWAY_SECONDS)
    found = shop.same("evicted")
    assert found["attempts"] == 1
    (after,) = churn.continued(churn.log_of(shop.namespace, again))
    assert after >= seen - seen % EVERY > 0


def other(namespace: Namespace, run: str, first: dict[str, Any]) -> dict[str, Any] | None:
    """A pod of the run that is not the first, once its container has begun."""
    return next(
        (
            one
            for one in pods(namespace, run)
            if one["metadata"]["uid"] != first["metadata"]["uid"] and one["status"]["phase"] == "Running"
        ),
        None,
    )
