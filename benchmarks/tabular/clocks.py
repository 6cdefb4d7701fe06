"""Time by the clock and of the processor, which other work on the machine does not lengthen."""

import time
from dataclasses import dataclass, field
from statistics import mean, median


@dataclass(frozen=True, slots=True)
class Time:
    """Seconds; of `now` only differences mean something."""

    clock: float = 0.0
    processor: float = 0.0

    @staticmethod
    def now() -> "Time":
        """What both show."""
        return Time(time.perf_counter(), time.process_time())

    def __sub__(self, other: "Time") -> "Time":
        return Time(self.clock - other.clock, self.processor - other.processor)


@dataclass(slots=True)
class Steps:
    """What each step took."""

    times: list[Time] = field(default_factory=list)

    def milliseconds(self) -> dict[str, float]:
        """Of one step by the clock, the middle one and the mean, and of the processor, the mean.

        The middle one is that of a step which nothing else on the machine interrupted, as long as most are not.
        """
        clock, processor = [one.clock for one in self.times], [one.processor for one in self.times]
        found = {"median": median(clock), "mean": mean(clock), "processor": mean(processor)}
        return {name: round(1000 * seconds, 4) for name, seconds in found.items()}
