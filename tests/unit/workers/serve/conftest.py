"""Fixtures: one version on disk and the application that serves it, in this process."""

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from tests.unit.workers.serve.tiny_version import MODEL, VERSION, TinyVersion, write_version

from recsys_workers.serve import start
from recsys_workers.serve.application import Application
from recsys_workers.serve.lane import Lane
from recsys_workers.serve.metrics import Metrics
from recsys_workers.serve.recommender import Recommender
from recsys_workers.serve.settings import Settings


@pytest.fixture(scope="session")
def version(tmp_path_factory: pytest.TempPathFactory) -> TinyVersion:
    """A version of 30 items. Read only: tests that break a version make their own."""
    return write_version(tmp_path_factory.mktemp("claims"))


@pytest.fixture
def catalogue(version: TinyVersion) -> str:
    """The JSON of a RecBole catalogue that names every item but 30."""
    path = version.claims / "data" / "tiny.item"
    path.parent.mkdir(exist_ok=True)
    rows = "".join(f'{number}\tThe "Best" Film {number}\t1995\n' for number in range(1, 30))
    path.write_text("item_id:token\tmovie_title:token_seq\trelease_year:token\n" + rows)
    columns = {"idColumn": "item_id", "titleColumn": "movie_title"}
    return json.dumps({"uri": "pvc://data/tiny.item", "format": "RecBole", **columns})


@pytest.fixture
def metrics(version: TinyVersion) -> Metrics:
    """Fresh counters."""
    return Metrics(MODEL, VERSION, version.digest)


@pytest.fixture
def recommender(version: TinyVersion, catalogue: str, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> Recommender:
    """The version, loaded as the server loads it."""
    monkeypatch.setenv("RECSYS_PVC_ROOT", str(version.claims))
    settings = Settings.from_environment(version.environment(RECSYS_CATALOGUE=catalogue))
    return start.load(settings, metrics)


@pytest.fixture
def lane() -> Iterator[Lane]:
    """A queue with room for two."""
    lane = Lane(max_pending=2, patience_seconds=5)
    yield lane
    lane.close()


@pytest.fixture
def loading(metrics: Metrics, lane: Lane, version: TinyVersion) -> Application:
    """The application before its model is loaded."""
    return Application(metrics, lane, VERSION, version.digest)


@pytest.fixture
def application(loading: Application, recommender: Recommender) -> Application:
    """The application, ready."""
    loading.ready(recommender)
    return loading


@pytest.fixture
async def client(application: Application) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks HTTP to the application without a socket."""
    transport = httpx.ASGITransport(application.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        yield client
