"""Whether a live object still says what a manifest says, in spite of defaults and of rewritten quantities."""

from collections.abc import Mapping
from typing import Any

from recsys_operator.api.quantity import quantity

AMOUNTS = frozenset({"requests", "limits", "sizeLimit", "target"})
"""Fields that hold quantities, `target` those of an autoscaler. Elsewhere a text that looks like one is a text: a hash
may be 12e4, and `1.0` in an environment is not `1`."""


def contains(live: Any, wanted: Any, *, amounts: bool = False) -> bool:
    """Whether `live` holds everything in `wanted`.

    Fields that only `live` has are defaults or belong to others. Lists must have equal lengths and hold their elements
    in the same order. A zero value that `live` lacks was left out by the API server. As `amounts`, `500m` and `0.5` are
    the same.
    """
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            contains(live[name], value, amounts=amounts or name in AMOUNTS) if name in live else _empty(value)
            for name, value in wanted.items()
        )
    if isinstance(wanted, (list, tuple)):
        return (
            isinstance(live, list)
            and len(live) == len(wanted)
            and all(contains(one, other, amounts=amounts) for one, other in zip(live, wanted, strict=True))
        )
    if type(live) is type(wanted) and live == wanted:
        return True
    one, other = (quantity(live), quantity(wanted)) if amounts else (None, None)
    return one is not None and one == other


def _empty(value: Any) -> bool:
    return (
        value is None or value is False or value in ("", 0) or (isinstance(value, (Mapping, list, tuple)) and not value)
    )
