"""Time by the clock and of the processor, which other work on the machine does not lengthen."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Time:
    """Seconds; of `now` only differences mean something."""

    clock: float = 0.0
    processor: float = 0.0

    @staticmethod
    def now() -> "Time":
        """What both show."""
        return Time(time.perf_counter(), time.process_time())

    def __add__(self, other: "Time") -> "Time":
        return Time(self.clock + other.clock, self.processor + other.processor)

    def __sub__(self, other: "Time") -> "Time":
        return Time(self.clock - other.clock, self.processor - other.processor)


@dataclass(slots=True)
class Steps:
    """So many steps, and the time that they took."""

    count: int = 0
    time: Time = Time()

    def milliseconds(self) -> dict[str, float]:
        """Of one step."""
        each = {"clock": self.time.clock, "processor": self.time.processor}
        return {name: round(1000 * seconds / self.count, 4) for name, seconds in each.items()}
