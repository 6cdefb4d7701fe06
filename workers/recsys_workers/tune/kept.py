"""Up to when the work of trials that run side by side is kept: each has a state of its own, which may be old."""

import time
from collections.abc import Callable


class Kept:
    """When each of the places in which trials train last had all of its work in the store; `clock` is time.time()."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._of_trials: dict[int, float] = {}
        self._free: list[float] = []

    def start(self, trial: int) -> None:
        """The trial takes a place that is free, or a new one."""
        self._of_trials[trial] = self._free.pop() if self._free else self._clock()

    def keep(self, trial: int) -> None:
        """The trial's state is kept."""
        self._of_trials[trial] = self._clock()

    def end(self, trial: int) -> None:
        """The trial's outcome is kept, and its place is free."""
        self._of_trials.pop(trial, None)
        self._free.append(self._clock())

    def mean(self) -> float:
        """The mean over the places, in seconds since 1970: they are alike, so what all took since then is in vain."""
        moments = [*self._of_trials.values(), *self._free]
        return sum(moments) / len(moments)
