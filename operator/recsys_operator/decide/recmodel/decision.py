"""The decision about a RecModel: its status and events. It has no children."""

from dataclasses import dataclass
from datetime import datetime

from recsys_operator.api.recmodel import Champion, RecModelStatus
from recsys_operator.decide.conditions import conclude, find
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.recmodel.champion import champion
from recsys_operator.decide.recmodel.facts import ObservedModel
from recsys_operator.decide.recmodel.ready import Input, Reason, readiness
from recsys_operator.decide.recmodel.versions import bounded, latest, latest_passing, union, with_blocks

READY = "Ready"
"""The summary condition."""

TOLD = frozenset({Reason.INVALID_HYPERPARAMETERS, Reason.VERSION_CONFLICT, Reason.CHAMPION_DEPLOYMENT_MISMATCH})
"""Reasons that somebody must act on: worth an event."""

CHAMPION_CHANGED = "ChampionChanged"
"""Event: another version is the champion now."""


@dataclass(frozen=True, slots=True)
class ModelDecision:
    """What to write."""

    status: RecModelStatus
    notices: tuple[Notice, ...] = ()


def decide(model: ObservedModel, now: datetime) -> ModelDecision:
    """What a RecModel's status says. Total: every observation has an answer."""
    mine = tuple(deployment for deployment in model.deployments if deployment.model == model.name)
    versions, conflicts = union(model)
    best = champion(model)
    found = readiness(Input(model, versions, best, conflicts))
    condition = conclude(
        model.status.conditions,
        READY,
        found.status,
        found.reason,
        found.message,
        generation=model.generation,
        now=now,
    )
    status = RecModelStatus(
        observed_generation=model.generation,
        latest_version=latest(versions),
        latest_passing_version=latest_passing(versions),
        champion=best,
        versions=bounded(with_blocks(versions, mine), best, mine),
        conditions=(condition,),
    )
    notices = _champion_notices(model.status.champion, best)
    before = find(model.status.conditions, READY)
    if found.reason in TOLD and (before is None or before.reason != found.reason):
        notices = (*notices, Notice("Warning", found.reason, found.message, "Check"))
    return ModelDecision(status, notices)


def _champion_notices(before: Champion | None, after: Champion | None) -> tuple[Notice, ...]:
    if after is None or before == after:
        return ()
    if before is not None and before.digest == after.digest:
        return ()
    instead = f" instead of version {before.version}" if before else ""
    message = f"Version {after.version} is the champion{instead}: Deployment {after.deployment} completed its rollout."
    return (Notice("Normal", CHAMPION_CHANGED, message, "Promote"),)
