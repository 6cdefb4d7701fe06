"""What a run costs besides its training, from `kubectl apply` to Succeeded, and where it goes: `make bench-overhead`.

Needs a cluster with the operator (`make up images install`, or CLUSTER=current). The runs of `examples/churn` follow
each other in a namespace of their own, which is deleted in the end. What the objects tell is seen as a client sees it,
by watches, since the API server's own timestamps are whole seconds; inside the pod the trainer tells its seconds.
"""

import argparse
import time
from pathlib import Path

import yaml
from benchmarks import keep
from benchmarks.overhead import timeline
from benchmarks.overhead.configuration import EXAMPLE, FILE, LIMIT_SECONDS, RUNS, configuration
from benchmarks.rollback.watch import Watch
from hack.demo.kube import heading, kubectl, say

NAMESPACE = "recsys-bench-overhead"
SECONDS = 900.0
MADE = Path(".local/bench/overhead")


def main() -> None:
    """Measure each run, and print the table."""
    options = _arguments()
    try:
        _stage()
        found = [_one(number) for number in range(1, options.runs + 1)]
    finally:
        if not options.keep:
            _kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
    text = timeline.table(found)
    middle = sorted(timeline.overhead(*one) for one in found)[len(found) // 2]
    reached = "reached" if middle < LIMIT_SECONDS else "NOT reached"
    text += f"\n\n{len(found)} runs; less than {LIMIT_SECONDS:.0f} s without the training: {reached}, {middle:.1f} s."
    heading("Overhead")
    print(text, flush=True)
    if options.write:
        keep.page(FILE, "Overhead of a run", configuration(options.runs), text)


def _stage() -> None:
    """The namespace with the example's table and model."""
    heading(f"The example's table, in the namespace {NAMESPACE}")
    _kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=180s")
    _kubectl("create", "namespace", NAMESPACE)
    _kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    _kubectl("apply", "-f", str(EXAMPLE / "dataset.yaml"))
    done = "--for=jsonpath={.status.phase}=Succeeded"
    _kubectl("wait", "pod/churn-generator", done, "--timeout=300s")
    _kubectl("apply", "-f", str(EXAMPLE / "model.yaml"))


def _one(number: int) -> tuple[dict[str, float], dict[str, float]]:
    """One run: its rows, and what its trainer tells."""
    name = f"churn-{number}"
    manifest = yaml.safe_load((EXAMPLE / "run.yaml").read_text())
    manifest["metadata"]["name"] = name
    manifest["spec"]["seed"] = number
    MADE.mkdir(parents=True, exist_ok=True)
    path = MADE / f"{name}.yaml"
    path.write_text(yaml.safe_dump(manifest))
    selector = ("-l", f"recsys.dev/trainingrun={name}")
    jobs = Watch(("jobs.batch", *selector), timeline.job_seen, NAMESPACE)
    pods = Watch(("pods", *selector), timeline.pod_state, NAMESPACE)
    runs = Watch(("trainingruns.recsys.dev", name), timeline.run_state, NAMESPACE)
    # A watch on one name wants the object: the run's begins with it.
    for watch in (jobs, pods):
        watch.start()
    time.sleep(1.0)
    applied = time.time()
    _kubectl("apply", "-f", str(path))
    runs.start()
    try:
        runs.first(lambda state: state in ("succeeded", "failed"), applied, SECONDS)
        pods.first(lambda state: state == "ended", applied, 60)
    finally:
        for watch in (jobs, pods, runs):
            watch.stop()
    if runs.changes[-1][1] == "failed":
        raise RuntimeError(f"The run {name} failed: " + _kubectl("get", "trun", name, "-o", "jsonpath={.status}"))
    told = timeline.stages(_kubectl("logs", f"job/{name}-train"))
    found = timeline.rows(timeline.moments(applied, jobs.changes, pods.changes, runs.changes), told)
    say(f"   {name}: {sum(found.values()):.1f} s, without the training {timeline.overhead(found, told):.1f} s")
    return found, told


def _kubectl(*arguments: str) -> str:
    return kubectl(*arguments) if "namespace" in arguments else kubectl("-n", NAMESPACE, *arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-overhead", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"one after the other (default {RUNS})")
    parser.add_argument("--keep", action="store_true", help="leave the namespace")
    parser.add_argument("--write", action="store_true", help=f"write the table to {FILE.name} in benchmarks/results")
    options = parser.parse_args()
    if options.write and configuration(options.runs) != configuration():
        parser.error("--write keeps the results of the benchmark as it is configured: leave the other options out.")
    return options


if __name__ == "__main__":
    main()
