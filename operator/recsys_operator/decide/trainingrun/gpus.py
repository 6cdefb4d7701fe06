"""GPU-seconds of a run: used, and lost because a pod ended before its work was kept.

Pods come and go, and so does the operator, so what was counted is in status, together with the moment up to which it
was: each look adds what lies between that moment and now, and both are written at once. A look that is repeated, or
whose write was lost, counts nothing twice. A pod that ended and went away while nobody looked is counted up to the
write before that: every minute, and at the looks at pods that are being deleted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from recsys_operator.api.gpu_use import MOST_SECONDS, GpuUse
from recsys_operator.decide.times import instant, rfc3339
from recsys_operator.decide.trainingrun.facts import ObservedRun, PodFacts

EVERY = 60
"""Seconds between two writes while nothing happens but that time passes."""

LOOK = 10.0
"""Seconds between two looks at pods that hold GPUs: one that ends may be gone half a minute later. Between two writes
too while one of them is being deleted, since each write is followed by a look."""


@dataclass(frozen=True, slots=True)
class Hold:
    """GPUs that one pod held, in seconds since 1970; `end` is None while it does. `failed`: it did not end well."""

    gpus: int
    start: int
    end: int | None = None
    failed: bool = False

    def between(self, begin: int, end: int) -> int:
        """GPU-seconds of it in a span."""
        last = end if self.end is None else min(self.end, end)
        return self.gpus * max(0, last - max(self.start, begin))

    def at(self, moment: int) -> int:
        """GPUs that it holds from this moment on."""
        return self.gpus if self.start <= moment and (self.end is None or self.end > moment) else 0


def gpu_use(run: ObservedRun, now: datetime, *, decided: bool) -> GpuUse | None:
    """What to write into status.gpu; what stands there while that is as good. None for a run without GPUs."""
    before, each = run.status.gpu, run.spec.ray.resources_per_worker.gpu if run.spec.ray else 0
    of_pods = [(pod, hold) for pod in run.pods if (hold := _hold(pod, each)) is not None]
    holds = tuple(hold for _, hold in of_pods)
    if not each or (before is None and not holds):
        return before
    progress = run.status.progress
    checkpoint = None if progress is None or progress.checkpoint_time is None else _seconds(progress.checkpoint_time)
    found = counted(before, holds, int(now.timestamp()), checkpoint=checkpoint, kept=run.status.result is not None)
    every = LOOK if any(pod.deleting and hold.end is None for pod, hold in of_pods) else EVERY
    return found if before is None or _news(before, found, every, decided=decided) else before


def counted(
    before: GpuUse | None, holds: Iterable[Hold], now: int, *, checkpoint: int | None = None, kept: bool = False
) -> GpuUse:
    """What was counted before, and what pods took since then.

    `checkpoint` is when the newest one was kept. `kept`: the run has its version, so what ends now ends well.
    """
    holds = tuple(holds)
    began = min((hold.start for hold in holds), default=now) if before is None else _seconds(before.until)
    now = max(began, now)  # A clock that was set back counts nothing twice.
    used, lost, unsaved = (
        (0, 0, 0) if before is None else (before.used_seconds, before.lost_seconds, before.unsaved_seconds)
    )
    if before is not None and not kept and before.held > sum(hold.at(began) for hold in holds):
        lost, unsaved = lost + unsaved, 0
    for moment, ended in _moments(holds, began, now, kept=kept):
        taken = sum(hold.between(began, moment) for hold in holds)
        used, unsaved, began = used + taken, unsaved + taken, moment
        if checkpoint is not None and checkpoint <= moment:
            unsaved = min(unsaved, sum(hold.between(checkpoint, moment) for hold in holds))
        if ended:
            lost, unsaved = lost + unsaved, 0
    return GpuUse(
        used_seconds=min(MOST_SECONDS, used),
        lost_seconds=min(MOST_SECONDS, lost),
        unsaved_seconds=0 if kept else min(MOST_SECONDS, unsaved),
        held=sum(hold.at(now) for hold in holds),
        until=rfc3339(datetime.fromtimestamp(now, UTC)),
    )


def _moments(holds: tuple[Hold, ...], began: int, now: int, *, kept: bool) -> list[tuple[int, bool]]:
    """The moments to stop at on the way to now, and whether the work ended in vain there."""
    last = max((hold.start for hold in holds), default=0)
    # Of a run that has its version, only what another pod followed ended before its time.
    ends = {hold.end for hold in holds if hold.failed and hold.end is not None and not (kept and hold.end > last)}
    found = [(end, True) for end in sorted(ends) if began < end <= now]
    return found if found and found[-1][0] == now else [*found, (now, False)]


def _hold(pod: PodFacts, gpus: int) -> Hold | None:
    """What a pod held; None of one that no node has taken, or that ended before it was known when."""
    if pod.scheduled is None:
        return None
    start = _seconds(pod.scheduled)
    if pod.phase not in ("Succeeded", "Failed"):
        return Hold(gpus, start)
    if pod.exit is None or not pod.exit.finished:
        return None
    return Hold(gpus, start, max(start, _seconds(pod.exit.finished)), failed=pod.phase == "Failed")


def _news(before: GpuUse, found: GpuUse, every: float, *, decided: bool) -> bool:
    """Whether it is worth a write: other GPUs are held, work was lost, time has passed, or the run is decided.

    `every`: how many seconds are worth one by themselves.
    """
    passed = _seconds(found.until) - _seconds(before.until)
    changed = (found.held, found.lost_seconds) != (before.held, before.lost_seconds)
    return changed or passed >= every or (decided and found.used_seconds != before.used_seconds)


def _seconds(text: str) -> int:
    return int(instant(text).timestamp())
