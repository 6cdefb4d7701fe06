"""The Job that finds out whether a canary is good. Its image is the user's; how it runs is not."""

from dataclasses import dataclass

from recsys_operator.api.analysis import JobTemplate
from recsys_operator.api.kinds import JOBS
from recsys_operator.build import names
from recsys_operator.build.labels import Manifest, Owner, child, of_analysis
from recsys_operator.build.pod import (
    HOME,
    container_resources,
    container_security_context,
    pod_security_context,
    scratch,
)

CONTAINER = "analysis"

BAD = 1
"""Exit code that says that the canary is bad. Any other failure says nothing about it and is tried again."""

RETRIES = 2
KEPT_SECONDS = 3600
"""How long a finished Job stays, to be looked at."""
TERMINATION_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Check:
    """What one Job finds out: whether a revision is good by one metric, on one occasion."""

    metric: str
    template: JobTemplate
    version: int
    digest: str
    revision: str
    occasion: str
    """Names the occasion: on the same one there is the same Job."""


def analysis_job(owner: Owner, model: str, check: Check) -> Manifest:
    """The Job. It is made once: most of a Job cannot be changed."""
    marks = of_analysis(model, owner.name, check.metric)
    name = names.analysis_job(owner.name, check.metric, check.revision, check.occasion)
    manifest = child(JOBS, owner, name, marks)
    return {
        **manifest,
        "spec": {
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": RETRIES,
            "activeDeadlineSeconds": check.template.active_deadline_seconds,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "FailJob",
                        "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": [BAD]},
                    },
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                ]
            },
            "template": {"metadata": {"labels": marks}, "spec": _pod_spec(owner, model, check)},
        },
    }


def _pod_spec(owner: Owner, model: str, check: Check) -> Manifest:
    template, volumes = check.template, scratch()
    container: Manifest = {
        "name": CONTAINER,
        "image": template.image,
        "env": _env(owner, model, check),
        "resources": container_resources(template.resources),
        "securityContext": container_security_context(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": list(volumes.mounts),
    }
    if template.command:
        container["command"] = list(template.command)
    if template.args:
        container["args"] = list(template.args)
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": TERMINATION_SECONDS,
        "securityContext": pod_security_context(),
        "containers": [container],
        "volumes": list(volumes.volumes),
    }


def _env(owner: Owner, model: str, check: Check) -> list[Manifest]:
    """What the Job is about, and where the canary answers, whatever weight it has; the user's own variables win."""
    service = names.server(owner.name, check.version, check.revision)
    values = {
        "RECSYS_NAMESPACE": owner.namespace,
        "RECSYS_DEPLOYMENT": owner.name,
        "RECSYS_MODEL": model,
        "RECSYS_VERSION": str(check.version),
        "RECSYS_DIGEST": check.digest,
        "RECSYS_URL": f"http://{service}.{owner.namespace}",
        "HOME": HOME,
    } | {one.name: one.value for one in check.template.env}
    return [{"name": name, "value": value} for name, value in values.items()]
