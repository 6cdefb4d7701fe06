"""The levels of the sequential test, computed anew from what they are to spend.

With information proportional to the canary's requests, the statistics of the looks are a Brownian motion at the looks'
fractions. Going from look to look, its density among the paths that were not condemned yet is carried on a grid, and
each boundary is set so that what crosses it there first is what the look may spend (Armitage, McPherson and Rowe 1969).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats  # type: ignore[import-untyped]

from recsys_operator.decide.analysis.sequential import LOOKS

Floats = NDArray[np.float64]

PLANNED, BEYOND = 0.006, 0.001


def spent(fraction: float) -> float:
    """What all looks up to a fraction of the planned samples may condemn together, of equal canaries."""
    return PLANNED * fraction**2 if fraction <= 1 else PLANNED + BEYOND * (1 - 1 / fraction)


def levels(looks: tuple[float, ...] = LOOKS, points: int = 1001) -> list[float]:
    """The one-sided tail of the normal distribution that condemns at each look."""
    found: list[float] = []
    places: Floats = np.zeros(1)
    mass: Floats = np.ones(1)
    before = spent_before = 0.0
    for fraction in looks:
        deviation = float(np.sqrt(fraction - before))
        crosses = spent(fraction) - spent_before
        boundary = float(
            optimize.brentq(_excess, 0.0, 12 * np.sqrt(fraction), args=(places, mass, deviation, crosses), xtol=1e-12)
        )
        found.append(float(stats.norm.sf(boundary / np.sqrt(fraction))))
        grid = np.linspace(-8 * np.sqrt(fraction), boundary, points)
        weights = np.full(points, grid[1] - grid[0])
        weights[[0, -1]] /= 2
        density = stats.norm.pdf((grid[:, None] - places[None, :]) / deviation) @ mass / deviation
        places, mass = grid, density * weights
        before, spent_before = fraction, spent(fraction)
    return found


def _excess(boundary: float, places: Floats, mass: Floats, deviation: float, crosses: float) -> float:
    return float(mass @ stats.norm.sf((boundary - places) / deviation)) - crosses
