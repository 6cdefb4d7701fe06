"""Where the Service of a Deployment without a gateway sends requests, and whether its endpoints have followed it."""

from datetime import datetime, timedelta
from typing import Any

from recsys_operator.api.kinds import ENDPOINTSLICES
from recsys_operator.build import http_route, labels
from recsys_operator.decide.deployment.facts import Route
from recsys_operator.decide.times import instant
from recsys_operator.observe.endpoints import ready_pods
from recsys_operator.observe.reader import Reader, if_possible

Object = dict[str, Any]

WHOLE_SECOND = timedelta(seconds=1)
"""The API server drops fractions from the time of a change."""


async def front(client: Reader, service: Object, workloads: list[Object]) -> Route:
    """The Service as a route that gives one revision everything.

    It counts as accepted once its EndpointSlices hold ready pods of that revision and of no other.
    """
    metadata = service["metadata"]
    slices = await if_possible(
        client.list(ENDPOINTSLICES, metadata["namespace"], {"kubernetes.io/service-name": metadata["name"]}), []
    )
    chosen = revision_of(service)
    names = [one["metadata"]["name"] for one in workloads if one["metadata"]["labels"].get(labels.REVISION) == chosen]
    changed = max(_changed(one) for one in (service, *slices))
    return Route(
        uid=metadata["uid"],
        weights={chosen: 100},
        accepted=_follows(slices, names),
        changed=changed,
        answered=changed,
        stable=metadata.get("annotations", {}).get(http_route.STABLE, ""),
    )


def revision_of(service: Object) -> str:
    """The revision that a Service selects."""
    return str((service["spec"].get("selector") or {}).get(labels.REVISION, ""))


def _follows(slices: list[Object], workloads: list[str]) -> bool:
    """Whether all endpoints are pods of these workloads, and one of them at least is ready."""
    endpoints = [endpoint for one in slices for endpoint in one.get("endpoints") or ()]
    pods = [str((endpoint.get("targetRef") or {}).get("name", "")) for endpoint in endpoints]
    ours = all(any(pod.startswith(f"{name}-") for name in workloads) for pod in pods)
    return ours and any(ready_pods(one) for one in slices)


def _changed(obj: Object) -> datetime:
    times = [instant(entry["time"]) for entry in obj["metadata"].get("managedFields", ()) if "time" in entry]
    return max(times, default=instant(obj["metadata"]["creationTimestamp"])) + WHOLE_SECOND
