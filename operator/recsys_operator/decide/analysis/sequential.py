"""A test that may look again and again: are requests to the canary bad more often than requests to stable?

Each look is an exact test given how many bad requests there were: were both arms alike, the canary's share of them
would be binomial with the canary's share of the requests. How small a tail each look must find is fixed beforehand by
alpha spending (Lan and DeMets 1983; Kim and DeMets 1987, power 2), so that all looks together take back an equal canary
in 0.7 % of cases.

Stable's requests from before the canary are used too, as long as stable itself behaves as before: they make the test
as sharp as if stable had had all of them beside the canary.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from recsys_operator.api.analysis_status import TestMemory
from recsys_operator.decide.analysis.binomial import lower_tail, upper_tail

LOOKS = (
    *(1.25**-remaining for remaining in range(21, -1, -1)),
    *(2.0**doubling for doubling in range(1, 7)),
)
"""When it looks, as a multiple of the samples that it is planned for: often at first, for what is plainly bad."""

LEVELS = (
    *(5.1042e-07, 3.8859e-07, 5.7141e-07, 8.8769e-07, 1.3946e-06, 2.1981e-06, 3.4696e-06, 5.4814e-06, 8.6662e-06),
    *(1.3712e-05, 2.1711e-05, 3.4406e-05, 5.4573e-05, 8.6643e-05, 1.3770e-04, 2.1911e-04, 3.4907e-04, 5.5689e-04),
    *(8.8978e-04, 1.4241e-03, 2.2834e-03, 3.6690e-03),
    *(8.2654e-04, 3.6080e-04, 1.6798e-04, 7.9738e-05, 3.8249e-05, 1.8490e-05),
)
"""The largest tail that condemns at each look.

They spend 0.006 * fraction^2 up to the planned samples, and 0.001 in all beyond. Information counts as proportional to
the canary's requests, which errs on the safe side where stable's share of the requests falls. `benchmarks/analysis`
computes them, a unit test compares.
"""

DRIFT_LEVEL = 0.01
"""Stable's past is left out when its present differs from it as rarely as this."""

AGREEMENT_LEVEL = 0.07
"""What the past condemns, the present must support at least so much: both arms may have become worse together."""


@dataclass(frozen=True, slots=True)
class Increment:
    """What is new since the last look: requests and bad ones of both arms in the same stretch of time."""

    requests: int
    bad: int
    stable_requests: int
    stable_bad: int


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the evidence."""

    condemned: bool
    tail: float
    """How likely so many bad requests to the canary are, were both arms alike; 1 where no more than expected."""
    level: float
    against: Literal["Past", "Present"]
    """Whether stable's past was used."""


def observe(memory: TestMemory, new: Increment, tolerance: float = 0.0) -> TestMemory:
    """The memory with the increment. `tolerance` is how much more often the canary may be bad, as a fraction.

    The expectation is summed up stretch by stretch: rates that change with time, while the weights change too, do not
    look like a difference between the arms.
    """
    exposed = (1.0 + tolerance) * new.requests
    share = exposed / (exposed + new.stable_requests) if exposed else 0.0
    expected = Decimal(memory.expected) + Decimal(f"{(new.bad + new.stable_bad) * share:.6f}")
    return memory.model_copy(
        update={
            "requests": memory.requests + new.requests,
            "bad": memory.bad + new.bad,
            "stable_requests": memory.stable_requests + new.stable_requests,
            "stable_bad": memory.stable_bad + new.stable_bad,
            "expected": f"{expected:.6f}",
        }
    )


def look(memory: TestMemory, planned: int, tolerance: float = 0.0) -> tuple[TestMemory, Look | None]:
    """The memory after the look that is due by now, and what was seen; None when none is due."""
    due = sum(memory.requests >= fraction * planned for fraction in LOOKS)
    if due <= memory.looks:
        return memory, None
    level = LEVELS[due - 1]
    against, tail = _tail(memory, tolerance)
    return memory.model_copy(update={"looks": due}), Look(tail <= level, tail, level, against)


def complete(memory: TestMemory, planned: int) -> bool:
    """Whether as many requests were seen as planned."""
    return memory.requests >= planned


def _tail(memory: TestMemory, tolerance: float) -> tuple[Literal["Past", "Present"], float]:
    if memory.bad <= float(memory.expected):
        return "Present", 1.0
    present = _present(memory)
    if not memory.past_requests or _drifted(memory):
        return "Present", present
    exposed = (1.0 + tolerance) * memory.requests
    others = memory.stable_requests + memory.past_requests
    total = memory.bad + memory.stable_bad + memory.past_bad
    past = upper_tail(memory.bad, total, exposed / (exposed + others)) if exposed else 1.0
    # Where the present does not agree at all, its own tail is the answer: it is far from condemning.
    return ("Past", past) if present <= AGREEMENT_LEVEL else ("Present", present)


def _present(memory: TestMemory) -> float:
    """The tail by what both arms showed side by side.

    Binomials with differing shares have a sum that is tighter than one binomial with their mean (Hoeffding 1956): the
    tail is exact for one stretch and on the safe side for several.
    """
    total = memory.bad + memory.stable_bad
    if not total:
        return 1.0
    return upper_tail(memory.bad, total, min(1.0, float(memory.expected) / total))


def _drifted(memory: TestMemory) -> bool:
    """Whether stable differs from its own past by more than chance."""
    total = memory.stable_bad + memory.past_bad
    requests = memory.stable_requests + memory.past_requests
    if not total or not requests:
        return False
    share = memory.stable_requests / requests
    return (
        min(upper_tail(memory.stable_bad, total, share), lower_tail(memory.stable_bad, total, share)) <= DRIFT_LEVEL / 2
    )
