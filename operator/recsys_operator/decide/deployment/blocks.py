"""Versions that were rolled back and are not tried again."""

from collections.abc import Iterable
from datetime import datetime

from recsys_operator.api.rollout import Block, DeploymentStatus, Revision
from recsys_operator.decide.conditions import clip
from recsys_operator.decide.times import rfc3339

MOST = 50


def of_digest(blocked: Iterable[Block], digest: str) -> Block | None:
    """The block of a version as a whole."""
    return next((block for block in blocked if block.digest == digest and block.revision is None), None)


def of_revision(blocked: Iterable[Block], revision: Revision) -> Block | None:
    """The block that keeps a revision from being served: its version's, or its own."""
    return next(
        (block for block in blocked if block.digest == revision.digest and block.revision in (None, revision.revision)),
        None,
    )


def add(
    status: DeploymentStatus, revision: Revision, *, spares: Revision | None, cause: str, message: str, now: datetime
) -> tuple[Block, ...]:
    """The blocks with one more.

    It is about the version's bytes, so every name and image of them is blocked. Only where `spares` (what is to serve
    instead) has the very same bytes, it is about this one revision. When there are too many, the oldest is dropped.
    """
    same_bytes = spares is not None and spares.digest == revision.digest
    block = Block(
        version=revision.version,
        digest=revision.digest,
        revision=revision.revision if same_bytes else None,
        cause=cause,
        message=clip(message),
        time=rfc3339(now),
    )
    others = tuple(other for other in status.blocked if other.digest != revision.digest)
    return (*others, block)[-MOST:]
