"""Kubernetes quantities as numbers."""

import re
from decimal import Decimal
from typing import Any

NUMBER = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?")
"""A signed number of Kubernetes' grammar. Decimal alone would take more: nan, 1_000, and 1e999999999, which no number holds."""

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
    return Decimal(number) * factor if factor is not None and NUMBER.fullmatch(number) else None
