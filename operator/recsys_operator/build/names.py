"""Names of the children. Each is a function of its parent's name, so a restarted operator finds what it made before.

Names of our objects have at most 40 characters (a rule of the CRDs), which leaves room for the suffixes here and for
the random ones that the Job and ReplicaSet controllers append, below the 63 of a label.
"""

import hashlib

REVISION_CHARACTERS = 8


def trainer_account(run: str) -> str:
    """ServiceAccount, Role and RoleBinding of a run's pod."""
    return f"{run}-trainer"


def run_config(run: str) -> str:
    """ConfigMap that holds a run's `run.json`."""
    return f"{run}-config"


def training_job(run: str) -> str:
    """Job of a run."""
    return f"{run}-train"


def ray_job(run: str, attempt: int) -> str:
    """RayJob of one attempt of a run with several workers, counted from 1. KubeRay allows 47 characters."""
    return f"{run}-ray{attempt}"


def server(deployment: str, version: int, revision: str) -> str:
    """Workload and Service of one revision that a Deployment serves."""
    return f"{deployment}-v{version}-{revision[:REVISION_CHARACTERS]}"


def analysis_job(deployment: str, metric: str, revision: str, occasion: str) -> str:
    """Job that finds out about one metric of one revision on one occasion."""
    asked = "\n".join((metric, revision, occasion)).encode()
    return f"{deployment}-check-{hashlib.sha256(asked).hexdigest()[:10]}"


def front(deployment: str) -> str:
    """Service of a Deployment without a gateway."""
    return deployment


def shadow(deployment: str) -> str:
    """ConfigMap that tells the servers of a Deployment whether to copy requests to a shadow."""
    return f"{deployment}-shadow"


def route(deployment: str) -> str:
    """HTTPRoute of a Deployment."""
    return deployment
