"""Which children of a run are read, for one worker and for several."""

from typing import Any

from tests.unit.observe.cluster import Cluster

from recsys_operator.api.kinds import PODS
from recsys_operator.observe.trainingrun import read_children

LABELS = {"recsys.dev/trainingrun": "first", "recsys.dev/attempt": "1"}


def named(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "uid": f"uid-of-{name}", **metadata}}


async def test_pods_are_read_that_outlive_the_rayjob_that_somebody_deleted() -> None:
    cluster = Cluster((PODS, named("first-ray1-c-head", labels=LABELS)), (PODS, named("another")))
    children = await read_children(cluster, "shop", "first", 2)
    assert [pod["metadata"]["name"] for pod in children.pods] == ["first-ray1-c-head"]
    assert (await read_children(cluster, "shop", "first", 1)).pods == ()
