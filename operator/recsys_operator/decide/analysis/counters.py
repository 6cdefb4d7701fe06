"""The counters of a revision's pods as one list of sums that goes on over pods that come, go and start anew.

What metrics compare are differences of these sums: the sums now, less a mark, the sums as they were when the metric's
window began. Where a sum jumps for another reason than requests (a pod is gone with its counters, one that had served
before is seen for the first time), the marks jump along, so no difference ever counts a request twice or below zero.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from recsys_operator.api.analysis import BuiltIn
from recsys_operator.api.analysis_status import ArmCounters
from recsys_operator.decide.analysis.facts import Evidence, Histogram, PodReading, Reading
from recsys_operator.decide.times import instant, rfc3339

Sums = tuple[int, ...]

HEAD = 6
"""Requests, errors, answers, empty answers, items asked, unknown items; the buckets come after them."""

MOST_BOUNDS = 60
"""Of one histogram: a status holds two, and is bounded."""

MOST_GONE = 256
"""How many pods that are gone are remembered with their counters, the newest ones."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where what is in the sums: the bounds of the two histograms that follow the head."""

    latency: tuple[float, ...]
    scores: tuple[float, ...]

    def part(self, sums: Sums, built_in: BuiltIn) -> Sums:
        """The sums that a metric is computed of."""
        latency_end = HEAD + len(self.latency) + 1
        match built_in:
            case "SuccessRate":
                return sums[0:2]
            case "ThroughputPerPod":
                return sums[0:1]
            case "EmptyAnswers":
                return sums[2:4]
            case "UnknownItems":
                return sums[4:6]
            case "ScoreShift":
                return sums[latency_end:]
            case _:
                return sums[HEAD:latency_end]


def layout(reading: Reading) -> Layout | None:
    """The layout of a reading; all pods of a revision run one image, so the first one speaks for all."""
    return layout_of(reading.pods[0]) if reading.pods else None


def layout_of(pod: PodReading) -> Layout:
    """The layout of one pod's counters."""
    return Layout(pod.latency.bounds, pod.scores.bounds)


def total(reading: Reading) -> Sums:
    """The sums over all pods, those that are gone included."""
    return add(*(_sums(pod) for pod in (*reading.pods, *reading.gone)))


def add(*sums: Sums) -> Sums:
    """Sum by place."""
    return tuple(sum(column) for column in zip(*sums, strict=True))


def subtract(left: Sums, right: Sums) -> Sums:
    """Difference by place."""
    return tuple(a - b for a, b in zip(left, right, strict=True))


def carry(before: Reading | None, now: Reading) -> Reading:
    """The reading with what was counted by pods that were read before and are not now.

    Pods with other buckets than the first are left out, and those with none or with too many. A reading of no pod
    stays as it is: it is no evidence.
    """
    now = replace(now, pods=tuple(pod for pod in now.pods if _whole(pod)), gone=())
    shape = layout(now)
    pods = tuple(pod for pod in now.pods if layout_of(pod) == shape)
    now = replace(now, pods=pods)
    if before is None or before.revision != now.revision or layout(before) != shape:
        return now
    present = {_server(pod) for pod in pods}
    gone = [pod for pod in (*before.gone, *before.pods) if _server(pod) not in present]
    return replace(now, pods=pods, gone=tuple(gone[-MOST_GONE:]))


def follow(found: Evidence, last: Evidence) -> Evidence:
    """The evidence of a look, with what the look before knew: earlier counters, and what was not asked now."""
    asked = {(one.metric, one.arm) for one in found.measurements}
    kept = tuple(one for one in last.measurements if (one.metric, one.arm) not in asked)
    measurements = (*found.measurements, *kept)
    if not found.readings:
        return Evidence(last.readings, measurements, last.before)
    before = tuple(one for one in (_known(last, reading) for reading in found.readings) if one)
    readings = tuple(carry(_known(last, reading), reading) for reading in found.readings)
    return Evidence(readings, measurements, before)


def _known(last: Evidence, reading: Reading) -> Reading | None:
    """The last reading of the same arm and revision that had any pod."""
    known = (last.reading(reading.arm, reading.revision), last.earlier(reading.arm, reading.revision))
    return next((one for one in known if one and one.pods), None)


def remember(reading: Reading) -> ArmCounters:
    """A reading as the status keeps it."""
    return ArmCounters(
        revision=reading.revision,
        time=rfc3339(reading.at),
        servers=_hash(_server(pod) for pod in (*reading.pods, *reading.gone)),
        counts=total(reading),
    )


def increment(known: ArmCounters, before: Reading | None, now: Reading) -> Sums | None:
    """What was counted since the reading that `known` remembers; None when the counters cannot be compared at all.

    `before` is that very reading, if this process took it. Without it (the operator was restarted), the sums are
    compared if they are of the same pods; else what happened in between is unknown, and counts as nothing.
    """
    sums = total(now)
    if known.revision != now.revision or len(known.counts) != len(sums):
        return None
    if before is not None and rfc3339(before.at) == known.time:
        return _grown(before, now)
    grown = subtract(sums, known.counts)
    same = remember(now).servers == known.servers and all(number >= 0 for number in grown)
    return grown if same else tuple(0 for _ in sums)


def shift(known: ArmCounters, now: Reading, grown: Sums) -> Sums:
    """By how much marks must move, so that (sums now - mark) has grown by `grown` and by nothing else."""
    return subtract(subtract(total(now), known.counts), grown)


def newer(known: ArmCounters | None, reading: Reading) -> bool:
    """Whether a reading was taken after the one that is remembered."""
    return known is None or known.revision != reading.revision or reading.at > instant(known.time)


def _grown(before: Reading, now: Reading) -> Sums:
    earlier = {_server(pod): pod for pod in (*before.pods, *before.gone)}
    nothing = tuple(0 for _ in total(now))
    grown = nothing
    for pod in (*now.pods, *now.gone):
        sums, known = _sums(pod), earlier.get(_server(pod))
        if known is None:
            # A server that started since then has counted nothing else; one that is older has a past of its own.
            more = sums if pod.started > before.at else nothing
        else:
            more = subtract(sums, _sums(known))
            more = sums if min(more) < 0 else more
        grown = add(grown, more)
    return grown


def _sums(pod: PodReading) -> Sums:
    head = (pod.requests, pod.errors, pod.answers, pod.empty_answers, pod.items_asked, pod.unknown_items)
    return (*head, *single(pod.latency), *single(pod.scores))


def _whole(pod: PodReading) -> bool:
    return all(
        1 <= len(one.bounds) <= MOST_BOUNDS and len(one.counts) == len(one.bounds) + 1
        for one in (pod.latency, pod.scores)
    )


def single(histogram: Histogram) -> Sums:
    """Observations in each bucket alone."""
    return tuple(b - a for a, b in pairwise((0, *histogram.counts)))


def _server(pod: PodReading) -> str:
    return f"{pod.uid}/{pod.restarts}"


def _hash(servers: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(servers)).encode()).hexdigest()[:16]
