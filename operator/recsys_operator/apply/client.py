"""The API server as the reconcilers use it: raw objects in, raw objects out, errors as one type."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import load_kube_config

from recsys_operator.api.kinds import EVENTS, Resource
from recsys_operator.apply.event import Event
from recsys_operator.apply.yaml_body import yaml_body
from recsys_operator.fence import NOT_LEADING, Fence, closed, impatient_socket, last_look

logger = logging.getLogger(__name__)

FIELD_MANAGER = "recsys-operator"
PAGE = 500
TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
APPLY = "application/apply-patch+yaml; charset=utf-8"
"""With a charset, so that the client library leaves the body as it is."""
MERGE = "application/merge-patch+json"

MOST_STATUS_TRIES = 5

Observer = Callable[[Resource, dict[str, Any]], None]


class ApiError(Exception):
    """The API server refused, or could not be reached (then `status` is 0 and `reason` Unreachable).

    `told` is the API server's own sentence, without the request that it was an answer to; `retry_after` the seconds for
    which it wants to be left alone.
    """

    def __init__(self, status: int, reason: str, message: str, told: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status
        self.reason = reason
        self.message = message
        self.told = told or message


class Client:
    """A thin, asynchronous client. Close it, or use it as a context manager.

    `observer` is told of each object that an answer of the API server contained (reads and writes, not lists).
    No write leaves this process past the `fence`.
    """

    def __init__(
        self, configuration: Configuration, observer: Observer | None = None, fence: Fence | None = None
    ) -> None:
        self.configuration = configuration
        self.observer = observer
        self.fence = fence
        configuration.proxy = configuration.proxy or proxy_of_environment(configuration.host)
        self._api = ApiClient(configuration)
        self._connector = aiohttp.TCPConnector(
            limit=configuration.connection_pool_maxsize,
            ssl=self._api.rest_client.ssl_context,
            socket_factory=impatient_socket,
        )
        # Asked for each request, the environment costs two turns of a thread: more than the request itself.
        configuration.client_session_kwargs = {"connector": self._connector, "trust_env": False}
        configuration.trace_configs = [last_look(fence)] if fence else None
        self._api.user_agent = FIELD_MANAGER
        self._instance = os.environ.get("HOSTNAME") or FIELD_MANAGER

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()  # type: ignore[no-untyped-call]
        await self._connector.close()

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        """The object, or None where there is none."""
        try:
            return self._seen(resource, await self._request("GET", resource.path(namespace, name)))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def pages(
        self,
        resource: Resource,
        namespace: str | None,
        labels: Mapping[str, str] | None = None,
        fields: str = "",
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """All objects of a namespace (None: of all namespaces) that carry the labels and match the field selector.

        A page at a time, so that whoever adds something up holds one page and not the cluster.
        """
        query = [("limit", str(PAGE))]
        if labels:
            query.append(("labelSelector", ",".join(f"{name}={value}" for name, value in sorted(labels.items()))))
        if fields:
            query.append(("fieldSelector", fields))
        token = ""
        while True:
            page = await self._request(
                "GET", resource.path(namespace), query=[*query, ("continue", token)] if token else query
            )
            yield [{**item, "apiVersion": resource.api_version, "kind": resource.kind} for item in page["items"]]
            token = page["metadata"].get("continue") or ""
            if not token:
                return

    async def list(
        self, resource: Resource, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """All objects of a namespace (None: of all namespaces) that carry the labels."""
        return [item async for page in self.pages(resource, namespace, labels) for item in page]

    async def try_list(self, resource: Resource, namespace: str) -> None:
        """Raise what a list of this namespace would raise, and read no more than one object."""
        await self._request("GET", resource.path(namespace), query=[("limit", "1")])

    async def apply(self, resource: Resource, manifest: dict[str, Any], manager: str = FIELD_MANAGER) -> dict[str, Any]:
        """Create or change by server-side apply; fields of ours that others took are taken back."""
        metadata = manifest["metadata"]
        path = resource.path(metadata["namespace"], metadata["name"])
        return self._seen(resource, await self._apply(path, manifest, manager))

    async def apply_status(self, resource: Resource, live: Mapping[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        """Write our part of the status of the object that was read as `live`.

        A conflict when it is gone or another one of the same name took its place. The API server ignores a UID in a
        write of a status, so its resourceVersion tells that nobody else is meant; when only that moved on (others
        write their own fields), the write is tried again.
        """
        metadata = live["metadata"]
        namespace, name, version = metadata["namespace"], metadata["name"], metadata["resourceVersion"]
        for _ in range(MOST_STATUS_TRIES):
            manifest = {
                "apiVersion": resource.api_version,
                "kind": resource.kind,
                "metadata": {"namespace": namespace, "name": name, "resourceVersion": version},
                "status": status,
            }
            try:
                return self._seen(resource, await self._apply(resource.path(namespace, name, "status"), manifest))
            except ApiError as error:
                if error.status != 409:
                    raise
            found = await self.get(resource, namespace, name)
            if found is None or found["metadata"]["uid"] != metadata["uid"]:
                raise ApiError(409, "Replaced", f"{resource.kind} {namespace}/{name} is not the one that was read")
            version = found["metadata"]["resourceVersion"]
        raise ApiError(409, "Conflict", f"{resource.kind} {namespace}/{name} changed during each of several writes")

    async def merge_status(self, resource: Resource, live: Mapping[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
        """Merge into the status of the object as it was read, whose fields these are; None takes one away.

        A conflict when it has changed since.
        """
        metadata = live["metadata"]
        path = resource.path(metadata["namespace"], metadata["name"], "status")
        body = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": patch}
        query = [("fieldManager", FIELD_MANAGER), ("fieldValidation", "Strict")]
        return self._seen(resource, await self._request("PATCH", path, query=query, body=body, content_type=MERGE))

    async def create(self, resource: Resource, manifest: dict[str, Any]) -> dict[str, Any]:
        """Create; a conflict when there is one of this name already."""
        path = resource.path(manifest["metadata"]["namespace"])
        return self._seen(resource, await self._request("POST", path, body=manifest))

    async def replace(self, resource: Resource, manifest: dict[str, Any]) -> dict[str, Any]:
        """Replace the object that was read; a conflict when it has changed since."""
        metadata = manifest["metadata"]
        path = resource.path(metadata["namespace"], metadata["name"])
        return self._seen(resource, await self._request("PUT", path, body=manifest))

    async def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        uid: str | None = None,
        propagation: Literal["Background", "Foreground"] = "Background",
    ) -> None:
        """Delete; an object that is gone, or is not the one with this UID, is fine.

        In the foreground the object stays until what it owns is gone.
        """
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            await self._request("DELETE", resource.path(namespace, name), body=options)
        except ApiError as error:
            if error.status != 404 and not (error.status == 409 and uid is not None):
                raise

    async def emit(self, event: Event) -> None:
        """Write an event; a failure is logged and goes no further."""
        manifest = event.manifest(self._instance, datetime.now(UTC))
        try:
            await self._request("POST", EVENTS.path(event.regarding.namespace), body=manifest)
        except ApiError as error:
            logger.warning(
                "event not written",
                extra={"object": f"{event.regarding.namespace}/{event.regarding.name}", "error": error.message},
            )

    async def serves(self, resource: Resource) -> bool:
        """Whether the API server knows this resource."""
        try:
            found = await self._request(
                "GET", Resource(resource.group, resource.version, "", "").path(None).rstrip("/")
            )
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return any(entry["name"] == resource.plural for entry in found["resources"])

    def _seen(self, resource: Resource, obj: dict[str, Any]) -> dict[str, Any]:
        if self.observer is not None:
            self.observer(resource, obj)
        return obj

    async def _apply(self, path: str, manifest: dict[str, Any], manager: str = FIELD_MANAGER) -> dict[str, Any]:
        query = [("fieldManager", manager), ("force", "true"), ("fieldValidation", "Strict")]
        return await self._request("PATCH", path, query=query, body=yaml_body(manifest), content_type=APPLY)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Iterable[tuple[str, str]] = (),
        body: dict[str, Any] | bytes | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        if closed(self.fence, method):
            raise ApiError(0, "NotLeading", f"{method} {path}: {NOT_LEADING}")
        try:
            _, url, headers, payload, _ = await self._api.param_serialize(
                method,
                path,
                query_params=list(query),
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
            )
            answer = await self._api.call_api(method, url, headers, payload, _request_timeout=TIMEOUT)
            data = await answer.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, "Unreachable", f"{method} {path}: {type(error).__name__}: {error}") from error
        return _decoded(method, path, answer.status, data, answer.headers.get("Retry-After", ""))


def _decoded(method: str, path: str, status: int, data: bytes, retry_after: str = "") -> dict[str, Any]:
    """The JSON object of an answer, or the error that it tells."""
    try:
        found = json.loads(data)
    except ValueError:
        found = {"message": data[:200].decode(errors="replace")}
    if 200 <= status < 300 and isinstance(found, dict):
        return found
    answer = found if isinstance(found, dict) else {}
    told = str(answer.get("message", ""))
    wait = float(retry_after) if retry_after.isdecimal() else 0.0
    raise ApiError(status, str(answer.get("reason") or "Unknown"), f"{method} {path}: {status} {told}", told, wait)


def proxy_of_environment(host: str) -> str | None:
    """The proxy that HTTPS_PROXY (or HTTP_PROXY) and NO_PROXY ask for on the way to a URL; None: there is none."""
    url = urlsplit(host)
    return None if proxy_bypass(url.hostname or "") else getproxies().get(url.scheme)


async def connect(
    kubeconfig: str | None = None, observer: Observer | None = None, fence: Fence | None = None
) -> Client:
    """Connect as the pod's ServiceAccount, or as the file `kubeconfig` (else $KUBECONFIG, ~/.kube/config) says."""
    configuration = Configuration()
    in_cluster = await asyncio.to_thread(Path("/var/run/secrets/kubernetes.io/serviceaccount/token").exists)
    if kubeconfig is None and in_cluster and "KUBECONFIG" not in os.environ:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    else:
        chosen = kubeconfig or os.environ.get("KUBECONFIG") or None
        await load_kube_config(config_file=chosen, client_configuration=configuration)  # type: ignore[no-untyped-call]
    return Client(configuration, observer, fence)
