"""One look at a built-in metric, by what the pods counted since its window began."""

from datetime import datetime

from recsys_operator.api.analysis import BuiltIn, Metric
from recsys_operator.api.analysis_status import MetricStatus
from recsys_operator.decide.analysis import counters, tested, values
from recsys_operator.decide.analysis.arm import QUANTILES, Arm, enough, measure
from recsys_operator.decide.analysis.counters import Sums
from recsys_operator.decide.analysis.finding import Finding, judge, threshold_of
from recsys_operator.decide.times import instant, rfc3339


def begin(metric: Metric, entry: MetricStatus, canary: Arm, stable: Arm) -> MetricStatus:
    """The entry with its window beginning now, and with what a test takes from stable's past."""
    memory = tested.begin(measure(metric), stable) if metric.test else None
    return begin_window(metric, entry, canary, stable).model_copy(update={"test": memory})


def begin_window(metric: Metric, entry: MetricStatus, canary: Arm, stable: Arm) -> MetricStatus:
    """The entry with its window beginning now; what a test has seen stays."""
    built_in = measure(metric)
    return entry.model_copy(
        update={
            "window_start": rfc3339(canary.reading.at),
            "canary_mark": canary.layout.part(canary.sums, built_in),
            "stable_mark": stable.layout.part(stable.sums, built_in),
        }
    )


def move(
    metric: Metric, entry: MetricStatus, canary: Arm, stable: Arm, canary_move: Sums, stable_move: Sums
) -> MetricStatus:
    """The entry with its marks moved along with sums that jumped for another reason than requests."""
    built_in = measure(metric)
    moves = (canary.layout.part(canary_move, built_in), stable.layout.part(stable_move, built_in))
    marks = (entry.canary_mark, entry.stable_mark)
    if any(len(mark) != len(by) for mark, by in zip(marks, moves, strict=True)):
        return begin_window(metric, entry, canary, stable)
    return entry.model_copy(
        update={"canary_mark": counters.add(marks[0], moves[0]), "stable_mark": counters.add(marks[1], moves[1])}
    )


def look(metric: Metric, entry: MetricStatus, canary: Arm, stable: Arm, at: datetime) -> tuple[MetricStatus, Finding]:
    """The entry, its window begun anew where it was long enough, and the finding."""
    if metric.test and entry.test:
        if unbounded := tested.unbounded(metric, entry.test, canary, stable):
            return entry, unbounded
        memory, finding = tested.look(metric, entry.test, entry.samples)
        return entry.model_copy(update={"test": memory}), finding
    built_in, needed = measure(metric), enough(metric)
    of_canary = canary.window(built_in, entry.canary_mark)
    of_stable = stable.window(built_in, entry.stable_mark)
    samples, compared = _samples(built_in, of_canary), _samples(built_in, of_stable)
    if samples < needed:
        return entry, _too_few(metric, "The canary", samples, samples)
    seconds = max(1e-3, (at - instant(entry.window_start or entry.time)).total_seconds())
    value = None if built_in == "ScoreShift" else _value(built_in, canary, of_canary, seconds)
    # What is beyond a bound of its own is bad, whatever stable will show.
    bad = value is not None and judge(metric, value, None, samples).outcome == "Bad"
    if _relative(metric) and compared < needed and not bad:
        return entry, _too_few(metric, "Stable", compared, samples)
    entry = begin_window(metric, entry, canary, stable)
    if value is None:
        return entry, _shifted(metric, canary, of_canary, stable, of_stable)
    beside = _value(built_in, stable, of_stable, seconds) if compared >= needed else None
    return entry, judge(metric, value, beside, samples)


def _too_few(metric: Metric, whose: str, found: int, samples: int) -> Finding:
    message = f"{whose} has shown {found} of the {enough(metric)} samples that a look needs."
    return Finding("Inconclusive", message, threshold=threshold_of(metric), samples=samples)


def _relative(metric: Metric) -> bool:
    shifted = metric.built_in == "ScoreShift" and metric.against != "Evaluation"
    return shifted or metric.relative_to_stable is not None


def _samples(built_in: BuiltIn, window: Sums) -> int:
    """Requests, answers, items or scores: the first of a pair counts all, buckets count one each."""
    return sum(window) if built_in in QUANTILES or built_in == "ScoreShift" else window[0]


def _value(built_in: BuiltIn, arm: Arm, window: Sums, seconds: float) -> float:
    if built_in in QUANTILES:
        return values.quantile(arm.layout.latency, window, QUANTILES[built_in])
    if built_in == "ThroughputPerPod":
        return window[0] / seconds / max(1, len(arm.reading.pods))
    share = window[1] / window[0] if window[0] else 0.0
    return 1.0 - share if built_in == "SuccessRate" else share


def _shifted(metric: Metric, canary: Arm, of_canary: Sums, stable: Arm, of_stable: Sums) -> Finding:
    samples = sum(of_canary)
    if metric.against != "Evaluation":
        index = values.shift(stable.layout.scores, of_stable, canary.layout.scores, of_canary)
        return judge(metric, index, None, samples)
    evaluation = next((pod.evaluation for pod in canary.reading.pods if pod.evaluation), None)
    if evaluation is None or len(evaluation.counts) != len(evaluation.bounds) + 1 or not evaluation.counts[-1]:
        message = "The canary's pods tell no scores of the version's own evaluation: compare with Stable instead."
        return Finding("Error", message, threshold=threshold_of(metric), samples=samples)
    index = values.shift(evaluation.bounds, counters.single(evaluation), canary.layout.scores, of_canary)
    return judge(metric, index, None, samples)
