"""The champion: the version that the Deployment in spec.championFrom serves after a completed rollout."""

from recsys_operator.api.recmodel import Champion
from recsys_operator.decide.recmodel.facts import DeploymentFacts, ObservedModel


def champion_deployment(model: ObservedModel) -> DeploymentFacts | None:
    """The Deployment that spec.championFrom names, if it exists, whatever model it serves."""
    named = model.spec.champion_from
    return next((each for each in model.deployments if named and each.name == named.name), None)


def champion(model: ObservedModel) -> Champion | None:
    """The champion now.

    A Deployment that is missing, has lost its status or has not finished its first rollout is no evidence: the champion
    of before stays, so that the bar for new versions does not fall unseen. Without championFrom there is none.
    """
    if model.spec.champion_from is None:
        return None
    deployment = champion_deployment(model)
    if deployment is None or deployment.model != model.name or deployment.stable is None:
        return model.status.champion
    return Champion(version=deployment.stable.version, digest=deployment.stable.digest, deployment=deployment.name)
