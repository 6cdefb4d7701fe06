"""The Service of a Deployment without a gateway: one name over the pods that serve."""

from recsys_operator.api.kinds import SERVICES
from recsys_operator.api.rollout import Revision
from recsys_operator.build import labels, names
from recsys_operator.build.http_route import STABLE
from recsys_operator.build.labels import Manifest, Owner
from recsys_operator.build.server_service import PORT


def front_service(owner: Owner, model: str, revision: Revision, stable: str | None) -> Manifest:
    """A ClusterIP Service over the pods of the revision that serves."""
    manifest = labels.child(SERVICES, owner, names.front(owner.name), labels.of_deployment(model, owner.name))
    if stable:
        manifest["metadata"]["annotations"] = {STABLE: stable}
    manifest["spec"] = {
        "type": "ClusterIP",
        "selector": {labels.DEPLOYMENT: owner.name, labels.REVISION: revision.revision},
        "ports": [{"name": "http", "port": PORT, "targetPort": "http", "protocol": "TCP"}],
    }
    return manifest
