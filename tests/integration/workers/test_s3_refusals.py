"""A run whose dataset an object store does not give: the reason, the sentence, and whether it is tried again."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest
from tests.integration.harness.processes import lasting_port
from tests.integration.workers.buckets import BUCKET
from tests.integration.workers.conftest import Run
from tests.integration.workers.seaweed import ADMIN, GETTER, READER, STRANGER, Keys, Seaweed
from tests.integration.workers.store_refusals import FILE, Refusal, require_refused_at_once, require_unsaid

from recsys_workers.train import checks

pytestmark = pytest.mark.torch
ROWS = b"user_id,item_id,timestamp\n" + b"".join(b"u%d,i%d,%d\n" % (u, i, i) for u in range(3) for i in range(u, u + 5))
ROOT = Path(__file__).parents[3]
WRONG_SECRET = Keys(READER.key, "wrong-secret-0123456789abcdef")
UNKNOWN = Keys("NOBODYKEY000000000", "nobody-secret-0123456789abcdef")


REFUSALS = {
    "another's bucket": Refusal(
        STRANGER,
        f"s3://{BUCKET}/there",
        "DatasetRefused",
        "answered ACCESS_DENIED (Access Denied). Let the owner of the keys in the Secret shop-s3 list the bucket",
    ),
    "one object of another's bucket": Refusal(
        STRANGER,
        f"s3://{BUCKET}/there/a.csv",
        "DatasetRefused",
        "answered ACCESS_DENIED (Access Denied). Let the owner",
    ),
    "a folder without the right to list": Refusal(
        GETTER, f"s3://{BUCKET}/there", "DatasetRefused", "answered ACCESS_DENIED (Access Denied). Let the owner"
    ),
    "a wrong secret key": Refusal(
        WRONG_SECRET,
        f"s3://{BUCKET}/there/a.csv",
        "DatasetRefused",
        "answered SIGNATURE_DOES_NOT_MATCH (The request signature we calculated does not match the signature you "
        "provided. Check your key and signing method). It does not accept the keys in the Secret shop-s3: correct",
    ),
    "an unknown access key": Refusal(
        UNKNOWN,
        f"s3://{BUCKET}/there",
        "DatasetRefused",
        "answered INVALID_ACCESS_KEY_ID (The access key ID you provided does not exist in our records). It does not "
        "accept the keys in the Secret shop-s3: correct",
    ),
    "no keys and no identity": Refusal(
        None,
        f"s3://{BUCKET}/there",
        "DatasetRefused",
        "answered ACCESS_DENIED (Access Denied). No dataset.credentialsSecret is named, so the pod's own identity",
    ),
    "no such bucket": Refusal(
        ADMIN,
        "s3://no-such-bucket/log",
        "InvalidData",
        "The bucket no-such-bucket of the dataset s3://no-such-bucket/log does not exist at http://127.0.0.1:",
    ),
    "no such bucket, and no path": Refusal(ADMIN, "s3://no-such-bucket", "InvalidData", "does not exist at http"),
    "no such key": Refusal(
        READER,
        f"s3://{BUCKET}/absent.csv",
        "InvalidData",
        f"The dataset s3://{BUCKET}/absent.csv does not exist at http://127.0.0.1:",
    ),
    "no file of the format": Refusal(
        READER,
        f"s3://{BUCKET}/other",
        "InvalidData",
        f"The dataset folder s3://{BUCKET}/other holds no *.csv file, which the format CSV needs.",
    ),
    "a name that only begins like it": Refusal(READER, f"s3://{BUCKET}/ther", "InvalidData", "does not exist"),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=list(REFUSALS))
def test_what_cannot_heal_ends_the_run_at_once(
    seaweed: Seaweed, run: Run, capfd: pytest.CaptureFixture[str], case: Refusal
) -> None:
    never = "Request ID|curlCode|No response body"
    message = require_refused_at_once(seaweed, run, case, names=[case.uri], never=never)
    everybody = (READER, STRANGER, WRONG_SECRET, UNKNOWN, GETTER, ADMIN)
    require_unsaid([word for keys in everybody for word in (keys.key, keys.secret)], message, capfd)
    assert run.left == []


def test_a_certificate_that_nobody_trusts_ends_the_run(seaweed: Seaweed, run: Run) -> None:
    run.reads(f"s3://{BUCKET}/there", keys=READER, endpoint=seaweed.https)
    code, reason, message = run.fails()
    assert (code, reason) == (2, "DatasetRefused")
    assert f"the certificate of {seaweed.https} is not trusted (SSL certificate OpenSSL ver" in message
    assert "as ca.crt into the Secret that dataset.credentialsSecret names" in message


def test_a_store_that_is_away_is_tried_again_and_read_when_it_is_back(seaweed: Seaweed, run: Run) -> None:
    away = f"http://127.0.0.1:{lasting_port()}"
    seaweed.put(f"{BUCKET}/there/a.csv", FILE)
    run.reads(f"s3://{BUCKET}/there", keys=READER, endpoint=away)
    code, reason, message = run.fails()
    assert (code, reason) == (1, "DatasetUnreachable")
    assert f"The dataset s3://{BUCKET}/there cannot be read: {away} does not answer (Failed" in message
    run.reads(f"s3://{BUCKET}/there", keys=READER, endpoint=seaweed.http)
    assert run.fails()[:2] == (2, "InvalidData"), "one row is read, and is too little"


@contextmanager
def comes_back(to: int, after: float) -> Iterator[int]:
    """A port at which nobody listens until so many seconds have passed; it leads to the port `to` then."""
    port = lasting_port()

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", to)) as store:
                back = threading.Thread(target=pump, args=(store, self.request))
                back.start()
                pump(self.request, store)
                back.join()

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        if ended.wait(after):
            return
        with ThreadingTCPServer(("127.0.0.1", port), Handler) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            ended.wait()
            server.shutdown()

    ended = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield port
    finally:
        ended.set()
        thread.join()


def test_a_store_that_gave_the_data_to_an_earlier_attempt_is_waited_for(
    seaweed: Seaweed, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    seaweed.put(f"{BUCKET}/again/a.csv", ROWS)
    config = run.reads(f"s3://{BUCKET}/again", keys=READER, endpoint=seaweed.http)
    config.run_folder.mkdir(parents=True)
    first = checks.data(config).report
    with comes_back(int(seaweed.http.rpartition(":")[2]), 3) as port:
        config = run.reads(f"s3://{BUCKET}/again", keys=READER, endpoint=f"http://127.0.0.1:{port}")
        began = time.monotonic()
        assert checks.data(config).report == first
        assert time.monotonic() - began >= 3
    assert "the store of the data is waited for at most 600 s: The dataset s3://" in caplog.text


def test_a_store_that_stays_away_is_not_waited_for_without_an_end(
    seaweed: Seaweed, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seaweed.put(f"{BUCKET}/again/a.csv", ROWS)
    config = run.reads(f"s3://{BUCKET}/again", keys=READER, endpoint=seaweed.http)
    config.run_folder.mkdir(parents=True)
    checks.data(config)
    monkeypatch.setattr("recsys_workers.train.verified.PATIENCE_SECONDS", 2.0)
    run.reads(f"s3://{BUCKET}/again", keys=READER, endpoint=f"http://127.0.0.1:{lasting_port()}")
    began = time.monotonic()
    assert run.fails()[:2] == (1, "DatasetUnreachable")
    assert time.monotonic() - began >= 2


@pytest.fixture
def trouble() -> Iterator[ThreadingHTTPServer]:
    """A server that answers each request with what stands in its `answer`: a code and a body."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            code, body = self.server.answer  # type: ignore[attr-defined]
            self.send_response(code)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_GET = do_HEAD = answer  # noqa: N815 as http.server calls them

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def error(code: str, message: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


@pytest.mark.parametrize(
    ("status", "body", "exit_code", "said"),
    [
        (503, error("SlowDown", "Please reduce your request rate"), 1, "answered HTTP 503. That may pass."),
        (500, b"", 1, "answered HTTP 500. That may pass."),
        (
            301,
            error("PermanentRedirect", "The bucket you are attempting to access must be addressed otherwise"),
            2,
            "answered HTTP 301. Check dataset.region and dataset.endpoint.",
        ),
        (
            403,
            error("ExpiredToken", "The provided token has expired."),
            2,
            "answered ExpiredToken (The provided token has expired). It does not accept the keys in the Secret shop-s3",
        ),
    ],
)
def test_other_answers(
    run: Run, trouble: ThreadingHTTPServer, status: int, body: bytes, exit_code: int, said: str
) -> None:
    trouble.answer = (status, body)  # type: ignore[attr-defined]
    run.reads("s3://shop/log", keys=READER, endpoint=f"http://127.0.0.1:{trouble.server_port}")
    code, reason, message = run.fails()
    assert (code, reason) == (exit_code, "DatasetUnreachable" if exit_code == 1 else "DatasetRefused")
    assert said in message


def test_a_disk_without_room_is_told_before_anything_is_copied(
    seaweed: Seaweed, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seaweed.put(f"{BUCKET}/there/a.csv", FILE)
    run.reads(f"s3://{BUCKET}/there", keys=READER, endpoint=seaweed.http)
    nearly_full = shutil.disk_usage("/")._replace(free=len(FILE) - 1)
    monkeypatch.setattr("shutil.disk_usage", lambda _: nearly_full)
    code, reason, message = run.fails()
    assert (code, reason) == (1, "DiskFull")
    assert "is 1 file with 0.0 MB, for which the disk of" in message


FILLED = """
import shutil
import sys
from recsys_workers.data import errors, object_store, store

def then_filled(folder, ask=shutil.disk_usage):
    found = ask(folder)
    (folder / "other").write_bytes(b"x" * (2 << 20))
    return found

shutil.disk_usage = then_filled
try:
    with object_store.copied(sys.argv[1], "CSV", store.Store(sys.argv[2])):
        pass
except errors.DiskFull as error:
    print(error)
"""
"""Copies a dataset to a disk that somebody else fills as soon as it was looked how much room there is."""


def test_a_disk_that_fills_while_objects_are_copied_is_told(seaweed: Seaweed, run: Run) -> None:
    """In a mount namespace of its own, with a disk of 3 MiB."""
    for number in range(2):
        seaweed.put(f"{BUCKET}/full/{number}.csv", b"x" * (1 << 20))
    uri = f"s3://{BUCKET}/full"
    run.reads(uri, keys=READER, endpoint=seaweed.http)
    script = 'mount -t tmpfs -o size=3m none "$TMPDIR" && exec "$0" -c "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, sys.executable, FILLED, uri, seaweed.http],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workers")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert (
        f"The dataset {uri} is 2 files with 2.1 MB, for which the disk of {run.folder}/scratch has no room"
        in done.stdout
    )
    assert "ask for a node with more by ray.resourcesPerWorker.ephemeralStorage" in done.stdout
