"""Options that every test may use."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--golden` writes golden files anew; `--data-dir` names a directory of data sets that are not shipped."""
    parser.addoption("--golden", action="store_true", help="write the golden files instead of comparing with them")
    parser.addoption("--data-dir", type=Path, default=None, help="data sets for benchmarks; without it they skip")


@pytest.fixture(scope="session")
def golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    return bool(request.config.getoption("--golden"))


@pytest.fixture(scope="session")
def data_dir(request: pytest.FixtureRequest) -> Path:
    """The directory of data sets, or a skip that says how to give one."""
    path: Path | None = request.config.getoption("--data-dir")
    if path is None:
        pytest.skip("no data set is given: pass --data-dir (or set RECSYS_DATA_DIR for hack/test.sh)")
    return path
