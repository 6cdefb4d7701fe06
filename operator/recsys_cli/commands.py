"""Commands to the operator: an annotation that names a version, and what the operator makes of it."""

import os
from datetime import datetime

from recsys_cli.problems import Exit, Problem
from recsys_cli.values import Block, Command, Rollout

PREFIX = "recsys.dev/"
RETRIED = ("AbortedByCommand", "PodsFailed", "ProgressDeadlineExceeded")
"""Causes of a block that `retry` lifts."""


SUBJECTS = {
    "promote": "Canary",
    "pause": "Canary",
    "resume": "Canary",
    "abort": "Canary",
    "retry": "Retried",
    "undo": "Stable",
    "unblock": "Blocked",
}
"""Whose version each command names."""


def version_of(rollout: Rollout, verb: str, given: int | None) -> int:
    """The version that the command is about: `given`, or the one that the status shows; raises `Problem`."""
    if given is not None:
        return given
    subject = SUBJECTS[verb]
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
            f"{rollout.place} blocks {_told(rollout.blocked)}, which retry does not lift: use "
            f"`{rollout.command('unblock')}` once the cause is gone."
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
