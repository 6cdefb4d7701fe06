"""A control plane with everything the operator watches, and a shop in a namespace of its own for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.integration.alerts.shop import Shop, open_shop
from tests.integration.harness import access
from tests.integration.harness.api import Api
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.players import Players


@pytest.fixture(scope="session")
def stage() -> Iterator[tuple[ControlPlane, str]]:
    """A control plane without controllers (the players are those), and the operator's token."""
    with ControlPlane() as plane:
        plane.install_crds()
        plane.install_gateway_api()
        yield plane, access.make_account(plane)


@pytest.fixture
async def shop(stage: tuple[ControlPlane, str], tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """The shop of this test."""
    plane, token = stage
    name = request.node.name.removeprefix("test_").replace("_", "-").replace("[", "-").rstrip("]")[:50].strip("-")
    async with Api(plane) as api, Players(api), open_shop(plane, api, token, tmp_path, name) as opened:
        yield opened
