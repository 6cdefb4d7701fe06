"""Which trials go on: asynchronous successive halving (ASHA; Li et al., 2020, arXiv 1810.05934), in their order.

As in Ray Tune's scheduler, a trial that comes to a stop goes on unless its best value so far is worse than the best
1/factor of those that others had there. But it is compared with the trials before it alone, by their numbers, and waits
for them: ASHA as it would be if trials ran one after the other. So neither their pace, nor how many run side by side,
nor a pod that is killed changes which trials are ended, and with it the winner. The first of the trials that have not
ended waits for nobody.
"""

import numpy as np

from recsys_workers.tune.space import Asha


class Halving:
    """What is known of each trial, and what follows from it. Trials are numbered from 1 on."""

    def __init__(self, asha: Asha | None, longest: int, *, smaller_is_better: bool) -> None:
        """`longest` is the most epochs that a trial has: the stops are before it."""
        self.factor = asha.factor if asha else 0
        self.stops_at: list[int] = []
        epoch = asha.grace if asha else longest
        while epoch < longest:
            self.stops_at.append(epoch)
            epoch *= self.factor
        self._sign = -1.0 if smaller_is_better else 1.0
        self._epoch: dict[int, int] = {}
        self._ended: set[int] = set()
        self._had: dict[int, dict[int, float]] = {stop: {} for stop in self.stops_at}
        self._due: dict[int, int] = {}

    def tell(self, trial: int, epoch: int, best: float) -> None:
        """The trial was validated after `epoch` epochs; `best` is the best value that it has had so far."""
        if epoch <= self._epoch.get(trial, 0):
            return
        before = self._epoch.get(trial, 0)
        self._epoch[trial] = epoch
        self._due.pop(trial, None)
        come_to = [stop for stop in self.stops_at if before < stop <= epoch]
        if come_to:
            self._had[come_to[-1]][trial] = self._sign * best
            self._due[trial] = come_to[-1]

    def end(self, trial: int) -> None:
        """The trial trains no more."""
        self._ended.add(trial)
        self._due.pop(trial, None)

    def waits(self, trial: int) -> bool:
        """Whether a trial before it has yet to come to the stop at which it is."""
        stop = self._due.get(trial)
        return stop is not None and any(
            self._epoch.get(other, 0) < stop for other in range(1, trial) if other not in self._ended
        )

    def behind(self, trial: int) -> bool:
        """Whether the trial, which waits for nobody, is to be ended at the stop at which it is."""
        stop = self._due.get(trial)
        if stop is None:
            return False
        had = self._had[stop]
        others = [value for other, value in had.items() if other < trial]
        return bool(others) and had[trial] < float(np.percentile(others, (1 - 1 / self.factor) * 100))
