"""Commands as a person types them, for messages: they can be pasted into a shell whatever its namespace is."""

from recsys_operator.api.rollout import Revision
from recsys_operator.decide.deployment.facts import Observed


def promoting(observed: Observed, canary: Revision) -> str:
    """How to end the step that the canary is at; the shell makes an id that no command had before."""
    return (
        f"kubectl -n {observed.namespace} annotate rdep {observed.name} --overwrite "
        f"recsys.dev/promote=v{canary.version}/$(date +%s)"
    )
