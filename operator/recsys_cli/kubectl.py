"""The cluster, through kubectl: the user's own context, credentials and proxies, and no client of our own."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from recsys_cli.fields import Json, rows, table
from recsys_cli.problems import Problem

DEPLOYMENTS = "deployments.recsys.dev"
RECMODELS = "recmodels.recsys.dev"
TRAININGRUNS = "trainingruns.recsys.dev"
DEPLOYMENT_LABEL = "recsys.dev/deployment"
PREFIX = re.compile(r"^(?:error: |Error from server(?: \(\w+\))?: )")
"""What kubectl puts before the words that matter."""
MANAGER = "kubectl-recsys"
"""Field manager of the annotations that the plugin writes."""


class NotFound(Problem):
    """There is no such object."""


class Forbidden(Problem):
    """The user lacks a right."""


@dataclass(frozen=True, slots=True)
class Running:
    """A kubectl that was started; several may run at a time."""

    process: subprocess.Popen[str]

    def text(self) -> str:
        """Wait for it, and return what it printed; raises `Problem`."""
        out, err = self.process.communicate()
        if self.process.returncode != 0:
            raise problem(err)
        return out

    def json(self) -> Json:
        """The same, read as JSON."""
        text = self.text()
        try:
            found: Any = json.loads(text or "{}")
        except ValueError as error:
            raise Problem(
                f"kubectl printed no JSON but {text[:200]!r}: is the kubectl in your PATH a wrapper?"
            ) from error
        return found if isinstance(found, dict) else {}

    def items(self) -> list[Json]:
        """The same, read as a list of objects."""
        return rows(self.json(), "items")


def pods_of(name: str) -> list[str]:
    """What to ask for the pods of a Deployment of ours."""
    return ["pods", f"--selector={DEPLOYMENT_LABEL}={name}"]


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with the flags that say which cluster, user and namespace."""

    context: str = ""
    namespace: str = ""
    kubeconfig: str = ""

    @property
    def flags(self) -> list[str]:
        """The flags that are passed on."""
        named = (("context", self.context), ("namespace", self.namespace), ("kubeconfig", self.kubeconfig))
        return [f"--{name}={value}" for name, value in named if value]

    def start(self, *arguments: str) -> Running:
        """Start kubectl; raises `Problem` when there is none."""
        try:
            process = subprocess.Popen(
                ["kubectl", *self.flags, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise Problem(
                f"kubectl could not be started ({error.strerror}): install it, or put it into PATH."
            ) from error
        return Running(process)

    def get(self, *arguments: str) -> Running:
        """Start `kubectl get … -o json`."""
        return self.start("get", *arguments, "--output=json")

    def watch(self, *arguments: str) -> Running:
        """Start `kubectl get … --watch`, to be read with `events`."""
        return self.get(*arguments, "--watch", "--output-watch-events")

    def pods(self, name: str) -> Running:
        """Start reading the pods of a Deployment of ours."""
        return self.get(*pods_of(name))

    def deployment(self, running: Running, name: str) -> Json:
        """The Deployment that is being read; where there is none, the sentence says which there are."""
        try:
            return running.json()
        except NotFound:
            raise Problem(self._which(name)) from None

    def annotate(self, name: str, key: str, value: str) -> None:
        """Write an annotation of a Deployment of ours."""
        self.start("annotate", DEPLOYMENTS, name, f"{key}={value}", "--overwrite", f"--field-manager={MANAGER}").text()

    def names(self) -> list[str]:
        """Names of the Deployments in the namespace."""
        return self.start("get", DEPLOYMENTS, "--output=jsonpath={.items[*].metadata.name}").text().split()

    def current_namespace(self) -> str:
        """The namespace that kubectl takes; asks no cluster."""
        if self.namespace:
            return self.namespace
        try:
            return (
                self.start("config", "view", "--minify", "--output=jsonpath={..namespace}").text().strip() or "default"
            )
        except Problem:
            return "default"

    def _which(self, name: str) -> str:
        place = self.current_namespace()
        names = self.names()
        if not names:
            return (
                f"There is no Deployment {name} in namespace {place}, nor any other: choose another with --namespace."
            )
        listed = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
        return f"There is no Deployment {name} in namespace {place}. There are: {listed}."


def events(running: Running) -> Iterator[tuple[str, Json]]:
    """(ADDED, MODIFIED or DELETED, object) as `kubectl get --watch --output-watch-events -o json` prints them."""
    pending = ""
    assert running.process.stdout is not None
    for line in running.process.stdout:
        pending += line
        # One event a line, or over several lines of which the last begins with the brace that closes it.
        if line[0] not in "{}" or not line.rstrip().endswith("}"):
            continue
        try:
            found: Any = json.loads(pending)
        except ValueError:
            continue
        pending = ""
        if isinstance(found, dict):
            yield str(found.get("type", "")), table(found, "object")


def problem(said: str) -> Problem:
    """What kubectl complains of, with what to do about it."""
    lines = [line for line in said.strip().splitlines() if line.strip()]
    last = lines[-1].strip() if lines else "kubectl ended without a word"
    quoted = PREFIX.sub("", last).rstrip(".?!")
    if "NotFound" in last and "could not find the requested resource" not in last:
        return NotFound(f"{quoted}.")
    if "doesn't have a resource type" in last or "could not find the requested resource" in last:
        return Problem(
            "This cluster does not know the kinds of recsys.dev: install recsys-operator, whose chart brings them, or "
            f"choose another cluster with --context. kubectl said: {quoted}."
        )
    if "Forbidden" in last:
        return Forbidden(
            f"You lack a right: {quoted}. The plugin needs get, list and watch on deployments.recsys.dev, "
            "recmodels.recsys.dev and pods, and patch on deployments.recsys.dev for commands."
        )
    if "Unauthorized" in last or "must be logged in" in last:
        return Problem(f"The API server does not know you: {quoted}. Log in again, or choose another --context.")
    if any(word in said for word in ("refused", "timeout", "no such host", "i/o", "deadline", "Unable to connect")):
        return Problem(
            f"The API server did not answer: {quoted}. `kubectl config current-context` says which cluster is asked."
        )
    return Problem(f"kubectl said: {quoted}.")
