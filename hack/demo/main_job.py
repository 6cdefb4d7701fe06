"""The main job: four TrainingRuns of one RecModel, two canaries, one rollback. Each step is checked."""

import json
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hack.demo.kube import (
    DEPLOYED,
    NAMESPACE,
    SYSTEM,
    StepFailed,
    condition,
    expect,
    get,
    heading,
    kubectl,
    run,
    say,
    wait_until,
)
from hack.demo.load import HISTORIES, Load
from hack.demo.record import RouteRecorder
from hack.demo.report import Report

EXAMPLES = "examples/movielens"
ROUTE = DEPLOYMENT = DEPLOYED
LOCAL_IMAGE = "localhost/recsys-server:dev"
"""What dataset.yaml copies through: it is on the local cluster's node."""
CANARY_REQUESTS = 20_000
CONTAINERD = "/run/recsys-operator/containerd.sock"
"""The local cluster's; another one's nodes are out of reach."""


@dataclass
class MainJob:
    """The state that the steps share."""

    url: str
    host: str
    report: Report = field(default_factory=Report)
    recorder: RouteRecorder = field(default_factory=lambda: RouteRecorder(ROUTE))
    loads: list[Load] = field(default_factory=list)

    def run(self) -> None:
        """Every step in its order."""
        self.data()
        self.first_version()
        self.serve()
        self.recorder.start()
        try:
            self.second_version()
            self.control()
            self.bad_version()
            self.slow_version()
            self.stays_blocked()
        finally:
            self.recorder.stop()
            for load in self.loads:
                load.abandon()

    def data(self) -> None:
        """A namespace under the restricted Pod Security level, with MovieLens-100K on a claim."""
        heading("0. A fresh namespace, with MovieLens-100K on a PersistentVolumeClaim")
        kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=180s")
        kubectl("create", "namespace", NAMESPACE, show=True)
        level = "pod-security.kubernetes.io/enforce=restricted"
        kubectl("label", "namespace", NAMESPACE, level, show=True)
        kubectl("apply", "-f", str(dataset()), show=True)
        kubectl("wait", "pod/movielens-loader", "--for=condition=Ready", "--timeout=120s")
        for table in ("ml-100k.inter", "ml-100k.item"):
            copy = ("exec", "-i", "movielens-loader", "--", "sh", "-c", f"cat > /data/{table}")
            kubectl(*copy, stdin=HISTORIES.parent / table, show=True)
        kubectl("delete", "pod", "movielens-loader", "--wait=false", show=True)

    # -- training ---------------------------------------------------------------------------------------------------

    def train(self, number: int) -> dict[str, Any]:
        """Applies a run and waits until it is decided; progress comes from its status."""
        name = f"movies-{number}"
        began = time.monotonic()
        kubectl("apply", "-f", f"{EXAMPLES}/run-{number}.yaml", show=True)
        seen: set[int] = set()

        def probe() -> str | None:
            run = get("trainingruns.recsys.dev", name)
            verdict = condition(run, "Succeeded")
            if verdict.get("status") in ("True", "False"):
                return None
            progress = run.get("status", {}).get("progress", {})
            seen.add(progress.get("percent", 0))
            return f"{name}: {verdict.get('reason', 'new')} {progress.get('stage', '')} {progress.get('percent', 0)} %"

        wait_until(f"TrainingRun {name}", probe, 600, every=1)
        run = get("trainingruns.recsys.dev", name)
        took = time.monotonic() - began
        self.report.run(run, took)
        kubectl("get", "trun", name, show=True)
        expect(len(seen) > 2, f"status.progress of {name} moved while it ran ({len(seen)} different percentages)")
        return run

    def first_version(self) -> None:
        """TrainingRun 1 becomes version 1."""
        heading("1. A RecModel and its first TrainingRun (about 1 minute)")
        kubectl("apply", "-f", f"{EXAMPLES}/model.yaml", show=True)
        run = self.train(1)
        verdict = condition(run, "Succeeded")
        expect(verdict["status"] == "True", f"TrainingRun movies-1 passed its gates: {verdict['message']}")
        expect(run["status"]["result"]["version"] == 1, "it became version 1")
        tied, users = (run["status"]["result"]["dataset"][key] for key in ("tiedUsers", "users"))
        expect(tied > 0, f"{tied} of {users} users have a tied last timestamp; row order decides")

    # -- serving ----------------------------------------------------------------------------------------------------

    def wait_serving(self, version: int, seconds: float = 180) -> None:
        """Waits until that version is stable and no canary is under way."""

        def probe() -> str | None:
            obj = get("deployments.recsys.dev", DEPLOYMENT)
            status, ready = obj.get("status", {}), condition(obj, "Ready")
            stable, canary = status.get("stable", {}).get("version"), status.get("canary")
            if stable == version and not canary and ready.get("status") == "True":
                return None
            return f"{DEPLOYMENT}: {ready.get('reason', 'new')}: {ready.get('message', '')}"

        wait_until(f"version {version} to serve", probe, seconds)

    def ask(self) -> dict[str, Any]:
        """One request of a user with a history."""
        body = {"userId": "196", "history": [{"id": item} for item in ("50", "181", "172", "174", "210")], "k": 10}
        curl = ["curl", "-sS", "--fail-with-body", "-m", "10", "-H", f"Host: {self.host}"]
        found = dict(json.loads(run([*curl, f"{self.url}/v1/recommend", "-d", json.dumps(body)], show=True)))
        for item in found["items"]:
            print(
                f"      {item['rank']:>2}  {item['score']:>8.3f}  {item['id']:>5}  {item.get('title', '')}", flush=True
            )
        return found

    def serve(self) -> None:
        """The Deployment serves version 1 behind the gateway."""
        heading("2. A Deployment serves it behind the gateway")
        kubectl("apply", "-f", f"{EXAMPLES}/deployment.yaml", show=True)
        self.wait_serving(1)
        # Ready is the promise that requests are answered: this one is the first, and nobody tries it again.
        found = self.ask()
        expect(
            len(found["items"]) == 10 and all(item.get("title") for item in found["items"]), "ten titles with scores"
        )
        self.report.answer(found)

    def load(self, name: str, rate: int, requests: int) -> Load:
        """A constant load, begun."""
        load = Load(name, self.url, self.host, rate, requests)
        self.loads.append(load)
        load.start()
        return load

    def second_version(self) -> None:
        """TrainingRun 2 becomes version 2 and takes over step by step under load, without a failed request."""
        heading("3. A better setting: version 2, as a canary 10 → 50 → 100 % under load (about 4 minutes)")
        run = self.train(2)
        expect(condition(run, "Succeeded")["status"] == "True", condition(run, "Succeeded")["message"])
        load = self.load("canary", rate=200, requests=CANARY_REQUESTS + 2000)
        self.wait_serving(2)
        kubectl("get", "rdep", DEPLOYMENT, show=True)
        result = load.finish()
        self.report.load("canary", result)
        raised = [change.weights.get(2, 0) for change in self.recorder.changes if change.time >= load.began]
        steps = [weight for weight, before in zip(raised, [0, *raised], strict=False) if weight != before]
        expect(steps == [10, 50, 100], f"the weights of version 2 were {steps}")
        expect(result["requests"] >= CANARY_REQUESTS, f"{result['requests']} requests were sent")
        expect(result["failed"] == 0, "none of them failed (and no client retried)")

    def control(self) -> None:
        """The counter counts: a stable pod killed without draining costs requests."""
        heading("4. The control: a stable pod is killed without draining, and the client must see failures")
        load = self.load("control", rate=200, requests=3000)
        time.sleep(3)
        pods = kubectl("get", "pods", "-l", f"recsys.dev/deployment={DEPLOYMENT},recsys.dev/version=2", "-o", "name")
        victim = pods.split()[0].removeprefix("pod/")
        kill_container(victim)
        result = load.finish()
        self.report.load("control", result)
        counted = f"failures are counted: {result['failed']} of {result['requests']} requests when {victim} was killed"
        expect(result["failed"] > 0, counted)
        self.wait_serving(2)

    def bad_version(self) -> None:
        """TrainingRun 3 fails its gate."""
        heading("5. A deliberately bad setting fails its gate (about 1 minute)")
        run = self.train(3)
        verdict = condition(run, "Succeeded")
        expect(
            verdict["status"] == "False" and verdict["reason"] == "GatesFailed", f"GatesFailed: {verdict['message']}"
        )
        failed = [gate for gate in run["status"]["result"]["gates"] if gate["verdict"] == "Failed"]
        told = [f"{gate['metric']} {gate['value']} (limit {gate['threshold']})" for gate in failed]
        expect(len(failed) >= 1, f"status names metric, value and threshold: {'; '.join(told)}")
        self.pin(3)

        def refused() -> str | None:
            ready = condition(get("deployments.recsys.dev", DEPLOYMENT), "Ready")
            return None if ready.get("reason") == "VersionFailedGates" else f"{ready.get('reason')}"

        wait_until("the refusal of version 3", refused, 30)
        obj = get("deployments.recsys.dev", DEPLOYMENT)
        expect(
            obj["status"]["stable"]["version"] == 2 and "canary" not in obj["status"],
            f"version 2 still serves, there is no canary: {condition(obj, 'Ready')['message']}",
        )
        self.choose({"follow": "LatestPassing", "pin": None})
        self.wait_serving(2)

    # -- rollback ---------------------------------------------------------------------------------------------------

    def slow_version(self) -> None:
        """TrainingRun 4 passes its gates, is slow under load, and is rolled back by an alert."""
        heading("6. Version 4 passes its gates but is slow under load: alert → rollback (about 4 minutes)")
        run = self.train(4)
        expect(condition(run, "Succeeded")["status"] == "True", condition(run, "Succeeded")["message"])
        load = self.load("rollback", rate=50, requests=20_000)

        def rolled_back() -> str | None:
            obj = get("deployments.recsys.dev", DEPLOYMENT)
            blocked = [block["version"] for block in obj["status"].get("blocked", [])]
            if 4 in blocked and "canary" not in obj["status"]:
                return None
            ready = condition(obj, "Ready")
            return f"{DEPLOYMENT}: {ready.get('reason')}: {ready.get('message')}"

        wait_until("the rollback of version 4", rolled_back, 150, every=0.25)
        time.sleep(5)
        result = load.finish(stop=True)
        self.report.load("rollback", result)
        status = get("deployments.recsys.dev", DEPLOYMENT)["status"]
        alert = status["alerts"][-1]
        expect(alert["action"] == "RolledBack" and alert["version"] == 4, f"the alert is in status: {alert['message']}")
        entry = status["history"][-1]
        expect(
            entry["verdict"] == "RolledBack" and entry["to"] == 4,
            f"the history says why: {entry['cause']}: {entry['message']}",
        )
        events = kubectl("get", "events", "--field-selector", f"involvedObject.name={DEPLOYMENT}", show=True)
        expect("RolledBack" in events, "an event says it too")
        self.measure(alert, load)

    def measure(self, alert: dict[str, Any], load: Load) -> None:
        """From Alertmanager's post to weight 0 and to the last answer of the canary."""
        posted = received_at(alert["fingerprint"], alert["startsAt"])
        zero = self.recorder.when(4, 0, after=posted)
        last = load.last_answer(version=4)
        expect(zero is not None, "the route's watch saw weight 0")
        assert zero is not None
        client = {version: load.p99(version, before=posted) for version in (2, 4)}
        server = p99_in_prometheus(posted)
        if Path(CONTAINERD).exists():
            expect({2, 4} <= server.keys(), "Prometheus has the p99 of both versions as their pods measured it")
        elif not {2, 4} <= server.keys():  # Another cluster's Prometheus may be out of reach.
            server = client
        told = " and ".join(
            f"{server[v] * 1e3:.0f} ms of version {v} ({client[v] * 1e3:.0f} ms at the client)" for v in (4, 2)
        )
        expect(server[4] > 3 * server[2], f"p99 under load was {told}")
        self.report.rollback(posted=posted, zero=zero, last=last, server=server, client=client)
        say(f"   post → weight 0: {(zero - posted) * 1e3:.0f} ms")
        say(f"   post → last answer of version 4: {(last - posted) * 1e3:.0f} ms")

    def no_retry(self, why: str) -> None:
        """For five seconds no canary of version 4 appears."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            status = get("deployments.recsys.dev", DEPLOYMENT)["status"]
            if "canary" in status:
                expect(False, f"version 4 is not retried by {why}")
            time.sleep(0.25)
        expect(True, f"version 4 is not retried by {why}")

    def pin(self, version: int) -> None:
        """Pins the Deployment to a version."""
        self.choose({"pin": version, "follow": None})

    def choose(self, version: dict[str, Any]) -> None:
        """Edits spec.version of the Deployment."""
        patch = json.dumps({"spec": {"version": version}})
        kubectl("patch", "rdep", DEPLOYMENT, "--type=merge", "-p", patch, show=True)

    def stays_blocked(self) -> None:
        """Nothing but `unblock` tries version 4 again."""
        heading("7. Nothing retries version 4 but an unblock")
        kubectl("annotate", "rdep", DEPLOYMENT, "example.com/touched=yes", "--overwrite", show=True)
        kubectl("apply", "-f", f"{EXAMPLES}/deployment.yaml", show=True)
        self.no_retry("a re-apply with a changed annotation")
        kubectl("rollout", "restart", "deployment/recsys-operator", "-n", SYSTEM, show=True)
        kubectl("rollout", "status", "deployment/recsys-operator", "-n", SYSTEM, "--timeout=90s")
        self.no_retry("an operator restart")
        for version in (4, 2, 4):
            self.pin(version)
            self.no_retry(f"a pin to {version}")
        ready = condition(get("deployments.recsys.dev", DEPLOYMENT), "Ready")
        expect(ready["reason"] == "VersionBlocked", f"Ready={ready['status']}/VersionBlocked: {ready['message']}")
        kubectl("annotate", "rdep", DEPLOYMENT, "recsys.dev/unblock=v4/demo-1", "--overwrite", show=True)

        def retried() -> str | None:
            canary = get("deployments.recsys.dev", DEPLOYMENT)["status"].get("canary", {})
            return None if canary.get("version") == 4 else "no canary yet"

        wait_until("a canary of version 4 after unblock", retried, 30)
        expect(True, "unblock tries it again")
        self.pin(2)
        self.wait_serving(2)
        expect(True, "an edit back to version 2 takes the canary away at once")


def dataset() -> Path:
    """The example's dataset.yaml, or a copy with the server's image as this cluster pulls it (CLUSTER=current)."""
    example = Path(EXAMPLES, "dataset.yaml")
    path = "jsonpath={.spec.template.spec.containers[0].env[?(@.name=='RECSYS_SERVER_IMAGE')].value}"
    image = kubectl("get", "deployment", "recsys-operator", "-n", SYSTEM, "-o", path)
    if image == LOCAL_IMAGE:
        return example
    copy = Path(".local/demo/dataset.yaml")
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(example.read_text().replace(LOCAL_IMAGE, image))
    return copy


def received_at(fingerprint: str, starts_at: str) -> float:
    """When the operator received the alert, from its log (seconds since the epoch)."""
    for line in kubectl("logs", "deployment/recsys-operator", "-n", SYSTEM, "--since=10m").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if (
            entry.get("message") == "alert acted on"
            and entry.get("fingerprint") == fingerprint
            and entry.get("startsAt") == starts_at
        ):
            return float(entry["receivedAt"])
    raise StepFailed(f"the operator's log does not tell when alert {fingerprint} came")


def p99_in_prometheus(when: float) -> dict[int, float]:
    """p99 of each version as its pods measured it, in seconds; empty without the local Prometheus."""
    query = urllib.parse.urlencode({"query": "recsys:request_duration_seconds:p99", "time": f"{when:.3f}"})
    path = f"/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query?{query}"
    text = kubectl("get", "--raw", path, check=False)
    found = json.loads(text)["data"]["result"] if text else []
    return {
        int(one["metric"]["version"]): float(one["value"][1])
        for one in found
        if one["metric"]["deployment"] == DEPLOYMENT
    }


def kill_container(pod: str, namespace: str = NAMESPACE) -> None:
    """SIGKILL to the process of a pod's first container, without preStop and without an endpoint removed first.

    Where the node's containerd is out of reach, the pod is deleted without grace, which comes close.
    """
    obj = get("pod", pod, namespace)
    container = obj["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
    if Path(CONTAINERD).exists():
        try:
            run(["ctr", "-a", CONTAINERD, "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", container], show=True)
        except StepFailed as error:
            say(f"   {error}")
        else:
            return
    kubectl("-n", namespace, "delete", "pod", pod, "--grace-period=0", "--force", show=True)
