"""Whether a live object still says what a manifest says, in spite of defaults and of rewritten quantities."""

from collections.abc import Mapping
from typing import Any

from recsys_operator.api.quantity import quantity


def contains(live: Any, wanted: Any) -> bool:
    """Whether `live` holds everything in `wanted`.

    Fields that only `live` has are defaults or belong to others. Lists must have equal lengths and hold their elements
    in the same order. A zero value that `live` lacks was left out by the API server. `500m` and `0.5` are the same.
    """
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            contains(live[name], value) if name in live else _empty(value) for name, value in wanted.items()
        )
    if isinstance(wanted, (list, tuple)):
        return (
            isinstance(live, list)
            and len(live) == len(wanted)
            and all(contains(one, other) for one, other in zip(live, wanted, strict=True))
        )
    if type(live) is type(wanted) and live == wanted:
        return True
    one, other = quantity(live), quantity(wanted)
    return one is not None and one == other


def _empty(value: Any) -> bool:
    return (
        value is None or value is False or value in ("", 0) or (isinstance(value, (Mapping, list, tuple)) and not value)
    )
