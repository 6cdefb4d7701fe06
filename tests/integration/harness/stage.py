"""A control plane with all that the operator watches: the project's kinds, the Gateway API with a Gateway, RayJobs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.integration.harness import access
from tests.integration.harness.control_plane import ControlPlane

from recsys_operator.api.kinds import GATEWAYS

Stage = tuple[ControlPlane, str]
"""The control plane, and the operator's token."""


@contextmanager
def set_stage(controllers: Sequence[str] = ()) -> Iterator[Stage]:
    """A stage with these of kube-controller-manager's controllers."""
    with ControlPlane(controllers=controllers) as plane:
        plane.install_crds()
        plane.install_gateway_api()
        plane.install_kuberay()
        _make_gateway(plane)
        yield plane, access.make_account(plane)


def _make_gateway(plane: ControlPlane) -> None:
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
