"""Tails of the binomial distribution, with nothing but the standard library.

`P(X >= k)` for X ~ Binomial(n, p) is the regularized incomplete beta function I_p(k, n - k + 1). It is evaluated by its
continued fraction (DLMF 8.17.22, with Lentz' method as modified by Thompson and Barnett).
"""

from math import exp, lgamma, log, log1p

TINY = 1e-300
CLOSE = 1e-15
MOST_STEPS = 100_000
"""Bounds the work; the fraction needs far fewer, about the square root of the trials."""


def upper_tail(successes: int, trials: int, probability: float) -> float:
    """P(X >= successes), X ~ Binomial(trials, probability)."""
    if successes <= 0:
        return 1.0
    if successes > trials or probability <= 0.0:
        return 0.0
    if probability >= 1.0:
        return 1.0
    return incomplete_beta(successes, trials - successes + 1, probability)


def lower_tail(successes: int, trials: int, probability: float) -> float:
    """P(X <= successes), X ~ Binomial(trials, probability)."""
    return upper_tail(trials - successes, trials, 1.0 - probability)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function I_x(a, b), for a, b > 0 and 0 < x < 1."""
    log_front = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)
    # The fraction converges fast on this side of the mean only.
    if x < (a + 1.0) / (a + b + 2.0):
        return _bounded(exp(log_front - log(a)) * _fraction(a, b, x))
    return _bounded(1.0 - exp(log_front - log(b)) * _fraction(b, a, 1.0 - x))


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0) or TINY)
    value = d
    for m in range(1, MOST_STEPS):
        for coefficient in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / (1.0 + coefficient * d or TINY)
            c = 1.0 + coefficient / c or TINY
            value *= c * d
        if abs(c * d - 1.0) < CLOSE:
            break
    return value


def _bounded(probability: float) -> float:
    return min(1.0, max(0.0, probability))
