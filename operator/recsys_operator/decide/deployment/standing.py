"""How a rollout stands, in one word, for metrics and whoever watches them."""

from dataclasses import dataclass
from typing import Literal, get_args

from recsys_operator.api.rollout import DeploymentStatus
from recsys_operator.decide.conditions import find

RolloutState = Literal["Waiting", "First", "Stable", "Canary", "Held", "TakenBack", "Reverting"]
STATES: tuple[RolloutState, ...] = get_args(RolloutState)
"""The states of docs/concepts.md."""

GOING_ON = frozenset({"Progressing", "Serving", "RollingBack"})
"""Reasons of Ready that hold nothing: a timed pause is a step like any other."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The state, and the reason of Ready that keeps a canary from going on; empty when nothing does."""

    state: RolloutState
    held: str = ""


def standing(status: DeploymentStatus) -> Standing:
    """How the rollout of a Deployment with this status stands."""
    canary = status.canary
    if canary is None:
        return Standing("Stable" if status.stable else "Waiting")
    if canary.abort:
        return Standing("TakenBack")
    ready = find(status.conditions, "Ready")
    held = ready.reason if ready and ready.reason not in GOING_ON else ""
    if canary.reverting:
        return Standing("Reverting", held)
    if status.stable is None:
        return Standing("First", held)
    return Standing("Held" if held else "Canary", held)
