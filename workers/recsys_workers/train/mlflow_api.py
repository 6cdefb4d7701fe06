"""The few calls of MLflow's REST API 2.0 that a run needs, with the standard library.

Source: https://mlflow.org/docs/latest/rest-api.html
"""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 3.0
HEALS = {401, 403, 408, 429}
"""Codes below 500 that another try may not meet again."""
NOT_THERE = "RESOURCE_DOES_NOT_EXIST"
THERE = "RESOURCE_ALREADY_EXISTS"
UID = "recsys_run_uid"
"""Tag by which every attempt finds the run that the first one created."""


class MlflowRefused(Exception):
    """The server refused a call for good; `code` is its error_code."""

    def __init__(self, call: str, status: int, code: str, message: str) -> None:
        super().__init__(f"MLflow refused {call}: {status} {code} {message}"[:500])
        self.code = code


@dataclass(frozen=True, slots=True)
class Identity:
    """What a TrainingRun is to MLflow."""

    experiment: str
    name: str
    uid: str
    tags: Mapping[str, str]


class MlflowApi:
    """One tracking server. Calls raise MlflowRefused (do not retry) or OSError (may heal)."""

    def __init__(self, uri: str, environ: Mapping[str, str]) -> None:
        """`uri` begins with http:// or https://; credentials are those of MLflow's own variables, or in the URI.

        Raises ValueError, in whose text no part of the URI stands, for one that is none.
        """
        parts = urllib.parse.urlsplit(uri)
        if "@" in parts.path + parts.query + parts.fragment or not _has_port(parts):
            raise ValueError(
                "in its user name or password a character such as / ? # stands as it is, or its port is no number: "
                "write /, ? and # as %2F, %3F and %23, or use MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            )
        self.address = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        user = environ.get("MLFLOW_TRACKING_USERNAME") or urllib.parse.unquote(parts.username or "")
        password = environ.get("MLFLOW_TRACKING_PASSWORD") or urllib.parse.unquote(parts.password or "")
        if token := environ.get("MLFLOW_TRACKING_TOKEN"):
            self._headers["Authorization"] = f"Bearer {token}"
        elif user:
            self._headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def post(self, call: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Such as `post("runs/log-batch", …)`."""
        return self._call("POST", call, "", json.dumps(body, allow_nan=False).encode())

    def run(self, identity: Identity, start_milliseconds: int) -> str:
        """The ID of the run with this UID: the one that is there, marked as running again, or a new one."""
        experiment = self._experiment(identity.experiment)
        search = {"experiment_ids": [experiment], "filter": f"tags.{UID} = '{identity.uid}'", "max_results": 1}
        for found in self.post("runs/search", search).get("runs") or ():
            run_id = str(found["info"]["run_id"])
            self.post("runs/update", {"run_id": run_id, "status": "RUNNING"})
            return run_id
        tags = [{"key": key, "value": value} for key, value in {**identity.tags, UID: identity.uid}.items()]
        start = {"experiment_id": experiment, "run_name": identity.name, "start_time": start_milliseconds, "tags": tags}
        return str(self.post("runs/create", start)["run"]["info"]["run_id"])

    def _experiment(self, name: str) -> str:
        query = "?" + urllib.parse.urlencode({"experiment_name": name})
        try:
            return str(self._call("GET", "experiments/get-by-name", query)["experiment"]["experiment_id"])
        except MlflowRefused as refused:
            if refused.code != NOT_THERE:
                raise
        try:
            return str(self.post("experiments/create", {"name": name})["experiment_id"])
        except MlflowRefused as refused:
            if refused.code != THERE:
                raise
            raise ConnectionError(f"the experiment {name} was created by somebody else just now") from refused

    def _call(self, method: str, call: str, query: str, body: bytes | None = None) -> dict[str, Any]:
        url = f"{self.address}/api/2.0/mlflow/{call}{query}"
        request = urllib.request.Request(url, data=body, method=method, headers=self._headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
                answer: dict[str, Any] = _document(response.read())
                return answer
        except urllib.error.HTTPError as error:
            answered = error.read()
            told = _document(answered)
            code, message = str(told.get("error_code", "")), str(told.get("message", ""))
            if error.code >= 500 or error.code in HEALS:
                # Text and no document is what it says, among others, of a host name that it does not allow.
                said = message or " ".join(answered.decode(errors="replace").split())
                raise ConnectionError(f"{call}: {error.code} {error.reason}: {said}"[:300]) from error
            raise MlflowRefused(call, error.code, code, message) from error


def _has_port(parts: urllib.parse.SplitResult) -> bool:
    """Whether its port, where it has one, is a number: else it is a part of a password."""
    try:
        return parts.port is None or parts.port >= 0
    except ValueError:
        return False


def _document(data: bytes) -> dict[str, Any]:
    """A JSON object; an empty one where there is another answer, as of a proxy."""
    try:
        found = json.loads(data or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
