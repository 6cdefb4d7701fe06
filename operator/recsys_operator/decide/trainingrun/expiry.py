"""When a run that has ended is deleted: so long after its end as its spec says, as with a Job."""

from datetime import datetime

from recsys_operator.decide.conditions import find
from recsys_operator.decide.times import passed
from recsys_operator.decide.trainingrun.facts import ObservedRun
from recsys_operator.decide.trainingrun.reasons import SUCCEEDED


def seconds_left(run: ObservedRun, now: datetime) -> float | None:
    """Until a run that has ended is to be deleted, 0 when it is time; None for one that stays.

    The time is in status, so a restart begins nothing anew; a clock that was set back only makes it later.
    """
    lifetime = run.spec.ttl_seconds_after_finished
    if lifetime is None:
        return None
    condition = find(run.status.conditions, SUCCEEDED)
    ended = run.status.completion_time or (condition.last_transition_time if condition else None)
    if ended is None:
        return None
    return float(max(0, lifetime - passed(0, ended, now)))
