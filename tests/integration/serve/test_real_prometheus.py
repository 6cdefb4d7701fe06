"""Queries of a real Prometheus that scrapes a real server: numbers, no evidence, and every way to be wrong."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.integration.harness.api import until
from tests.integration.harness.binaries import BINS
from tests.integration.serve.server_process import ServerProcess, running
from tests.integration.serve.test_scrape import KNOWN, ask
from tests.unit.workers.serve.tiny_version import write_version
from yarl import URL

from recsys_operator.decide.analysis.facts import Answer, AnswerKind
from recsys_operator.observe.measure import prometheus
from recsys_operator.observe.measure.prometheus import filled
from recsys_operator.observe.measure.web import Web

SEVERAL = 'label_replace(vector(1), "a", "b", "", "") or label_replace(vector(1), "a", "c", "", "")'
VARIABLES = {"namespace": "shop", "deployment": "movies", "version": "4", "interval": "30s"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server to be scraped."""
    folder = tmp_path_factory.mktemp("server")
    with running(write_version(folder / "claims"), folder) as found:
        found.wait_ready()
        yield found


@pytest.fixture(scope="module")
def address(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where Prometheus listens."""
    folder = tmp_path_factory.mktemp("prometheus")
    url = URL(server.url)
    scraped = {"job_name": "servers", "static_configs": [{"targets": [f"{url.host}:{url.port}"]}]}
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump({"global": {"scrape_interval": "500ms"}, "scrape_configs": [scraped]})
    )
    built = subprocess.run([BINS, "prometheus"], capture_output=True, text=True, check=True)
    program = Path(built.stdout.strip().splitlines()[-1]) / "prometheus"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


async def answer(address: str, query: str) -> Answer:
    async with Web() as web:
        return await prometheus.ask(web, address, filled(query, VARIABLES))


@pytest.fixture
async def awake(address: str) -> str:
    """The address, once it answers."""

    async def answers() -> bool:
        return (await answer(address, "vector(1)")).kind == "Value"

    await until("Prometheus", answers)
    return address


async def test_what_a_server_counts_is_what_a_query_says(server: ServerProcess, awake: str) -> None:
    await ask(server, 12, history=[KNOWN])

    async def counted() -> bool:
        query = 'sum(recsys_requests_total{model="movies",version="{{version}}",code="200"})'
        return (await answer(awake, query)).value == 12

    await until("the scrape", counted)
    evaluated = await answer(awake, 'sum(recsys_empty_answers_total{version="{{version}}"})')
    assert evaluated == Answer("Value", 0.0)


@pytest.mark.parametrize(
    ("query", "kind", "said"),
    [
        ("vector(0.25)", "Value", ""),
        ("1.5", "Value", ""),
        ("scalar(vector(3))", "Value", ""),
        ("no_such_metric", "Empty", "finds no series"),
        ("vector(1) > 2", "Empty", "finds no series"),
        ("vector(0) / vector(0)", "NotANumber", "gives NaN"),
        ("vector(1) / vector(0)", "NotANumber", "gives +Inf"),
        (SEVERAL, "SeveralSeries", "2 series"),
        ("vector(1)[5m:1m]", "Refused", "gives a matrix"),
        ('"text"', "Refused", "gives a string"),
        ("sum(", "Refused", "parse error"),
        ("rate(up)", "Refused", "expected type range vector"),
        ("vector(1) + on() group_left() vector(1) + up[5m]", "Refused", "(bad_data)"),
    ],
)
async def test_answers(awake: str, query: str, kind: AnswerKind, said: str) -> None:
    found = await answer(awake, query)
    assert found.kind == kind, found
    assert said in found.message


async def test_another_path_is_no_prometheus(awake: str) -> None:
    found = await answer(f"{awake}/elsewhere", "vector(1)")
    assert found.kind == "Refused"
    assert "is this the address of a Prometheus?" in found.message


async def test_a_long_query_is_taken(awake: str) -> None:
    query = " + ".join(["vector(1)"] * 340)
    assert len(query) > 4000
    assert (await answer(awake, query)).value == 340
