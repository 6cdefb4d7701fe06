"""What a notification says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.notifications import BODY, TITLE, Template
from recsys_operator.api.rollout import DeploymentStatus
from recsys_operator.decide.notice import Notice

Kind = Literal["info", "success", "warning", "failure"]
KINDS: dict[str, Kind] = {"RolledBack": "failure", "Reverted": "failure", "Degraded": "failure", "Promoted": "success"}
FIELD = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class Message:
    """A text, and how serious it is: services choose a colour or an icon by that."""

    title: str
    body: str
    kind: Kind

    @property
    def minor(self) -> bool:
        """Whether others come first where there is no room for all."""
        return self.kind in ("info", "success")


def fields(
    namespace: str, deployment: str, spec: DeploymentSpec, status: DeploymentStatus, notice: Notice, time: str
) -> dict[str, str]:
    """The values of all fields that a template may name."""
    stable, canary = status.stable, status.canary
    return {
        "event": notice.reason,
        "severity": notice.type,
        "namespace": namespace,
        "deployment": deployment,
        "model": spec.model_ref.name,
        "stable": str(stable.version) if stable else "none",
        "canary": str(canary.version) if canary else "none",
        "weight": str(canary.weight if canary else 0),
        "message": notice.message,
        "time": time,
    }


def compose(notice: Notice, values: Mapping[str, str], *templates: Template | None) -> Message:
    """The message, by the first of the templates that says how; a title is one line."""
    title = next((one.title for one in templates if one and one.title), TITLE)
    body = next((one.body for one in templates if one and one.body), BODY)
    kind = KINDS.get(notice.reason, "warning" if notice.type == "Warning" else "info")
    return Message(" ".join(_filled(title, values).split()), _filled(body, values), kind)


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Only the named fields are replaced, once: what a value contains is text."""
    return FIELD.sub(lambda found: values.get(found[1], found[0]), template)
