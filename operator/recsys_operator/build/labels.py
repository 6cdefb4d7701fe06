"""Labels, owner references and metadata of the children. Nothing of a parent's own labels or annotations is copied:
tools such as Argo CD would take the child for one of theirs."""

from dataclasses import dataclass
from typing import Any, Literal

from recsys_operator.api.kinds import Resource
from recsys_operator.api.schema import Kind

Manifest = dict[str, Any]
"""An object as the API server takes it."""

MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
MODEL = "recsys.dev/model"
TRAININGRUN = "recsys.dev/trainingrun"
DEPLOYMENT = "recsys.dev/deployment"
VERSION = "recsys.dev/version"
REVISION = "recsys.dev/revision"
ANALYSIS_OF = "recsys.dev/analysis-of"
METRIC = "recsys.dev/metric"
QUEUE = "kueue.x-k8s.io/queue-name"
"""Of a Job or RayJob that Kueue admits."""
RUN_UID = "recsys.dev/trainingrun-uid"
"""Of a RayJob's pods: their owner is KubeRay's, and an earlier run may have had the run's name."""
ATTEMPT = "recsys.dev/attempt"
"""Of a RayJob and its pods: the number of the attempt."""
CONCLUDED = "recsys.dev/concluded"
"""Annotation of a RayJob that has failed: when, and how, as JSON. What it says stands, whatever is seen later."""

OPERATOR = "recsys-operator"
"""Value of `app.kubernetes.io/managed-by`."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The object of ours that a child belongs to."""

    kind: Kind
    namespace: str
    name: str
    uid: str

    def reference(self) -> Manifest:
        """The child's ownerReference. It does not block the owner's deletion: that would need more rights."""
        return {
            "apiVersion": self.kind.api_version,
            "kind": self.kind.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }

    def owns(self, child: Manifest) -> bool:
        """Whether the live object `child` belongs to this very owner, not to an earlier one of the same name."""
        references = child.get("metadata", {}).get("ownerReferences") or []
        return any(reference.get("uid") == self.uid for reference in references)


def managed(component: Literal["trainer", "ray", "server", "analysis"], model: str) -> dict[str, str]:
    """Labels of every child."""
    return {MANAGED_BY: OPERATOR, COMPONENT: component, MODEL: model}


def of_run(model: str, run: str, component: Literal["trainer", "ray"] = "trainer") -> dict[str, str]:
    """Labels of a TrainingRun's children. Metrics are scraped from pods with the component `trainer` alone."""
    return {**managed(component, model), TRAININGRUN: run}


def of_deployment(model: str, deployment: str) -> dict[str, str]:
    """Labels of what a Deployment has once, such as its HTTPRoute."""
    return {**managed("server", model), DEPLOYMENT: deployment}


def of_revision(model: str, deployment: str, version: int, revision: str) -> dict[str, str]:
    """Labels of what a Deployment has for each revision: workload, pods, Service."""
    return {**of_deployment(model, deployment), VERSION: str(version), REVISION: revision}


def of_analysis(model: str, deployment: str, metric: str) -> dict[str, str]:
    """Labels of an analysis Job and its pod. None of them is one by which a Service finds servers."""
    return {**managed("analysis", model), ANALYSIS_OF: deployment, METRIC: metric}


def child(resource: Resource, owner: Owner, name: str, labels: dict[str, str]) -> Manifest:
    """The head of a child's manifest: apiVersion, kind and metadata with owner and labels."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {
            "name": name,
            "namespace": owner.namespace,
            "labels": dict(labels),
            "ownerReferences": [owner.reference()],
        },
    }
