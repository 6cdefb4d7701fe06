"""What observing needs of a client: reading, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from recsys_operator.api.kinds import Resource

Answer = TypeVar("Answer")

PATIENCE = 2.0
"""Seconds for what is only told; an alert is answered within five."""


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

    def pages(
        self,
        resource: Resource,
        namespace: str | None,
        labels: Mapping[str, str] | None = None,
        fields: str = "",
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """All objects of a namespace (None: of all) that carry the labels and match the field selector, page by page.

        For what is added up over many objects: `list` holds them all at once.
        """
        ...

    async def serves(self, resource: Resource) -> bool:
        """Whether the API server knows this resource."""
        ...


async def if_possible(
    reading: Awaitable[Answer], otherwise: Answer, told: Callable[[Exception], None] = lambda _: None
) -> Answer:
    """What is read, or `otherwise` where the API server refuses or is slow: for what a rollback can do without.

    `told` is called with what stood in the way.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            return await reading
    except TimeoutError:
        told(TimeoutError(f"not read within {PATIENCE:g} s"))
        return otherwise
    except Exception as error:
        if not hasattr(error, "status"):  # The client's error of an answer; anything else is a bug.
            raise
        told(error)
        return otherwise


def faults(part: str, error: ValidationError) -> str:
    """Where an object's `part` (spec, status) is not as its CRD says; the first of several places."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(step) for step in (part, *first["loc"]))
    more = f" and {error.error_count() - 1} more" if error.error_count() > 1 else ""
    return f"{place}: {first['msg']}{more}"
