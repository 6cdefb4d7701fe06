"""Commands: annotations `recsys.dev/<command>: v<version>/<any id>`, carried out once, harmless when they stay in Git.

Each names a version, and is ignored when that is not the one that it can act on: a script that is late does not act on
what came after. Several that are new at the same look are carried out in one order, the most cautious ones last.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from recsys_operator.api.rollout import CanaryStatus, CommandName, CommandRecord, DeploymentStatus
from recsys_operator.decide.deployment import analysis, blocks, steps
from recsys_operator.decide.deployment import canary as moves
from recsys_operator.decide.deployment.facts import Failure, Observed, State
from recsys_operator.decide.deployment.fallback import fallback
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.times import rfc3339

ARGUMENT = re.compile(r"v([1-9][0-9]{0,8})/.+", re.DOTALL)
ARGUMENT_CHARACTERS = 128

RETRIED = ("AbortedByCommand", "PodsFailed", "ProgressDeadlineExceeded")
"""Causes of a block that the command retry lifts."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command came to; `state` is None where it was ignored."""

    message: str
    state: State | None = None


Command = Callable[[Observed, State, int, datetime], Outcome]


def obey(observed: Observed, state: State, now: datetime) -> State:
    """Carry out each command annotation, unless this very value was carried out before."""
    for name, command in COMMANDS.items():
        argument = observed.commands.get(name, "")[:ARGUMENT_CHARACTERS]
        if name not in observed.commands or argument == _known(state.status, name):
            continue
        named = ARGUMENT.fullmatch(argument)
        if named:
            outcome = command(observed, state, int(named.group(1)), now)
        else:
            subject = state.status.canary or state.status.stable
            example = f", such as v{subject.version}/1" if subject else ""
            outcome = Outcome(f"recsys.dev/{name} reads {argument!r}: write v<version>/<any id>{example}.")
        ignored = Notice("Warning", "CommandIgnored", f"{name} {argument}: {outcome.message}", "Command")
        after = outcome.state or state.change(ignored)
        state = _note(after, name, argument, outcome.message, now, done=outcome.state is not None)
    return state


def overlook(observed: Observed, state: State, now: datetime) -> State:
    """After the status was lost: the annotations may be old ones, which must not act on what was read back."""
    message = "The status was lost, so this may have been carried out before: write it with another id to have it done."
    for name in COMMANDS:
        if name in observed.commands and _known(state.status, name) is None:
            state = _note(state, name, observed.commands[name][:ARGUMENT_CHARACTERS], message, now, done=False)
    return state


def _promote(observed: Observed, state: State, version: int, now: datetime) -> Outcome:
    canary = _trying(state, version)
    if isinstance(canary, str):
        return Outcome(canary)
    after = steps.end(observed, state, canary, now)
    if after is None and not canary.held:
        return Outcome(
            f"Version {version} is at no step that waits: promote ends a pause, a bake, an analysis or a "
            "shadow, promote-full skips all steps."
        )
    return _go_on(observed, after or state, "StepEnded", f"Version {version} goes on to the next step.", now)


def _promote_full(observed: Observed, state: State, version: int, now: datetime) -> Outcome:
    canary = _trying(state, version)
    if isinstance(canary, str):
        return Outcome(canary)
    skipping = state.change(canary=canary.model_copy(update={"skip_steps": True}))
    if state.status.stable is None or canary.skip_steps or canary.step >= len(steps.steps_of(observed)):
        if analysis.holding(observed, state.status, analysis.next_move(observed, state.status)):
            message = f"Version {version} goes on; it has no steps left, and no longer waits for its analysis."
            return _go_on(observed, skipping, "Resumed", message, now)
        if canary.held:
            return _go_on(observed, state, "Resumed", f"Version {version} goes on; it has no steps left.", now)
        return Outcome(f"Version {version} has no steps left that could be skipped.")
    message = f"Version {version} skips the steps that are left and takes over as soon as its pods are ready."
    return _go_on(observed, skipping, "StepsSkipped", message, now)


def _pause(observed: Observed, state: State, version: int, now: datetime) -> Outcome:
    canary = _trying(state, version)
    if isinstance(canary, str):
        return Outcome(canary)
    if canary.held:
        return Outcome(f"Version {version} is held already.")
    message = f"Version {version} is held at {canary.weight} % until the command resume or promote."
    return Outcome(
        message,
        state.change(Notice("Normal", "Held", message, "Hold"), canary=canary.model_copy(update={"held": True})),
    )


def _resume(observed: Observed, state: State, version: int, now: datetime) -> Outcome:
    canary = _trying(state, version)
    if isinstance(canary, str):
        return Outcome(canary)
    if not canary.held:
        return Outcome(f"Version {version} is not held by the command pause.")
    return _go_on(observed, state, "Resumed", f"Version {version} goes on.", now)


def _abort(observed: Observed, state: State, version: int, now: datetime) -> Outcome:
    canary = _trying(state, version)
    if isinstance(canary, str):
        return Outcome(canary)
    if state.status.stable is None:
        return Outcome(f"Version {version} is the first: there is nothing to go back to. Edit spec.version instead.")
    message = "It was aborted by command."
    failed = Failure("AbortedByCommand", message, verdict="Aborted")
    return Outcome(f"Version {version} is taken back and blocked.", moves.fail(state, canary, failed, now))


def _undo(observed: Observed, state: State, version: int, now: datetime) -> Outcome:
    status = state.status
    stable = status.stable
    if stable is None or stable.version != version:
        serves = f"version {stable.version} does" if stable else "none does yet"
        return Outcome(f"Version {version} is not the one that serves ({serves}): undo names the one that serves.")
    if blocks.of_revision(status.blocked, stable):
        return Outcome(f"Version {version} is being taken back already.")
    back_to = fallback(observed, status)
    if back_to is None:
        return Outcome(f"Version {version} goes on serving: there is no earlier version that could serve instead.")
    cause = "It was undone by command."
    blocked = blocks.add(status, stable, spares=back_to, cause="UndoneByCommand", message=cause, now=now)
    told = Notice("Warning", "VersionBlocked", f"Version {version} is not tried again: {cause}", "Block")
    message = f"Version {version} is blocked and gives way to version {back_to.version}."
    return Outcome(message, state.change(told, blocked=blocked))


def _retry(observed: Observed, state: State, version: int, now: datetime) -> Outcome:
    found = [block for block in state.status.blocked if block.version == version]
    others = [block for block in found if block.cause not in RETRIED]
    if others:
        return Outcome(
            f"Version {version} is blocked by {others[0].cause} ({others[0].message}), which retry does not lift: use "
            "unblock."
        )
    return _lift(state, version)


def _unblock(observed: Observed, state: State, version: int, now: datetime) -> Outcome:
    return _lift(state, version)


COMMANDS: Mapping[CommandName, Command] = {
    "unblock": _unblock,
    "retry": _retry,
    "resume": _resume,
    "promote": _promote,
    "promote-full": _promote_full,
    "pause": _pause,
    "abort": _abort,
    "undo": _undo,
}
"""In the order in which they are carried out."""


def _trying(state: State, version: int) -> CanaryStatus | str:
    """The canary of this version, or why there is none that a command could act on."""
    canary = state.status.canary
    if canary is None or canary.version != version:
        tried = f"version {canary.version} is" if canary else "none is"
        return f"Version {version} is not being tried ({tried})."
    if canary.abort:
        return f"Version {version} is being taken back already."
    if canary.reverting:
        return f"Version {version} is the way back from a bad version, which nothing holds or skips."
    return canary


def _go_on(
    observed: Observed,
    state: State,
    reason: Literal["StepEnded", "StepsSkipped", "Resumed"],
    message: str,
    now: datetime,
) -> Outcome:
    """The canary is no longer held by command; what else holds it is told."""
    canary = state.status.canary
    if canary is None:
        return Outcome(message)
    free = canary.model_copy(update={"held": False})
    if steps.held(observed, state, free, now):
        message = f"{message} Something else still holds it: see the condition Ready."
    return Outcome(message, state.change(Notice("Normal", reason, message, "Resume"), canary=free))


def _lift(state: State, version: int) -> Outcome:
    kept = tuple(block for block in state.status.blocked if block.version != version)
    if len(kept) == len(state.status.blocked):
        return Outcome(f"Version {version} is not blocked here.")
    message = f"Version {version} may be tried again."
    return Outcome(message, state.change(Notice("Normal", "Unblocked", message, "Unblock"), blocked=kept))


def _known(status: DeploymentStatus, name: CommandName) -> str | None:
    """The value of this command that was carried out last. `lastCommand` may be older than `commands`."""
    records = (*status.commands, *((status.last_command,) if status.last_command else ()))
    return next((record.argument for record in records if record.command == name), None)


def _note(state: State, name: CommandName, argument: str, message: str, now: datetime, *, done: bool) -> State:
    record = CommandRecord(
        command=name,
        argument=argument,
        outcome="Done" if done else "Ignored",
        message=message,
        time=rfc3339(now),
    )
    others = tuple(one for one in state.status.commands if one.command != name)
    return state.change(commands=(*others, record), last_command=record)
