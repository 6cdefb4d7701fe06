"""What all sides share: two versions of a model on a claim, a gateway, and pods that serve them."""

import copy
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hack.demo.kube import condition, get, items, kubectl, say
from hack.demo.main_job import MainJob

GOOD, BAD = 1, 2
"""Version 2 is as good as version 1: what is measured is how fast it goes once somebody says that it is bad."""

HISTORIES = Path(".local/data/ml-100k/ml-100k.inter")
GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway", "namespace": "gateway-system"}
MATCHES = [{"path": {"type": "PathPrefix", "value": "/v1/"}}, {"path": {"type": "Exact", "value": "/predict"}}]


def versions(url: str) -> None:
    """Versions 1 and 2 in the demo's namespace, trained unless they are there."""
    model = get("recmodels.recsys.dev", "movies")
    there = {
        version["version"] for version in model.get("status", {}).get("versions", ()) if version["verdict"] == "Passed"
    }
    if {GOOD, BAD} <= there:
        say(f"versions {GOOD} and {BAD} of the demo's model are there")
        return
    say("training two versions (about 3 minutes)")
    job = MainJob(url, "movies.example.com")
    job.data()
    job.first_version()
    job.train(BAD)


def apply(manifest: dict[str, Any]) -> None:
    """Apply one object in the demo's namespace."""
    path = Path(".local/bench/manifest.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(manifest))
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(path))


def templates(deployment: str) -> dict[int, dict[str, Any]]:
    """The pod templates that our operator made for both versions, without its labels, for other controllers to run."""
    found = {}
    for workload in items("deployments.apps", "-l", f"recsys.dev/deployment={deployment}"):
        template = copy.deepcopy(workload["spec"]["template"])
        template["metadata"] = {}
        found[int(workload["metadata"]["labels"]["recsys.dev/version"])] = template
    return found


def labelled(template: dict[str, Any], app: str) -> dict[str, Any]:
    """The template with a label that a Service selects."""
    return {**template, "metadata": {"labels": {"app": app}}}


def service(name: str, app: str) -> dict[str, Any]:
    """A Service over the pods of an app."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": app}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }


def until(what: str, holds: Callable[[], bool], seconds: float, every: float = 0.2) -> None:
    """Wait until something holds."""
    end = time.time() + seconds
    while not holds():
        if time.time() > end:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(every)


def reason(kind: str, name: str, of: str = "Ready") -> str:
    """The reason of a condition."""
    return str(condition(get(kind, name), of).get("reason", ""))


def clean(*names: str) -> None:
    """Delete objects of the demo's namespace, `kind/name` each."""
    for name in names:
        kubectl("delete", name, "--ignore-not-found", "--wait=false", check=False)


if __name__ == "__main__":
    versions(os.environ.get("RECSYS_GATEWAY_URL", "http://127.0.0.1:30080"))
