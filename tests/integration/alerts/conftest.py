"""A shop in a namespace of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.alerts.shop import Shop, open_shop
from tests.integration.harness.api import Api
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.players import Players


@pytest.fixture
async def shop(stage: tuple[ControlPlane, str], tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """The shop of this test."""
    plane, token = stage
    name = request.node.name.removeprefix("test_").replace("_", "-").replace("[", "-").rstrip("]")[:50].strip("-")
    async with Api(plane) as api, Players(api) as players, open_shop(plane, api, token, tmp_path, name) as opened:
        opened.players = players
        yield opened
