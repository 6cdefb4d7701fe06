"""The counters of a revision's pods, read from the pods: a canary is judged also where no Prometheus runs."""

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from yarl import URL

from recsys_operator.build.server_workload import CONTAINER, PORT
from recsys_operator.decide.analysis.facts import Arm, Histogram, PodReading, Reading
from recsys_operator.decide.times import instant
from recsys_operator.observe.measure.exposition import NotMetrics, Sample, samples
from recsys_operator.observe.measure.shadow import shadow_readings
from recsys_operator.observe.measure.web import NoAnswer, Web

Object = dict[str, Any]

SECONDS = 2.0
"""For one pod."""
ALL_SECONDS = 15.0
"""For all pods of a revision."""
PARALLEL = 16
LIMIT = 1024 * 1024
"""Bytes of one pod's metrics; a server of ours writes some 10,000."""

REQUESTS = "recsys_requests_total"
ERRORS = "recsys_request_errors_total"
LATENCY = "recsys_request_duration_seconds_bucket"
SCORES = "recsys_score_bucket"
EVALUATION = "recsys_evaluation_score_bucket"
EMPTY_ANSWERS = "recsys_empty_answers_total"
ITEMS_ASKED = "recsys_items_asked_total"
UNKNOWN_ITEMS = "recsys_unknown_items_total"


async def read_pods(
    web: Web, pods: Iterable[Object], arm: Arm, revision: str, clock: Callable[[], datetime]
) -> Reading:
    """Ask the ready ones of these pods (of one revision, as the API server lists them) all at once.

    A pod that cannot be read is a sentence in `missing`; nothing is raised.
    """
    ready = [pod for pod in pods if _ready(pod)]
    places = asyncio.Semaphore(PARALLEL)
    turns = asyncio.Lock()

    async def read(pod: Object) -> PodReading | str:
        async with places:
            return await _read(web, pod, turns)

    asked = [asyncio.create_task(read(pod)) for pod in ready]
    try:
        if asked:
            await asyncio.wait(asked, timeout=ALL_SECONDS)
        found = [
            task.result()
            if task.done()
            else f"pod {pod['metadata']['name']}: {ALL_SECONDS:g} s were over before its turn"
            for pod, task in zip(ready, asked, strict=True)
        ]
    finally:
        for task in asked:
            task.cancel()
    return Reading(
        arm=arm,
        revision=revision,
        at=clock(),
        pods=tuple(one for one in found if isinstance(one, PodReading)),
        missing=tuple(one for one in found if isinstance(one, str)),
    )


@dataclass(frozen=True, slots=True)
class _Server:
    """The server's container, as the API server knows it."""

    url: URL
    restarts: int
    started: datetime


async def _read(web: Web, pod: Object, turns: asyncio.Lock) -> PodReading | str:
    """Texts are parsed in turns, one each time the event loop comes round: nothing else waits for many of them."""
    name = pod["metadata"]["name"]
    server = _server(pod)
    if server is None:
        return f"pod {name}: it is ready, but has no address or no running container {CONTAINER}"
    try:
        page = await web.ask("GET", server.url, seconds=SECONDS, limit=LIMIT)
        if page.status != 200:
            return f"pod {name}: /metrics answers {page.status}"
        async with turns:
            found = list(samples(page.body.decode(), "recsys_"))
            return pod_reading(found, pod["metadata"]["uid"], server.restarts, server.started)
    except NoAnswer as error:
        return f"pod {name}: {error}"
    except (NotMetrics, UnicodeDecodeError) as error:
        return f"pod {name}: /metrics cannot be read: {error}"


def pod_reading(found: Sequence[Sample], uid: str, restarts: int, started: datetime) -> PodReading:
    """What the samples of one server say; raises NotMetrics when they are not those of a server of ours.

    A server that is older than the counter of empty answers has no `answers`: that it counted none would be untrue.
    """
    by_code = {one.labels.get("code", ""): _count(one) for one in found if one.name == REQUESTS}
    if not by_code:
        raise NotMetrics(f"there is no {REQUESTS}")
    empty = _total(found, EMPTY_ANSWERS)
    evaluation = [one for one in found if one.name == EVALUATION]
    return PodReading(
        uid=uid,
        restarts=restarts,
        started=started,
        requests=sum(count for code, count in by_code.items() if not code.startswith("4")),
        errors=_total(found, ERRORS) or 0,
        latency=_histogram(found, LATENCY),
        scores=_histogram(found, SCORES),
        answers=by_code.get("200", 0) if empty is not None else 0,
        empty_answers=empty or 0,
        items_asked=_total(found, ITEMS_ASKED) or 0,
        unknown_items=_total(found, UNKNOWN_ITEMS) or 0,
        evaluation=_histogram(evaluation, EVALUATION) if evaluation else None,
        shadows=shadow_readings(found),
    )


def _ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _server(pod: Object) -> _Server | None:
    status = pod.get("status", {})
    address = status.get("podIP")
    container: Object = next((one for one in status.get("containerStatuses") or () if one.get("name") == CONTAINER), {})
    started = ((container.get("state") or {}).get("running") or {}).get("startedAt")
    if not address or not started:
        return None
    url = URL.build(scheme="http", host=address, port=_port(pod), path="/metrics")
    return _Server(url, container.get("restartCount", 0), instant(started))


def _port(pod: Object) -> int:
    """The port named http: a revision that an operator of another version made may have another one."""
    containers = pod.get("spec", {}).get("containers") or ()
    ports = [port for one in containers if one.get("name") == CONTAINER for port in one.get("ports") or ()]
    return next((int(port["containerPort"]) for port in ports if port.get("name") == "http"), PORT)


def _total(found: Sequence[Sample], name: str) -> int | None:
    return next((_count(one) for one in found if one.name == name), None)


def _histogram(found: Sequence[Sample], name: str) -> Histogram:
    buckets = sorted((_bound(one), _count(one)) for one in found if one.name == name)
    bounds = tuple(bound for bound, _ in buckets)
    counts = tuple(count for _, count in buckets)
    if not bounds or bounds[-1] != math.inf or len(set(bounds)) < len(bounds):
        raise NotMetrics(f"the buckets of {name} do not end with +Inf or stand there twice")
    if list(counts) != sorted(counts):
        raise NotMetrics(f"the counts of {name} fall from one bucket to the next")
    return Histogram(bounds[:-1], counts)


def _bound(sample: Sample) -> float:
    try:
        bound = float(sample.labels.get("le", ""))
    except ValueError:
        bound = math.nan
    if math.isnan(bound):
        raise NotMetrics(f"a bucket of {sample.name} has no bound")
    return bound


def _count(sample: Sample) -> int:
    if not math.isfinite(sample.value) or sample.value < 0:
        raise NotMetrics(f"{sample.name} is {sample.value}, which is no count")
    return int(sample.value)
