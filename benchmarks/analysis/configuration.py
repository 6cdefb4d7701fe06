"""What decides the figures of the analysis benchmark: the canaries that are played, and the designs that judge them."""

from collections.abc import Callable
from dataclasses import asdict

from benchmarks.analysis import simulate
from benchmarks.analysis.simulate import Outcome, Scenario
from benchmarks.recorded import RESULTS, Benchmark, Configuration, results_of_page

Design = Callable[[Scenario, int, int], Outcome]

FILE = RESULTS / "analysis.md"
CANARIES, SEED = 10_000, 20261128
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


def configuration(canaries: int = CANARIES, seed: int = SEED) -> Configuration:
    """A run with so many canaries a line."""
    scenarios = [asdict(one) for one in (WATCHED_ON, *TOGETHER)]
    compared = [(name, design.__name__, settings) for name, design, settings in COMPARED]
    rates = {"equal": EQUAL, "doubled": DOUBLED, "stretch": simulate.STRETCH, "planned": simulate.PLANNED}
    given = {"canaries": canaries, "seed": seed, **rates, "compared": compared, "slowdowns": SLOWDOWNS}
    return {**given, "scenarios": scenarios}


ANALYSIS = Benchmark(
    "hack/bench.sh analysis --write", lambda: {"analysis": configuration()}, lambda: results_of_page(FILE, "analysis")
)
