"""A control plane with the real Job controller, the operator's rights of the chart, and one namespace a test."""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.integration.harness import access
from tests.integration.harness.api import Api
from tests.integration.harness.control_plane import BASIC_CONTROLLERS, ControlPlane
from tests.integration.runs.scene import Scene

from recsys_operator.apply.client import connect

NUMBERS = itertools.count(1)
OPERATOR = "the-operator"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def grant(plane: ControlPlane) -> None:
    """Give the user `OPERATOR` what the chart gives the operator, and no more."""
    group = "rbac.authorization.k8s.io"
    role = {"metadata": {"name": OPERATOR}, "rules": access.chart_rules()}
    binding = {
        "metadata": {"name": OPERATOR},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": OPERATOR},
        "subjects": [{"apiGroup": group, "kind": "User", "name": OPERATOR}],
    }
    with plane.client() as client:
        client.post(f"/apis/{group}/v1/clusterroles", json=role).raise_for_status()
        client.post(f"/apis/{group}/v1/clusterrolebindings", json=binding).raise_for_status()


@pytest.fixture(scope="session")
def jobs_plane() -> Iterator[ControlPlane]:
    """Job controller and garbage collector are real; pods are played by the tests."""
    with ControlPlane(controllers=(*BASIC_CONTROLLERS, "job-controller")) as plane:
        plane.install_crds()
        grant(plane)
        yield plane


@pytest.fixture
async def scene(jobs_plane: ControlPlane) -> AsyncIterator[Scene]:
    """The reconcilers, called by hand, on a namespace of the test's own."""
    async with Api(jobs_plane) as api:
        namespace = jobs_plane.create_namespace(f"runs-{next(NUMBERS)}", RESTRICTED)
        async with await connect(str(jobs_plane.kubeconfig_for(OPERATOR))) as client:
            yield Scene(api, client, namespace)
