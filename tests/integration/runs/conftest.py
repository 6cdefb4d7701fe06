"""A control plane with the real Job controller, and one namespace a test."""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.integration.harness.api import Api
from tests.integration.harness.control_plane import BASIC_CONTROLLERS, ControlPlane
from tests.integration.runs.scene import Scene

from recsys_operator.apply.client import connect

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def jobs_plane() -> Iterator[ControlPlane]:
    """Job controller and garbage collector are real; pods are played by the tests."""
    with ControlPlane(controllers=(*BASIC_CONTROLLERS, "job-controller")) as plane:
        plane.install_crds()
        yield plane


@pytest.fixture
async def scene(jobs_plane: ControlPlane) -> AsyncIterator[Scene]:
    """The reconcilers, called by hand, on a namespace of the test's own."""
    async with Api(jobs_plane) as api:
        namespace = await api.namespace(f"runs-{next(NUMBERS)}")
        async with await connect(str(jobs_plane.kubeconfig)) as client:
            yield Scene(api, client, namespace)
