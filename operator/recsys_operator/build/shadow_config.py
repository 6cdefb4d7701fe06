"""The ConfigMap that tells running servers whether to copy requests to a shadow.

It is a volume of every server pod, and optional there. Its content changes while pods run, so a shadow comes and goes
without a new revision and without a restart.
"""

import json

from recsys_operator.api.kinds import CONFIGMAPS
from recsys_operator.api.rollout import Revision
from recsys_operator.build import names, server_service
from recsys_operator.build.labels import Manifest, Owner, child, of_deployment
from recsys_operator.build.pod import Volumes

KEY = "shadow.json"
FOLDER = "/etc/recsys/shadow"
FILE = f"{FOLDER}/{KEY}"
PATH = "/shadow"
NOTHING = "{}"


def config_map(owner: Owner, model: str, content: str) -> Manifest:
    """The ConfigMap of a Deployment with this content."""
    manifest = child(CONFIGMAPS, owner, names.shadow(owner.name), of_deployment(model, owner.name))
    return {**manifest, "data": {KEY: content}}


def content(owner: Owner, stable: Revision, canary: Revision, percent: int) -> str:
    """What has the pods of `stable` copy so many percent of their requests to those of `canary`."""
    service = names.server(owner.name, canary.version, canary.revision)
    port = "" if server_service.PORT == 80 else f":{server_service.PORT}"
    return json.dumps(
        {
            "url": f"http://{service}.{owner.namespace}.svc{port}{PATH}",
            "from": stable.revision,
            "to": canary.revision,
            "percent": percent,
        }
    )


def volumes(deployment: str) -> Volumes:
    """The volume of a server pod."""
    volume = {"name": "shadow", "configMap": {"name": names.shadow(deployment), "optional": True}}
    return Volumes((volume,), ({"name": "shadow", "mountPath": FOLDER, "readOnly": True},))


def mounted(workload: Manifest) -> bool:
    """Whether the pods of a live workload can be told: those of an operator without shadows lack the volume."""
    pod = workload.get("spec", {}).get("template", {}).get("spec", {})
    return any(volume.get("name") == "shadow" for volume in pod.get("volumes") or ())
