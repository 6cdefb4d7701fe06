"""A small MLflow: the calls that a run makes, over HTTP, refusing what MLflow refuses."""

import json
import re
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = re.compile(r"^[/\w.\- ]*$")
"""Of parameters and metrics: mlflow/utils/validation.py."""


class Refusal(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass
class Run:
    experiment: str
    name: str
    status: str = "RUNNING"
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: list[tuple[str, float, int]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)


class MlflowServer:
    """Answers with the codes in `codes` first, each after `seconds`."""

    def __init__(self) -> None:
        self.experiments: list[str] = []
        self.runs: list[Run] = []
        self.codes: list[int] = []
        self.seconds = 0.0
        self.authorizations: set[str | None] = set()
        self.calls: list[str] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.answer(self, {})

            def do_POST(self) -> None:
                owner.answer(self, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        time.sleep(self.seconds)
        url = urllib.parse.urlsplit(handler.path)
        call = url.path.removeprefix("/api/2.0/mlflow/")
        self.calls.append(call)
        self.authorizations.add(handler.headers["Authorization"])
        status, answer = 200, {}
        try:
            if self.codes:
                raise Refusal(self.codes.pop(0), "TEMPORARILY_UNAVAILABLE")
            query = dict(urllib.parse.parse_qsl(url.query))
            answer = getattr(self, re.sub(r"\W", "_", f"{handler.command}/{call}"))({**query, **body})
        except Refusal as refusal:
            status, answer = refusal.status, {"error_code": refusal.code, "message": "no"}
        data = json.dumps(answer).encode()
        try:
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)
        except OSError:  # who asked has gone away
            return

    def GET_experiments_get_by_name(self, body: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if body["experiment_name"] not in self.experiments:
            raise Refusal(404, "RESOURCE_DOES_NOT_EXIST")
        return {"experiment": {"experiment_id": str(self.experiments.index(body["experiment_name"]))}}

    def POST_experiments_create(self, body: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if body["name"] in self.experiments:
            raise Refusal(400, "RESOURCE_ALREADY_EXISTS")
        self.experiments.append(body["name"])
        return {"experiment_id": str(len(self.experiments) - 1)}

    def POST_runs_search(self, body: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        asked = re.fullmatch(r"tags\.(\w+) = '([^']+)'", body["filter"])
        assert asked is not None
        found = [
            {"info": {"run_id": str(number)}}
            for number, run in enumerate(self.runs)
            if run.experiment in body["experiment_ids"] and run.tags.get(asked[1]) == asked[2]
        ]
        return {"runs": found[: body["max_results"]]} if found else {}

    def POST_runs_create(self, body: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert isinstance(body["start_time"], int)
        tags = {tag["key"]: tag["value"] for tag in body["tags"]}
        self.runs.append(Run(body["experiment_id"], body["run_name"], tags=tags))
        return {"run": {"info": {"run_id": str(len(self.runs) - 1)}}}

    def POST_runs_log_batch(self, body: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        run = self.runs[int(body["run_id"])]
        for kind in ("params", "metrics"):
            if not all(NAME.match(entry["key"]) for entry in body.get(kind, ())):
                raise Refusal(400, "INVALID_PARAMETER_VALUE")
        for param in body.get("params", ()):
            if run.params.setdefault(param["key"], param["value"]) != param["value"]:
                raise Refusal(400, "INVALID_PARAMETER_VALUE")
        run.metrics += [(one["key"], one["value"], one["step"]) for one in body.get("metrics", ())]
        run.tags.update({tag["key"]: tag["value"] for tag in body.get("tags", ())})
        return {}

    def POST_runs_update(self, body: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        run = self.runs[int(body["run_id"])]
        run.status = body["status"]
        run.statuses.append(body["status"])
        return {"run_info": {}}
