"""What copying requests to a shadow costs a client: `make bench-shadow`.

One real server answers a constant load; it is told in turns to copy every request to nobody, to a healthy shadow (a
second real server), to one that takes connections and never answers, and to a closed port. The turns are interleaved,
so that whatever else the machine does falls on all four alike. The server has one CPU of its own where there are
several; load generator and shadow share the others, the shadow at a low priority.

Latencies are only as good as the machine is quiet. What copying adds to the path of a request is printed too, in CPU
time of its thread, which does not depend on that.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvloop
from benchmarks import keep, recorded
from benchmarks.shadow.configuration import (
    FILE,
    ITEMS,
    LENGTH,
    MODES,
    PERCENT,
    RATE,
    SECONDS,
    SHADOW_NICE,
    TURNS,
    WIDTH,
    configuration,
)
from hack.load import histories
from hack.load.generator import Generator, Plan
from hack.load.summary import percentile
from prometheus_client import CollectorRegistry
from tests.integration.serve.server_process import ServerProcess, running
from tests.unit.workers.serve.tiny_version import embedding_of, write_version

from recsys_workers.serve.shadow_config import Target
from recsys_workers.serve.shadow_metrics import ShadowMetrics
from recsys_workers.serve.shadow_mirror import Mirror
from recsys_workers.serve.shadow_sender import MOST_WAITING, Route, Sender

STABLE, CANARY = "0123456789abcdef", "fedcba9876543210"
TOKEN = "0" * 43


@dataclass
class Seen:
    """What one mode cost, over all its turns."""

    latencies: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    """The 99th percentile of each turn."""
    failed: int = 0
    cpu: float = 0.0
    """CPU seconds of the server."""
    sent: float = 0.0
    lost: float = 0.0


async def measure(options: argparse.Namespace, stable: ServerProcess, file: Path, addresses: dict[str, str]) -> None:
    """Play the turns and print the table."""
    bodies = histories.bodies(histories.made_up(1000, ITEMS, LENGTH, seed=1), k=10)
    plan = Plan(
        f"{stable.url}/v1/recommend",
        None,
        options.rate,
        10**9,
        options.seconds,
        ("keep",),
        bodies,
        timeout=10.0,
        seed=1,
    )
    await _turn(plan)  # caches, pools and the CPU's clock are warm from here on
    seen: dict[str, Seen] = defaultdict(Seen)
    for turn in range(options.turns):
        for place in range(len(MODES)):
            mode = MODES[(turn + place) % len(MODES)]
            await _tell(stable, file, addresses.get(mode), options.percent)
            before, cpu = _figures(stable), _cpu_seconds(stable)
            latencies, failed = await _turn(plan)
            after = _figures(stable)
            entry = seen[mode]
            entry.latencies += latencies
            entry.medians.append(percentile(latencies, 0.5))
            entry.ends.append(percentile(latencies, 0.99))
            entry.failed += failed
            entry.cpu += _cpu_seconds(stable) - cpu
            entry.sent += after["sent"] - before["sent"]
            entry.lost += after["lost"] - before["lost"]
    print(_table(options, seen))


async def _turn(plan: Plan) -> tuple[list[float], int]:
    generator = Generator(plan, None)
    await generator.run()
    latencies = sorted(one for group in generator.tally.latencies.values() for one in group)
    return latencies, sum(generator.tally.reasons.values())


async def _tell(stable: ServerProcess, file: Path, url: str | None, percent: int) -> None:
    shadow = {"url": f"{url}/shadow", "from": STABLE, "to": CANARY, "percent": percent, "token": TOKEN}
    content = shadow if url else {}
    await asyncio.to_thread(file.write_text, json.dumps(content))
    await asyncio.sleep(2.0)  # it looks every second; a benchmark may wait for longer than it must


def _figures(stable: ServerProcess) -> dict[str, float]:
    found = {"sent": 0.0, "lost": 0.0}
    for line in httpx.get(f"{stable.url}/metrics", timeout=10).text.splitlines():
        for name in found:
            if line.startswith(f"recsys_shadow_{name}_total"):
                found[name] += float(line.rsplit(" ", 1)[1])
    return found


def _cpu_seconds(server: ServerProcess) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _table(options: argparse.Namespace, seen: dict[str, Seen]) -> str:
    lines = [
        f"{options.rate:g} requests a second, {options.percent} % copied, {options.turns} turns of {options.seconds:g} "
        "seconds each, interleaved. Milliseconds from when a request was due; in brackets the lowest and highest turn.",
        "",
        "| shadow | requests | failed | p50 | p99 | longest | server CPU a request | copied | lost |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for mode in MODES:
        one = seen[mode]
        ordered = sorted(one.latencies)
        lines.append(
            f"| {mode} | {len(ordered)} | {one.failed} | {_spread(percentile(ordered, 0.5), one.medians)} | "
            f"{_spread(percentile(ordered, 0.99), one.ends)} | {ordered[-1] * 1000:.1f} | "
            f"{one.cpu / len(ordered) * 1000:.2f} ms | {one.sent:.0f} | {one.lost:.0f} |"
        )
    quiet = seen[MODES[0]]
    lines += ["", "Median over the turns of (p99 with this shadow - p99 of the same turn without), milliseconds:"]
    for mode in MODES[1:]:
        differences = [1000 * (one - other) for one, other in zip(seen[mode].ends, quiet.ends, strict=True)]
        lines.append(f"  {mode}: {statistics.median(differences):+.2f}")
    return "\n".join(lines)


def _spread(all_turns: float, each: list[float]) -> str:
    return f"{all_turns * 1000:.2f} ({min(each) * 1000:.2f}–{max(each) * 1000:.2f})"


def main() -> None:
    """Start the servers, play, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=RATE, help=f"requests a second (default {RATE:g})")
    parser.add_argument("--percent", type=int, default=PERCENT, help=f"share that is copied (default {PERCENT})")
    parser.add_argument("--turns", type=int, default=TURNS, help=f"turns of each mode (default {TURNS})")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"length of a turn (default {SECONDS:g})")
    parser.add_argument(
        "--shadow-nice", type=int, default=SHADOW_NICE, help=f"niceness of the shadow (default {SHADOW_NICE})"
    )
    parser.add_argument("--write", action="store_true", help=f"write the table to {FILE.name} in benchmarks/results")
    options = parser.parse_args()
    asked = configuration(options.rate, options.percent, options.turns, options.seconds, options.shadow_nice)
    if options.write and asked != configuration():
        parser.error("--write keeps the results of the benchmark as it is configured: leave the other options out.")
    cpus = sorted(os.sched_getaffinity(0))
    with contextlib.redirect_stdout(recorded.Kept()) as kept, contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("stable", "shadow"):
            (root / name).mkdir()
        file = root / "shadow.json"
        servers = []
        for name, seed in (("stable", 7), ("shadow", 8)):
            version = write_version(
                root / f"{name}-claims", ITEMS, LENGTH, LENGTH, embedding=embedding_of(ITEMS, WIDTH, seed)
            )
            revision = {"RECSYS_REVISION": STABLE if name == "stable" else CANARY, "RECSYS_SHADOW_FILE": str(file)}
            servers.append(stack.enter_context(running(version, root / name, **revision)))
        stable, shadow = servers
        for server in servers:
            server.wait_ready()
        if len(cpus) > 1:
            _pin(stable.process.pid, {cpus[0]})
            _pin(shadow.process.pid, set(cpus[1:]))
            os.sched_setaffinity(0, set(cpus[1:]))
        for task in _threads(shadow.process.pid):
            # Also where the benchmark itself runs in real time, to be undisturbed on a busy machine.
            os.sched_setscheduler(task, os.SCHED_OTHER, os.sched_param(0))
            os.setpriority(os.PRIO_PROCESS, task, options.shadow_nice)
        hanging = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
        with socket.create_server(("127.0.0.1", 0)) as closed:
            dead = closed.getsockname()[1]
        addresses = {
            "healthy": shadow.url,
            "hanging": f"http://127.0.0.1:{hanging.getsockname()[1]}",
            "dead": f"http://127.0.0.1:{dead}",
        }
        print(_on_the_path())
        began = time.monotonic()
        uvloop.run(measure(options, stable, file, addresses))
        print(f"\n{time.monotonic() - began:.0f} s in all; {len(cpus)} CPUs.")
    if options.write:
        keep.page(FILE, "Shadows", asked, kept.getvalue())


def _on_the_path() -> str:
    """CPU time that the path of a request spends on copying, in microseconds, by what becomes of the copy."""
    metrics = ShadowMetrics(CollectorRegistry(), {"model": "movies", "version": "4"})
    request, answer = b"x" * 1500, b"y" * 600
    figures = {"no shadow": _cpu_of(Mirror(None, "", 1, metrics).offer, request, answer)}
    target = Target("127.0.0.1", 9, "/shadow", STABLE, CANARY, 100, TOKEN)
    sender = Sender(target, 4, metrics)
    sender.stop()
    time.sleep(1.0)  # nothing takes from its queue any more
    figures["queued"] = _cpu_of(sender.offer, request, answer, rounds=MOST_WAITING, before=sender._queue.clear)
    figures["lost, the queue is full"] = _cpu_of(sender.offer, request, answer)
    sender._away = True
    figures["lost, the shadow is away"] = _cpu_of(sender.offer, request, answer)
    return "On the path of a request: " + ", ".join(f"{name} {cost:.2f} µs" for name, cost in figures.items()) + "."


def _cpu_of(
    offer: Callable[[Route, bytes, bytes], None],
    request: bytes,
    answer: bytes,
    rounds: int = 2000,
    before: Callable[[], None] = lambda: None,
) -> float:
    costs = []
    for _ in range(200):
        before()
        began = time.thread_time_ns()
        for _ in range(rounds):
            offer("recommend", request, answer)
        costs.append((time.thread_time_ns() - began) / rounds / 1000)
    return statistics.median(costs)


def _threads(process: int) -> list[int]:
    return [int(entry.name) for entry in Path(f"/proc/{process}/task").iterdir()]


def _pin(process: int, cpus: set[int]) -> None:
    for task in _threads(process):
        os.sched_setaffinity(task, cpus)


if __name__ == "__main__":
    main()
