"""Controllers of others, as processes on this machine, and the endpoint that tells them what to think of a canary."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LOGS = Path(".local/bench/rollback")


class Judge:
    """`GET /value` tells whether the version is good; `POST /roll-back` is 200 once it is bad; `POST /hold` is 403."""

    def __init__(self) -> None:
        self.bad = threading.Event()
        judge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(200, b'{"ok": false}' if judge.bad.is_set() else b'{"ok": true}')

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._answer(200 if self.path == "/roll-back" and judge.bad.is_set() else 403, b"{}")

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End the endpoint."""
        self._server.shutdown()


@contextmanager
def running(name: str, command: list[str]) -> Iterator[Callable[[], bool]]:
    """The controller, ended at the end; its log lies beside the figures. What is given raises if it ended by itself."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{name}.log"
    with path.open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

        def alive() -> bool:
            if (code := process.poll()) is not None:
                raise RuntimeError(f"{name} ended with {code}: {path.read_text()[-2000:]}")
            return True

        try:
            yield alive
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
