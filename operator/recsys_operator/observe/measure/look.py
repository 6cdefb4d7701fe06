"""One look at a canary and at stable: all that a plan asks for, at the same time, each part bounded on its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from recsys_operator.api.analysis import SecretKey
from recsys_operator.api.kinds import JOBS, PODS
from recsys_operator.build import labels, names
from recsys_operator.build.labels import Owner
from recsys_operator.decide.analysis.facts import Answer, Arm, Evidence, Measurement, Plan, Question, Reading
from recsys_operator.fence import Fence
from recsys_operator.observe.measure import job, prometheus, webhook
from recsys_operator.observe.measure.networks import Network
from recsys_operator.observe.measure.pods import read_pods
from recsys_operator.observe.measure.prometheus import UnknownVariable, filled
from recsys_operator.observe.measure.web import Web
from recsys_operator.observe.reader import Reader
from recsys_operator.observe.secret import NoSecret, bearer_token

Part = TypeVar("Part")

logger = logging.getLogger(__name__)

SECONDS = 25.0
"""For each part of a look; longer than what the part itself gives those whom it asks."""
JOB_NAME = "batch.kubernetes.io/job-name"
"""The label that the Job controller gives a Job's pods."""


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Measurer:
    """Takes looks. Close it when done."""

    def __init__(
        self,
        client: Reader,
        prometheus_address: str,
        forbidden: Sequence[Network],
        clock: Callable[[], datetime] = now,
        fence: Fence | None = None,
    ) -> None:
        """`prometheus_address` is asked where a metric names none; other addresses lead into no `forbidden` network.

        Those are asked while the `fence` is open only: an answer of theirs may be an act, as that of a gate is.
        """
        self._client = client
        self._prometheus = prometheus_address
        self._clock = clock
        self._cluster = Web()
        self._anywhere = Web(forbidden, fence)

    async def close(self) -> None:
        """Close all connections."""
        await self._cluster.close()
        await self._anywhere.close()

    async def measure(self, owner: Owner, model: str, plan: Plan) -> Evidence:
        """One reading for each arm and one measurement for each question. Nothing is raised but a cancellation."""
        readings = [self._reading(owner, arm, revision) for arm, revision in plan.read]
        measurements = [self._measurement(owner, model, question) for question in plan.questions]
        async with asyncio.TaskGroup() as together:
            reading = [together.create_task(one) for one in readings]
            measuring = [together.create_task(one) for one in measurements]
        return Evidence(tuple(one.result() for one in reading), tuple(one.result() for one in measuring))

    async def _reading(self, owner: Owner, arm: Arm, revision: str) -> Reading:
        async def read() -> Reading:
            marks = {labels.DEPLOYMENT: owner.name, labels.REVISION: revision}
            pods = await self._client.list(PODS, owner.namespace, marks)
            return await read_pods(self._cluster, pods, arm, revision, self._clock)

        found = await _bounded(read())
        if isinstance(found, str):
            return Reading(arm, revision, self._clock(), (), (f"the pods of revision {revision}: {found}",))
        return found

    async def _measurement(self, owner: Owner, model: str, question: Question) -> Measurement:
        found = await _bounded(self._answer(owner, model, question))
        answer = Answer("Unavailable", message=found) if isinstance(found, str) else found
        return Measurement(question.metric.name, question.arm, question.revision, self._clock(), answer)

    async def _answer(self, owner: Owner, model: str, question: Question) -> Answer:
        try:
            if question.metric.prometheus:
                return await self._asked_of_prometheus(owner, question)
            if question.metric.webhook:
                gate = question.metric.webhook
                told = webhook.document(owner.namespace, owner.name, model, question)
                return await webhook.post(self._anywhere, gate.url, told, await self._token(owner, gate.token))
            if question.metric.job:
                return await self._found_out_by_job(owner, question)
        except (NoSecret, UnknownVariable) as error:
            return Answer("Refused", message=str(error))
        return Answer("Refused", message=f"the metric {question.metric.name} is asked of nobody")

    async def _asked_of_prometheus(self, owner: Owner, question: Question) -> Answer:
        asked = question.metric.prometheus
        assert asked is not None
        query = filled(
            asked.query,
            {
                "namespace": owner.namespace,
                "deployment": owner.name,
                "version": str(question.version),
                "interval": f"{question.interval_seconds}s",
            },
        )
        token = await self._token(owner, asked.token)
        if asked.address:
            return await prometheus.ask(self._anywhere, asked.address, query, token)
        if not self._prometheus:
            told = "the metric names no address, and the operator was started without one (RECSYS_PROMETHEUS_ADDRESS)"
            return Answer("Refused", message=told)
        return await prometheus.ask(self._cluster, self._prometheus, query, token)

    async def _found_out_by_job(self, owner: Owner, question: Question) -> Answer:
        name = names.analysis_job(owner.name, question.metric.name, question.revision, question.occasion)
        found, pods = await asyncio.gather(
            self._client.get(JOBS, owner.namespace, name),
            self._client.list(PODS, owner.namespace, {JOB_NAME: name}),
        )
        if found is None:
            return Answer("Pending", message=f"the Job {name} is not there yet")
        if not owner.owns(found):
            return Answer("Refused", message=f"the Job {name} belongs to somebody else: delete or rename it")
        return job.answer(found, [pod for pod in pods if _runs(found, pod)])

    async def _token(self, owner: Owner, secret: SecretKey | None) -> str:
        return await bearer_token(self._client, owner.namespace, secret.name, secret.key) if secret else ""


async def _bounded(part: Awaitable[Part]) -> Part | str:
    """What a part of a look comes to, or a sentence that says why it comes to nothing."""
    try:
        async with asyncio.timeout(SECONDS):
            return await part
    except TimeoutError:
        return f"this took longer than {SECONDS:g} s"
    except Exception as error:
        if hasattr(error, "status"):  # The client's error of an answer.
            return f"the API server does not tell: {getattr(error, 'told', '') or error}"
        logger.exception("a part of a look failed")
        return "the operator failed to ask; its log has the cause"


def _runs(found: dict[str, Any], pod: dict[str, Any]) -> bool:
    """Whether a pod belongs to this very Job; its label only says a name."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(one.get("uid") == found["metadata"]["uid"] for one in owners)
