"""How often an equal canary is taken back, and how surely one with twice the errors is found: `make bench-analysis`.

Each line is so many canaries of 5,000 requests, looked at after every hundred. One design is not like another: the last
columns say what each of them gives, whether that is enough or not.
"""

import argparse
import contextlib
import os
from concurrent.futures import Future, ProcessPoolExecutor

from benchmarks import keep, recorded
from benchmarks.analysis import simulate
from benchmarks.analysis.configuration import (
    CANARIES,
    COMPARED,
    DOUBLED,
    EQUAL,
    FILE,
    SEED,
    SLOWDOWNS,
    TOGETHER,
    WATCHED_ON,
    configuration,
)
from benchmarks.analysis.simulate import Outcome, Scenario


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--canaries", type=int, default=CANARIES, help="of each line")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--write", action="store_true", help=f"write the tables to {FILE.name} in benchmarks/results")
    given = parser.parse_args()
    told = configuration(given.canaries, given.seed)
    if given.write and told != configuration():
        parser.error("--write keeps the results of the benchmark as it is configured: leave the other options out.")
    with contextlib.redirect_stdout(recorded.Kept()) as kept, ProcessPoolExecutor(os.cpu_count()) as pool:
        _rates(pool, given.canaries, given.seed)
        _together(pool, given.canaries, given.seed)
        _latencies(pool, given.canaries, given.seed)
    if given.write:
        keep.page(FILE, "Analyses", told, kept.getvalue())


def _rates(pool: ProcessPoolExecutor, canaries: int, seed: int) -> None:
    lines = [
        (
            name,
            pool.submit(design, Scenario(name, EQUAL, **settings), canaries, seed),  # type: ignore[arg-type]
            pool.submit(design, Scenario(name, DOUBLED, **settings), canaries, seed + 1),  # type: ignore[arg-type]
        )
        for name, design, settings in COMPARED
    ]
    watched_on = pool.submit(simulate.rates, WATCHED_ON, canaries // 10, seed + 2)
    print(f"Rates: {canaries} equal canaries (1 % bad in both arms) and {canaries} of 2 % beside 1 %, 5,000 requests\n")
    print(f"| {'design':<52} | falsely taken back | upper 95 % | worse ones found | lower 95 % | requests to find |")
    print(f"| {'-' * 52} | -----------------: | ---------: | ---------------: | ---------: | ---------------: |")
    for name, equal, doubled in lines:
        _line(name, equal, doubled)
    outcome = watched_on.result()
    print(
        f"| {WATCHED_ON.name:<52} | {outcome.share:>18.2%} | {outcome.upper:>10.2%} | {'':>16} | {'':>10} | {'':>16} |"
    )


def _line(name: str, equal: Future[Outcome], doubled: Future[Outcome]) -> None:
    false, found = equal.result(), doubled.result()
    print(
        f"| {name:<52} | {false.share:>18.2%} | {false.upper:>10.2%} | {found.share:>16.2%} | {found.lower:>10.2%} | "
        f"{found.requests:>16,.0f} |",
        flush=True,
    )


def _together(pool: ProcessPoolExecutor, canaries: int, seed: int) -> None:
    lines = [(one.name, pool.submit(simulate.rates, one, canaries // 2, seed + 3)) for one in TOGETHER]
    print(f"\nBoth arms become worse together, which is not the canary's fault: {canaries // 2} canaries\n")
    print(f"| {'ours':<52} | falsely taken back | upper 95 % |")
    print(f"| {'-' * 52} | -----------------: | ---------: |")
    for name, running in lines:
        outcome = running.result()
        print(f"| {name:<52} | {outcome.share:>18.2%} | {outcome.upper:>10.2%} |", flush=True)


def _latencies(pool: ProcessPoolExecutor, canaries: int, seed: int) -> None:
    lines = [(factor, pool.submit(simulate.latencies, factor, canaries, seed + 4)) for factor in SLOWDOWNS]
    print(f"\nLatencyP99, 50 %: {canaries} canaries, each request so many times as slow as stable's\n")
    print("| slower by | taken back | 95 % bounds      | requests to find |")
    print("| --------: | ---------: | ---------------: | ---------------: |")
    for factor, running in lines:
        outcome = running.result()
        bounds = f"{outcome.lower:.2%} to {outcome.upper:.2%}"
        print(
            f"| {factor - 1:>9.0%} | {outcome.share:>10.2%} | {bounds:>16} | {outcome.requests:>16,.0f} |", flush=True
        )


if __name__ == "__main__":
    main()
