"""What trainer and server pods have in common: the `restricted` security settings, scratch space and claims."""

from collections.abc import Mapping
from dataclasses import dataclass

from recsys_operator.api.common import Resources
from recsys_operator.api.locations import claim_of
from recsys_operator.build.labels import Manifest

USER = 65532
"""Numeric user and group of all images; a name would not satisfy `runAsNonRoot`."""

CLAIM_ROOT = "/mnt/pvc"
"""`pvc://<claim>/<path>` is `/mnt/pvc/<claim>/<path>` in every pod."""

HOME = "/tmp"  # noqa: S108 a mount point, not a file of ours
"""The one writable folder of every container, and its env HOME."""


@dataclass(frozen=True, slots=True)
class Volumes:
    """Volumes of a pod and their mounts in its container."""

    volumes: tuple[Manifest, ...]
    mounts: tuple[Manifest, ...]

    def __add__(self, other: "Volumes") -> "Volumes":
        return Volumes(self.volumes + other.volumes, self.mounts + other.mounts)


def pod_security_context() -> Manifest:
    """`spec.securityContext` of a pod that the Pod Security level `restricted` admits."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security_context() -> Manifest:
    """`securityContext` of a container that `restricted` admits, with nothing writable but its volumes."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def container_resources(resources: Resources) -> Manifest:
    """`resources` of a container; what is not requested is requested as high as its limit."""
    limits = {name: str(amount) for name, amount in resources.limits.wire().items()}
    requested = resources.requests.wire() if resources.requests else {}
    return {"limits": limits, "requests": {name: str(requested.get(name, limits[name])) for name in limits}}


def claim_volumes(locations: Mapping[str, bool]) -> Volumes:
    """Volumes for `pvc://` URIs, each with whether the pod only reads it; a claim that any URI writes is writable.

    Volumes are numbered in the order of the claims' names, because a claim's name may be too long for a volume's.
    """
    claims: dict[str, bool] = {}
    for uri, read_only in locations.items():
        claim = claim_of(uri)
        claims[claim] = claims.get(claim, True) and read_only
    ordered = sorted(claims.items())
    return Volumes(
        volumes=tuple(
            {"name": f"claim-{index}", "persistentVolumeClaim": {"claimName": claim}}
            for index, (claim, _) in enumerate(ordered)
        ),
        mounts=tuple(
            {
                "name": f"claim-{index}",
                "mountPath": f"{CLAIM_ROOT}/{claim}",
                **({"readOnly": True} if read_only else {}),
            }
            for index, (claim, read_only) in enumerate(ordered)
        ),
    )


def scratch() -> Volumes:
    """A writable /tmp, which is the home too: set the env HOME to `HOME`."""
    return Volumes(({"name": "tmp", "emptyDir": {}},), ({"name": "tmp", "mountPath": HOME},))


def shared_memory(size: str | None = None) -> Volumes:
    """A /dev/shm larger than the runtime's 64 MiB, for Ray's object store; it counts against the memory limit.

    Without a size the kubelet makes it as large as that limit.
    """
    limit = {} if size is None else {"sizeLimit": size}
    return Volumes(
        ({"name": "shared-memory", "emptyDir": {"medium": "Memory", **limit}},),
        ({"name": "shared-memory", "mountPath": "/dev/shm"},),  # noqa: S108 a mount point, not a file of ours
    )
