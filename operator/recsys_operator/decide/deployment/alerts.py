"""What an alert does: roll a canary back, revert the stable version, freeze the weight, or nothing.

- An alert with a version acts on that version, if it is the canary or stable, and on nothing else.
- One without acts on the canary if it began after the canary's first weight; else it only freezes the weight.
- `critical` takes the version back and blocks it; `warning` freezes the weight until resolved, or for freezeSeconds.
- Critical on stable goes back to an earlier version; where there is none it is recorded and stable goes on serving.
- A fingerprint and startsAt act once, also after an unblock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from recsys_operator.api.rollout import Abort, AlertRecord, CanaryStatus, DeploymentStatus
from recsys_operator.api.strategy import Rollback
from recsys_operator.decide.conditions import clip
from recsys_operator.decide.deployment import blocks
from recsys_operator.decide.deployment.facts import Observed, State
from recsys_operator.decide.deployment.fallback import fallback
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.times import instant, rfc3339

MOST = 50

Action = Literal["RolledBack", "Reverted", "Frozen", "Degraded"]
Subject = Literal["Canary", "Stable", "Weight", "Nothing"]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of an Alertmanager webhook that names this Deployment. `starts_at` is written as the API writes it."""

    fingerprint: str
    starts_at: str
    name: str
    severity: str
    version: int | None
    resolved: bool
    message: str = ""

    @property
    def sentence(self) -> str:
        """The alert as a sentence, for conditions and events."""
        said = self.message or "no summary was given"
        return clip(f"{self.severity} alert {self.name}: {said}", 1024)


def heed(observed: Observed, state: State, alert: Alert, now: datetime) -> tuple[State, str]:
    """The state after one alert, and what became of the alert."""
    status = state.status
    record = _find(status.alerts, alert)
    if alert.resolved:
        if record is None or record.state == "Resolved":
            return state, "Ignored"
        return state.change(alerts=_replaced(status.alerts, record)), "Resolved"
    if record:
        return state, "Duplicate"
    if alert.severity not in ("critical", "warning"):
        return state, "Ignored"
    subject = _subject(status, alert)
    if subject == "Nothing":
        return state, "Ignored"
    action: Action = "Frozen"
    if alert.severity == "critical" and status.canary and subject == "Canary":
        state, action = _against_canary(observed, state, status.canary, alert, now)
    elif alert.severity == "critical" and subject == "Stable":
        state, action = _against_stable(observed, state, alert, now)
    else:
        state = _frozen(observed, state, alert, now)
    return state.change(alerts=_recorded(status, alert, action, now)), action


def freeze(status: DeploymentStatus, freeze_seconds: int, now: datetime) -> tuple[AlertRecord, datetime] | None:
    """The alert that holds the weight longest, and until when; None when nothing does.

    An alert about a version holds only while that version is stable or the canary.
    """
    present = {None, *(entry.version for entry in (status.stable, status.canary) if entry)}
    holding = [
        (record, instant(record.time) + timedelta(seconds=freeze_seconds))
        for record in status.alerts
        if record.action == "Frozen" and record.state == "Firing" and record.version in present
    ]
    holding = [(record, until) for record, until in holding if until > now]
    return max(holding, key=lambda pair: pair[1], default=None)


def degraded(status: DeploymentStatus) -> AlertRecord | None:
    """The critical alert on what serves now that nothing could be done about."""
    serving = status.stable or status.canary
    return next(
        (
            record
            for record in reversed(status.alerts)
            if record.action == "Degraded"
            and record.state == "Firing"
            and serving is not None
            and record.version == serving.version
        ),
        None,
    )


def _subject(status: DeploymentStatus, alert: Alert) -> Subject:
    """What an alert is about. Where stable and canary are the same version, the time of the first weight decides."""
    canary, stable = status.canary, status.stable
    first = instant(canary.first_weight_time) if canary and canary.first_weight_time else None
    after_first_weight = first is not None and instant(alert.starts_at) > first
    if alert.version is None:
        if after_first_weight:
            return "Canary"
        return "Weight"
    on_canary = canary is not None and canary.version == alert.version
    on_stable = stable is not None and stable.version == alert.version
    if on_canary and (not on_stable or after_first_weight):
        return "Canary"
    return "Stable" if on_stable else "Nothing"


def _against_canary(
    observed: Observed, state: State, canary: CanaryStatus, alert: Alert, now: datetime
) -> tuple[State, Action]:
    status = state.status
    if status.stable is None:
        return _degraded(state, alert), "Degraded"
    message = alert.sentence
    block = blocks.of_revision(status.blocked, canary)
    if canary.abort and block and (block.revision is None or block.cause == "Alert"):
        return state, "RolledBack"
    abort = Abort(verdict="RolledBack", cause="Alert", message=message, time=rfc3339(now))
    if canary.abort:
        abort = abort.model_copy(update={"time": canary.abort.time})
    return (
        state.change(
            Notice("Warning", "RolledBack", f"Version {canary.version} is taken back: {message}", "RollBack"),
            Notice("Warning", "VersionBlocked", f"Version {canary.version} is not tried again: {message}", "Block"),
            canary=canary.model_copy(update={"weight": 0, "abort": abort}),
            blocked=blocks.add(status, canary, spares=status.stable, cause="Alert", message=message, now=now),
        ),
        "RolledBack",
    )


def _against_stable(observed: Observed, state: State, alert: Alert, now: datetime) -> tuple[State, Action]:
    status = state.status
    stable = status.stable
    back_to = fallback(observed, status)
    if stable is None or back_to is None:
        return _degraded(state, alert), "Degraded"
    if blocks.of_revision(status.blocked, stable):
        return state, "Reverted"
    message = alert.sentence
    return (
        state.change(
            Notice("Warning", "VersionBlocked", f"Version {stable.version} is not tried again: {message}", "Block"),
            blocked=blocks.add(status, stable, spares=back_to, cause="Alert", message=message, now=now),
        ),
        "Reverted",
    )


def _frozen(observed: Observed, state: State, alert: Alert, now: datetime) -> State:
    """The first alert that holds the weight is told; a hundred more say nothing new."""
    if freeze(state.status, (observed.spec.rollback or Rollback()).freeze_seconds, now):
        return state
    return state.change(Notice("Warning", "Frozen", f"The weight is held: {alert.sentence}", "Freeze"))


def _degraded(state: State, alert: Alert) -> State:
    if degraded(state.status):
        return state
    message = f"There is no earlier version to go back to, so it goes on: {alert.sentence}"
    return state.change(Notice("Warning", "Degraded", message, "Hold"))


def _find(records: Iterable[AlertRecord], alert: Alert) -> AlertRecord | None:
    return next(
        (
            record
            for record in records
            if record.fingerprint == alert.fingerprint and instant(record.starts_at) == instant(alert.starts_at)
        ),
        None,
    )


def _replaced(records: tuple[AlertRecord, ...], resolved: AlertRecord) -> tuple[AlertRecord, ...]:
    return tuple(
        record.model_copy(update={"state": "Resolved"}) if record is resolved else record for record in records
    )


def _recorded(status: DeploymentStatus, alert: Alert, action: Action, now: datetime) -> tuple[AlertRecord, ...]:
    """The records with one more.

    When there are too many, resolved ones go first, then freezes, then the oldest: a flood of warnings must not make
    an alert that rolled back act twice.
    """
    subjects = {"Canary": status.canary, "Stable": status.stable}
    subject = subjects.get(_subject(status, alert))
    record = AlertRecord(
        fingerprint=alert.fingerprint,
        starts_at=alert.starts_at,
        name=alert.name,
        severity=alert.severity,
        version=subject.version if subject else None,
        action=action,
        state="Firing",
        message=clip(alert.message, 1024),
        time=rfc3339(now),
    )
    records = [*status.alerts, record]
    while len(records) > MOST:
        resolved = [old for old in records if old.state == "Resolved"]
        freezes = [old for old in records if old.action == "Frozen"]
        records.remove((resolved or freezes or records)[0])
    return tuple(records)
