"""A TrainingRun's life with the real API server and Job controller; the test plays kubelet and trainer."""

from typing import Any

from tests.integration.harness.api import Api, Object, until
from tests.integration.kill.objects import recmodel, trainingrun

from recsys_operator.api.kinds import JOBS, PODS, RECMODELS, TRAININGRUNS
from recsys_operator.apply.client import Client
from recsys_operator.handlers import key_of
from recsys_operator.metrics import LoopMetrics
from recsys_operator.reconcile.loop import Key
from recsys_operator.reconcile.recmodel import RecModelReconciler
from recsys_operator.reconcile.trainingrun import TrainingRunReconciler
from recsys_operator.settings import Settings

DIGEST = "sha256:" + "0" * 64
NOW = "2026-01-02T03:04:05Z"


class Scene:
    """One namespace with a RecModel `movies` and a TrainingRun `first`."""

    def __init__(self, api: Api, client: Client, namespace: str) -> None:
        self.api = api
        self.client = client
        self.namespace = namespace
        self.settings = Settings(trainer_image="trainer:1", server_image="server:1")

    async def create_model(self, **spec: Any) -> Object:
        """The RecModel, reconciled once."""
        manifest = recmodel(self.namespace)
        manifest["spec"] |= spec
        created = await self.api.create(RECMODELS, manifest)
        LoopMetrics().known(key_of(RECMODELS, created))
        await self.reconcile_model(created)
        return created

    async def create_run(self, **spec: Any) -> Object:
        """The TrainingRun, not reconciled yet."""
        manifest = trainingrun(self.namespace, "first")
        manifest["spec"] |= spec
        return await self.api.create(TRAININGRUNS, manifest)

    async def reconcile(self, run: Object) -> float | None:
        """One pass of the operator over the run."""
        metadata = run["metadata"]
        key = Key(TRAININGRUNS.plural, self.namespace, metadata["name"], metadata["uid"])
        return await TrainingRunReconciler(self.client, self.settings)(key)

    async def reconcile_model(self, model: Object) -> Object:
        """One pass over the RecModel; its status."""
        metadata = model["metadata"]
        key = Key(RECMODELS.plural, self.namespace, metadata["name"], metadata["uid"])
        await RecModelReconciler(self.client, self.settings)(key)
        found = await self.api.get(RECMODELS, self.namespace, metadata["name"])
        assert found is not None
        return dict(found["status"])

    async def status(self, run: Object) -> Object:
        """The run's status after one more pass."""
        await self.reconcile(run)
        found = await self.api.get(TRAININGRUNS, self.namespace, run["metadata"]["name"])
        assert found is not None
        return dict(found["status"])

    async def says(self, run: Object) -> tuple[str, str]:
        """Status and reason of the run's condition after one more pass."""
        condition = (await self.status(run))["conditions"][0]
        return condition["status"], condition["reason"]

    async def ends_with(self, run: Object) -> Object:
        """The condition of the run once it is decided, which the Job controller has to bring about."""

        async def decided() -> Object | None:
            condition: Object = (await self.status(run))["conditions"][0]
            return condition if condition["status"] != "Unknown" else None

        found: Object = await until("the end of the run", decided)
        return found

    async def job(self) -> Object:
        """The run's Job."""
        found = await self.api.get(JOBS, self.namespace, "first-train")
        assert found is not None
        return found

    async def pod(self, *, other_than: str = "") -> Object:
        """The pod that the Job controller made last, once it is there."""

        async def made() -> Object | None:
            pods = await self.api.list(PODS, self.namespace)
            fresh = [
                pod
                for pod in pods
                if pod["metadata"]["name"] != other_than
                and pod.get("status", {}).get("phase") == "Pending"
                and "deletionTimestamp" not in pod["metadata"]
            ]
            return fresh[0] if fresh else None

        found: Object = await until("a pod of the Job", made)
        return found

    async def play(
        self,
        pod: Object,
        phase: str,
        code: int | None = None,
        message: str = "",
        reason: str = "",
        *,
        finished: str = NOW,
        of_pod: Object | None = None,
    ) -> None:
        """The kubelet's word about a pod: it runs, or it ended; `of_pod` is what it says of the pod itself."""
        state: Object = {"running": {"startedAt": NOW}}
        if code is not None:
            state = {"terminated": {"exitCode": code, "reason": reason, "message": message, "finishedAt": finished}}
        container = {
            "name": "trainer",
            "ready": code is None,
            "restartCount": 0,
            "image": "trainer:1",
            "imageID": "",
            "state": state,
        }
        status = {"phase": phase, "startTime": NOW, "containerStatuses": [container], **(of_pod or {})}
        await self.api.patch(PODS, self.namespace, pod["metadata"]["name"], {"status": status}, "status")

    async def report(self, run: Object, **status: Any) -> None:
        """The trainer's word."""
        await self.api.apply_status(TRAININGRUNS, self.namespace, run["metadata"]["name"], status, manager="trainer")

    def result(self, *, passed: bool = True, version: int = 1) -> Object:
        """What a trainer reports at its end."""
        value, verdict = ("0.041", "Passed") if passed else ("0.004", "Failed")
        return {
            "version": version,
            "uri": f"pvc://store/models/{self.namespace}/movies/versions/{version}",
            "digest": DIGEST,
            "verdict": verdict,
            "dataset": {"digest": DIGEST, "users": 943, "items": 1682, "interactions": 100000, "tiedUsers": 415},
            "metrics": [{"name": "NDCG@10", "value": value, "low": value, "high": value}],
            "gates": [
                {"name": "accurate", "verdict": verdict, "metric": "NDCG@10", "value": value, "threshold": "0.03"}
            ],
        }


def written(job: Object) -> dict[str, Any]:
    """What was asked of a Job and who asked for it when; the generation counts each change of its spec."""
    metadata = {name: value for name, value in job["metadata"].items() if name != "resourceVersion"}
    metadata["managedFields"] = [one for one in metadata["managedFields"] if one.get("subresource") != "status"]
    return {"metadata": metadata, "spec": job["spec"]}
