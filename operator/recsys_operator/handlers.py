"""The wiring to kopf: every event of a watched object wakes a task, and does nothing else.

Only `on.event` is used. It writes nothing: no finalizers, no annotations, no progress in the objects.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import kopf

from recsys_operator.api.kinds import (
    BUDGETS,
    DEPLOYMENTS,
    HTTPROUTES,
    JOBS,
    RAYJOBS,
    RECMODELS,
    SERVICES,
    TRAININGRUNS,
    WORKLOADS,
    Resource,
)
from recsys_operator.apply.client import Client
from recsys_operator.build.labels import MANAGED_BY, OPERATOR
from recsys_operator.health import Health
from recsys_operator.optional_kinds import OPTIONAL
from recsys_operator.reconcile.loop import Key, Loops

OWN = (RECMODELS, TRAININGRUNS, DEPLOYMENTS)
CHILDREN = (JOBS, RAYJOBS, WORKLOADS, HTTPROUTES, SERVICES, BUDGETS)
"""Not the autoscalers: their status changes all the time, and what they decide shows in the workloads."""
OWNERS = {(resource.api_version, resource.kind): resource for resource in OWN}

TOKEN_LIFETIME = timedelta(minutes=10)
"""How long kopf uses a token: the kubelet renews the file long before the token ends."""


def to_watch(optional: Collection[Resource]) -> tuple[Resource, ...]:
    """All that is watched where there are these `OPTIONAL` kinds."""
    return tuple(one for one in (*OWN, *CHILDREN) if one not in OPTIONAL or one in optional)


def watched(resource: Resource, obj: Mapping[str, Any]) -> bool:
    """Whether some watch of ours must deliver this object."""
    if resource in OWN:
        return True
    return resource in CHILDREN and obj["metadata"].get("labels", {}).get(MANAGED_BY) == OPERATOR


class Waker:
    """Turns events into wake-ups."""

    def __init__(self, loops: Loops, health: Health) -> None:
        self.loops = loops
        self.health = health
        self._model_of: dict[Key, str] = {}

    def event(self, resource: Resource, kind: str | None, obj: dict[str, Any]) -> None:
        """Something happened to an object, or it was listed; `kind` is the watch's word for it."""
        if kind == "DELETED":
            self.health.ended(obj["metadata"]["uid"])
        else:
            self.health.delivered(obj)
        if resource in OWN:
            self._own(resource, kind, obj)
        else:
            self._child(obj)

    def _own(self, resource: Resource, kind: str | None, obj: Mapping[str, Any]) -> None:
        key = key_of(resource, obj)
        self.loops.wake(key)
        if resource == RECMODELS:
            for other, model in list(self._model_of.items()):
                if (other.namespace, model) == (key.namespace, key.name):
                    self.loops.wake(other)
            return
        model = _model(obj)
        if kind == "DELETED":
            self._model_of.pop(key, None)
        else:
            self._model_of[key] = model
        for other in self.loops.keys(RECMODELS.plural, key.namespace):
            if other.name == model:
                self.loops.wake(other)

    def _child(self, obj: Mapping[str, Any]) -> None:
        metadata = obj["metadata"]
        for reference in metadata.get("ownerReferences", ()):
            owner = OWNERS.get((reference["apiVersion"], reference["kind"]))
            if owner is not None:
                self.loops.wake(Key(owner.plural, metadata["namespace"], reference["name"], reference["uid"]))


def _model(obj: Mapping[str, Any]) -> str:
    """The RecModel that a TrainingRun or Deployment names; empty for an object that an older CRD let in without."""
    spec = obj.get("spec")
    reference = spec.get("modelRef") if isinstance(spec, Mapping) else None
    return str(reference.get("name", "")) if isinstance(reference, Mapping) else ""


def key_of(resource: Resource, obj: Mapping[str, Any]) -> Key:
    """The key of one of our objects."""
    metadata = obj["metadata"]
    return Key(resource.plural, metadata["namespace"], metadata["name"], metadata["uid"])


def registry(client: Client, waker: Waker) -> kopf.OperatorRegistry:
    """Handlers for all that may be watched and the login, for kopf."""
    handlers = kopf.OperatorRegistry()
    for resource in (*OWN, *CHILDREN):
        _watch(handlers, waker, resource)

    given: dict[kopf.ConnectionInfo, kopf.AiohttpSession] = {}

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.AiohttpSession:
        info = await connection(client)
        if info not in given:
            given.clear()
            given[info] = session(info)
        # Credentials that kopf found to be refused are to look the same to it when they come again.
        return given[info]

    return handlers


def _watch(handlers: kopf.OperatorRegistry, waker: Waker, resource: Resource) -> None:
    @kopf.on.event(resource.group, resource.version, resource.plural, registry=handlers, id=resource.plural)
    async def wake(event: kopf.RawEvent, **_: Any) -> None:
        waker.event(resource, event["type"], dict(event["object"]))


async def connection(client: Client) -> kopf.ConnectionInfo:
    """The credentials of our own client, as kopf takes them."""
    configuration = client.configuration
    header = await configuration.get_api_key_with_prefix("BearerToken")
    scheme, _, token = (header or "").partition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme or None,
        token=token.strip() or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        expiration=datetime.now(UTC) + TOKEN_LIFETIME if token else None,
    )


def session(info: kopf.ConnectionInfo) -> kopf.AiohttpSession:
    """What kopf makes of such credentials by itself, but with `patient`."""
    connector = aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context())
    made = aiohttp.ClientSession(
        connector=connector, headers=info.as_http_headers(), trust_env=info.trust_env, middlewares=(patient,)
    )
    return kopf.AiohttpSession(server=info.server, aiohttp_session=made, expiration=info.expiration)


async def patient(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """A kind that a cluster may lack and that is not served now is as one that nobody answers about.

    A watch that is told 404 ends kopf for good; one without an answer asks again, until `OptionalKinds` ends it.
    """
    response = await handler(request)
    if response.status == 404 and any(_asks_for(resource, request.url.path) for resource in OPTIONAL):
        response.close()
        raise aiohttp.ClientConnectionError(f"{request.url.path} is not served")
    return response


def _asks_for(resource: Resource, path: str) -> bool:
    """Whether a path is that of a list or watch of these objects."""
    prefix = f"/apis/{resource.group}/{resource.version}/"
    return prefix in path and path.endswith(f"/{resource.plural}")


def kopf_settings() -> kopf.OperatorSettings:
    """kopf watches, and only that. Timeouts are such that a dead connection is noticed."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.watching.server_timeout = 240
    settings.watching.client_timeout = 270
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
    settings.queueing.exit_timeout = 0.5
    settings.process.ultimate_exiting_timeout = 25
    for child in CHILDREN:
        settings.watching.label_selectors[child.group, child.version, child.plural] = f"{MANAGED_BY}={OPERATOR}"
    return settings
