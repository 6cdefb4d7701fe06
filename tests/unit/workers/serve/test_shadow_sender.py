"""What leaves for the shadow, what is lost and why, and that offering never waits."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from recsys_workers.serve import shadow_config, shadow_sender
from recsys_workers.serve.shadow_config import BadShadowConfig, Target
from recsys_workers.serve.shadow_metrics import Lost, ShadowMetrics
from recsys_workers.serve.shadow_mirror import Mirror
from recsys_workers.serve.shadow_sender import MAX_SAMPLE, MOST_IN_BATCH, MOST_WAITING, Sender

REQUEST, ANSWER = b'{"history": [{"id": "3"}]}', b'{"items":[{"id":"7","score":1.5,"rank":1}]}'
TOKEN = "q7-" * 14
PATIENCE = 30.0


class Shadow:
    """An HTTP server whose answer the test chooses."""

    def __init__(self) -> None:
        self.batches: list[dict[str, Any]] = []
        self.authorizations: set[str | None] = set()
        self.status = 200
        self.busy = 0
        """How many samples of a batch it has no time for."""
        self.release = threading.Event()
        self.release.set()
        shadow = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                batch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                shadow.authorizations.add(self.headers["Authorization"])
                shadow.batches.append(batch)
                shadow.release.wait(PATIENCE)
                content = json.dumps({"compared": len(batch["samples"]) - shadow.busy}).encode()
                self.send_response(shadow.status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def shadow() -> Iterator[Shadow]:
    shadow = Shadow()
    yield shadow
    shadow.close()


@pytest.fixture
def metrics() -> ShadowMetrics:
    return ShadowMetrics(CollectorRegistry(), {"model": "movies", "version": "4"})


def target(port: int, percent: int = 100) -> Target:
    return Target("127.0.0.1", port, "/shadow", "stable", "canary", percent, TOKEN)


def lost(metrics: ShadowMetrics) -> dict[str, float]:
    counts = {reason.value: counter._value.get() for reason, counter in metrics.lost.items()}
    return {reason: count for reason, count in counts.items() if count}


def sent(metrics: ShadowMetrics) -> float:
    return float(metrics.sent._value.get())


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_request_and_answer_arrive_as_they_were(shadow: Shadow, metrics: ShadowMetrics) -> None:
    sender = Sender(target(shadow.port), 4, metrics)
    sender.offer("recommend", REQUEST, ANSWER)
    sender.offer("predict", b'{"input":[null,3]}', ANSWER)
    until(lambda: sent(metrics) == 2)
    sender.stop()
    assert [(batch["to"], batch["stable"]) for batch in shadow.batches] == [("canary", 4)] * len(shadow.batches)
    samples = [sample for batch in shadow.batches for sample in batch["samples"]]
    assert samples == [
        {"route": "recommend", "request": json.loads(REQUEST), "answer": json.loads(ANSWER)},
        {"route": "predict", "request": {"input": [None, 3]}, "answer": json.loads(ANSWER)},
    ]
    assert shadow.authorizations == {f"Bearer {TOKEN}"}
    assert TOKEN not in repr(sender.target)
    assert lost(metrics) == {}


def test_a_share_is_sampled(shadow: Shadow, metrics: ShadowMetrics) -> None:
    sender = Sender(target(shadow.port, percent=20), 4, metrics)
    for number in range(1, 2001):
        sender.offer("recommend", REQUEST, ANSWER)
        if number % MOST_WAITING == 0:
            until(lambda: not sender._queue)
    until(lambda: sent(metrics) > 0 and sent(metrics) == sum(len(batch["samples"]) for batch in shadow.batches))
    sender.stop()
    assert 250 < sent(metrics) < 560
    assert lost(metrics) == {}


def test_a_shadow_that_hangs_costs_samples_and_never_time(shadow: Shadow, metrics: ShadowMetrics) -> None:
    shadow.release.clear()
    sender = Sender(target(shadow.port), 4, metrics)
    sender.offer("recommend", REQUEST, ANSWER)
    until(lambda: bool(shadow.batches))
    for _ in range(MOST_WAITING + 50):
        sender.offer("recommend", REQUEST, ANSWER)
    assert lost(metrics) == {"QueueFull": 50}
    shadow.release.set()
    until(lambda: sent(metrics) == MOST_WAITING + 1)
    sender.stop()
    assert max(len(batch["samples"]) for batch in shadow.batches) == MOST_IN_BATCH


def test_a_shadow_that_does_not_answer_in_time_is_given_up_and_tried_again(
    shadow: Shadow, metrics: ShadowMetrics
) -> None:
    shadow.release.clear()
    sender = Sender(target(shadow.port), 4, metrics, answer_seconds=0.1, back_off=0.01)
    sender.offer("recommend", REQUEST, ANSWER)
    until(lambda: lost(metrics) == {"Unreachable": 1})
    shadow.release.set()

    def offered_again() -> bool:
        sender.offer("recommend", REQUEST, ANSWER)
        return sent(metrics) > 0

    until(offered_again)
    sender.stop()


def test_a_dead_shadow_is_not_queued_for(shadow: Shadow, metrics: ShadowMetrics) -> None:
    shadow.close()
    sender = Sender(target(shadow.port), 4, metrics, back_off=60)
    sender.offer("recommend", REQUEST, ANSWER)
    until(lambda: sender._away)
    for _ in range(3):
        sender.offer("recommend", REQUEST, ANSWER)
    sender.stop()
    assert lost(metrics) == {"Unreachable": 4}
    assert not sender._queue


@pytest.mark.parametrize(("status", "busy", "expected"), [(409, 0, {"Refused": 1}), (200, 1, {"Busy": 1})])
def test_what_the_shadow_does_not_take_is_counted(
    shadow: Shadow, metrics: ShadowMetrics, status: int, busy: int, expected: dict[str, float]
) -> None:
    shadow.status, shadow.busy = status, busy
    sender = Sender(target(shadow.port), 4, metrics)
    sender.offer("recommend", REQUEST, ANSWER)
    until(lambda: lost(metrics) == expected)
    sender.stop()
    assert sent(metrics) == 0


def test_what_still_waits_at_the_end_is_counted(shadow: Shadow, metrics: ShadowMetrics) -> None:
    shadow.release.clear()
    sender = Sender(target(shadow.port), 4, metrics)
    sender.offer("recommend", REQUEST, ANSWER)
    until(lambda: bool(shadow.batches))
    for _ in range(20):
        sender.offer("recommend", REQUEST, ANSWER)
    sender.stop()
    shadow.release.set()
    until(lambda: lost(metrics) == {"Ended": 20})
    assert sent(metrics) == 1


def test_a_sample_that_is_too_large_is_left_out(shadow: Shadow, metrics: ShadowMetrics) -> None:
    sender = Sender(target(shadow.port), 4, metrics)
    sender.offer("recommend", b'"' + b"x" * MAX_SAMPLE + b'"', ANSWER)
    assert lost(metrics) == {"TooLarge": 1}
    sender.stop()


def test_a_mirror_follows_its_file(
    shadow: Shadow, metrics: ShadowMetrics, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "shadow.json"
    mirror = Mirror(file, "stable", 4, metrics)

    def offered(content: object) -> int:
        if content is not None:
            file.write_text(content if isinstance(content, str) else json.dumps(content))
        mirror.look()
        before = len(shadow.batches)
        mirror.offer("recommend", REQUEST, ANSWER)
        if mirror._sender is not None:
            until(lambda: len(shadow.batches) > before)
        return int(metrics.percent._value.get())

    asked = {
        "url": f"http://127.0.0.1:{shadow.port}/shadow",
        "from": "stable",
        "to": "canary",
        "percent": 100,
        "token": TOKEN,
    }
    assert offered(None) == 0, "the file is optional"
    assert offered(asked) == 100
    first = mirror._sender
    assert offered(asked) == 100
    assert mirror._sender is first
    assert offered({**asked, "from": "another"}) == 0
    assert offered({**asked, "percent": 100}) == 100
    for wrong in ("not json", "[]", {**asked, "percent": 0}, {**asked, "url": "https://elsewhere/shadow"}):
        caplog.clear()
        assert offered(wrong) == 0
        assert len(caplog.records) == 2, "the fault, and that nothing is copied any more"
        mirror.look()
        assert len(caplog.records) == 2, "a fault is told once"
        assert offered(asked) == 100
    assert offered({}) == 0
    mirror.close()


def test_a_server_without_a_revision_never_sends(shadow: Shadow, metrics: ShadowMetrics, tmp_path: Path) -> None:
    file = tmp_path / "shadow.json"
    file.write_text(
        json.dumps({"url": "http://127.0.0.1/shadow", "from": "", "to": "canary", "percent": 100, "token": TOKEN})
    )
    mirror = Mirror(file, "", 4, metrics)
    mirror.look()
    assert mirror._sender is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://movies-v5-abc.shop.svc/shadow", ("movies-v5-abc.shop.svc", 80, "/shadow")),
        ("http://127.0.0.1:8080/shadow", ("127.0.0.1", 8080, "/shadow")),
        ("http://h", ("h", 80, "/")),
    ],
)
def test_addresses(url: str, expected: tuple[str, int, str]) -> None:
    found = shadow_config.parse(json.dumps({"url": url, "from": "a", "to": "b", "percent": 1, "token": TOKEN}))
    assert found is not None
    assert (found.host, found.port, found.path) == expected


@pytest.mark.parametrize(
    "content",
    [
        {"url": "http://h:port/", "from": "a", "to": "b", "percent": 1, "token": TOKEN},
        {"url": "http:///shadow", "from": "a", "to": "b", "percent": 1, "token": TOKEN},
        {"url": "http://h/", "from": "a", "to": "", "percent": 1, "token": TOKEN},
        {"url": "http://h/", "from": "a", "to": "b", "percent": True, "token": TOKEN},
        {"url": "http://h/", "from": "a", "to": "b", "percent": 101, "token": TOKEN},
        {"url": "http://h/", "from": "a", "to": "b", "percent": "1", "token": TOKEN},
        {"url": "http://h/", "from": "a", "percent": 1, "token": TOKEN},
        {"url": 7, "from": "a", "to": "b", "percent": 1, "token": TOKEN},
        {"url": "http://h/", "from": "a", "to": "b", "percent": 1},
        {"url": "http://h/", "from": "a", "to": "b", "percent": 1, "token": TOKEN[:31]},
        {"url": "http://h/", "from": "a", "to": "b", "percent": 1, "token": f"{TOKEN}\n"},
        {"url": "http://h/", "from": "a", "to": "b", "percent": 1, "token": f"{TOKEN} x"},
        {"url": "http://h/", "from": "a", "to": "b", "percent": 1, "token": 7},
        "text",
    ],
)
def test_what_is_no_configuration_is_refused(content: object) -> None:
    with pytest.raises(BadShadowConfig):
        shadow_config.parse(json.dumps(content))


def test_a_shadow_takes_the_largest_batch_and_answers_before_it_is_given_up() -> None:
    from recsys_workers.serve.shadow_receiver import BATCH_SECONDS

    sample = shadow_sender.Sample("recommend", b"x" * (MAX_SAMPLE - 1), b"y")
    assert MOST_IN_BATCH * (len(sample.encoded()) + 1) + 512 < shadow_sender.MAX_BATCH
    assert BATCH_SECONDS + 1 < shadow_sender.ANSWER_SECONDS


def test_every_way_to_lose_a_sample_is_there_from_the_start(metrics: ShadowMetrics) -> None:
    assert set(metrics.lost) == set(Lost)
