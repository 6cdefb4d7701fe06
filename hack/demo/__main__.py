"""Plays the main job on a cluster where the operator runs: `python -m hack.demo` (see `make demo`)."""

import json
import os
import shlex
import shutil
import sys
import time
from pathlib import Path

from hack.demo import main_job, timeline
from hack.demo.kube import DEPLOYED, NAMESPACE, SYSTEM, StepFailed, heading, kubectl, say
from hack.demo.load import Load


def operator_memory_mib() -> float | None:
    """Resident memory of the operator's process, from its own metrics."""
    text = kubectl(
        "get", "--raw", f"/api/v1/namespaces/{SYSTEM}/services/recsys-operator:8080/proxy/metrics", check=False
    )
    for line in text.splitlines():
        if line.startswith("process_resident_memory_bytes "):
            return round(float(line.split()[1]) / 2**20, 1)
    return None


def next_steps(url: str, host: str) -> list[str]:
    """What to type to look at what the demo left and to go on, with the kubectl and the cluster that it used."""
    lines = ["    Version 2 serves, pinned, and nothing is blocked; the rollback stands in .status.history:"]
    if config := os.environ.get("KUBECONFIG"):
        lines.append(f"    $ export KUBECONFIG={shlex.quote(config)}")
    if found := shutil.which("kubectl"):
        lines.append(f"    $ export PATH={shlex.quote(str(Path(found).parent))}:$PATH")
    rollouts = f"kubectl -n {NAMESPACE} get rdep {DEPLOYED} -o jsonpath='{{.status.history}}'"
    ask = ["curl", "-sS", "-H", f"Host: {host}", "-H", "Content-Type: application/json", f"{url}/v1/recommend"]
    body = json.dumps({"history": [{"id": "50"}, {"id": "181"}], "k": 10})
    follow = json.dumps({"spec": {"version": {"pin": None, "follow": "LatestPassing"}}})
    patch = ["kubectl", "-n", NAMESPACE, "patch", "rdep", DEPLOYED, "--type=merge", "-p", follow]
    down = (
        [] if os.environ.get("CLUSTER") == "current" else ["    The cluster goes on running until:", "    $ make down"]
    )
    return [
        *lines,
        f"    $ kubectl -n {NAMESPACE} get recsys",
        f"    $ {rollouts}",
        f"    $ {shlex.join([*ask, '-d', body])}",
        "    The pin keeps every newer version back. Without it the newest that passed begins as a canary: version 4,",
        "    until there is a newer one:",
        f"    $ {shlex.join(patch)}",
        "    To draw rollouts, to ask why, to give commands: kubectl recsys, see docs/how-to/kubectl-plugin.md",
        "    A model of your own, on your data, with a canary: docs/how-to/train-a-model.md",
        *down,
    ]


def main() -> int:
    """Exit code 0 only if every step held."""
    began = time.monotonic()
    url = os.environ.get("RECSYS_GATEWAY_URL", "http://127.0.0.1:30080")
    job = main_job.MainJob(url, os.environ.get("RECSYS_DEMO_HOST", "movies.example.com"))
    try:
        job.run()
    except StepFailed as error:
        say(f"FAILED: {error}")
        kubectl("get", "rmod,trun,rdep,httproute,jobs,pods", "-o", "wide", show=True, check=False)
        kubectl("get", "events", "--sort-by=.lastTimestamp", show=True, check=False)
        return 1
    finally:
        job.report.operator_memory_mib = operator_memory_mib()
        job.report.phases["main job"] = round(time.monotonic() - began, 1)
        job.report.write()
    heading("What happened")
    print(job.report.tables(), flush=True)
    loads = [
        ("version 2 takes over", Load("canary", url, job.host, 0, 0)),
        ("control: a pod of version 2 is killed", Load("control", url, job.host, 0, 0)),
        ("version 4 is rolled back", Load("rollback", url, job.host, 0, 0)),
    ]
    picture = timeline.draw(loads, job.recorder.changes, job.report.rollbacks)
    times = job.report.rollbacks
    zero, last = times["weightZeroSeconds"] * 1e3, times["lastCanaryAnswerSeconds"] * 1e3
    say(f"The weight of version 4 was 0 within {zero:.0f} ms of the alert being posted.")
    say(f"Its last answer came {abs(last):.0f} ms {'after' if last >= 0 else 'before'} the alert was posted.")
    say(f"operator memory: {job.report.operator_memory_mib} MiB")
    say(f"report: .local/demo/report.json; picture: {picture}")
    say("every step held")
    heading("How to go on")
    print("\n".join(next_steps(url, job.host)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
