"""Commands are annotations: carried out once, harmless when they stay in Git."""

import re
from datetime import datetime

from recsys_operator.api.rollout import LastCommand
from recsys_operator.decide.deployment.facts import State
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.times import rfc3339

UNBLOCK = re.compile(r"v([1-9][0-9]{0,8})/.+", re.DOTALL)
ARGUMENT_CHARACTERS = 128


def obey(state: State, unblock: str | None, now: datetime) -> State:
    """Carry out `recsys.dev/unblock: v<version>/<id>`, unless this very value was carried out last."""
    if unblock is None:
        return state
    argument = unblock[:ARGUMENT_CHARACTERS]
    last = state.status.last_command
    if last and last.command == "unblock" and last.argument == argument:
        return state
    named = UNBLOCK.fullmatch(argument)
    if named is None:
        message = f"recsys.dev/unblock reads {argument!r}: write v<version>/<any id>, such as v4/1."
        return _note(state, argument, "Ignored", message, now)
    version = int(named.group(1))
    kept = tuple(block for block in state.status.blocked if block.version != version)
    if len(kept) == len(state.status.blocked):
        return _note(state, argument, "Ignored", f"Version {version} is not blocked here.", now)
    message = f"Version {version} may be tried again."
    done = _note(state, argument, "Done", message, now)
    return done.change(Notice("Normal", "Unblocked", message, "Unblock"), blocked=kept)


def overlook(state: State, unblock: str | None, now: datetime) -> State:
    """After the status was lost: the annotation may be an old one, which must not undo blocks that were read back."""
    if unblock is None or state.status.last_command:
        return state
    message = "The status was lost, so this may have been carried out before: write it with another id to have it done."
    return _note(state, unblock[:ARGUMENT_CHARACTERS], "Ignored", message, now)


def _note(state: State, argument: str, outcome: str, message: str, now: datetime) -> State:
    command = LastCommand.model_validate(
        {"command": "unblock", "argument": argument, "outcome": outcome, "message": message, "time": rfc3339(now)}
    )
    return state.change(last_command=command)
