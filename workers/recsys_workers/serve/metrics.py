"""Prometheus metrics of the server, each with the labels model and version."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from recsys_workers import scores
from recsys_workers.serve.recommender import Answer, Fallback
from recsys_workers.serve.shadow_metrics import ShadowMetrics

LATENCY_BUCKETS = tuple(
    milliseconds / 1000
    for milliseconds in (
        *(1, 1.5, 2, 3, 4, 5, 7.5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 400, 500, 750),
        *(1000, 1500, 2000, 3000, 5000, 10000),
    )
)


class Metrics:
    """The counters of one process. Label values are fixed at start but for `code`, an HTTP status."""

    def __init__(self, model: str, version: int, digest: str) -> None:
        self._registry = CollectorRegistry()
        self._labels = {"model": model, "version": str(version)}
        names = tuple(self._labels)
        self._requests = Counter(
            "recsys_requests", "Prediction requests by HTTP status.", (*names, "code"), registry=self._registry
        )
        self._errors = Counter(
            "recsys_request_errors", "Prediction requests answered with 5xx.", names, registry=self._registry
        ).labels(**self._labels)
        self._duration = Histogram(
            "recsys_request_duration_seconds",
            "From the request's headers to the last byte of the answer; requests refused with 4xx are left out.",
            names,
            registry=self._registry,
            buckets=LATENCY_BUCKETS,
        ).labels(**self._labels)
        self._score = Histogram(
            "recsys_score", "Scores of the first ten items of each answer of the model.", names,
            registry=self._registry, buckets=scores.BUCKETS,
        ).labels(**self._labels)  # fmt: skip
        self._evaluation_score = Gauge(
            "recsys_evaluation_score_bucket", "Such scores of the version's own evaluation, at most `le`.",
            (*names, "le"), registry=self._registry,
        )  # fmt: skip
        self._empty = Counter(
            "recsys_empty_answers", "Answers without an item.", names, registry=self._registry
        ).labels(**self._labels)
        self._fallback = Counter(
            "recsys_fallback", "Requests answered with popular items.", names, registry=self._registry
        ).labels(**self._labels)
        self._unknown = Counter(
            "recsys_unknown_items", "Item ids in answered requests that the model does not know.", names,
            registry=self._registry,
        ).labels(**self._labels)  # fmt: skip
        self._asked = Counter(
            "recsys_items_asked", "Item ids in answered requests, known or not.", names, registry=self._registry
        ).labels(**self._labels)
        self.pending = Gauge(
            "recsys_pending_requests", "Requests that wait for the model or are computed.", names,
            registry=self._registry,
        ).labels(**self._labels)  # fmt: skip
        self.catalogue_titles = Gauge(
            "recsys_catalogue_titles", "Item titles loaded; 0 when the catalogue is missing or broken.", names,
            registry=self._registry,
        ).labels(**self._labels)  # fmt: skip
        build_info = Gauge("recsys_build_info", "Always 1.", (*names, "digest"), registry=self._registry)
        build_info.labels(**self._labels, digest=digest).set(1)
        self.shadow = ShadowMetrics(self._registry, self._labels)
        # A counter that is not there until its first event has no rate for that event.
        self._requests.labels(**self._labels, code="200")

    def request(self, status: int, seconds: float) -> None:
        """One finished prediction request."""
        self._requests.labels(**self._labels, code=str(status)).inc()
        if status >= 500:
            self._errors.inc()
        if status < 400 or status >= 500:
            self._duration.observe(seconds)

    def answer(self, answer: Answer) -> None:
        """What one answer contained. Popularity counts are no scores of the model, so a fallback records none."""
        if answer.fallback is Fallback.POPULAR:
            self._fallback.inc()
        else:
            for score in answer.scores[: scores.FIRST]:
                self._score.observe(score)
        if not answer.scores:
            self._empty.inc()
        self._asked.inc(answer.asked)
        self._unknown.inc(answer.unknown)

    def evaluation(self, counts: Mapping[str, int]) -> None:
        """How the scores were spread when the version was evaluated, see `scores.cumulative`."""
        for bound, count in counts.items():
            self._evaluation_score.labels(**self._labels, le=bound).set(count)

    def exposition(self) -> bytes:
        """The text format for Prometheus."""
        return generate_latest(self._registry)
