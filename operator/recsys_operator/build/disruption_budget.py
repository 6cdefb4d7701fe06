"""The PodDisruptionBudget of one revision: a drained node takes its pods one after the other."""

from recsys_operator.api.kinds import BUDGETS
from recsys_operator.api.rollout import Revision
from recsys_operator.build import labels, names
from recsys_operator.build.labels import Manifest, Owner


def disruption_budget(owner: Owner, model: str, revision: Revision) -> Manifest:
    """One pod at a time, however many there are; pods that are not ready anyway hold no node back."""
    marks = labels.of_revision(model, owner.name, revision.version, revision.revision)
    manifest = labels.child(BUDGETS, owner, names.server(owner.name, revision.version, revision.revision), marks)
    manifest["spec"] = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": {name: marks[name] for name in (labels.DEPLOYMENT, labels.REVISION)}},
    }
    return manifest
