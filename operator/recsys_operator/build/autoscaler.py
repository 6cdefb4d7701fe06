"""The HorizontalPodAutoscaler of one revision."""

from recsys_operator.api.kinds import AUTOSCALERS, WORKLOADS
from recsys_operator.api.rollout import Revision
from recsys_operator.api.scaling import Autoscaling
from recsys_operator.build import labels, names
from recsys_operator.build.labels import Manifest, Owner

DEFAULT_CPU_PERCENT = 80


def autoscaler(
    owner: Owner, model: str, revision: Revision, autoscaling: Autoscaling, least: int, most: int
) -> Manifest:
    """Between so many pods, by what `autoscaling` says."""
    name = names.server(owner.name, revision.version, revision.revision)
    marks = labels.of_revision(model, owner.name, revision.version, revision.revision)
    manifest = labels.child(AUTOSCALERS, owner, name, marks)
    percent = autoscaling.target_cpu_utilization_percentage or DEFAULT_CPU_PERCENT
    target = {"type": "Utilization", "averageUtilization": percent}
    manifest["spec"] = {
        "scaleTargetRef": {"apiVersion": WORKLOADS.api_version, "kind": WORKLOADS.kind, "name": name},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [_metric(one.wire()) for one in autoscaling.metrics or ()]
        or [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return manifest


def _metric(said: Manifest) -> Manifest:
    """As autoscaling/v2 has it: with a selector, and amounts as strings also where the user wrote a number."""
    kind, source = next((name, value) for name, value in said.items() if name != "type")
    made = {**source, "target": {name: _amount(name, value) for name, value in source["target"].items()}}
    if "metric" in source:
        made["metric"] = {"name": source["metric"]["name"]}
        if found := source["metric"].get("matchLabels"):
            made["metric"]["selector"] = {"matchLabels": found}
    return {"type": said["type"], kind: made}


def _amount(name: str, value: object) -> object:
    return str(value) if name in ("value", "averageValue") else value
