"""A constant load on a server or a gateway: `python -m hack.load.load --url http://127.0.0.1:8080/v1/recommend`.

Progress goes to stderr every few seconds, the summary is one JSON object on stdout. SIGTERM, SIGINT or the file named
by --stop-file end the load early, with its summary. Exit code 0: nothing failed; 1: something did; 2: a bad argument.
"""

import argparse
import asyncio
import contextlib
import json
import math
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TextIO

import uvloop
from hack.load import addresses, histories
from hack.load.generator import Generator, Plan, Tally

CONNECTIONS = {"keep": ("keep",), "new": ("new",), "both": ("keep", "new")}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="POST goes here; loopback and private addresses only")
    parser.add_argument("--host", help="the Host header, for a gateway that routes by name")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second (default 100)")
    parser.add_argument("--requests", type=int, help="at most so many requests")
    parser.add_argument("--duration", type=float, help="at most so many seconds")
    parser.add_argument("--connections", choices=CONNECTIONS, default="keep", help="keep alive, new each time, or both")
    parser.add_argument("--histories", type=Path, help="a RecBole .inter file or JSON lines (default: made-up ids)")
    parser.add_argument("--items", type=int, default=1000, help="how many ids are made up (default 1000)")
    parser.add_argument("--length", type=int, default=50, help="longest history that is sent (default 50)")
    parser.add_argument("--k", type=int, default=10, help="items asked for (default 10)")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds until a request counts as failed")
    parser.add_argument("--output", type=Path, help="one JSON line a request is written here")
    parser.add_argument("--stop-file", type=Path, help="the load ends when this file appears")
    parser.add_argument("--progress", type=float, default=5.0, help="seconds between two progress lines (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="which histories are sent in which order")
    parsed = parser.parse_args(arguments)
    if parsed.requests is None and parsed.duration is None:
        parser.error("give --requests or --duration: a load has an end")
    if parsed.rate <= 0:
        parser.error("--rate must be above 0")
    try:
        addresses.check(parsed.url)
    except addresses.ForbiddenTarget as error:
        parser.error(str(error))
    return parsed


def plan_of(arguments: argparse.Namespace) -> Plan:
    """What the command line asks for."""
    if arguments.histories:
        users = histories.read(arguments.histories, arguments.length)
    else:
        users = histories.made_up(1000, arguments.items, arguments.length, arguments.seed)
    return Plan(
        url=arguments.url,
        host=arguments.host,
        rate=arguments.rate,
        requests=arguments.requests if arguments.requests is not None else 10**9,
        duration=arguments.duration if arguments.duration is not None else math.inf,
        connections=CONNECTIONS[arguments.connections],
        bodies=histories.bodies(users, arguments.k),
        timeout=arguments.timeout,
        seed=arguments.seed,
    )


async def run(plan: Plan, output: TextIO | None, stop_file: Path | None, progress: float) -> dict[str, object]:
    """Send the plan and return its summary."""
    generator = Generator(plan, output)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, generator.stop)
    began = time.monotonic()
    watchers = [asyncio.create_task(_report(generator, progress))]
    if stop_file is not None:
        watchers.append(asyncio.create_task(_watch(generator, stop_file)))
    await generator.run()
    for watcher in watchers:
        watcher.cancel()
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = time.monotonic() - began
    return {
        **generator.tally.summary(),
        "seconds": round(seconds, 3),
        "cpuSeconds": round(used.ru_utime + used.ru_stime, 3),
    }


async def _report(generator: Generator, every: float) -> None:
    while True:
        began = time.monotonic()
        await asyncio.sleep(every)
        recent, generator.recent = generator.recent, Tally()
        figures = recent.summary()
        by_version = ", ".join(
            f"v{version} {latency['requests']} (p50 {latency['p50']} ms, p99 {latency['p99']} ms)"
            for version, latency in figures["latency"].items()  # type: ignore[attr-defined]
        )
        rate = recent.requests / (time.monotonic() - began)
        total, failed = generator.tally.requests, sum(generator.tally.reasons.values())
        print(f"{rate:.0f}/s, {total} requests, {failed} failed: {by_version}", file=sys.stderr, flush=True)


async def _watch(generator: Generator, stop_file: Path) -> None:
    while not stop_file.exists():  # noqa: ASYNC110, ASYNC240  (another process makes the file)
        await asyncio.sleep(0.2)
    generator.stop()


def main() -> int:
    """Run the command line."""
    arguments = parse()
    plan = plan_of(arguments)
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(arguments.output.open("w")) if arguments.output else None
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            summary = runner.run(run(plan, output, arguments.stop_file, arguments.progress))
    print(json.dumps(summary), flush=True)
    return 1 if summary["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
