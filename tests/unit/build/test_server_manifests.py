"""The children of a Deployment, as golden files: `pytest --golden` writes them anew."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.api import cases_pod_fields, cases_route, cases_scaling

from recsys_operator.api.common import Resources
from recsys_operator.api.deployment import DEPLOYMENT
from recsys_operator.api.podfields import PodFields
from recsys_operator.api.recmodel import Catalogue
from recsys_operator.api.rollout import Revision
from recsys_operator.api.scaling import Autoscaling
from recsys_operator.api.traffic import Traffic
from recsys_operator.build.autoscaler import autoscaler
from recsys_operator.build.disruption_budget import disruption_budget
from recsys_operator.build.front_service import front_service
from recsys_operator.build.http_route import Backend, http_route
from recsys_operator.build.labels import Manifest, Owner
from recsys_operator.build.server_service import server_service
from recsys_operator.build.server_workload import TEMPLATE_HASH, server_workload, threads

GOLDEN = Path(__file__).parent / "golden"
OWNER = Owner(DEPLOYMENT, "shop", "movies", "aaaaaaaa-2222-3333-4444-555555555555")
GATEWAY = {"gateway": {"name": "gateway", "namespace": "gateway-system"}, "hostnames": ["movies.example"]}

POD_FIELDS = PodFields.model_validate(cases_pod_fields.BASE)
USER_TRAFFIC = Traffic.model_validate({**GATEWAY, "route": cases_route.BASE, "testers": cases_route.TESTERS})


def revision(version: int, name: str) -> Revision:
    return Revision(
        version=version,
        digest="sha256:" + f"{version}" * 64,
        uri=f"pvc://store/models/shop/movies/versions/{version}",
        revision=name,
        image="localhost/recsys-server:1",
    )


STABLE, CANARY = revision(1, "0123456789abcdef"), revision(2, "fedcba9876543210")
LIMITS = Resources.model_validate({"limits": {"cpu": "500m", "memory": "512Mi"}})


def small() -> list[Manifest]:
    return [server_workload(OWNER, "movies", STABLE, LIMITS, None, 1)]


def full() -> list[Manifest]:
    resources = Resources.model_validate({"requests": {"cpu": "250m"}, "limits": {"cpu": 2, "memory": "1Gi"}})
    catalogue = Catalogue.model_validate(
        {"uri": "pvc://data/ml-100k.item", "format": "RecBole", "idColumn": "item_id", "titleColumn": "movie_title"}
    )
    traffic = Traffic.model_validate({**GATEWAY, "gateway": {**GATEWAY["gateway"], "sectionName": "http"}})  # type: ignore[dict-item]
    backends = [Backend(CANARY, 10), Backend(STABLE, 90)]
    return [
        server_workload(OWNER, "movies", CANARY, resources, catalogue, 3, pod_fields=POD_FIELDS),
        server_service(OWNER, "movies", CANARY),
        disruption_budget(OWNER, "movies", CANARY),
        front_service(OWNER, "movies", CANARY, STABLE.revision),
        http_route(OWNER, "movies", traffic, backends, STABLE.revision),
    ]


def user_route() -> list[Manifest]:
    return [http_route(OWNER, "movies", USER_TRAFFIC, [Backend(STABLE, 100)], STABLE.revision, CANARY)]


def scalers() -> list[Manifest]:
    plain = Autoscaling.model_validate({"maxReplicas": 4, "targetCPUUtilizationPercentage": 60})
    return [
        autoscaler(OWNER, "movies", STABLE, Autoscaling(max_replicas=3), 1, 3),
        autoscaler(OWNER, "movies", CANARY, plain, 2, 4),
        autoscaler(OWNER, "movies", CANARY, Autoscaling.model_validate(cases_scaling.BASE), 2, 10),
    ]


@pytest.mark.parametrize(
    ("name", "build"),
    [("server-small", small), ("server-full", full), ("route-of-a-user", user_route), ("autoscalers", scalers)],
)
def test_manifests_are_the_golden_ones(name: str, build: Any, golden: bool) -> None:
    text = yaml.safe_dump_all(build(), sort_keys=False, width=120)
    file = GOLDEN / f"{name}.yaml"
    if golden:
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize(
    ("cpu", "count"), [("500m", 1), ("1", 1), (2, 2), ("1500m", 2), ("2.5", 3), ("1k", 1000), ("1Ki", 1024)]
)
def test_threads_are_the_cpu_limit_rounded_up(cpu: str | int, count: int) -> None:
    assert threads(cpu) == count


def test_a_live_workload_of_another_operator_keeps_its_template() -> None:
    live = server_workload(OWNER, "movies", STABLE, LIMITS, None, 1)
    live["metadata"]["annotations"][TEMPLATE_HASH] = "of-an-earlier-release"
    live["spec"]["template"]["spec"]["containers"][0]["env"] = []
    after = server_workload(OWNER, "movies", STABLE, LIMITS, None, 4, live)
    assert after["spec"]["template"] == live["spec"]["template"]
    assert after["metadata"]["annotations"][TEMPLATE_HASH] == "of-an-earlier-release"
    assert after["spec"]["replicas"] == 4


def test_a_live_workload_of_this_operator_is_put_right() -> None:
    live = server_workload(OWNER, "movies", STABLE, LIMITS, None, 1)
    live["spec"]["template"]["spec"]["containers"][0]["image"] = "localhost/another:1"
    after = server_workload(OWNER, "movies", STABLE, LIMITS, None, 1, live)
    assert after["spec"]["template"]["spec"]["containers"][0]["image"] == "localhost/recsys-server:1"


def test_names_fit_into_labels() -> None:
    owner = Owner(DEPLOYMENT, "shop", "m" * 40, "uid")
    far = CANARY.model_copy(update={"version": 1000000000})
    for manifest in (server_workload(owner, "m", far, LIMITS, None, 1), server_service(owner, "m", far)):
        assert len(manifest["metadata"]["name"]) <= 63


def test_testers_have_the_same_matches_with_one_header_more() -> None:
    """The gateway prefers the rule with more headers; all else of the two rules is the same."""
    traffic = Traffic.model_validate({**GATEWAY, "testers": cases_route.TESTERS})
    route = http_route(OWNER, "movies", traffic, [Backend(STABLE, 100)], None, CANARY)
    testers, weighted = route["spec"]["rules"]
    assert [one["path"] for one in testers["matches"]] == [one["path"] for one in weighted["matches"]]
    assert all(one["headers"][-1]["name"] == "X-Tester" for one in testers["matches"])
    assert [one["name"] for one in testers["backendRefs"]] == ["movies-v2-fedcba98"]


def test_testers_without_a_revision_or_a_header_add_nothing() -> None:
    for wanted, revision in ((cases_route.TESTERS, None), (None, CANARY)):
        traffic = Traffic.model_validate({**GATEWAY, "testers": wanted})
        assert len(http_route(OWNER, "movies", traffic, [Backend(STABLE, 100)], None, revision)["spec"]["rules"]) == 1


def test_a_workload_that_others_scale_says_no_number() -> None:
    assert "replicas" not in server_workload(OWNER, "movies", STABLE, LIMITS, None, None)["spec"]
