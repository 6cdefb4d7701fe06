"""Something worth an event: decided here, sent by `apply` once the status is written."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Notice:
    """What an event will say. `reason` and `action` are CamelCase words, `message` is a sentence."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    action: str
