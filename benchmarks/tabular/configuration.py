"""What decides the figures of the benchmark on rows."""

from benchmarks.recorded import RESULTS, Benchmark, Configuration, results_of_lines

from recsys_workers.data.generate.numbers import BEND
from recsys_workers.models.hyperparameters import check

NAME, ARCHITECTURE = "MLP", "MLP"
FILE = RESULTS / "tabular.jsonl"
SEEDS = (1, 2, 3)
ROWS, FEATURES, BAYES_ACCURACY, DATA_SEED = 600_000, 100, 0.85, 2
"""The hyperparameters below were chosen on the rows of seed 1."""
HYPERPARAMETERS = {
    "hiddenSize": "64",
    "epochs": "10",
    "batchSize": "256",
    "learningRate": "0.003",
    "weightDecay": "0.1",
    "averageDecay": "0.999",
}
GIVEN_MILLISECONDS, GIVEN_ACCURACY = 36.0, 0.8195
"""Of one step, and on test rows: the given target, which was not measured here."""
LEAST_ACCURACY, LEAST_RATIO = 0.835, 20.0
"""What is to be reached: accuracy on the test rows, and how many steps fit into one of the given target."""


def configuration() -> Configuration:
    """Of both sides: the reference has the same width, epochs, rows a step and step size."""
    data = {"rows": ROWS, "features": FEATURES, "bayesAccuracy": BAYES_ACCURACY, "seed": DATA_SEED, "bend": BEND}
    hyperparameters = dict(check(ARCHITECTURE, HYPERPARAMETERS).text)
    return {"data": data, "architecture": ARCHITECTURE, "hyperparameters": hyperparameters}


TABULAR = Benchmark(
    "make bench-tabular", lambda: {NAME: configuration()}, lambda: results_of_lines(FILE, lambda one: one["made"])
)
