"""The API server of a cluster with the Gateway API takes every HTTPRoute that a Deployment can ask for."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.integration.api import cases_route
from tests.integration.harness.control_plane import ControlPlane

from recsys_operator.api.deployment import DEPLOYMENT
from recsys_operator.api.kinds import HTTPROUTES
from recsys_operator.api.rollout import Revision
from recsys_operator.api.traffic import Traffic
from recsys_operator.build.http_route import Backend, http_route
from recsys_operator.build.labels import Owner

NAMESPACE = "user-route"
FULL_PATH = {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/predict"}}}
ROUTES: dict[str, dict[str, Any] | None] = {
    "none": None,
    "empty": {"matches": [], "filters": [], "timeouts": {}},
    "everything": cases_route.BASE,
    "a full path": {"filters": [FULL_PATH]},
    "a pattern": {"matches": [{"path": {"type": "RegularExpression", "value": "/v[0-9]+/.*"}}]},
}


def revision(version: int) -> Revision:
    digest = "sha256:" + f"{version}" * 64
    return Revision(version=version, digest=digest, uri="pvc://store/v", revision=f"{version}" * 16, image="server")


@pytest.fixture(scope="module")
def client(control_plane: ControlPlane) -> Iterator[httpx.Client]:
    """An administrator's client of an API server that knows HTTPRoutes."""
    control_plane.install_gateway_api()
    control_plane.create_namespace(NAMESPACE)
    with control_plane.client() as client:
        yield client


@pytest.mark.parametrize("name", ROUTES)
def test_the_api_server_takes_the_route(client: httpx.Client, name: str) -> None:
    traffic = Traffic.model_validate(
        {
            "gateway": {"name": "gateway"},
            "hostnames": ["movies.example.com"],
            "route": ROUTES[name],
            "testers": cases_route.TESTERS,
        }
    )
    backends = [Backend(revision(1), 90), Backend(revision(2), 10)]
    owner = Owner(DEPLOYMENT, NAMESPACE, "movies", "11111111-2222-3333-4444-555555555555")
    route = http_route(owner, "movies", traffic, backends, "1" * 16, revision(2))
    strict = {"dryRun": "All", "fieldValidation": "Strict"}
    answer = client.post(HTTPROUTES.path(NAMESPACE), params=strict, json=route)
    assert answer.status_code == 201, answer.text
