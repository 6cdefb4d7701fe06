"""How many ready pods the Service of each revision sends requests to."""

from typing import Any

from recsys_operator.api.kinds import ENDPOINTSLICES
from recsys_operator.build import labels
from recsys_operator.observe.reader import Reader, if_possible

Object = dict[str, Any]


async def endpoints(client: Reader, namespace: str, deployment: str) -> dict[str, int]:
    """Ready endpoints by revision; slices that cannot be read hold none, so that no weight rises unseen.

    An EndpointSlice carries the labels of its Service, copied by the controller that writes both. A pod with two
    addresses (IPv4 and IPv6) stands in two slices and counts once.
    """
    slices = await if_possible(client.list(ENDPOINTSLICES, namespace, {labels.DEPLOYMENT: deployment}), [])
    pods: dict[str, set[str]] = {}
    for one in slices:
        revision = one["metadata"]["labels"].get(labels.REVISION)
        if revision:
            pods.setdefault(revision, set()).update(ready_pods(one))
    return {revision: len(found) for revision, found in pods.items()}


def ready_pods(endpoint_slice: Object) -> set[str]:
    """Names of the pods behind the ready endpoints of a slice; no word on it counts as ready, as its API says."""
    return {
        str((endpoint.get("targetRef") or {}).get("name", endpoint.get("addresses")))
        for endpoint in endpoint_slice.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
    }
