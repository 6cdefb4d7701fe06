"""The Service of one revision: what the HTTPRoute's weights are about."""

from recsys_operator.api.kinds import SERVICES
from recsys_operator.api.rollout import Revision
from recsys_operator.build import labels, names
from recsys_operator.build.labels import Manifest, Owner

PORT = 80


def server_service(owner: Owner, model: str, revision: Revision) -> Manifest:
    """A ClusterIP Service over the pods of one revision."""
    marks = labels.of_revision(model, owner.name, revision.version, revision.revision)
    manifest = labels.child(SERVICES, owner, names.server(owner.name, revision.version, revision.revision), marks)
    manifest["spec"] = {
        "type": "ClusterIP",
        "selector": {name: marks[name] for name in (labels.DEPLOYMENT, labels.REVISION)},
        "ports": [{"name": "http", "port": PORT, "targetPort": "http", "protocol": "TCP"}],
    }
    return manifest
