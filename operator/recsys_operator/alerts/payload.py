"""Alertmanager's webhook, version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from recsys_operator.decide.conditions import clip
from recsys_operator.decide.deployment.alerts import Alert
from recsys_operator.decide.times import instant, rfc3339

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
FOR_PEOPLE = "recsys_rollout"
"""The label that says `ignore` on alerts that tell people what the operator does: it must not act on its own doing."""
NUMBER = re.compile(r"v?([1-9][0-9]{0,8})")
LONGEST_FINGERPRINT = 64
LONGEST_MESSAGE = 1024

Key = tuple[str, str, str, str, bool]


class BadPayload(ValueError):
    """The body, or an alert in it, is not what Alertmanager sends; the message names the field."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """An alert and whom it is about.

    `alert` is None when its labels name no Deployment or no possible version, or say that it is for people only.
    """

    namespace: str
    deployment: str
    fingerprint: str
    alert: Alert | None

    @property
    def key(self) -> Key:
        """What makes two posts the same."""
        starts_at, resolved = (self.alert.starts_at, self.alert.resolved) if self.alert else ("", False)
        return (self.namespace, self.deployment, self.fingerprint, starts_at, resolved)

    def identity(self) -> dict[str, str]:
        """The alert, for the answer."""
        return {"namespace": self.namespace, "deployment": self.deployment, "fingerprint": self.fingerprint}


@dataclass(frozen=True, slots=True)
class Malformed:
    """An alert that cannot be read; `message` names the field."""

    message: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many alerts of its group the sender left out of a post, and which group it was. No later post brings them."""

    number: int
    receiver: str
    group: str


def left_out(body: Any) -> LeftOut | None:
    """What Alertmanager cut off because of its receiver's max_alerts; None when it sent the whole group."""
    found = body.get("truncatedAlerts") if isinstance(body, Mapping) else None
    if not isinstance(found, int) or isinstance(found, bool) or found <= 0:
        return None
    receiver, group = (
        clip(text, LONGEST_MESSAGE) if _is_text(text) else "" for text in (body.get("receiver"), body.get("groupKey"))
    )
    return LeftOut(found, receiver, group)


def parse(body: Any) -> tuple[Addressed | Malformed, ...]:
    """The alerts of a webhook's body, in its order; raises `BadPayload` when not one of them can be read.

    Alertmanager posts a whole group at once and drops it on a 4xx: one alert must not take the others with it.
    """
    if not isinstance(body, Mapping):
        raise BadPayload("the body must be a JSON object")
    if body.get("version") != "4":
        raise BadPayload(f'version must be "4", found {body.get("version")!r}')
    alerts = body.get("alerts")
    if not isinstance(alerts, list):
        raise BadPayload("alerts must be a list")
    judged = tuple(_judged(alert, f"alerts[{index}]") for index, alert in enumerate(alerts))
    bad = [one for one in judged if isinstance(one, Malformed)]
    if bad and len(bad) == len(judged):
        raise BadPayload(bad[0].message)
    return judged


def _judged(alert: Any, where: str) -> Addressed | Malformed:
    try:
        return _addressed(alert, where)
    except BadPayload as error:
        return Malformed(clip(str(error), LONGEST_MESSAGE))


def _addressed(alert: Any, where: str) -> Addressed:
    if not isinstance(alert, Mapping):
        raise BadPayload(f"{where} must be an object")
    labels = _texts(alert.get("labels"), f"{where}.labels")
    annotations = _texts(alert.get("annotations") or {}, f"{where}.annotations")
    state = alert.get("status")
    if state not in ("firing", "resolved"):
        raise BadPayload(f"{where}.status must be firing or resolved, found {state!r}")
    fingerprint = alert.get("fingerprint")
    if not _is_text(fingerprint) or not 0 < len(fingerprint) <= LONGEST_FINGERPRINT:
        raise BadPayload(f"{where}.fingerprint must be a text of 1 to {LONGEST_FINGERPRINT} characters")
    namespace, deployment = labels.get("namespace", ""), labels.get("deployment", "")
    version = labels.get("version", "")
    number = NUMBER.fullmatch(version)
    starts_at = _time(alert.get("startsAt"), f"{where}.startsAt")
    for_people = labels.get(FOR_PEOPLE) == "ignore"
    possible = not for_people and NAME.fullmatch(namespace) and NAME.fullmatch(deployment) and (number or not version)
    if not possible:
        return Addressed(namespace, deployment, fingerprint, None)
    said = annotations.get("summary") or annotations.get("description") or annotations.get("message") or ""
    return Addressed(
        namespace,
        deployment,
        fingerprint,
        Alert(
            fingerprint=fingerprint,
            starts_at=starts_at,
            name=clip(labels.get("alertname", "Unnamed"), 253),
            severity=clip(labels.get("severity", ""), 32),
            version=int(number.group(1)) if number else None,
            resolved=state == "resolved",
            message=clip(said, LONGEST_MESSAGE),
        ),
    )


def _texts(found: Any, where: str) -> dict[str, str]:
    if not isinstance(found, Mapping) or not all(_is_text(name) and _is_text(value) for name, value in found.items()):
        raise BadPayload(f"{where} must be an object of texts")
    return dict(found)


def _is_text(found: Any) -> TypeGuard[str]:
    """JSON can escape half of a character, which neither a status nor an event can hold."""
    return isinstance(found, str) and not any("\ud800" <= character <= "\udfff" for character in found)


def _time(found: Any, where: str) -> str:
    try:
        return rfc3339(instant(found))
    except (TypeError, ValueError, OverflowError) as error:
        raise BadPayload(f"{where} must be an RFC 3339 time, found {found!r}") from error
