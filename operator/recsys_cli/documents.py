"""What `-o json` and `-o yaml` print: names as in the API, times as the API wrote them, absent fields left out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from recsys_cli.steps import listed, where
from recsys_cli.values import Block, Command, Ended, Pod, Rollout, Served

Document = dict[str, Any]


def _kept(document: Document) -> Document:
    """Without what is None or an empty text."""
    return {name: value for name, value in document.items() if value is not None and value != ""}


def row(rollout: Rollout) -> Document:
    """One Deployment, for `get`."""
    return _kept(
        {
            "namespace": rollout.namespace,
            "name": rollout.name,
            "model": rollout.model,
            "stable": rollout.stable.version if rollout.stable else None,
            "canary": rollout.tried.version if rollout.tried else None,
            "weight": rollout.tried.weight if rollout.tried else None,
            "step": where(rollout),
            "ready": rollout.ready.status,
            "status": rollout.ready.reason,
            "message": rollout.ready.message,
            "created": rollout.created,
        }
    )


def status(rollout: Rollout, pods: Sequence[Pod] | None, at: datetime) -> Document:
    """One Deployment with its versions, steps and analysis, for `status`."""
    canary = rollout.canary
    document = row(rollout)
    document["versions"] = [
        _served(served, pods) for served in (rollout.tried, rollout.stable, rollout.previous) if served
    ]
    if canary:
        document["steps"] = [
            _kept({"number": step.number, "step": step.text, "state": step.state, "note": step.note})
            for step in listed(rollout, at)
        ]
        document["analysis"] = [_kept({name: getattr(one, name) for name in one.__slots__}) for one in canary.analysis]
        document["held"] = canary.held
        if canary.abort:
            document["abort"] = _kept({name: getattr(canary.abort, name) for name in canary.abort.__slots__})
    document["blocked"] = [_block(block) for block in rollout.blocked]
    return document


def _served(served: Served, pods: Sequence[Pod] | None) -> Document:
    document = _kept(
        {
            "role": served.role,
            "version": served.version,
            "weight": None if served.role == "previous" else served.weight,
            "revision": served.revision,
            "digest": served.digest,
            "readyReplicas": served.ready,
            "since": served.since,
            "warmUntil": served.until,
        }
    )
    if pods is not None:
        document["pods"] = [
            _kept({"name": pod.name, "ready": pod.ready, "state": pod.state, "restarts": pod.restarts})
            for pod in pods
            if pod.revision == served.revision
        ]
    return document


def _block(block: Block) -> Document:
    return _kept({name: getattr(block, name) for name in block.__slots__})


def ended(one: Ended) -> Document:
    """One entry of the history."""
    return _kept(
        {
            "from": one.before,
            "to": one.version,
            "verdict": one.verdict,
            "cause": one.cause,
            "message": one.message,
            "startTime": one.start,
            "endTime": one.end,
            "heldSeconds": one.held or None,
        }
    )


def command(rollout: Rollout, name: str, argument: str, answer: Command | None) -> Document:
    """A command that was written, and what became of it."""
    return _kept(
        {
            "namespace": rollout.namespace,
            "name": rollout.name,
            "command": name,
            "argument": argument,
            "outcome": answer.outcome if answer else "Written",
            "message": answer.message if answer else None,
            "time": answer.time if answer else None,
        }
    )
