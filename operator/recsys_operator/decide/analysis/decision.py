"""From evidence to the status of an analysis: what each metric's looks have come to.

Everything is judged by the time of its reading: the same evidence, handed in again after a crash or a failed write,
changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from recsys_operator.api.analysis_status import ArmCounters, Counters, MetricStatus
from recsys_operator.api.rollout import CanaryStatus, Revision
from recsys_operator.decide.analysis import answers, built_in, counters, limits, tested
from recsys_operator.decide.analysis.arm import Arm
from recsys_operator.decide.analysis.counters import Sums
from recsys_operator.decide.analysis.facts import Evidence, Reading
from recsys_operator.decide.analysis.finding import Finding
from recsys_operator.decide.analysis.watch import TOGETHER, Watch
from recsys_operator.decide.times import instant, rfc3339

MOST = 20
"""Entries in a status: ten metrics in the background and ten of a step, or what is left of earlier ones."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """Counters of both arms that were not judged yet, and how marks must move for them; None: they begin anew."""

    canary: Arm
    stable: Arm
    moves: tuple[Sums, Sums] | None

    @property
    def at(self) -> datetime:
        """When they were read."""
        return self.canary.reading.at


def take(
    canary: CanaryStatus, stable: Revision, in_force: Iterable[Watch], evidence: Evidence, now: datetime
) -> CanaryStatus:
    """The canary with its analysis brought up to what was measured.

    Results of metrics that are no longer in force stay as they were, until a step with an analysis of its own begins
    and as long as there is room.
    """
    watches = tuple(in_force)
    fresh = _fresh(canary, stable, evidence)
    entries = {one.name: one for one in canary.analysis if _stays(one, watches)}
    for watch in watches:
        before = watch.find(canary.analysis)
        if watch.metric.built_in:
            after = _built_in(watch, before, canary, stable, evidence, fresh)
        else:
            after = _asked(watch, before, canary, stable, evidence)
        if after is not None:
            entries[watch.metric.name] = limits.expire(watch.analysis, after, now)
    in_force_now = {watch.metric.name for watch in watches}
    ordered = sorted(entries.values(), key=lambda one: one.name not in in_force_now)
    update: dict[str, object] = {"analysis": tuple(ordered[:MOST])}
    if fresh:
        update["counters"] = Counters(
            canary=counters.remember(fresh.canary.reading), stable=counters.remember(fresh.stable.reading)
        )
    return canary.model_copy(update=update)


def _stays(entry: MetricStatus, watches: tuple[Watch, ...]) -> bool:
    """Whether an entry says something still: results of an earlier step make room for those of the present one."""
    steps = {watch.step for watch in watches} - {None}
    if entry.step is not None and steps and entry.step not in steps:
        return False
    # An entry of a metric that was edited to measure something else says nothing about it.
    return all(watch.metric.name != entry.name or watch.find((entry,)) for watch in watches)


def _fresh(canary: CanaryStatus, stable: Revision, evidence: Evidence) -> Fresh | None:
    known = canary.counters or Counters()
    of_canary = _unjudged(evidence.reading("Canary", canary.revision), known.canary, canary)
    of_stable = _unjudged(evidence.reading("Stable", stable.revision), known.stable, canary)
    if of_canary is None or of_stable is None:
        return None
    earlier = (evidence.earlier("Canary", canary.revision), evidence.earlier("Stable", stable.revision))
    grown = [
        counters.increment(one, before, reading) if one else None
        for one, before, reading in zip((known.canary, known.stable), earlier, (of_canary, of_stable), strict=True)
    ]
    arms = [_arm(reading, more) for reading, more in zip((of_canary, of_stable), grown, strict=True)]
    moves = [
        counters.shift(one, reading, more)
        for one, reading, more in zip((known.canary, known.stable), (of_canary, of_stable), grown, strict=True)
        if one is not None and more is not None
    ]
    return Fresh(arms[0], arms[1], (moves[0], moves[1]) if len(moves) == 2 else None)


def _unjudged(reading: Reading | None, known: ArmCounters | None, canary: CanaryStatus) -> Reading | None:
    if reading is None or not reading.pods or reading.at < instant(canary.start_time):
        return None
    return reading if counters.newer(known, reading) else None


def _arm(reading: Reading, grown: Sums | None) -> Arm:
    sums = counters.total(reading)
    return Arm(reading, counters.layout_of(reading.pods[0]), sums, grown or tuple(0 for _ in sums))


def _built_in(
    watch: Watch,
    entry: MetricStatus | None,
    canary: CanaryStatus,
    stable: Revision,
    evidence: Evidence,
    fresh: Fresh | None,
) -> MetricStatus | None:
    metric = watch.metric
    if fresh is None:
        return _unread(watch, entry, canary, stable, evidence)
    if fresh.at < watch.since:
        return entry
    if entry is None or entry.window_start is None:
        begun = built_in.begin(metric, entry or watch.entry(fresh.at), fresh.canary, fresh.stable)
        message = f"It is measured from now on; the first look comes in {metric.interval_seconds} s."
        return begun.model_copy(update={"time": rfc3339(fresh.at), "message": message})
    if fresh.moves is None:
        entry = built_in.begin_window(metric, entry, fresh.canary, fresh.stable)
    else:
        entry = built_in.move(metric, entry, fresh.canary, fresh.stable, *fresh.moves)
    entry = tested.gather(metric, entry, fresh.canary, fresh.stable)
    if not _due(watch, entry, fresh.at):
        return entry
    entry, finding = built_in.look(metric, entry, fresh.canary, fresh.stable, fresh.at)
    if finding.outcome == "Good" and fresh.canary.reading.missing:
        finding = Finding("Error", _not_read("canary", fresh.canary.reading), samples=finding.samples)
    return limits.count(metric, entry, finding, fresh.at)


def _unread(
    watch: Watch, entry: MetricStatus | None, canary: CanaryStatus, stable: Revision, evidence: Evidence
) -> MetricStatus | None:
    """The entry where an arm was to be read and none of its pods could be."""
    readings = [evidence.reading("Canary", canary.revision), evidence.reading("Stable", stable.revision)]
    empty = next((one for one in readings if one is not None and not one.pods), None)
    if empty is None or empty.at < watch.since or (entry and not _due(watch, entry, empty.at)):
        return entry
    finding = Finding("Error", _not_read("canary" if empty.arm == "Canary" else "stable version", empty))
    return limits.count(watch.metric, entry or watch.entry(empty.at), finding, empty.at)


def _asked(
    watch: Watch, entry: MetricStatus | None, canary: CanaryStatus, stable: Revision, evidence: Evidence
) -> MetricStatus | None:
    found = evidence.measurement(watch.metric.name, "Canary", canary.revision)
    if found is None or found.at < watch.since or (entry and not _due(watch, entry, found.at)):
        return entry
    if any(one.name == watch.metric.name and instant(one.time) >= found.at for one in canary.analysis):
        return entry  # It was judged already, maybe as an answer to what the metric asked before an edit.
    if entry and entry.phase == "Passed" and (watch.metric.job or watch.metric.webhook):
        return entry
    beside = evidence.measurement(watch.metric.name, "Stable", stable.revision)
    relative = watch.metric.relative_to_stable is not None
    finding = answers.weigh(watch.metric, found.answer, beside.answer if beside and relative else None)
    return limits.count(watch.metric, entry or watch.entry(found.at), finding, found.at)


def _due(watch: Watch, entry: MetricStatus, at: datetime) -> bool:
    interval = timedelta(seconds=watch.metric.interval_seconds)
    return entry.phase != "Failed" and at >= instant(entry.time) + interval - TOGETHER


def _not_read(whose: str, reading: Reading) -> str:
    told = "; ".join(reading.missing[:3]) or "there is none that is ready"
    more = f"; and {len(reading.missing) - 3} more" if len(reading.missing) > 3 else ""
    return f"Pods of the {whose} could not be read: {told}{more}."
