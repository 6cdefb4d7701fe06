"""What an analysis has come to: it fails, it holds, or it lets the canary go on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from recsys_operator.api.analysis_status import MetricStatus
from recsys_operator.api.rollout import CanaryStatus
from recsys_operator.decide.analysis import limits
from recsys_operator.decide.analysis.watch import Watch

Move = Literal["EndStep", "RaiseWeight", "TakeOver", "Promote"]


@dataclass(frozen=True, slots=True)
class Condemned:
    """Why the canary is to be taken back."""

    message: str
    proven: bool
    """It measured badly; else evidence was missing for longer than the user bears."""


def condemned(canary: CanaryStatus, in_force: Iterable[Watch], now: datetime) -> Condemned | None:
    """What takes the canary back: a metric that failed, or missing evidence where the user wants that."""
    late = None
    for watch in in_force:
        entry = watch.find(canary.analysis)
        if entry is None:
            continue
        if entry.phase == "Failed":
            looks = f" ({entry.failures} bad looks)" if entry.failures > 1 else ""
            return Condemned(f"{entry.name}: {entry.message}{looks}", proven=True)
        over = limits.deadline(watch.analysis, entry)
        if over and now >= over and watch.analysis.on_deadline == "Abort" and late is None:
            seconds = watch.analysis.deadline_seconds
            late = Condemned(f"{entry.name} had no evidence for {seconds} s: {entry.message}", proven=False)
    return late


def holding(canary: CanaryStatus, in_force: Iterable[Watch], move: Move) -> str | None:
    """Why a move has to wait, as a sentence about the first metric that it waits for; None where it has not."""
    for watch in in_force:
        if not _matters(watch, move):
            continue
        entry = watch.find(canary.analysis)
        if not _lets(watch, entry, move):
            return f"{watch.metric.name}: {entry.message if entry else 'not looked at yet.'}"
    return None


def lacking(canary: CanaryStatus, in_force: Iterable[Watch]) -> MetricStatus | None:
    """The first metric whose evidence has been missing for too long."""
    entries = [entry for watch in in_force if (entry := watch.find(canary.analysis))]
    return next((one for one in entries if one.phase in ("Inconclusive", "Error")), None)


def _matters(watch: Watch, move: Move) -> bool:
    when = watch.metric.webhook.when if watch.metric.webhook else None
    if move == "EndStep":
        return watch.step is not None
    if watch.step is not None:
        return False
    if move == "Promote":
        return when == "Post"
    return when in (None, "Pre") or (when == "Confirm" and move == "TakeOver")


def _lets(watch: Watch, entry: MetricStatus | None, move: Move) -> bool:
    if entry is None:
        return False
    if entry.phase == "Passed":
        return True
    # A test that goes on and has found nothing so far lets the weight rise, but not the canary take over.
    begun = (
        watch.metric.test is not None and entry.phase == "Running" and entry.test is not None and entry.test.looks > 0
    )
    return begun and move == "RaiseWeight" and not entry.inconclusive and not entry.errors
