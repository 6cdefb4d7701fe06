"""Options that every test may use."""

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing about the code.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", PATIENT, derandomize=True, max_examples=50)  # What passed once passes again.
settings.register_profile("random", PATIENT)  # `make test-full`: what nobody has tried yet.
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--golden` writes golden files anew."""
    parser.addoption("--golden", action="store_true", help="write the golden files instead of comparing with them")


@pytest.fixture(scope="session")
def golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    return bool(request.config.getoption("--golden"))
