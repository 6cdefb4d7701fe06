"""Children that the API server does not take: a quota, an admission policy, a rule of their kind."""

from collections.abc import Iterable
from dataclasses import dataclass

from recsys_operator.decide.conditions import clip

CHILD_REFUSED = "ChildRefused"
"""Reason of the summary condition, and of the event when it begins."""

MOST_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """A child that was refused; `message` is the API server's own."""

    kind: str
    name: str
    message: str


def sentence(refusals: Iterable[Refusal]) -> str:
    """What was refused, why, and what to do."""
    told = "; ".join(
        f"{refusal.kind} {refusal.name}: {clip(refusal.message, MOST_CHARACTERS).rstrip('.')}" for refusal in refusals
    )
    return (
        f"The API server refuses {told}. Remove what stands in the way (a quota, an admission policy or webhook, a "
        "right that the operator lacks) or change the spec; it is tried again, at least once a minute."
    )
