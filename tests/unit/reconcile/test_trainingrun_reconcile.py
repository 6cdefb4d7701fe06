"""What one look at a TrainingRun makes of an API server that does not tell of its children."""

from typing import Any

import pytest
from tests.unit.decide.run_facts import OWNER, run_spec, snapshot
from tests.unit.observe.cluster import Cluster, Object

from recsys_operator.api.kinds import CONFIGMAPS, RAYJOBS, TRAININGRUNS, Resource
from recsys_operator.apply.client import ApiError
from recsys_operator.apply.event import Event
from recsys_operator.build.run_config import config_map
from recsys_operator.decide.trainingrun.policies import LOOK_AGAIN
from recsys_operator.reconcile.loop import Key
from recsys_operator.reconcile.trainingrun import TrainingRunReconciler
from recsys_operator.settings import Settings

KEY = Key("trainingruns", OWNER.namespace, OWNER.name, OWNER.uid)


class Server(Cluster):
    """Has one run with two workers and its snapshot, and takes what is written."""

    def __init__(self, **status: Any) -> None:
        self.run: Object = {
            "apiVersion": TRAININGRUNS.api_version,
            "kind": TRAININGRUNS.kind,
            "metadata": {"name": OWNER.name, "namespace": OWNER.namespace, "uid": OWNER.uid, "generation": 1},
            "spec": run_spec(ray={"workers": 2, "resourcesPerWorker": {}}).wire(),
            "status": status,
        }
        super().__init__((TRAININGRUNS, self.run), (CONFIGMAPS, config_map(OWNER, snapshot())))

    async def apply(self, resource: Resource, manifest: Object) -> Object:
        return manifest

    async def apply_status(self, resource: Resource, live: Object, status: Object) -> Object:
        self.run["status"] = status
        return self.run

    async def emit(self, event: Event) -> None:
        """Nobody reads it."""

    async def look(self, reconciler: TrainingRunReconciler, *, kuberay: bool) -> str:
        """One look: what the run says then."""
        self.unknown = () if kuberay else (RAYJOBS,)
        await reconciler(KEY)
        return str(self.run["status"]["conditions"][0]["reason"])


def reconciler(server: Server) -> TrainingRunReconciler:
    return TrainingRunReconciler(server, Settings(trainer_image="t", server_image="s"))  # type: ignore[arg-type]


async def test_that_rayjobs_are_not_served_is_believed_of_a_run_that_began_when_it_is_told_twice_in_a_row() -> None:
    server = Server(attempts=1)
    looks = reconciler(server)
    for _ in range(2):
        before = server.run["status"]
        with pytest.raises(ApiError, match=r"knows no RayJobs \(ray.io/v1\)") as missed:
            await server.look(looks, kuberay=False)
        assert missed.value.retry_after == LOOK_AGAIN
        assert server.run["status"] is before
        assert await server.look(looks, kuberay=True) == "Pending"
    with pytest.raises(ApiError):
        await server.look(looks, kuberay=False)
    for _ in range(2):
        assert await server.look(looks, kuberay=False) == "KubeRayNotInstalled"


async def test_a_run_that_never_began_says_at_once_that_kuberay_is_missing() -> None:
    server = Server()
    assert await server.look(reconciler(server), kuberay=False) == "KubeRayNotInstalled"
