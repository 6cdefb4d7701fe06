"""Columns of times as calendar features, by the trainer and by the server alike: numpy and the standard library only.

A time is whole seconds since 1970 in UTC, rounded down. One without an offset is taken as it is written.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

PARTS: Mapping[str, tuple[int, int]] = {"Hour": (0, 24), "Weekday": (1, 7), "Day": (1, 31), "Month": (1, 12)}
"""The first value of each part, and how many it has. Weekday 1 is Monday (ISO 8601)."""
USUAL = ("Hour", "Weekday", "Month")
"""The parts of a column that names none."""
UNITS: Mapping[str, int] = {"Seconds": 1, "Milliseconds": 10**3, "Microseconds": 10**6, "Nanoseconds": 10**9}
"""How many of a unit, in which numbers count from 1970 on, are a second."""
ONE_HOT, CYCLIC = "OneHot", "Cyclic"
LONGEST_SECONDS = (2**63 - 1) // 10**9
"""How far from 1970 a time may be: what 64 bits count in nanoseconds."""
ISO_8601 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}(:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)
DAY_SECONDS, HOUR_SECONDS = 86400, 3600
EPOCH, SECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=1)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Some parts of a time. OneHot: one input for each value that training rows have; Cyclic: a point on a circle.

    On the circle the last hour is beside the first one: sine and cosine of the share of the day, week, month (of 31
    days) or year. With `missing` there is one input more for a missing time, of OneHot one more a part.
    """

    name: str
    unit: str
    """Of UNITS; what a number counts."""
    encoding: str
    parts: Mapping[str, tuple[int, ...]]
    """By name, the values that have an input of their own; none of Cyclic."""
    missing: bool
    fill: float | None = None
    """The seconds that take the place of a missing time; None: none do."""

    @property
    def width(self) -> int:
        """How many numeric inputs it makes."""
        return 2 * len(self.parts) + self.missing if self.encoding == CYCLIC else 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """For each categorical input that it makes, how many rows of the table are its own."""
        if self.encoding == CYCLIC:
            return ()
        return tuple(len(values) + self.missing for values in self.parts.values())

    def numbers(self, seconds: Floats) -> npt.NDArray[np.float32]:
        """The numeric inputs, [rows, width]; a missing time is at the middle of each circle."""
        made = np.zeros((len(seconds), self.width), dtype=np.float32)
        absent = np.isnan(seconds)
        for index, (part, _) in enumerate(self.parts.items() if self.width else ()):
            # Of a table: a vector's sine may differ from a number's in the last bit.
            made[~absent, 2 * index : 2 * index + 2] = _circle(part)[part_of(part, seconds[~absent]) - PARTS[part][0]]
        if self.width and self.missing:
            made[:, -1] = absent
        return made

    def places(self, seconds: Floats) -> Iterator[Integers]:
        """For each categorical input each time's row among the input's own, -1 where it has none."""
        absent = np.isnan(seconds)
        for part, values in self.parts.items() if not self.width else ():
            first, count = PARTS[part]
            place = np.full(count, -1, dtype=np.int64)
            place[np.array(values, dtype=np.int64) - first] = np.arange(len(values))
            found = np.full(len(seconds), len(values) if self.missing else -1, dtype=np.int64)
            found[~absent] = place[part_of(part, seconds[~absent]) - first]
            yield found


def part_of(part: str, seconds: Floats) -> Integers:
    """The hour, weekday, day of the month or month of times that are there."""
    whole: Integers = seconds.astype(np.int64)
    days: Integers = whole // DAY_SECONDS
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    found: Integers
    if part == "Hour":
        found = (whole - days * DAY_SECONDS) // HOUR_SECONDS
    elif part == "Weekday":
        found = (days + 3) % 7 + 1  # 1970-01-01 was a Thursday
    elif part == "Month":
        found = months.astype(np.int64) % 12 + 1
    else:
        found = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    return found


def seconds_of_text(text: str) -> int | None:
    """The seconds of an ISO 8601 date or time; None for anything else."""
    if not ISO_8601.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text)
        return ((found if found.tzinfo else found.replace(tzinfo=UTC)) - EPOCH) // SECOND
    except (ValueError, OverflowError):
        return None


def seconds_of_number(number: int | float, unit: str) -> int:
    """The seconds of a finite number of this unit."""
    return int(number // UNITS[unit])


def seconds_of_numbers(numbers: Integers | Floats, unit: str) -> Floats:
    """The same of many numbers; NaN stays NaN."""
    return np.floor_divide(numbers, UNITS[unit]).astype(np.float64)


def _circle(part: str) -> Floats:
    _, count = PARTS[part]
    angles = [2 * math.pi * index / count for index in range(count)]
    return np.array([(math.sin(angle), math.cos(angle)) for angle in angles])
