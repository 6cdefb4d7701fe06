"""A run whose data are in a bucket, while the store of that bucket is away: in mid-training, and when it begins."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e import churn, node
from tests.e2e.bucket import SECRET, Store
from tests.e2e.churn import EPOCHS, ended, reaches, status_of, succeeded, trainingrun
from tests.e2e.cluster import Namespace, until

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

MIDDLE = 5
AWAY_SECONDS = 60


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


def test_a_bucket_that_is_away_for_a_minute_before_a_run_begins_costs_retries(shop: Shop) -> None:
    """Each attempt says at once what is wrong, and the back-off outlasts it."""
    with shop.store.away():
        shop.begins("no-bucket")
        failure = until("status.failure", lambda: status_of(shop.namespace, "no-bucket").get("failure"), 120)
        assert failure["reason"] == "DatasetUnreachable", failure
        assert shop.store.endpoint in failure["message"]
        assert "does not answer" in failure["message"], failure
        time.sleep(AWAY_SECONDS)
    found = shop.same("no-bucket")
    assert 1 < found["attempts"] <= 4
    print(f"{found['attempts']} attempts: {failure['message']}")
