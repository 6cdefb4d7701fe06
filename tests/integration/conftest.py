"""Fixtures on a real kube-apiserver and etcd."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.stage import Stage, set_stage
from tests.integration.kill.case import World, open_world


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """One control plane for the whole session, without controllers, with the project's CRDs installed."""
    with ControlPlane() as plane:
        plane.install_crds()
        yield plane


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """A control plane with all that the operator watches, without controllers, and the operator's token."""
    with set_stage() as found:
        yield found


@pytest.fixture
async def world(stage: Stage, tmp_path: Path) -> AsyncIterator[World]:
    """The stage with players on it."""
    async with open_world(stage, tmp_path) as found:
        yield found
