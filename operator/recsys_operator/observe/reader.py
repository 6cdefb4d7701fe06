"""What observing needs of a client: reading, and nothing else."""

from collections.abc import Mapping
from typing import Any, Protocol

from recsys_operator.api.kinds import Resource


class Reader(Protocol):
    """Reads objects as the API server has them; `apply.client.Client` is one."""

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        """The object, or None where there is none."""
        ...

    async def list(
        self, resource: Resource, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """All objects of a namespace (None: of all namespaces) that carry the labels."""
        ...
