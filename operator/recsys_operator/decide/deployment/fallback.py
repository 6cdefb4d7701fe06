"""Where to go back to when the stable version turns out bad."""

from recsys_operator.api.rollout import DeploymentStatus, Revision
from recsys_operator.decide.deployment import blocks
from recsys_operator.decide.deployment.facts import Observed
from recsys_operator.decide.deployment.revisions import plain, revise
from recsys_operator.decide.deployment.versions import deployable


def fallback(observed: Observed, status: DeploymentStatus) -> Revision | None:
    """The previous revision while it is warm, else the last version that served here and may serve again."""
    previous = status.previous
    if previous and blocks.of_revision(status.blocked, previous) is None:
        return Revision.model_validate(plain(previous))
    return _last_served(observed, status)


def _last_served(observed: Observed, status: DeploymentStatus) -> Revision | None:
    stable = status.stable
    for entry in reversed(status.history):
        if entry.from_version is None or entry.verdict not in ("Promoted", "Reverted"):
            continue
        version = deployable(observed.model, entry.from_version)
        if version is None or (stable and version.digest == stable.digest):
            continue
        revision = revise(version, observed.inputs, status, observed.server_image)
        if blocks.of_revision(status.blocked, revision) is None:
            return revision
    return None
