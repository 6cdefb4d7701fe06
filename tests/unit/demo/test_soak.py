"""What the soak judges, and what it plays."""

import pytest
from hack.soak.__main__ import MOST_GROWTH_MIB, grown
from hack.soak.disturbances import ALL, NEW_OPERATOR


@pytest.mark.parametrize(
    ("memory", "told"),
    [
        ([80.0], ""),
        ([80.0, 84.0, 83.0, 85.0, 84.0, 83.0, 85.0, 200.0, 85.0], ""),  # one reading is no growth
        ([80.0, 81.0, 84.0, 88.0, 92.0, 95.0], "the operator grew from 80.5 to 93.5 MiB"),
        ([95.0, 92.0, 84.0, 81.0], ""),
        ([80.0, 80.0 + MOST_GROWTH_MIB], ""),
    ],
)
def test_a_process_that_grew_is_told(memory: list[float], told: str) -> None:
    assert grown(memory) == told


def test_the_operator_is_killed_too_and_by_nothing_that_is_not_said_to_renew_it() -> None:
    assert ALL.keys() >= NEW_OPERATOR
    assert {name for name in ALL if name.startswith("operator_")} == NEW_OPERATOR
