"""How fast a bad canary loses its requests, beside other rollout controllers in the same run: `make bench-rollback`.

Needs the local cluster with the operator (`make up images install`); trains two versions if the demo's are not there.
"""

import argparse
import os
from pathlib import Path

from benchmarks import keep, recorded
from benchmarks.rollback import argo, flagger, ours, stage
from benchmarks.rollback.configuration import FILE, LANES, RATE, RIVALS, ROLLBACKS, configuration
from benchmarks.rollback.figures import Rollback, Side, table, write
from benchmarks.rollback.traffic import OUTPUT
from hack.demo.kube import heading, kubectl
from hack.soak.alert import Receiver, silenced


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollbacks", type=int, default=ROLLBACKS, help=f"of this operator (default {ROLLBACKS})")
    parser.add_argument(
        "--rivals", type=int, default=RIVALS, help=f"of each other controller; 0: none (default {RIVALS})"
    )
    parser.add_argument("--rate", type=int, default=RATE, help=f"requests a second on each host name (default {RATE})")
    parser.add_argument("--lanes", type=int, default=LANES, help=f"Deployments side by side (default {LANES})")
    parser.add_argument("--binaries", type=Path, help="where rollouts-controller and flagger are")
    parser.add_argument("--write", action="store_true", help=f"write the table to {FILE.name} in benchmarks/results")
    options = parser.parse_args()
    if options.write and told(options) != configuration():
        parser.error("--write keeps the results of the benchmark as it is configured: leave the other options out.")
    return options


def told(options: argparse.Namespace) -> recorded.Configuration:
    """The configuration that was asked for."""
    return configuration(options.rollbacks, options.rivals, options.rate, options.lanes)


def main() -> None:
    """Measure every side and print the table."""
    options = arguments()
    url = os.environ.get("RECSYS_GATEWAY_URL", "http://127.0.0.1:30080")
    heading("Two versions of a model")
    stage.versions(url)
    kubectl("delete", "rdep", "movies", "--ignore-not-found")
    sides: list[Side] = []
    rollbacks: list[Rollback] = []
    requests: dict[str, tuple[int, int]] = {}
    try:
        heading(f"{ours.SIDE.name}: {options.rollbacks} rollbacks under load")
        found, requests[ours.SIDE.name] = ours.measure(url, options.rollbacks, options.rate, options.lanes)
        sides.append(ours.SIDE)
        rollbacks += found
        if options.rivals:
            others(options, url, sides, rollbacks, requests)
    finally:
        stage.clean(*(f"rdep/bench-{index}" for index in range(options.lanes)), "rdep/bench-pods")
    write(OUTPUT / "figures.json", rollbacks, requests)
    text = table(sides, rollbacks, requests)
    heading("Rollbacks")
    print(text, flush=True)
    if options.write:
        keep.page(FILE, "Rollbacks", told(options), text)


def others(
    options: argparse.Namespace,
    url: str,
    sides: list[Side],
    rollbacks: list[Rollback],
    requests: dict[str, tuple[int, int]],
) -> None:
    """The other controllers, with the very same pods."""
    # A lane at 50 % has a workload of each version, whose pod templates the others run.
    lane = ours.Lane("bench-pods", url, options.rate, Receiver("", ""))
    stage.apply(lane.manifest(stage.GOOD))
    stage.until("pods to copy", lambda: stage.reason("rdep", lane.name) == "Serving", 180)
    stage.apply(lane.manifest(stage.BAD))
    stage.until("pods to copy", lambda: set(stage.templates(lane.name)) == {stage.GOOD, stage.BAD}, 60)
    pods = stage.templates(lane.name)
    stage.clean(f"rdep/{lane.name}")
    heading(f"{argo.SIDE.name}: {options.rivals} rollbacks under load")
    found, requests[argo.SIDE.name] = argo.measure(options.binaries, url, options.rivals, options.rate, pods)
    sides.append(argo.SIDE)
    rollbacks += found
    heading(f"{flagger.SIDE.name}: {options.rivals} rollbacks under load")
    address = kubectl("get", "service", "prometheus", "-n", "monitoring", "-o", "jsonpath={.spec.clusterIP}")
    prometheus = f"http://{address}:9090"
    found, requests[flagger.SIDE.name] = flagger.measure(
        options.binaries, url, options.rivals, options.rate, pods, prometheus
    )
    sides.append(flagger.SIDE)
    rollbacks += found


if __name__ == "__main__":
    # A busy machine is no reason to take a canary back.
    with silenced("bench-.*", "RecsysLatencyHigh", minutes=240):
        main()
