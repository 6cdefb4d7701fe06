"""What the answers of Prometheus, a Job or a webhook say about a metric."""

from math import isfinite

from recsys_operator.api.analysis import Metric
from recsys_operator.decide.analysis.facts import Answer
from recsys_operator.decide.analysis.finding import Finding, judge, threshold_of

UNMEASURED = {
    "Empty": "Inconclusive",
    "NotANumber": "Inconclusive",
    "SeveralSeries": "Error",
    "Unavailable": "Error",
    "Refused": "Error",
}
SAID = {
    "Empty": "the query finds nothing",
    "NotANumber": "the value is not a number",
    "SeveralSeries": "the query finds several series: aggregate them, with sum() or max() for example",
    "Unavailable": "nobody answers",
    "Refused": "the question is refused",
}


def weigh(metric: Metric, canary: Answer, stable: Answer | None) -> Finding:
    """The finding by the canary's answer, and by stable's where the metric is relative to it."""
    if metric.job or metric.webhook:
        return _verdict(metric, canary)
    if not _measured(canary):
        return _unmeasured(metric, "the canary", canary)
    known = stable.value if stable and _measured(stable) else None
    finding = judge(metric, canary.value or 0.0, known, 0)
    if finding.outcome != "Bad" and stable and known is None:
        return _unmeasured(metric, "stable", stable)
    return finding


def _measured(answer: Answer) -> bool:
    return answer.kind == "Value" and answer.value is not None and isfinite(answer.value)


def _unmeasured(metric: Metric, whose: str, answer: Answer) -> Finding:
    kind = answer.kind if answer.kind in UNMEASURED else "NotANumber"
    detail = f": {answer.message.rstrip('.')}" if answer.message else ""
    message = f"Of {whose}, {SAID[kind]}{detail}."
    return Finding("Error" if UNMEASURED[kind] == "Error" else "Inconclusive", message, threshold=threshold_of(metric))


def _verdict(metric: Metric, answer: Answer) -> Finding:
    who = "The Job" if metric.job else "The webhook"
    detail = f": {answer.message.rstrip('.')}" if answer.message else ""
    confirms = metric.webhook is not None and metric.webhook.when == "Confirm"
    match answer.kind:
        case "Passed":
            return Finding("Good", f"{who} says yes{detail}.")
        case "Failed" if confirms:
            return Finding("Waiting", f"{who} has not confirmed yet{detail}.")
        case "Failed":
            return Finding("Bad", f"{who} says no{detail}.")
        case "Pending":
            return Finding("Waiting", f"{who} has not decided yet{detail}.")
        case _:
            return Finding("Error", f"{who} gives no answer{detail}.")
