"""Kubernetes quantities as numbers."""

from decimal import Decimal, InvalidOperation
from typing import Any

SUFFIXES = {
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
    "m": Decimal("1e-3"),
    "u": Decimal("1e-6"),
    "n": Decimal("1e-9"),
}


def quantity(value: Any) -> Decimal | None:
    """A Kubernetes quantity as a number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value)
    number = text.rstrip("kKMGTPEinmu")
    factor = SUFFIXES.get(text[len(number) :])
    try:
        return None if factor is None else Decimal(number) * factor
    except InvalidOperation:
        return None
