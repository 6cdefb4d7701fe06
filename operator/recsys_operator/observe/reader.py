"""What observing needs of a client: reading, and nothing else."""

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import ValidationError

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


def faults(part: str, error: ValidationError) -> str:
    """Where an object's `part` (spec, status) is not as its CRD says; the first of several places."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(step) for step in (part, *first["loc"]))
    more = f" and {error.error_count() - 1} more" if error.error_count() > 1 else ""
    return f"{place}: {first['msg']}{more}"
