"""What goes over the wire to the API server, against a real HTTP server on loopback."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from recsys_workers.train import progress
from recsys_workers.train.fence import Fence, Superseded
from recsys_workers.train.progress import Progress, StatusRefused, StatusWriter


@dataclass
class ApiServer:
    """Records every request; answers with the codes in `codes`, then 200, after so many seconds; 0 is half an answer.

    Its one object's status is what was applied last: all its fields have one manager.
    """

    url: str = ""
    codes: list[int] = field(default_factory=list)
    get_seconds: float = 0
    patch_seconds: list[float] = field(default_factory=list)
    lengths: bool = True
    """Whether half an answer says how long the whole one is."""
    loses: int = 0
    """How many results are taken away again, as by a progress that was sent before and is processed after."""
    status: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str], dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def api_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    recorded = ApiServer()

    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            recorded.requests.append((self.command, self.path, dict(self.headers), body))
            time.sleep(recorded.patch_seconds.pop(0) if recorded.patch_seconds else 0)
            code = recorded.codes.pop(0) if recorded.codes else 200
            if code == 200:
                recorded.status = dict(body["status"])
                if "result" in recorded.status and recorded.loses:
                    recorded.loses -= 1
                    del recorded.status["result"]
            self.send_response(code if code else 200)
            if code:
                self.send_header("Content-Length", "2")
            elif recorded.lengths:
                self.send_header("Content-Length", "9")
            self.end_headers()
            self.wfile.write(b"{}" if code else b"{")

        def do_GET(self) -> None:
            time.sleep(recorded.get_seconds)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"metadata": {"uid": "uid-1"}, "status": recorded.status}).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    recorded.url = f"http://127.0.0.1:{server.server_port}"
    (tmp_path / "token").write_text("secret-token\n")
    monkeypatch.setattr(progress, "SERVICE_ACCOUNT", tmp_path)
    yield recorded
    server.shutdown()
    server.server_close()


def writer(api_server: ApiServer) -> StatusWriter:
    made = StatusWriter("shop", "movies-1", "uid-1")
    made.server, made.in_cluster = api_server.url, True
    return made


def test_status_is_applied_server_side_as_the_field_manager_trainer(api_server: ApiServer) -> None:
    writer(api_server).apply({"progress": {"stage": "Loading"}})
    method, path, headers, body = api_server.requests[0]
    assert method == "PATCH"
    assert path == (
        "/apis/recsys.dev/v1alpha1/namespaces/shop/trainingruns/movies-1/status"
        "?fieldManager=trainer&force=true&timeout=4s"
    )
    assert headers["Content-Type"] == "application/apply-patch+yaml"
    assert headers["Authorization"] == "Bearer secret-token"
    assert body == {
        "apiVersion": "recsys.dev/v1alpha1",
        "kind": "TrainingRun",
        "metadata": {"name": "movies-1", "namespace": "shop"},
        "status": {"progress": {"stage": "Loading"}},
    }


def test_an_older_attempt_that_wakes_up_writes_neither_progress_nor_result(
    api_server: ApiServer, tmp_path: Path
) -> None:
    """A progress of its own would take the newer one's result away."""
    lock = tmp_path / "attempt.lock"
    lock.write_text("older")
    made = writer(api_server)
    made.fence = Fence(lock, "older")
    made.apply({"progress": {"stage": "Training"}})
    lock.write_text("newer")
    reporter = Progress(made)
    reporter.report("Publishing", 97, "Publishing a version.")
    reporter.close()
    with pytest.raises(Superseded):
        made.apply_until({"result": {"version": 4}}, 30)
    lock.unlink()
    with pytest.raises(FileNotFoundError):
        made.apply({"result": {"version": 4}})
    assert [request[3]["status"]["progress"]["stage"] for request in api_server.requests] == ["Training"]


def test_a_rotated_token_is_used_from_the_next_request_on(api_server: ApiServer, tmp_path: Path) -> None:
    made = writer(api_server)
    made.apply({})
    (tmp_path / "token").write_text("new-token")
    made.apply({})
    assert [request[2]["Authorization"] for request in api_server.requests] == [
        "Bearer secret-token",
        "Bearer new-token",
    ]


def test_what_may_heal_is_tried_again(api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST_PAUSE_SECONDS", 0.05)
    api_server.codes = [503, 429, 403]
    writer(api_server).apply_until({"result": {}}, 30)
    assert len(api_server.requests) == 4


@pytest.mark.parametrize("lengths", [True, False])
def test_an_answer_that_is_cut_off_is_asked_for_again(
    api_server: ApiServer, monkeypatch: pytest.MonkeyPatch, lengths: bool
) -> None:
    monkeypatch.setattr(progress, "FIRST_PAUSE_SECONDS", 0.05)
    api_server.codes, api_server.lengths = [0, 0], lengths
    writer(api_server).apply_until({"result": {}}, 30)
    assert len(api_server.requests) == 3
    api_server.codes = [0]
    reported = Progress(writer(api_server))
    reported.report("Training", 5, "one")
    until(lambda: len(api_server.requests) == 4)
    reported.report("Training", 6, "two")
    until(lambda: api_server.status.get("progress", {}).get("percent") == 6)
    reported.close()


@pytest.mark.parametrize("code", [400, 404, 409, 422])
def test_what_is_refused_for_good_is_not_tried_again(api_server: ApiServer, code: int) -> None:
    api_server.codes = [code]
    with pytest.raises(StatusRefused, match=str(code)):
        writer(api_server).apply_until({"result": {}}, 30)
    assert len(api_server.requests) == 1


def test_an_api_server_that_stays_away_ends_the_retries(api_server: ApiServer) -> None:
    api_server.codes = [500] * 20
    with pytest.raises(OSError, match="500"):
        writer(api_server).apply_until({"result": {}}, 1)


def test_progress_is_written_at_most_every_two_seconds_and_the_last_one_always(
    api_server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert progress.EVERY_SECONDS == 2.0
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.3)
    reporter = Progress(writer(api_server))
    began = time.monotonic()
    for epoch in range(100):
        reporter.report("Training", epoch, f"epoch {epoch}", epoch=epoch, epochs=100, loss="1.5")
        time.sleep(0.01)
    reporter.close()
    most = (time.monotonic() - began) / 0.3 + 2
    assert 2 <= len(api_server.requests) <= most
    last = api_server.requests[-1][3]["status"]["progress"]
    assert (last["stage"], last["percent"], last["epoch"], last["loss"]) == ("Training", 99, 99, "1.5")


def test_a_checkpoint_that_was_kept_is_told_from_then_on(api_server: ApiServer) -> None:
    reporter = Progress(writer(api_server))
    reporter.report("Training", 10, "")
    assert "checkpointTime" not in reporter.latest
    reporter.kept()
    reporter.known = {"epoch": 1}
    reporter.report("Training", 20, "")
    told = reporter.close()
    assert (told["epoch"], told["checkpointTime"]) == (1, told["updateTime"])
    assert api_server.requests[-1][3]["status"]["progress"] == told


def test_an_api_server_that_is_away_does_not_stop_the_training(
    api_server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.05)
    api_server.codes = [500] * 3
    reporter = Progress(writer(api_server))
    for percent in range(6):
        reporter.report("Training", percent, "")
        time.sleep(0.1)
    reporter.close()
    assert api_server.requests[-1][3]["status"]["progress"]["percent"] == 5


def test_another_run_of_the_same_name_is_left_alone(api_server: ApiServer) -> None:
    made = writer(api_server)
    made.uid = "uid-0"
    with pytest.raises(StatusRefused, match="has the uid uid-1 now, but this pod works for uid-0"):
        made.apply({"progress": {}})
    assert api_server.requests == []


def test_outside_a_cluster_nothing_is_sent(api_server: ApiServer) -> None:
    made = StatusWriter("shop", "movies-1", "uid-1")
    made.server = api_server.url
    made.apply({"progress": {}})
    assert api_server.requests == []


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited for nothing"
        time.sleep(0.01)


def test_closing_waits_for_the_write_in_flight_and_for_the_last_one(api_server: ApiServer) -> None:
    api_server.patch_seconds = [0.5, 0.5]
    reporter = Progress(writer(api_server))
    reporter.report("Publishing", 97, "")
    until(lambda: len(api_server.requests) == 1)
    reporter.report("Publishing", 100, "")
    reporter.close()
    assert api_server.status["progress"]["percent"] == 100
    assert len(api_server.requests) == 2


def test_a_write_that_fails_in_flight_is_not_followed_by_another_one(
    api_server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "TIMEOUT_SECONDS", 0.3)
    api_server.patch_seconds = [1.0]
    reporter = Progress(writer(api_server))
    reporter.report("Publishing", 97, "")
    until(lambda: len(api_server.requests) == 1)
    reporter.report("Publishing", 100, "")
    reporter.close()
    assert len(api_server.requests) == 1


def test_no_write_starts_after_closing_however_late_the_read_before_it_ends(
    api_server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "CLOSE_SECONDS", 0.1)
    api_server.get_seconds = 0.5
    reporter = Progress(writer(api_server))
    reporter.report("Publishing", 100, "")
    reporter.close()
    reporter._thread.join(20)
    assert not reporter._thread.is_alive()
    assert api_server.requests == []


STATUS = {"progress": {"stage": "Publishing"}, "result": {"version": 3, "digest": "sha256:abc"}}


@pytest.mark.parametrize(("loses", "writes"), [(0, 1), (1, 2)])
def test_a_result_that_a_late_progress_took_away_is_written_again(
    api_server: ApiServer, loses: int, writes: int
) -> None:
    api_server.loses = loses
    made = writer(api_server)
    made.apply_until(STATUS, 30)
    made.confirm(STATUS, 30)
    assert len(api_server.requests) == writes
    assert api_server.status == STATUS


def test_outside_a_cluster_nothing_is_confirmed() -> None:
    StatusWriter("shop", "movies-1", "uid-1").confirm(STATUS, 0)
