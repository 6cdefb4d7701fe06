"""Categories are text, and several ways to write one are the same: by trainer and server, whatever format rows come in.

True, TRUE and true are one category, and so are 5, 5.0 and +5. Other text is what it is: 007, 1.50 and yes stay so.
"""

import re

WHOLE = re.compile(r"\s*([+-]?)(0|[1-9][0-9]*)(\.0+)?\s*")
BOOLEANS = ("true", "false")
LONGEST_NUMBER = 15
"""Digits of a number that every JSON library reads without a loss."""


def spelled(text: str) -> str:
    """The one spelling of a category: true, false, or the digits of a whole number; any other text as it is."""
    if whole := WHOLE.fullmatch(text):
        sign, digits, _ = whole.groups()
        return f"-{digits}" if sign == "-" and digits != "0" else digits
    lower = text.strip().lower()
    return lower if lower in BOOLEANS else text


def text_of(value: object) -> str | None:
    """A value of JSON as text, as `spelled` spells it where it is no string; None: it is no category.

    Raises ValueError for a whole number that is longer than Python writes out, 4,300 digits.
    """
    if isinstance(value, bool):
        return BOOLEANS[not value]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) else None


def in_json(text: str) -> str | bool | int:
    """A value of JSON that is this category, as a client writes it that does not make text of everything."""
    canonical = spelled(text)
    if canonical in BOOLEANS:
        return canonical == BOOLEANS[0]
    if WHOLE.fullmatch(canonical) and len(canonical) <= LONGEST_NUMBER:
        return int(canonical)
    return text
