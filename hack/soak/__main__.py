"""Random rollouts, restarts, evictions and alerts under load, for half an hour: `make soak`.

At its end no request may have failed, the operator may not have grown, and nothing may be left over. Prints one line a
disturbance; the exit code is 0 only if all of that holds.
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
from pathlib import Path

from hack.demo.__main__ import operator_memory_mib
from hack.demo.kube import StepFailed, heading, items, kubectl, say, wait_until
from hack.soak.alert import silenced
from hack.soak.disturbances import ALL, NEW_OPERATOR
from hack.soak.shop import NAME, Shop

REPORT = Path(".local/soak/report.json")
MOST_GROWTH_MIB = 10.0
KINDS = "deployments.apps,services,httproutes,replicasets,configmaps,jobs,horizontalpodautoscalers,poddisruptionbudgets"


def main() -> int:
    """Play until the time is over, then judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument("--rate", type=int, default=100, help="requests a second (default 100)")
    parser.add_argument("--seed", type=int, default=None, help="of the order of the disturbances (default: the time)")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int(time.time())
    chance = random.Random(seed)
    shop = Shop(os.environ.get("RECSYS_GATEWAY_URL", "http://127.0.0.1:30080"))
    heading(f"soak: {options.minutes:g} minutes, seed {seed}")
    shop.begin()
    load = shop.load("soak", options.rate)
    played: dict[str, int] = {}
    memory: list[float] = []
    of_this_process = 0  # where the readings of the operator's newest process begin
    failure = ""
    end = time.monotonic() + options.minutes * 60
    half = end - options.minutes * 30
    try:
        while time.monotonic() < end:
            # Every one once, in a random order, then again.
            for name in chance.sample(sorted(ALL), len(ALL)):
                began = time.monotonic()
                # In the second half one process of the operator does all of it, so that its memory can be judged.
                if name in NEW_OPERATOR and began > half:
                    continue
                ALL[name](shop)
                played[name] = played.get(name, 0) + 1
                if name in NEW_OPERATOR:
                    of_this_process = len(memory)
                memory.append(operator_memory())
                took = time.monotonic() - began
                left = max(0.0, end - time.monotonic()) / 60
                say(f"   ✓ {name} ({took:.0f} s); operator {memory[-1]:.1f} MiB; {left:.0f} minutes left")
                if time.monotonic() > end:
                    break
    except (StepFailed, OSError) as error:
        failure = str(error)
    finally:
        result = load.finish(stop=True)
    faults = [failure] if failure else judged(shop, result, memory[of_this_process:])
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(
        json.dumps({"seed": seed, "played": played, "load": result, "memoryMiB": memory, "faults": faults}, indent=1)
    )
    for fault in faults:
        say(f"FAILED: {fault}")
    total = sum(played.values())
    say(f"{total} disturbances, {result['requests']:,} requests, {result['failed']} failed; report: {REPORT}")
    return 1 if faults else 0


def judged(shop: Shop, result: dict[str, object], memory: list[float]) -> list[str]:
    """What did not hold, a sentence each."""
    faults = []
    if result["failed"]:
        faults.append(f"{result['failed']} of {result['requests']} requests failed: {result['reasons']}")
    if growth := grown(memory):
        faults.append(growth)
    say("   waiting until the version before is no longer kept warm")
    shop.wait("the version before to be let go", lambda status: "previous" not in status, 180)
    left = leaked(shop)
    if left:
        faults.append(f"these are left over: {', '.join(left)}")
    return faults


def operator_memory() -> float:
    """Resident memory of the operator in MiB, once it tells."""
    found: list[float] = []

    def probe() -> str | None:
        found.extend(one for one in [operator_memory_mib()] if one is not None)
        return None if found else "the operator's metrics do not answer"

    wait_until("the operator's memory", probe, 60)
    return found[-1]


def grown(memory: list[float]) -> str:
    """By how much one process grew, where it is too much: the median of its last third against that of its first."""
    third = max(1, len(memory) // 3)
    early, late = statistics.median(memory[:third]), statistics.median(memory[-third:])
    say(f"   the operator's last process: {early:.1f} MiB at first, {late:.1f} MiB at last, {len(memory)} readings")
    return f"the operator grew from {early:.1f} to {late:.1f} MiB" if late > early + MOST_GROWTH_MIB else ""


def leaked(shop: Shop) -> list[str]:
    """Children of revisions that neither serve nor are kept, after a while."""
    revision = shop.status()["stable"]["revision"]
    end = time.monotonic() + 60
    while True:
        found = [
            f"{one['kind']} {one['metadata']['name']}"
            for one in items(KINDS, "-l", f"recsys.dev/deployment={NAME}")
            if one["metadata"]["labels"].get("recsys.dev/revision", revision) != revision
        ]
        if not found or time.monotonic() > end:
            return found
        time.sleep(2)


if __name__ == "__main__":
    try:
        # A busy machine is no reason to take a canary back.
        with silenced(NAME, "RecsysLatencyHigh", minutes=240):
            code = main()
        sys.exit(code)
    finally:
        kubectl("delete", "rdep", NAME, "--ignore-not-found", "--wait=false", check=False)
