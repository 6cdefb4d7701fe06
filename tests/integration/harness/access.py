"""The operator's ServiceAccount and a kubeconfig with its token, as a pod would have it."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from tests.integration.harness.binaries import ROOT
from tests.integration.harness.control_plane import ControlPlane

NAMESPACE = "recsys-system"
ACCOUNT = "recsys-operator"
RULES = ROOT / "charts" / "recsys-operator" / "templates" / "_rules.tpl"


def chart_rules() -> list[Any]:
    """What the chart grants the operator unless it is told to grant more."""
    _, _, body = RULES.read_text().partition('{{- define "recsys-operator.rules" -}}')
    always = re.sub(r"\{\{- if .*?\{\{- end \}\}", "", body, flags=re.DOTALL)
    rules: list[Any] = yaml.safe_load(always.partition("{{- end }}")[0])
    return rules


def lease_rules(name: str) -> list[Any]:
    """What the chart grants the operator in its own namespace, for the Lease of this name."""
    _, _, body = RULES.read_text().partition('{{- define "recsys-operator.lease-rules" -}}')
    rules = body.partition("{{- end }}")[0].replace('{{ include "recsys-operator.fullname" . }}', name)
    found: list[Any] = yaml.safe_load(rules)
    return found


def allow_lease(plane: ControlPlane, name: str) -> str:
    """Let the operator's ServiceAccount hold the Lease of this name; returns what RECSYS_LEASE says then."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
    binding = {
        "metadata": {"name": f"{name}-lease"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": f"{name}-lease"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    }
    with plane.client() as client:
        role = {"metadata": {"name": f"{name}-lease"}, "rules": lease_rules(name)}
        client.post(f"{rbac}/roles", json=role).raise_for_status()
        client.post(f"{rbac}/rolebindings", json=binding).raise_for_status()
    return f"{NAMESPACE}/{name}"


def make_account(plane: ControlPlane) -> str:
    """Make the ServiceAccount with the chart's rights in all namespaces, and return a token."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    }
    role = {"metadata": {"name": ACCOUNT}, "rules": chart_rules()}
    token = make_account_without_rights(plane)
    with plane.client() as client:
        client.post("/apis/rbac.authorization.k8s.io/v1/clusterroles", json=role).raise_for_status()
        client.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", json=binding).raise_for_status()
    return token


def make_account_without_rights(plane: ControlPlane) -> str:
    """Make the ServiceAccount alone, and return a token: `allow` gives it a Role, as the chart's watchNamespaces do."""
    plane.create_namespace(NAMESPACE)
    accounts = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 36000}}
    with plane.client() as client:
        client.post(accounts, json={"metadata": {"name": ACCOUNT}}).raise_for_status()
        answer = client.post(f"{accounts}/{ACCOUNT}/token", content=json.dumps(request)).raise_for_status()
    token: str = answer.json()["status"]["token"]
    return token


def allow(plane: ControlPlane, namespace: str) -> None:
    """Make the operator's Role in a namespace, as the chart does for each of its watchNamespaces."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    binding = {
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    }
    with plane.client() as client:
        role = {"metadata": {"name": ACCOUNT}, "rules": chart_rules()}
        client.post(f"{rbac}/roles", json=role).raise_for_status()
        client.post(f"{rbac}/rolebindings", json=binding).raise_for_status()


def allow_secret(plane: ControlPlane, namespace: str, name: str) -> None:
    """Let the operator read one Secret, as users do for the token of a gate."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["get"]}
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    }
    with plane.client() as client:
        client.post(f"{rbac}/roles", json={"metadata": {"name": name}, "rules": [rule]}).raise_for_status()
        client.post(f"{rbac}/rolebindings", json=binding).raise_for_status()


def forbid(plane: ControlPlane, namespace: str) -> None:
    """Take the Role in a namespace away."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    with plane.client() as client:
        client.delete(f"{rbac}/rolebindings/{ACCOUNT}").raise_for_status()
        client.delete(f"{rbac}/roles/{ACCOUNT}").raise_for_status()


def kubeconfig(plane: ControlPlane, token: str, directory: Path, url: str = "") -> Path:
    """A kubeconfig of the operator; `url` is a proxy's."""
    return plane.write_kubeconfig(directory / "operator.kubeconfig", token=token, url=url)
