"""Which metrics are in force, and when each of them is to be looked at."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from recsys_operator.api.analysis import Analysis, BackgroundAnalysis, Metric, StepAnalysis
from recsys_operator.api.analysis_status import MetricStatus
from recsys_operator.api.rollout import CanaryStatus, Revision
from recsys_operator.decide.analysis.facts import Arm, Plan, Question
from recsys_operator.decide.times import instant, rfc3339

TOGETHER = timedelta(seconds=0.5)
"""Looks that are due so close to each other are one."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A metric in force; `step` is the index of its step, None in the background."""

    metric: Metric
    analysis: Analysis
    step: int | None
    since: datetime

    def find(self, entries: Iterable[MetricStatus]) -> MetricStatus | None:
        """Its entry in the status, if that is about the same measure."""
        wanted = (self.metric.name, self.step, definition(self.metric))
        return next((one for one in entries if (one.name, one.step, one.definition) == wanted), None)

    def entry(self, at: datetime) -> MetricStatus:
        """An entry for it, before its first look."""
        return MetricStatus(
            name=self.metric.name,
            step=self.step,
            definition=definition(self.metric),
            start_time=rfc3339(self.since),
            lacking_since=rfc3339(self.since),
            time=rfc3339(at),
        )


def definition(metric: Metric) -> str:
    """Hash of what a metric measures. Its limits and bounds may be edited under way."""
    said = metric.wire()
    kept = {name: said.get(name) for name in ("builtIn", "against", "test", "prometheus", "job", "webhook")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:8]


def watches(
    canary: CanaryStatus, background: BackgroundAnalysis | None, step: StepAnalysis | None, *, all_steps_done: bool
) -> tuple[Watch, ...]:
    """What is in force for a canary at its present weight and step.

    With all the weight nothing is left to compare it with: only a webhook's Post is asked then.
    """
    step_start = instant(canary.step_start_time or canary.start_time)
    found = []
    for metric in (one.anywhere() for one in (background.metrics if background else ())):
        since = _background_since(canary, metric, step_start, all_steps_done)
        if background and since:
            found.append(Watch(metric, background, None, since))
    if step and canary.weight < 100:
        found += [Watch(metric.anywhere(), step, canary.step, step_start) for metric in step.metrics]
    return tuple(found)


def _background_since(
    canary: CanaryStatus, metric: Metric, step_start: datetime, all_steps_done: bool
) -> datetime | None:
    first = instant(canary.first_weight_time) if canary.first_weight_time else None
    match metric.webhook.when if metric.webhook else None:
        case None:
            return first if canary.weight < 100 else None
        case "Pre":
            return instant(canary.start_time) if first is None else None
        case "Confirm":
            return step_start if all_steps_done and first and canary.weight < 100 else None
        case _:
            return step_start if canary.weight == 100 else None


def due(watch: Watch, entry: MetricStatus | None) -> datetime | None:
    """When the metric is to be looked at next; None when it has its final answer."""
    metric = watch.metric
    if entry is None:
        # What Prometheus is asked about an interval must be about this canary.
        return watch.since + timedelta(seconds=metric.interval_seconds if metric.prometheus else 0)
    if entry.phase == "Failed" or (entry.phase == "Passed" and (metric.job or metric.webhook)):
        return None
    return instant(entry.time) + timedelta(seconds=metric.interval_seconds)


def plan(canary: CanaryStatus, stable: Revision, in_force: Iterable[Watch], now: datetime) -> Plan | None:
    """The next look at everything that is in force; None while nothing is to be measured."""
    moments = [(watch, moment) for watch in in_force if (moment := due(watch, watch.find(canary.analysis)))]
    if not moments:
        return None
    at = min(moment for _, moment in moments)
    now_due = [watch for watch, moment in moments if moment <= max(at, now) + TOGETHER]
    arms: tuple[tuple[Arm, str], ...] = (("Canary", canary.revision), ("Stable", stable.revision))
    return Plan(
        at=at,
        read=arms if any(watch.metric.built_in for watch in now_due) else (),
        questions=tuple(
            question for watch in now_due if not watch.metric.built_in for question in _questions(canary, stable, watch)
        ),
    )


def open_jobs(canary: CanaryStatus, stable: Revision, in_force: Iterable[Watch]) -> tuple[Question, ...]:
    """The questions for Jobs that have no final answer yet."""
    waiting = [watch for watch in in_force if watch.metric.job and due(watch, watch.find(canary.analysis))]
    return tuple(question for watch in waiting for question in _questions(canary, stable, watch))


def _questions(canary: CanaryStatus, stable: Revision, watch: Watch) -> Iterable[Question]:
    entry = watch.find(canary.analysis)
    where = "background" if watch.step is None else f"step {watch.step}"
    arms: list[tuple[Arm, Revision, int]] = [("Canary", canary, canary.weight)]
    if watch.metric.relative_to_stable:
        arms.append(("Stable", stable, 100 - canary.weight))
    for arm, revision, weight in arms:
        yield Question(
            metric=watch.metric,
            arm=arm,
            revision=revision.revision,
            version=revision.version,
            digest=revision.digest,
            weight=weight,
            stable_version=stable.version,
            interval_seconds=watch.metric.interval_seconds,
            step=watch.step,
            occasion=f"{canary.start_time} {where} {entry.failures if entry else 0}",
        )
