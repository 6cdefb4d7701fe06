"""The `apps/v1` Deployment that runs the server of one revision."""

import hashlib
import json
import math

from recsys_operator.api.common import Resources
from recsys_operator.api.kinds import WORKLOADS
from recsys_operator.api.podfields import PodFields
from recsys_operator.api.quantity import quantity
from recsys_operator.api.recmodel import Catalogue
from recsys_operator.api.rollout import Revision
from recsys_operator.build import labels, names, pod, shadow_config
from recsys_operator.build.labels import Manifest, Owner
from recsys_operator.build.placement import pod_env, pod_settings, spread

DIGEST = "recsys.dev/digest"
URI = "recsys.dev/uri"
IMAGE = "recsys.dev/image"
TEMPLATE_HASH = "recsys.dev/template-hash"
"""Hash of the pod template as the operator rendered it when it made the workload."""
POD_INPUTS = "recsys.dev/pod-inputs"
"""JSON of what the pod template was made from, besides version, digest and image."""

CONTAINER = "server"
PORT = 8080
PRE_STOP_SECONDS = 8
"""Longer than a gateway takes to learn that the endpoint is gone; the server takes requests until it ends."""
GRACE_SECONDS = 30
STARTUP_SECONDS = 600


def server_workload(
    owner: Owner,
    model: str,
    revision: Revision,
    resources: Resources,
    catalogue: Catalogue | None,
    replicas: int | None,
    live: Manifest | None = None,
    pod_fields: PodFields | None = None,
) -> Manifest:
    """The workload of a revision.

    A `live` one keeps its pod template when this operator would render another one: an upgrade of the operator must
    not restart a revision that runs. Without `replicas` their number is left to whoever scales it.
    """
    marks = labels.of_revision(model, owner.name, revision.version, revision.revision)
    template: Manifest = {
        "metadata": {"labels": marks},
        "spec": _pod_spec(owner, model, revision, resources, catalogue, pod_fields),
    }
    template_hash = _hash(template)
    if live is not None:
        live_hash = live["metadata"].get("annotations", {}).get(TEMPLATE_HASH)
        if live_hash != template_hash:
            template, template_hash = live["spec"]["template"], live_hash or _hash(live["spec"]["template"])
    manifest = labels.child(WORKLOADS, owner, names.server(owner.name, revision.version, revision.revision), marks)
    manifest["metadata"]["annotations"] = {
        DIGEST: revision.digest,
        URI: revision.uri,
        IMAGE: revision.image,
        TEMPLATE_HASH: template_hash,
        POD_INPUTS: json.dumps(
            {
                "resources": resources.wire(),
                "catalogue": catalogue.wire() if catalogue else None,
                **({"pod": pod_fields.wire()} if pod_fields else {}),
            },
            sort_keys=True,
        ),
    }
    manifest["spec"] = {
        **({} if replicas is None else {"replicas": replicas}),
        "revisionHistoryLimit": 1,
        "minReadySeconds": 2,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "selector": {"matchLabels": {name: marks[name] for name in (labels.DEPLOYMENT, labels.REVISION)}},
        "template": template,
    }
    return manifest


def threads(cpu: str | int) -> int:
    """Threads for a CPU limit: rounded up, at least one."""
    return max(1, math.ceil(quantity(cpu) or 1))


def _pod_spec(
    owner: Owner,
    model: str,
    revision: Revision,
    resources: Resources,
    catalogue: Catalogue | None,
    pod_fields: PodFields | None,
) -> Manifest:
    locations = {revision.uri: True, **({catalogue.uri: True} if catalogue else {})}
    volumes = pod.scratch() + pod.claim_volumes(locations) + shadow_config.volumes(owner.name)
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": pod.pod_security_context(),
        "containers": [
            {
                "name": CONTAINER,
                "image": revision.image,
                "command": ["python", "-m", "recsys_workers.serve"],
                "env": [*_env(owner, model, revision, resources, catalogue), *pod_env(pod_fields)],
                "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
                "resources": pod.container_resources(resources),
                "startupProbe": _probe("/readyz", period=1, timeout=5, failures=STARTUP_SECONDS),
                "readinessProbe": _probe("/readyz", period=2, timeout=5, failures=3),
                "livenessProbe": _probe("/healthz", period=10, timeout=10, failures=6),
                "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}},
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "securityContext": pod.container_security_context(),
                "volumeMounts": list(volumes.mounts),
            }
        ],
        "volumes": list(volumes.volumes),
        "topologySpreadConstraints": spread({labels.DEPLOYMENT: owner.name, labels.REVISION: revision.revision}),
        **pod_settings(pod_fields),
    }


def _env(
    owner: Owner, model: str, revision: Revision, resources: Resources, catalogue: Catalogue | None
) -> list[Manifest]:
    values = {
        "RECSYS_NAMESPACE": owner.namespace,
        "RECSYS_MODEL": model,
        "RECSYS_DEPLOYMENT": owner.name,
        "RECSYS_VERSION": str(revision.version),
        "RECSYS_ARTIFACT_URI": revision.uri,
        "RECSYS_DIGEST": revision.digest,
        "RECSYS_CATALOGUE": json.dumps(catalogue.wire(), sort_keys=True) if catalogue else "",
        "RECSYS_THREADS": str(threads(resources.limits.cpu)),
        "RECSYS_PORT": str(PORT),
        "RECSYS_REVISION": revision.revision,
        "RECSYS_SHADOW_FILE": shadow_config.FILE,
        "HOME": pod.HOME,
    }
    return [{"name": name, "value": value} for name, value in values.items()]


def _probe(path: str, *, period: int, timeout: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }


def _hash(template: Manifest) -> str:
    encoded = json.dumps(template, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(encoded).hexdigest()[:16]
