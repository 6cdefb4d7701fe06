"""Commands to the operator: an annotation that names a version, and what the operator makes of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from recsys_cli.problems import Exit, Problem
from recsys_cli.values import Block, Command, Rollout

PREFIX = "recsys.dev/"
RETRIED = ("AbortedByCommand", "PodsFailed", "ProgressDeadlineExceeded")
"""Causes of a block that `retry` lifts."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A command: whose version it names, and what it is for."""

    subject: Literal["Canary", "Stable", "Retried", "Blocked"]
    short: str
    help: str


VERBS: Mapping[str, Verb] = {
    "promote": Verb(
        "Canary",
        "End the canary's pause or bake; --full skips all steps.",
        "End the pause or bake that the canary is at; with --full, skip all steps that are left.",
    ),
    "pause": Verb(
        "Canary",
        "Hold the canary at its weight.",
        "Hold the canary at its weight until resume or promote. Rollbacks still happen.",
    ),
    "resume": Verb("Canary", "Let a held canary go on.", "Let a canary go on that pause holds."),
    "abort": Verb(
        "Canary", "Take the canary back at once.", "Take the canary back at once, and do not try its revision again."
    ),
    "retry": Verb(
        "Retried",
        "Try a version again that was aborted or failed.",
        "Try a version again that was aborted, or whose pods failed or were late: it begins at the first step.",
    ),
    "undo": Verb(
        "Stable",
        "Go back to the version before.",
        "Block the version that serves, and go back to the one that served before.",
    ),
    "unblock": Verb("Blocked", "Lift the block of a version.", "Lift the block of a version, whatever its cause."),
}


def version_of(rollout: Rollout, verb: str, given: int | None) -> int:
    """The version that the command is about: `given`, or the one that the status shows; raises `Problem`."""
    if given is not None:
        return given
    subject = VERBS[verb].subject
    if subject == "Canary":
        if rollout.tried is None:
            raise Problem(f"{rollout.place} has no canary: there is nothing to {verb}. {_serves(rollout)}")
        return rollout.tried.version
    if subject == "Stable":
        if rollout.stable is None:
            raise Problem(f"{rollout.place} has no stable version yet: there is nothing to undo.")
        return rollout.stable.version
    return _blocked(rollout, verb)


def _blocked(rollout: Rollout, verb: str) -> int:
    if not rollout.blocked:
        raise Problem(f"{rollout.place} blocks no version: there is nothing to {verb}. {_serves(rollout)}")
    suited = [one for one in rollout.blocked if verb != "retry" or one.cause in RETRIED]
    if not suited:
        raise Problem(
            f"{rollout.place} blocks {_told(rollout.blocked)}, which retry does not lift: use `kubectl recsys unblock "
            f"{rollout.name}` once the cause is gone."
        )
    if rollout.pin is not None and any(one.version == rollout.pin for one in suited):
        return rollout.pin
    if len(suited) > 1:
        raise Problem(f"{rollout.place} blocks {_told(suited)}: choose one with --version.", Exit.USAGE)
    return suited[0].version


def _told(blocks: tuple[Block, ...] | list[Block]) -> str:
    return ", ".join(f"version {one.version} ({one.cause})" for one in blocks)


def _serves(rollout: Rollout) -> str:
    return f"Version {rollout.stable.version} is stable." if rollout.stable else "No version serves yet."


def argument(version: int, at: datetime) -> str:
    """The annotation's value: the version and an id that no command had before."""
    return f"v{version}/{at:%Y%m%dT%H%M%SZ}-{os.urandom(3).hex()}"


def annotation(verb: str, *, full: bool = False) -> str:
    """The annotation's name."""
    return f"{PREFIX}{_name(verb, full)}"


def answer(rollout: Rollout, verb: str, value: str, *, full: bool = False) -> Command | None:
    """What the operator made of the command; None while it has not looked."""
    name = _name(verb, full)
    return next((one for one in rollout.commands if one.name == name and one.argument == value), None)


def _name(verb: str, full: bool) -> str:
    return f"{verb}-full" if full else verb
