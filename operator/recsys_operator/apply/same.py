"""Whether a live object still says what a manifest says, in spite of defaults and of rewritten quantities."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

SUFFIXES = {
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
    "m": Decimal("1e-3"),
    "u": Decimal("1e-6"),
    "n": Decimal("1e-9"),
}


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


def quantity(value: Any) -> Decimal | None:
    """A Kubernetes quantity as a number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value)
    number = text.rstrip("kMGTPEinmu")
    factor = SUFFIXES.get(text[len(number) :])
    try:
        return None if factor is None else Decimal(number) * factor
    except InvalidOperation:
        return None


def _empty(value: Any) -> bool:
    return (
        value is None or value is False or value in ("", 0) or (isinstance(value, (Mapping, list, tuple)) and not value)
    )
