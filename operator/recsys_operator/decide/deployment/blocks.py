"""Versions that were rolled back and are not tried again."""

from collections.abc import Iterable
from datetime import datetime

from recsys_operator.api.rollout import Block, DeploymentStatus, Revision
from recsys_operator.decide.conditions import clip
from recsys_operator.decide.times import rfc3339

MOST = 50
MOST_REVISIONS = 20


def of_digest(blocked: Iterable[Block], digest: str) -> Block | None:
    """The block of a version as a whole."""
    return next((block for block in blocked if block.digest == digest and block.revision is None), None)


def of_revision(blocked: Iterable[Block], revision: Revision) -> Block | None:
    """The block that keeps a revision from being served: its version's, or its own."""
    return next((block for block in blocked if block.digest == revision.digest and _meets(block, revision)), None)


def add(
    status: DeploymentStatus,
    revision: Revision,
    *,
    spares: Revision | None,
    cause: str,
    message: str,
    now: datetime,
    whole: bool = True,
) -> tuple[Block, ...]:
    """The blocks with one more.

    A `whole` one is about the version's bytes, so every name and image of them is blocked. Only where `spares` (what is
    to serve instead) has the very same bytes, it is about this one revision. A version that is blocked as a whole stays
    so. When there are too many, the oldest is dropped.
    """
    before = next((one for one in status.blocked if one.digest == revision.digest), None)
    same_bytes = spares is not None and spares.digest == revision.digest
    if not whole and not same_bytes and before and before.revision is None:
        return status.blocked
    alone = same_bytes or not whole
    earlier = [one for one in before.revisions if one.revision != revision.revision] if before and alone else []
    block = Block(
        version=revision.version,
        digest=revision.digest,
        revision=revision.revision if alone else None,
        image=revision.image if alone else None,
        other_revisions=tuple(earlier[:MOST_REVISIONS]),
        cause=cause,
        message=clip(message),
        time=rfc3339(now),
    )
    others = tuple(other for other in status.blocked if other is not before)
    return (*others, block)[-MOST:]


def _meets(block: Block, revision: Revision) -> bool:
    return block.revision is None or revision.revision in {one.revision for one in block.revisions}
