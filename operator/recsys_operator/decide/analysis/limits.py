"""How many looks of which sort are too many. A regression fails a metric; missing evidence holds, and is told."""

from datetime import datetime, timedelta

from recsys_operator.api.analysis import Analysis, Metric
from recsys_operator.api.analysis_status import MetricStatus
from recsys_operator.decide.analysis.finding import Finding
from recsys_operator.decide.conditions import clip
from recsys_operator.decide.times import instant, rfc3339

MESSAGE_CHARACTERS = 1024


def failure_limit(metric: Metric) -> int:
    """One bad look may be chance where there will be another one; a Job or a webhook has said what it thinks."""
    if metric.failure_limit is not None:
        return metric.failure_limit
    return 0 if metric.job or metric.webhook else 1


def count(metric: Metric, entry: MetricStatus, finding: Finding, at: datetime) -> MetricStatus:
    """The entry after one more look. Bad looks add up; those without evidence count in a row."""
    update: dict[str, object] = {
        "time": rfc3339(at),
        "message": clip(finding.message, MESSAGE_CHARACTERS),
        "threshold": finding.threshold,
        "samples": finding.samples,
    }
    if finding.value is not None:
        update |= {"value": finding.value, "stable": finding.stable}
    if finding.outcome in ("Good", "Bad"):
        update |= {"inconclusive": 0, "errors": 0, "lacking_since": None}
    else:
        update["lacking_since"] = entry.lacking_since or rfc3339(at)
    match finding.outcome:
        case "Good":
            update["phase"] = "Passed"
        case "Bad":
            failures = entry.failures + 1
            failed = finding.final or failures > failure_limit(metric)
            update |= {"failures": failures, "phase": "Failed" if failed else "Running"}
        case "Waiting":
            update |= {"inconclusive": 0, "errors": 0, "phase": "Running"}
        case "Inconclusive":
            inconclusive = entry.inconclusive + 1
            update |= {"inconclusive": inconclusive, "errors": 0}
            if inconclusive > metric.inconclusive_limit:
                update["phase"] = "Inconclusive"
            elif entry.phase == "Error":
                update["phase"] = "Running"
        case "Error":
            errors = entry.errors + 1
            update["errors"] = errors
            if errors > metric.consecutive_error_limit:
                update["phase"] = "Error"
    return entry.model_copy(update=update)


def deadline(analysis: Analysis, entry: MetricStatus) -> datetime | None:
    """When evidence has been missing for too long; None while none is missing, or where there is no deadline."""
    if analysis.deadline_seconds is None or entry.lacking_since is None or entry.phase == "Failed":
        return None
    return instant(entry.lacking_since) + timedelta(seconds=analysis.deadline_seconds)


def expire(analysis: Analysis, entry: MetricStatus, now: datetime) -> MetricStatus:
    """The entry, told as lacking once its deadline is over, whatever the limits still allow."""
    over = deadline(analysis, entry)
    if over is None or now < over or entry.phase in ("Inconclusive", "Error"):
        return entry
    return entry.model_copy(update={"phase": "Error" if entry.errors else "Inconclusive"})
