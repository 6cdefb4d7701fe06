"""Whether the rollout that is watched has ended, and how."""

from dataclasses import dataclass

from recsys_cli.problems import Exit
from recsys_cli.values import Rollout

REFUSED = ("VersionBlocked", "VersionFailedGates", "VersionNotFound", "Degraded")
"""Reasons of Ready that say that what is asked for will not come without somebody's doing."""

HOPELESS = ("PodsFailed", "ProgressDeadlineExceeded")
"""Reasons of Ready that say so of a first version, which nothing takes back."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a rollout ended."""

    code: Exit
    message: str


def seen(rollout: Rollout) -> frozenset[tuple[int, str, str]]:
    """The rollouts that are over already when somebody begins to watch."""
    return frozenset((one.version, one.start, one.end) for one in rollout.history)


def ending(rollout: Rollout, before: frozenset[tuple[int, str, str]]) -> Ending | None:
    """How it ended; None while it goes on, or while the operator has not read the spec yet.

    A rollout that another one supersedes goes on as that one.
    """
    if not rollout.current:
        return None
    ready = rollout.ready
    if rollout.stable is None and ready.reason in HOPELESS:
        return Ending(Exit.TAKEN_BACK, f"The first version does not come ({ready.reason}). {ready.message}")
    if rollout.canary is not None:
        return None
    fresh = [one for one in rollout.history if (one.version, one.start, one.end) not in before]
    last = fresh[-1] if fresh else None
    if last and last.verdict == "Promoted":
        return Ending(Exit.DONE, f"Version {last.version} was promoted: {last.message}")
    if last and last.verdict == "Reverted":
        return Ending(Exit.TAKEN_BACK, f"Version {last.before} was reverted ({last.cause}): {last.message}")
    if last and last.verdict in ("RolledBack", "Aborted"):
        how = "rolled back" if last.verdict == "RolledBack" else "taken back"
        return Ending(Exit.TAKEN_BACK, f"Version {last.version} was {how} ({last.cause}): {last.message}")
    if ready.status == "True":
        return Ending(Exit.DONE, f"No rollout is under way. {ready.message}")
    if ready.reason in REFUSED:
        return Ending(Exit.TAKEN_BACK, f"No rollout is under way ({ready.reason}). {ready.message}")
    return None
