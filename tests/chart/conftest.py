"""A real API server for the chart, with the controller that fills aggregated roles."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chart import schemas
from tests.integration.harness.control_plane import BASIC_CONTROLLERS, ControlPlane


@pytest.fixture(scope="session")
def api() -> Iterator[ControlPlane]:
    """A control plane with the Gateway API's CRDs; the project's own come from the chart."""
    with ControlPlane(controllers=(*BASIC_CONTROLLERS, "clusterrole-aggregation-controller")) as plane:
        plane.install_gateway_api()
        yield plane


@pytest.fixture(scope="session")
def kubernetes_schemas(api: ControlPlane) -> Path:
    """A directory of JSON Schemas for kubeconform, from the API server's own description; kept in the cache."""
    with api.client() as client:
        version = client.get("/version").json()["gitVersion"]
        cache = (
            Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recsys-operator" / "schemas" / version
        )
        if not (cache / ".complete").exists():
            schemas.write(client.get("/openapi/v2", headers={"Accept": "application/json"}).json(), cache)
            (cache / ".complete").write_text(json.dumps({"kubernetes": version}))
    return cache
