"""The tables of `get` and `history`: a head and lines of cells."""

from collections.abc import Sequence
from datetime import datetime

from recsys_cli.steps import where
from recsys_cli.times import age, clock, instant
from recsys_cli.values import Rollout

Table = tuple[list[str], list[list[str]]]


def deployments(found: Sequence[Rollout], at: datetime, *, namespaces: bool) -> Table:
    """One line a Deployment; what there is not is a dash."""
    head = ["NAME", "MODEL", "STABLE", "CANARY", "WEIGHT", "STEP", "STATUS", "AGE"]
    lines = [
        [
            one.name,
            one.model,
            str(one.stable.version) if one.stable else "-",
            str(one.tried.version) if one.tried else "-",
            f"{one.tried.weight} %" if one.tried else "-",
            where(one) or "-",
            one.ready.reason or "-",
            age(one.created, at),
        ]
        for one in found
    ]
    if namespaces:
        return ["NAMESPACE", *head], [[one.namespace, *line] for one, line in zip(found, lines, strict=True)]
    return head, lines


def history(one: Rollout, at: datetime) -> Table:
    """One line a finished rollout, the newest first."""
    head = ["ENDED (UTC)", "VERSION", "VERDICT", "CAUSE", "TOOK", "MESSAGE"]
    lines = [
        [
            clock(entry.end),
            f"{entry.before or '-'} → {entry.version}",
            entry.verdict,
            entry.cause,
            age(entry.start, instant(entry.end) or at),
            entry.message,
        ]
        for entry in reversed(one.history)
    ]
    return head, lines
