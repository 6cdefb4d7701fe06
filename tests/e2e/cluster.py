"""kubectl in a namespace of its own on the cluster that is up, for the tests that play more than the main job."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
Found = TypeVar("Found")


def kubeconfig() -> Path:
    """The local cluster's, as in hack/demo/run.sh; the one of the environment only with CLUSTER=current."""
    if os.environ.get("CLUSTER") == "current":
        return Path(os.environ.get("KUBECONFIG", Path.home() / ".kube/config"))
    return ROOT / ".local/kubeconfig"


def binaries() -> str:
    """The directory of kubectl, which hack/cluster/bins.sh prints as its last line."""
    done = subprocess.run(
        [ROOT / "hack/cluster/bins.sh", "kubernetes"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip().splitlines()[-1]


class Namespace:
    """A namespace under the restricted Pod Security level; `with` makes it afresh and deletes it."""

    def __init__(self, name: str) -> None:
        self.name = name
        path = f"{binaries()}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "KUBECONFIG": str(kubeconfig()), "PATH": path}

    def __enter__(self) -> "Namespace":
        """An earlier test that was killed may have left the namespace."""
        self._delete()
        self.kubectl("create", "namespace", self.name)
        self.kubectl("label", "namespace", self.name, "pod-security.kubernetes.io/enforce=restricted")
        return self

    def __exit__(self, *_: object) -> None:
        self._delete()

    def _delete(self) -> None:
        self.kubectl("delete", "namespace", self.name, "--ignore-not-found", "--timeout=180s")

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """What kubectl prints; fails with what it says."""
        done = subprocess.run(
            ["kubectl", "-n", self.name, *arguments],
            cwd=ROOT,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}"
        return done.stdout

    def apply(self, *manifests: dict[str, Any]) -> None:
        """Applies manifests."""
        listing = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.kubectl("apply", "-f", "-", given=json.dumps(listing))

    def get(self, resource: str, name: str) -> dict[str, Any]:
        """One object."""
        return dict(json.loads(self.kubectl("get", resource, name, "-o", "json")))

    def server_image(self) -> str:
        """The image that the operator gives to servers: any pod can pull it."""
        path = "jsonpath={.spec.template.spec.containers[0].env[?(@.name=='RECSYS_SERVER_IMAGE')].value}"
        return self.kubectl("get", "deployment/recsys-operator", "--namespace=recsys-system", "-o", path)

    def items(self, resource: str, selector: str) -> list[dict[str, Any]]:
        """The objects with these labels, oldest first."""
        found = json.loads(self.kubectl("get", resource, "-l", selector, "-o", "json"))["items"]
        return sorted(found, key=lambda item: str(item["metadata"]["creationTimestamp"]))


def until(what: str, probe: Callable[[], Found | None], seconds: float) -> Found:
    """Asks until there is an answer."""
    deadline = time.monotonic() + seconds
    while (found := probe()) is None:
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.5)
    return found
