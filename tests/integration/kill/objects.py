"""The objects that users apply in these tests."""

from typing import Any

from tests.integration.harness.api import Object

API_VERSION = "recsys.dev/v1alpha1"
MODEL = "movies"
DEPLOYMENT = "movies"


def recmodel(namespace: str) -> Object:
    """A RecModel with one gate, whose champion comes from the Deployment."""
    return {
        "apiVersion": API_VERSION,
        "kind": "RecModel",
        "metadata": {"name": MODEL, "namespace": namespace},
        "spec": {
            "task": "SequentialRecommendation",
            "architecture": {"name": "SASRec", "hyperparameters": {"maxLength": "50"}},
            "schema": {
                "columns": [
                    {"name": "user_id", "role": "User"},
                    {"name": "item_id", "role": "Item"},
                    {"name": "timestamp", "role": "Timestamp"},
                ]
            },
            "evaluation": {"protocol": "LeaveOneOut", "metrics": ["NDCG@10"]},
            "gates": [{"name": "accurate", "floor": {"metric": "NDCG@10", "min": "0.03"}}],
            "storage": {"uri": "pvc://store/models"},
            "championFrom": {"name": DEPLOYMENT},
        },
    }


def trainingrun(namespace: str, name: str, dropout: str = "0.2", workers: int = 1) -> Object:
    """A TrainingRun; `dropout` says what the played trainer comes to."""
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingRun",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "modelRef": {"name": MODEL},
            "dataset": {"uri": "pvc://data/ml-100k.inter", "format": "RecBole"},
            "hyperparameters": {"dropout": dropout},
            "ray": {"workers": workers, "resourcesPerWorker": {"cpu": "1", "memory": "2Gi"}},
            "maxRetries": 1,
        },
    }


def finished(run: Object, version: int) -> dict[str, Object]:
    """The status of a run that made this version, by field manager."""
    namespace, generation = run["metadata"]["namespace"], run["metadata"]["generation"]
    condition = {
        "type": "Succeeded",
        "status": "True",
        "reason": "VersionCreated",
        "message": f"version {version} passed 1 gate, NDCG@10 0.041",
        "lastTransitionTime": "2026-11-01T00:00:00Z",
        "observedGeneration": generation,
    }
    result = {
        "version": version,
        "uri": f"pvc://store/models/{namespace}/{MODEL}/versions/{version}",
        "digest": f"sha256:{version:064x}",
        "verdict": "Passed",
        "dataset": {
            "digest": "sha256:" + "d" * 64,
            "users": 943,
            "items": 1682,
            "interactions": 100000,
            "tiedUsers": 0,
        },
        "metrics": [{"name": "NDCG@10", "value": "0.041", "low": "0.039", "high": "0.043"}],
        "gates": [
            {"name": "accurate", "verdict": "Passed", "metric": "NDCG@10", "value": "0.041", "threshold": "0.03"}
        ],
    }
    return {
        "recsys-operator": {"observedGeneration": generation, "conditions": [condition], "attempts": 1},
        "trainer": {"result": result},
    }


def deployment(namespace: str, steps: list[Object], pin: int = 1, **spec: Any) -> Object:
    """A Deployment behind a gateway."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Deployment",
        "metadata": {"name": DEPLOYMENT, "namespace": namespace},
        "spec": {
            "modelRef": {"name": MODEL},
            "version": {"pin": pin},
            "replicas": 1,
            "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}},
            "traffic": {"gateway": {"name": "gateway", "namespace": "gateway-system"}, "hostnames": ["movies.example"]},
            "strategy": {"canary": {"steps": steps}},
            "rollback": {"warmSeconds": 1, "freezeSeconds": 60},
            **spec,
        },
    }
