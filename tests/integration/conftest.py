"""Fixtures on a real kube-apiserver and etcd."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.integration.harness import access
from tests.integration.harness.api import Api
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.players import Players
from tests.integration.kill.case import World

from recsys_operator.api.kinds import GATEWAYS


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """One control plane for the whole session, without controllers, with the project's CRDs installed."""
    with ControlPlane() as plane:
        plane.install_crds()
        yield plane


@pytest.fixture(scope="session")
def stage() -> Iterator[tuple[ControlPlane, str]]:
    """A control plane with all that the operator watches, without controllers, and the operator's token."""
    with ControlPlane() as plane:
        plane.install_crds()
        plane.install_gateway_api()
        make_gateway(plane)
        yield plane, access.make_account(plane)


@pytest.fixture
async def world(stage: tuple[ControlPlane, str], tmp_path: Path) -> AsyncIterator[World]:
    """The stage with players on it."""
    plane, token = stage
    async with Api(plane) as api, Players(api) as players:
        yield World(plane, api, players, token, tmp_path)


def make_gateway(plane: ControlPlane) -> None:
    """The Gateway that the Deployments name."""
    namespace = plane.create_namespace("gateway-system")
    manifest = {
        "apiVersion": GATEWAYS.api_version,
        "kind": GATEWAYS.kind,
        "metadata": {"name": "gateway", "namespace": namespace},
        "spec": {
            "gatewayClassName": "played",
            "listeners": [
                {"name": "web", "protocol": "HTTP", "port": 80, "allowedRoutes": {"namespaces": {"from": "All"}}}
            ],
        },
    }
    with plane.client() as client:
        client.post(GATEWAYS.path(namespace), json=manifest).raise_for_status()
