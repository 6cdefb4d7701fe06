"""Conditions: the summary that `kubectl get` and `kubectl wait` read."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from recsys_operator.api.common import Condition
from recsys_operator.decide.times import rfc3339

REASON_CHARACTERS = 64
MESSAGE_CHARACTERS = 4096


def find(conditions: Iterable[Condition], kind: str) -> Condition | None:
    """The condition of a type, if there is one."""
    return next((condition for condition in conditions if condition.type == kind), None)


def conclude(
    previous: Iterable[Condition],
    kind: str,
    status: Literal["True", "False", "Unknown"],
    reason: str,
    message: str,
    *,
    generation: int,
    now: datetime,
) -> Condition:
    """The new condition; its transition time is `now` only when the status differs from the previous one's."""
    before = find(previous, kind)
    return Condition(
        type=kind,
        status=status,
        reason=reason[:REASON_CHARACTERS],
        message=clip(message),
        last_transition_time=before.last_transition_time if before and before.status == status else rfc3339(now),
        observed_generation=generation,
    )


def clip(message: str, limit: int = MESSAGE_CHARACTERS) -> str:
    """The message, its middle left out when it is longer than the API allows."""
    if len(message) <= limit:
        return message
    head = (limit - 1) // 2
    return f"{message[:head]}…{message[-(limit - 1 - head) :]}"
