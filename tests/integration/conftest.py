"""Fixtures on a real kube-apiserver and etcd."""

from collections.abc import Iterator

import pytest
from tests.integration.harness.control_plane import ControlPlane


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """One control plane for the whole session, without controllers, with the project's CRDs installed."""
    with ControlPlane() as plane:
        plane.install_crds()
        yield plane
