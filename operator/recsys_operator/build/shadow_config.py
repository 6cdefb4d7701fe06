"""The ConfigMap that tells running servers whether to copy requests to a shadow.

It is a volume of every server pod, and optional there. Its content changes while pods run, so a shadow comes and goes
without a new revision and without a restart. It bears a token that only these pods know: by it the shadow knows copies
of real requests from what anybody may post to it.
"""

import json
import re

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
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,128}")
"""What servers take for a token."""


def config_map(owner: Owner, model: str, content: str) -> Manifest:
    """The ConfigMap of a Deployment with this content."""
    manifest = child(CONFIGMAPS, owner, names.shadow(owner.name), of_deployment(model, owner.name))
    return {**manifest, "data": {KEY: content}}


def content(owner: Owner, stable: Revision, canary: Revision, percent: int, token: str) -> str:
    """What has the pods of `stable` copy so many percent of their requests to those of `canary`, known by `token`."""
    service = names.server(owner.name, canary.version, canary.revision)
    port = "" if server_service.PORT == 80 else f":{server_service.PORT}"
    return json.dumps(
        {
            "url": f"http://{service}.{owner.namespace}.svc{port}{PATH}",
            "from": stable.revision,
            "to": canary.revision,
            "percent": percent,
            "token": token,
        }
    )


def token(live: Manifest, stable: Revision, canary: Revision) -> str | None:
    """The token of a ConfigMap that is there already; None when it tells of other revisions, or of none.

    A shadow keeps its token for as long as it lasts: pods hear of another one at different times.
    """
    try:
        told = json.loads((live.get("data") or {}).get(KEY) or NOTHING)
        found = told["token"] if (told["from"], told["to"]) == (stable.revision, canary.revision) else None
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) and _TOKEN.fullmatch(found) else None


def volumes(deployment: str) -> Volumes:
    """The volume of a server pod."""
    volume = {"name": "shadow", "configMap": {"name": names.shadow(deployment), "optional": True}}
    return Volumes((volume,), ({"name": "shadow", "mountPath": FOLDER, "readOnly": True},))


def mounted(workload: Manifest) -> bool:
    """Whether the pods of a live workload can be told: those of an operator without shadows lack the volume."""
    pod = workload.get("spec", {}).get("template", {}).get("spec", {})
    return any(volume.get("name") == "shadow" for volume in pod.get("volumes") or ())
