"""The operator's own binomial tails against SciPy's."""

import numpy as np
import pytest

from recsys_operator.decide.analysis.binomial import incomplete_beta, lower_tail, upper_tail

PROBABILITIES = (1e-6, 0.001, 1 / 6, 0.25, 0.5, 0.9, 0.999)


@pytest.mark.parametrize("probability", PROBABILITIES)
@pytest.mark.parametrize("trials", [1, 2, 7, 40, 350, 5_000, 200_000, 10_000_000])
def test_tails_agree_with_scipy_from_the_middle_to_far_out(trials: int, probability: float) -> None:
    from scipy import stats  # Here: it takes seconds, and who runs other tests need not wait for it.

    mean, deviation = trials * probability, np.sqrt(trials * probability * (1 - probability))
    for distance in (-6, -3, -1, -0.1, 0, 0.1, 1, 2, 4, 8):
        count = int(np.clip(round(mean + distance * deviation), 0, trials))
        expected = stats.binom.sf(count - 1, trials, probability)
        assert upper_tail(count, trials, probability) == pytest.approx(expected, rel=1e-7, abs=1e-250)
        expected = stats.binom.cdf(count, trials, probability)
        assert lower_tail(count, trials, probability) == pytest.approx(expected, rel=1e-7, abs=1e-250)


def test_the_incomplete_beta_function_agrees_with_scipy() -> None:
    from scipy import special

    rng = np.random.default_rng(1)
    for a, b in 10 ** rng.uniform(-1, 6, (300, 2)):
        x = float(np.clip(rng.beta(a, b), 1e-12, 1 - 1e-12))
        assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-7, abs=1e-12)


def test_every_input_has_an_answer() -> None:
    assert upper_tail(0, 10, 0.5) == 1.0
    assert upper_tail(11, 10, 0.5) == 0.0
    assert upper_tail(3, 10, 0.0) == 0.0
    assert upper_tail(3, 10, 1.0) == 1.0
    assert upper_tail(0, 0, 0.5) == 1.0
    assert lower_tail(10, 10, 0.5) == 1.0
    assert lower_tail(0, 10, 0.0) == 1.0
