"""What the chart lets the operator, the trainers and people do."""

from typing import Any

import pytest
from tests.chart.tools import HERE, Manifest, manifests, only

NAMESPACED = ("--values", HERE / "values" / "namespaced.yaml")
ROLES = ("Role", "ClusterRole")


def roles(found: list[Manifest]) -> list[Manifest]:
    return [manifest for manifest in found if manifest["kind"] in ROLES]


LEASE = "-lease"


def of_namespaces(found: list[Manifest]) -> list[Manifest]:
    """The roles without the one for the Lease, which stands in the release's namespace."""
    return [role for role in roles(found) if not role["metadata"]["name"].endswith(LEASE)]


def granted(rules: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Every (group, resource, verb)."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("options", [(), NAMESPACED], ids=["clusterwide", "namespaced"])
def test_no_wildcards_and_nothing_that_grants_more(options: tuple[Any, ...]) -> None:
    for role in roles(manifests(*options)):
        assert all(rule.keys() - {"resourceNames"} == {"apiGroups", "resources", "verbs"} for rule in role["rules"])
        for group, resource, verb in granted(role["rules"]):
            assert "*" not in group + resource + verb
            assert verb not in ("escalate", "bind", "impersonate")
            assert resource not in ("secrets", "serviceaccounts/token", "pods/exec")
            assert resource != "nodes" or verb == "list"


def test_nodes_are_read_only_clusterwide_and_only_if_wanted() -> None:
    def readers(*options: Any) -> list[str]:
        found = roles(manifests(*options))
        return [role["metadata"]["name"] for role in found if ("", "nodes", "list") in granted(role["rules"])]

    assert readers() == ["recsys-operator-nodes"]
    assert readers("--set", "capacityPreflight.enabled=false") == []
    assert readers(*NAMESPACED) == []


@pytest.mark.parametrize("options", [(), NAMESPACED], ids=["clusterwide", "namespaced"])
def test_secrets_are_read_only_where_the_chart_is_told_to_and_never_listed(options: tuple[Any, ...]) -> None:
    def of_secrets(*more: Any) -> list[set[str]]:
        operators = [role for role in roles(manifests(*options, *more)) if "aggregat" not in str(role["metadata"])]
        return [{verb for _, what, verb in granted(role["rules"]) if what == "secrets"} for role in operators]

    assert all(not verbs for verbs in of_secrets())
    told = of_secrets("--set", "readSecrets=true")
    assert {"get"} in told
    assert all(verbs <= {"get"} for verbs in told)


def test_the_operator_writes_status_only_and_deletes_runs_that_ended() -> None:
    rules = granted(next(role for role in roles(manifests()) if role["metadata"]["name"] == "recsys-operator")["rules"])
    for plural in ("recmodels", "trainingruns", "deployments"):
        deletes = {"delete"} if plural == "trainingruns" else set()
        assert {verb for group, resource, verb in rules if (group, resource) == ("recsys.dev", plural)} == {
            "get",
            "list",
            "watch",
            *deletes,
        }
        assert ("recsys.dev", f"{plural}/status", "patch") in rules


def test_what_is_used_in_one_way_is_granted_in_that_way_only() -> None:
    """Pods and endpoints are listed by label, Gateways are asked for by name, and events are only written."""
    (role,) = [role for role in roles(manifests()) if role["metadata"]["name"] == "recsys-operator"]
    verbs = {
        resource: {verb for _, found, verb in granted(role["rules"]) if found == resource}
        for resource in ("pods", "endpointslices", "gateways", "events")
    }
    assert verbs == {"pods": {"list"}, "endpointslices": {"list"}, "gateways": {"get"}, "events": {"create"}}


def test_the_operator_holds_what_it_grants_to_trainers() -> None:
    """Kubernetes refuses to let it create a Role with verbs that it has not."""
    for role in of_namespaces(manifests(*NAMESPACED)):
        assert {
            ("recsys.dev", "trainingruns", "get"),
            ("recsys.dev", "trainingruns/status", "get"),
            ("recsys.dev", "trainingruns/status", "patch"),
        } <= granted(role["rules"])


def test_watch_namespaces_gives_roles_only() -> None:
    found = manifests(*NAMESPACED)
    assert not [m for m in found if m["kind"] in ("ClusterRole", "ClusterRoleBinding")]
    namespaces = {"shop-search", "shop-home"}
    assert {m["metadata"]["namespace"] for m in of_namespaces(found)} == namespaces
    assert {m["metadata"]["namespace"] for m in found if m["kind"] == "RoleBinding"} == {*namespaces, "recsys-system"}
    for binding in (m for m in found if m["kind"] == "RoleBinding"):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "recsys", "namespace": "recsys-system"}]
    env = only("Deployment", found)["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "RECSYS_WATCH_NAMESPACES", "value": "shop-search,shop-home"} in env


def test_both_scopes_allow_the_same_in_a_namespace() -> None:
    cluster = next(role for role in roles(manifests()) if role["metadata"]["name"] == "recsys-operator")
    namespaced = [granted(role["rules"]) for role in of_namespaces(manifests(*NAMESPACED))]
    assert [granted(cluster["rules"])] * 2 == namespaced


def test_people_view_everything_and_edit_no_status() -> None:
    found = {role["metadata"]["name"]: role for role in roles(manifests())}
    view, edit = found["recsys-operator-view"], found["recsys-operator-edit"]
    aggregate = "rbac.authorization.k8s.io/aggregate-to-"
    assert view["metadata"]["labels"][f"{aggregate}view"] == "true"
    assert edit["metadata"]["labels"][f"{aggregate}edit"] == "true"
    assert f"{aggregate}view" not in edit["metadata"]["labels"]
    assert {verb for *_, verb in granted(view["rules"])} == {"get", "list", "watch"}
    assert not [resource for _, resource, _ in granted(edit["rules"]) if "/" in resource]


def test_the_pod_is_restricted() -> None:
    """What Pod Security's `restricted` level asks for, and a read-only root."""
    spec = only("Deployment", manifests())["spec"]
    assert spec["replicas"] == 1
    pod = spec["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


@pytest.mark.parametrize("options", [(), NAMESPACED], ids=["clusterwide", "namespaced"])
def test_it_may_hold_one_lease_and_see_no_other(options: tuple[Any, ...]) -> None:
    found = manifests(*options)
    (role,) = [role for role in roles(found) if role["metadata"]["name"].endswith(LEASE)]
    assert (role["kind"], role["metadata"]["namespace"]) == ("Role", "recsys-system")
    assert {verb for rule in role["rules"] if "resourceNames" not in rule for verb in rule["verbs"]} == {"create"}
    (named,) = [rule for rule in role["rules"] if "resourceNames" in rule]
    env = {one["name"]: one for one in only("Deployment", found)["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["RECSYS_LEASE"]["value"] == f"recsys-system/{named['resourceNames'][0]}"
    assert env["RECSYS_IDENTITY"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert "leases" not in {resource for role in of_namespaces(found) for _, resource, _ in granted(role["rules"])}
