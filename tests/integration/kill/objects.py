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


def trainingrun(namespace: str, name: str, dropout: str = "0.2") -> Object:
    """A TrainingRun; `dropout` says what the played trainer comes to."""
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingRun",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "modelRef": {"name": MODEL},
            "dataset": {"uri": "pvc://data/ml-100k.inter", "format": "RecBole"},
            "hyperparameters": {"dropout": dropout},
            "ray": {"resourcesPerWorker": {"cpu": "1", "memory": "2Gi"}},
            "maxRetries": 1,
        },
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
