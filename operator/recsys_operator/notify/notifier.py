"""From what a decision found worth telling to letters for whoever asked to be told."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recsys_operator import metrics
from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.notifications import Template
from recsys_operator.api.rollout import DeploymentStatus
from recsys_operator.apply.client import Client
from recsys_operator.apply.event import Event, ObjectRef
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.times import rfc3339
from recsys_operator.notify.courier import Courier
from recsys_operator.notify.message import compose, fields
from recsys_operator.notify.outbox import Letter, Outbox, Patience
from recsys_operator.notify.targets import Target, Targets

logger = logging.getLogger(__name__)

LAST_WORDS = 5.0
"""Seconds that letters have when the process is told to stop."""


@dataclass(frozen=True, slots=True)
class About:
    """What a letter tells of."""

    ref: ObjectRef
    event: str


class Notifier:
    """`tell` never waits: letters are queued, and sent by tasks of their own."""

    def __init__(
        self, client: Client, targets: Targets, courier: Courier | None = None, patience: Patience | None = None
    ) -> None:
        self._client = client
        self._targets = targets
        self._courier = courier or Courier()
        self._outbox = Outbox(targets.addresses, self._courier.send, self, patience)
        self._missed: set[tuple[str, str]] = set()
        metrics.NOTIFICATION_FAULTS.set(targets.faulty)
        for name in targets.by_name:
            metrics.NOTIFICATIONS_WAITING.labels(name).set(0)
            for outcome in ("Sent", "Failed", "Dropped"):
                metrics.NOTIFICATIONS.labels(name, outcome)

    def tell(
        self,
        obj: dict[str, Any],
        spec: DeploymentSpec,
        status: DeploymentStatus,
        notices: Iterable[Notice],
        now: datetime,
    ) -> None:
        """Queue what these notices about a Deployment (as last read) say, for who is to be told. Never raises."""
        ref = ObjectRef.of(obj)
        try:
            self._queue(ref, spec, status, notices, now)
        except Exception:
            # The rollback that this is about comes next, and must.
            logger.exception("notifications are lost", extra={"object": f"{ref.namespace}/{ref.name}", "uid": ref.uid})

    def _queue(
        self,
        ref: ObjectRef,
        spec: DeploymentSpec,
        status: DeploymentStatus,
        notices: Iterable[Notice],
        now: datetime,
    ) -> None:
        for notice in notices:
            values = fields(ref.namespace, ref.name, spec, status, notice, rfc3339(now))
            for target, template in self._recipients(ref.namespace, spec, notice.reason):
                message = compose(notice, values, template, target.template)
                self._outbox.post(Letter(target.name, message, About(ref, notice.reason)))

    def missing(self, obj: dict[str, Any], spec: DeploymentSpec) -> tuple[Event, ...]:
        """Events about targets that the Deployment names and there are not for it; told once by each process."""
        ref = ObjectRef.of(obj)
        found = []
        for wish in spec.notifications:
            if self._targets.find(wish.name, ref.namespace) or (ref.uid, wish.name) in self._missed:
                continue
            self._missed.add((ref.uid, wish.name))
            message = (
                f"spec.notifications names {wish.name}, which is no target of the operator for namespace "
                f"{ref.namespace}: nobody is told there. The chart's value notifications.targets has the targets."
            )
            found.append(
                Event(ref, type="Warning", reason="NotificationTargetMissing", message=message, action="Notify")
            )
        return tuple(found)

    async def stop(self, grace: float = LAST_WORDS) -> None:
        """Give what waits so many seconds, then end."""
        await self._outbox.stop(grace)
        await self._courier.close()

    def _recipients(
        self, namespace: str, spec: DeploymentSpec, event: str
    ) -> tuple[tuple[Target, Template | None], ...]:
        found: dict[str, tuple[Target, Template | None]] = {
            target.name: (target, None)
            for target in self._targets.by_name.values()
            if event in target.events and target.open_to(namespace)
        }
        for wish in spec.notifications:
            target = self._targets.find(wish.name, namespace)
            if target and event in wish.events:
                found[target.name] = (target, wish.template)
        return tuple(found.values())

    def waiting(self, target: str, count: int) -> None:
        """So many letters wait."""
        metrics.NOTIFICATIONS_WAITING.labels(target).set(count)

    def ended(self, letter: Letter, outcome: str) -> None:
        """A letter was Sent or Dropped."""
        metrics.NOTIFICATIONS.labels(letter.target, outcome).inc()
        if outcome == "Dropped":
            logger.warning("a notification is dropped: too many wait", extra=_extra(letter))
        else:
            logger.info("notification sent", extra=_extra(letter))

    def refused(self, letter: Letter, reason: str) -> None:
        """An attempt failed."""
        metrics.NOTIFICATION_REFUSALS.labels(letter.target, reason).inc()
        logger.warning("notification not taken, will be tried again", extra={**_extra(letter), "error": reason})

    async def failed(self, letter: Letter, reason: str) -> None:
        """A letter was given up: an event of the Deployment says so."""
        metrics.NOTIFICATION_REFUSALS.labels(letter.target, reason).inc()
        metrics.NOTIFICATIONS.labels(letter.target, "Failed").inc()
        logger.error("notification given up", extra={**_extra(letter), "error": reason})
        about = letter.about
        assert isinstance(about, About)
        message = f"Target {letter.target} was not told of {about.event}: {reason}, in {letter.attempts} attempts."
        await self._client.emit(
            Event(about.ref, type="Warning", reason="NotificationFailed", message=message, action="Notify")
        )


def _extra(letter: Letter) -> dict[str, object]:
    about = letter.about
    assert isinstance(about, About)
    return {
        "object": f"{about.ref.namespace}/{about.ref.name}",
        "uid": about.ref.uid,
        "reason": about.event,
        "target": letter.target,
        "attempts": letter.attempts,
    }
