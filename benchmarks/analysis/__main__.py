"""How often an equal canary is taken back, and how surely one with twice the errors is found: `make bench-analysis`.

Each line is so many canaries of 5,000 requests, looked at after every hundred. One design is not like another: the last
columns say what each of them gives, whether that is enough or not.
"""

import argparse
import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor

from benchmarks.analysis import simulate
from benchmarks.analysis.simulate import Outcome, Scenario

Design = Callable[[Scenario, int, int], Outcome]

EQUAL, DOUBLED = 0.01, 0.02

COMPARED: tuple[tuple[str, Design, dict[str, object]], ...] = (
    ("more than 2 % of 100 requests bad, twice", simulate.threshold, {}),
    ("an ordinary test at 1 %, repeated at each look", simulate.repeated, {}),
    ("one exact look at the end, at 1 %", simulate.one_look, {}),
    ("mixture likelihood ratio, always valid, at 1 %", simulate.always_valid, {}),
    ("ours, canary and stable alike (50 %)", simulate.rates, {}),
    ("ours, the canary at 10 %", simulate.rates, {"beside": (9,)}),
    ("ours, 10 %, 20 %, then 50 %", simulate.rates, {"beside": (9, 4, 1)}),
    ("ours, 50 %, and 20,000 requests of stable's past", simulate.rates, {"past": 20_000}),
)
WATCHED_ON = Scenario("ours, past 20,000, watched on to 100,000 requests", past=20_000, requests=100_000)
TOGETHER = (
    Scenario("50 %, no past: both arms 1 % to 2 % half-way", worsens=0.02),
    Scenario("50 %, past 20,000: both arms 1 % to 2 % half-way", worsens=0.02, past=20_000),
    Scenario("10 % then 50 %, no past: both arms 1 % to 5 %", worsens=0.05, beside=(9, 1)),
    Scenario("10 % then 50 %, past 20,000: both arms 1 % to 5 %", worsens=0.05, beside=(9, 1), past=20_000),
)
SLOWDOWNS = (1.0, 1.1, 1.25, 1.5)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--canaries", type=int, default=10_000, help="of each line")
    parser.add_argument("--seed", type=int, default=20261128)
    given = parser.parse_args()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        _rates(pool, given.canaries, given.seed)
        _together(pool, given.canaries, given.seed)
        _latencies(pool, given.canaries, given.seed)


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
