"""The example route in a real Alertmanager: what it posts to the operator, with which token, and what it keeps away."""

import json
import os
import queue
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.chart.tools import CHART, HERE, manifests, only, run, tool
from tests.integration.harness.processes import Process, free_port

TOKEN = "a-token-for-tests-0001"
EXAMPLE = CHART / "examples" / "alertmanager.yml"
Posts = queue.Queue[tuple[str | None, dict[str, Any]]]


@pytest.fixture
def posts() -> Iterator[tuple[int, Posts]]:
    """A receiver on loopback, and what it is sent: each Authorization header with its body."""
    received: Posts = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.put((self.headers["Authorization"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, received
    server.shutdown()


@pytest.fixture
def alertmanager(posts: tuple[int, Posts], tmp_path: Path) -> Iterator[httpx.Client]:
    """Alertmanager with the example; only the receiver's address and the token's file are of this machine."""
    config = yaml.safe_load(EXAMPLE.read_text())
    (receiver,) = (each for each in config["receivers"] if each["name"] == "recsys-operator")
    (webhook,) = receiver["webhook_configs"]
    webhook["url"] = f"http://127.0.0.1:{posts[0]}/alerts"
    root = _root(tmp_path / "root")
    webhook["http_config"]["authorization"]["credentials_file"] = "/token"
    (root / "token").write_text(TOKEN)
    (root / "alertmanager.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    flags = ["--config.file=/alertmanager.yml", "--storage.path=/data", "--cluster.listen-address="]
    command = ["chroot", str(root), "/alertmanager", *flags, f"--web.listen-address={address}"]
    process = Process("alertmanager", command, tmp_path / "log")
    try:
        with httpx.Client(base_url=f"http://{address}", trust_env=False) as client:
            end = time.monotonic() + 30
            while not _ready(client):
                assert process.running, process.tail()
                assert time.monotonic() < end, process.tail()
                time.sleep(0.1)
            yield client
    finally:
        process.kill()


def _root(root: Path) -> Path:
    """A root directory for Alertmanager: Debian's reads its templates from a fixed path, where nothing is installed."""
    if os.geteuid() != 0:
        pytest.skip("Alertmanager runs in a root directory of its own here, which takes root")
    program = Path(tool("alertmanager")).resolve()
    libraries = [Path(word) for word in run("ldd", program).stdout.split() if word.startswith("/")]
    templates = {Path("/usr/share/prometheus/alertmanager") / one.name: one for one in program.parent.glob("*.tmpl")}
    assert templates, f"there are no templates beside {program}"
    files = {Path("/alertmanager"): program, **templates, **{library: library for library in libraries}}
    for target, source in files.items():
        copy = root / target.relative_to("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    return root


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def alert(*, ends_in: float = 300, **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": "RecsysLatencyHigh", "severity": "critical", "namespace": "shop"} | labels,
        "annotations": {"summary": "slow"},
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": (datetime.now(UTC) + timedelta(seconds=ends_in)).isoformat(),
    }


def send(alertmanager: httpx.Client, *alerts: dict[str, Any]) -> None:
    answer = alertmanager.post("/api/v2/alerts", json=list(alerts))
    assert answer.status_code == 200, answer.text


def _last(sent: list[tuple[str | None, dict[str, Any]]], deployment: str) -> dict[str, Any]:
    return [body for _, body in sent if body["groupLabels"]["deployment"] == deployment][-1]


def test_one_post_for_one_deployment_at_once_and_again_when_resolved(
    alertmanager: httpx.Client, posts: tuple[int, Posts]
) -> None:
    _, received = posts
    send(
        alertmanager,
        alert(deployment="movies", version="4"),
        alert(deployment="movies", version="4", alertname="RecsysErrorRateHigh"),
        alert(deployment="books", version="2"),
        alert(alertname="RecsysOperatorDown", severity="warning"),
        alert(deployment="movies", alertname="SomebodyElsesAlert"),
        alert(deployment="movies", severity="info"),
    )
    sent = [received.get(timeout=3) for _ in range(2)]
    assert {body["groupLabels"]["deployment"] for _, body in sent} == {"movies", "books"}, "one post for each"
    # Without a group_wait the first post may hold the first alert only; the next, a group_interval later, holds both.
    while len(_last(sent, "movies")["alerts"]) < 2:
        sent.append(received.get(timeout=20))
    assert {header for header, _ in sent} == {f"Bearer {TOKEN}"}
    movies = _last(sent, "movies")
    assert (movies["version"], movies["status"], movies["truncatedAlerts"]) == ("4", "firing", 0)
    assert movies["groupLabels"] == {"namespace": "shop", "deployment": "movies"}
    assert {each["labels"]["alertname"] for each in movies["alerts"]} == {"RecsysLatencyHigh", "RecsysErrorRateHigh"}
    assert _last(sent, "books")["alerts"][0]["labels"]["version"] == "2"

    send(alertmanager, alert(deployment="books", version="2", ends_in=-1))
    _, resolved = received.get(timeout=20)
    assert (resolved["groupLabels"]["deployment"], resolved["status"]) == ("books", "resolved")
    assert received.empty(), "alerts that no Deployment is named in are nobody's to act on"


def test_a_post_holds_no_more_than_max_alerts(alertmanager: httpx.Client, posts: tuple[int, Posts]) -> None:
    limit = _webhook(yaml.safe_load(EXAMPLE.read_text()))["max_alerts"]
    send(alertmanager, *(alert(deployment="movies", version=str(number)) for number in range(limit + 7)))
    # Without a group_wait the first post may hold some of them only; the next, a group_interval later, holds all.
    counts = []
    while sum(counts or [0]) < limit + 7:
        _, body = posts[1].get(timeout=20)
        assert len(body["alerts"]) <= limit
        counts = [len(body["alerts"]), body["truncatedAlerts"]]
    assert counts == [limit, 7]


def _webhook(config: dict[str, Any]) -> dict[str, Any]:
    return next(each["webhook_configs"][0] for each in config["receivers"] if each["name"] == "recsys-operator")


def test_the_alertmanager_config_says_the_same_as_the_example() -> None:
    config = only("AlertmanagerConfig", manifests("--values", HERE / "values" / "monitoring.yaml"))["spec"]
    example = yaml.safe_load(EXAMPLE.read_text())
    (route,) = example["route"]["routes"]
    assert config["route"]["groupBy"] == route["group_by"]
    for ours, theirs in (
        ("groupWait", "group_wait"),
        ("groupInterval", "group_interval"),
        ("repeatInterval", "repeat_interval"),
    ):
        assert config["route"][ours] == route[theirs]
    matchers = {f'{each["name"]} {each["matchType"]} "{each["value"]}"' for each in config["route"]["matchers"]}
    assert matchers == set(route["matchers"])
    (webhook,) = config["receivers"][0]["webhookConfigs"]
    expected = _webhook(example)
    assert (webhook["url"], webhook["maxAlerts"], webhook["sendResolved"]) == (
        expected["url"],
        expected["max_alerts"],
        expected["send_resolved"],
    )
