"""Who a run's pod is and what it may do: read its own TrainingRun, write that one's status, nothing else.

A ValidatingAdmissionPolicy of the chart narrows the status to `progress` and `result`.
"""

from collections.abc import Mapping

from recsys_operator.api.kinds import ROLEBINDINGS, ROLES, SERVICEACCOUNTS, TRAININGRUNS
from recsys_operator.build import names
from recsys_operator.build.labels import Manifest, Owner, child, of_run


def service_account(owner: Owner, model: str, annotations: Mapping[str, str] | None = None) -> Manifest:
    """The pod's identity, which a cloud may know by its annotations. Only the pod that asks for it gets a token."""
    manifest = child(SERVICEACCOUNTS, owner, names.trainer_account(owner.name), of_run(model, owner.name))
    if annotations:
        manifest["metadata"]["annotations"] = dict(annotations)
    return {**manifest, "automountServiceAccountToken": False}


def role(owner: Owner, model: str) -> Manifest:
    """Rights on one object by its name."""
    manifest = child(ROLES, owner, names.trainer_account(owner.name), of_run(model, owner.name))
    rules = [
        {
            "apiGroups": [TRAININGRUNS.group],
            "resources": [TRAININGRUNS.plural],
            "resourceNames": [owner.name],
            "verbs": ["get"],
        },
        {
            "apiGroups": [TRAININGRUNS.group],
            "resources": [f"{TRAININGRUNS.plural}/status"],
            "resourceNames": [owner.name],
            "verbs": ["get", "patch"],
        },
    ]
    return {**manifest, "rules": rules}


def role_binding(owner: Owner, model: str) -> Manifest:
    """The role for the identity."""
    name = names.trainer_account(owner.name)
    manifest = child(ROLEBINDINGS, owner, name, of_run(model, owner.name))
    return {
        **manifest,
        "roleRef": {"apiGroup": ROLES.group, "kind": ROLES.kind, "name": name},
        "subjects": [{"kind": SERVICEACCOUNTS.kind, "name": name, "namespace": owner.namespace}],
    }
