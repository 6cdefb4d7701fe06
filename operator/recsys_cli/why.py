"""One paragraph: why is this not serving the newest version? Composed of what the objects say; asks nobody else."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from recsys_cli.commands import RETRIED
from recsys_cli.steps import listed
from recsys_cli.times import age, clock
from recsys_cli.values import Block, Model, Rollout, Version


def why(rollout: Rollout, model: Model | None, failed: Sequence[str], at: datetime) -> str:
    """The paragraph. `failed` are the gates that the newest version did not pass."""
    return " ".join(sentence for sentence in _sentences(rollout, model, failed, at) if sentence)


def asks_for(rollout: Rollout, model: Model | None) -> int | None:
    """The version that the spec asks for; None where the choice cannot be told from here."""
    if rollout.pin is not None:
        return rollout.pin
    if model is None:
        return None
    if rollout.follow == "Champion":
        return model.champion
    free = [one for one in model.versions if one.verdict == "Passed" and not _blocked_whole(rollout, one)]
    return max((one.number for one in free), default=None)


def _blocked_whole(rollout: Rollout, version: Version) -> bool:
    block = next((one for one in rollout.blocked if one.digest == version.digest), None)
    return block is not None and not block.revision


def _sentences(rollout: Rollout, model: Model | None, failed: Sequence[str], at: datetime) -> Iterator[str]:
    stable, newest = rollout.stable, model.newest if model else None
    if not rollout.current:
        yield (
            f"The operator has not acted on the last edit of {rollout.place} yet (generation {rollout.generation}, it "
            f"saw {rollout.observed_generation}): if that lasts, look at its pods and log."
        )
    if newest is None:
        yield _nothing_new(rollout, model)
        yield _said(rollout)
        return
    if stable and stable.version == newest.number and rollout.canary is None:
        since = _since(stable.since, at)
        yield f"It does: version {newest.number}, the newest of RecModel {rollout.model}, serves{since}."
        yield "" if rollout.ready.status == "True" else _said(rollout)
        return
    serving = f"version {stable.version} serves" if stable else "nothing serves yet"
    yield f"The newest version of RecModel {rollout.model} is {newest.number}; {serving}."
    yield from _not_the_newest(rollout, model, newest, failed)
    yield from _canary(rollout, at)
    if rollout.canary is None:
        yield "" if rollout.ready.reason == "VersionBlocked" and rollout.blocked else _said(rollout)
        if rollout.paused and rollout.ready.reason != "Paused":
            yield "spec.paused is true: no rollout begins until it is false."


def _nothing_new(rollout: Rollout, model: Model | None) -> str:
    if model is None:
        return f"RecModel {rollout.model} is not there, so nobody knows of a version."
    return f"RecModel {rollout.model} has no version yet: a TrainingRun makes one."


def _not_the_newest(rollout: Rollout, model: Model | None, newest: Version, failed: Sequence[str]) -> Iterator[str]:
    """Why the spec does not ask for the newest version, or asks in vain."""
    wanted = asks_for(rollout, model)
    if newest.verdict == "Failed":
        gates = "; ".join(failed) or f"see TrainingRun {newest.run}"
        yield f"Version {newest.number} failed its gates ({gates}) and can never be deployed."
    block = rollout.block_of(newest.number)
    if block and newest.verdict != "Failed":
        yield _block(rollout, block)
    if rollout.pin is not None and rollout.pin != newest.number:
        yield f"spec.version pins version {rollout.pin}, so newer ones are not asked for: change the pin, or follow."
    if rollout.follow == "Champion" and wanted != newest.number:
        champion = f"version {wanted}" if wanted else "not chosen yet"
        source = model.champion_from if model else ""
        by = f", which the rollouts of Deployment {source} decide" if source else ""
        yield f"spec.version follows the champion{by}: that is {champion}."
    other = rollout.block_of(wanted) if wanted not in (None, newest.number) else None
    if other:
        yield _block(rollout, other)
    if rollout.follow == "LatestPassing" and wanted not in (None, newest.number):
        yield f"The newest that passed and is not blocked here is version {wanted}."


def _block(rollout: Rollout, block: Block) -> str:
    lift = "retry" if block.cause in RETRIED else "unblock"
    command = f"`{rollout.command(lift)} --version {block.version}`"
    cause = f"{block.cause}: {block.message.rstrip('.')}"
    since = f"Version {block.version} is blocked here since {clock(block.time)}"
    return f"{since} ({cause}); {command} lets it be tried again."


def _canary(rollout: Rollout, at: datetime) -> Iterator[str]:
    tried, canary = rollout.tried, rollout.canary
    if tried is None or canary is None:
        return
    if canary.abort:
        yield f"Version {tried.version} is being taken back ({canary.abort.cause}): {canary.abort.message}"
        return
    begun = f"version {tried.version} is on its way since {age(canary.start, at)} with {tried.weight} % of the requests"
    now = next((step for step in listed(rollout, at) if step.state == "Now"), None)
    if now is None:
        yield f"{begun[0].upper()}{begun[1:]}."
    else:
        note = f", {now.note}" if now.note else ""
        yield f"{begun[0].upper()}{begun[1:]}, at step {now.number} of {len(rollout.steps)} ({now.text}{note})."
    yield "" if now and now.note and rollout.ready.reason == "AwaitingPromotion" else _said(rollout)
    bad = [one for one in canary.analysis if one.phase != "Passed" and (one.phase != "Running" or one.message)]
    for one in bad:
        found = one.message.rstrip(".") or f"{one.value}, threshold {one.threshold}"
        yield f"Analysis {one.name} is {one.phase}: {found}."
    if canary.held:
        yield f"`{rollout.command('resume')}` lets it go on."


def _said(rollout: Rollout) -> str:
    """The operator's own words, the reason first."""
    ready = rollout.ready
    if not ready.reason:
        return "The operator has not written a status yet: is it running, and does it watch this namespace?"
    return (
        f"The operator says {ready.reason}: {ready.message}" if ready.message else f"The operator says {ready.reason}."
    )


def _since(since: str | None, at: datetime) -> str:
    return f" since {clock(since)} ({age(since, at)} ago)" if since else ""
