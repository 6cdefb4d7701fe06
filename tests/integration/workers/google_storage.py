"""A server of Google Cloud Storage's protocol on loopback: fake-gcs-server, behind a door that checks who asks.

The server itself lets everybody in. The door knows access tokens, verifies the tokens that a service account's key
signs, and answers as the storage of Google Cloud does to who may not.
"""

import base64
import http.client
import json
import re
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from pyarrow import fs
from tests.integration.harness.binaries import made
from tests.integration.harness.certificates import Authority
from tests.integration.harness.processes import Process, lasting_port
from tests.integration.workers.buckets import BUCKET, OTHER_BUCKET, Buckets

START_SECONDS = 60
METADATA = "/computeMetadata/v1/instance/service-accounts/"
SERVICE_ACCOUNT = "reader@shop.iam.gserviceaccount.com"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token of the store."""

    text: str

    @property
    def environment(self) -> dict[str, str | None]:
        """The variables that the kubelet sets from a Secret with this token."""
        return {"RECSYS_GCS_TOKEN": self.text, "RECSYS_GCS_KEY": None}


@dataclass(frozen=True, slots=True)
class Key:
    """A service account's key."""

    document: str

    @property
    def environment(self) -> dict[str, str | None]:
        """The variables that the kubelet sets from a Secret with this key."""
        return {"RECSYS_GCS_KEY": self.document, "RECSYS_GCS_TOKEN": None}


ADMIN = Token("ya29.admin-0123456789")
READER = Token("ya29.reader-0123456789")
"""May list BUCKET and read its objects, as the service account and the pod's identity may."""
GETTER = Token("ya29.getter-0123456789")
"""May read objects of BUCKET, and not list it."""
STRANGER = Token("ya29.stranger-0123456789")
"""May read another bucket."""
IDENTITY = "ya29.identity-0123456789"
"""What the node's metadata server gives to the pod."""
RIGHTS: Mapping[str, set[tuple[str, str]]] = {
    READER.text: {(BUCKET, "list"), (BUCKET, "get")},
    SERVICE_ACCOUNT: {(BUCKET, "list"), (BUCKET, "get")},
    IDENTITY: {(BUCKET, "list"), (BUCKET, "get")},
    GETTER.text: {(BUCKET, "get")},
    STRANGER.text: {(OTHER_BUCKET, "list"), (OTHER_BUCKET, "get")},
}


@dataclass(frozen=True, slots=True)
class Google(Buckets):
    """A store that runs, with two buckets. `http` and `https` are its endpoints."""

    http: str
    https: str
    authority: Path
    """Certificate of the authority that signed the one of `https`."""
    metadata: str
    """Host and port of a node's metadata server."""
    key: Key
    files: fs.GcsFileSystem
    """With all rights."""


@contextmanager
def serving(folder: Path) -> Iterator[Google]:
    """Run it, until everything is ready to be read and written."""
    authority = Authority(folder / "tls")
    pair = authority.issue("store", user="store", hosts=("IP:127.0.0.1",))
    public, document = _service_account(folder)
    port = lasting_port()
    program = [
        made("fake-gcs-server", "fake-gcs-server"),
        "-scheme",
        "http",
        "-host",
        "127.0.0.1",
        "-port",
        str(port),
        "-backend",
        "memory",
    ]
    with (
        _door(port, public) as plain,
        _door(port, public, pair.certificate, pair.key) as secure,
    ):
        process = Process("fake-gcs-server", [*program, "-public-host", "127.0.0.1"], folder / "gcs.log")
        try:
            files = fs.GcsFileSystem(anonymous=True, scheme="http", endpoint_override=f"127.0.0.1:{port}")
            store = Google(
                f"http://127.0.0.1:{plain}",
                f"https://127.0.0.1:{secure}",
                folder / "tls/ca.crt",
                f"127.0.0.1:{plain}",
                Key(document),
                files,
            )
            _make_buckets(port, process)
            yield store
        finally:
            process.kill()


def _service_account(folder: Path) -> tuple[Path, str]:
    """The public key of a service account, and the JSON with the private one."""
    private, public = folder / "account.pem", folder / "account.pub"
    make = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", private]
    subprocess.run(make, check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    document = {
        "type": "service_account",
        "client_email": SERVICE_ACCOUNT,
        "private_key_id": "1",
        "private_key": private.read_text(),
        "token_uri": "http://127.0.0.1:1/token",
    }
    return public, json.dumps(document)


def _make_buckets(port: int, process: Process) -> None:
    end = time.monotonic() + START_SECONDS
    for bucket in (BUCKET, OTHER_BUCKET):
        while True:
            with suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("POST", "/storage/v1/b?project=test", json.dumps({"name": bucket}))
                if connection.getresponse().status in (200, 409):
                    break
            if not process.running or time.monotonic() > end:
                raise AssertionError(f"fake-gcs-server did not start:\n{process.tail(40)}")
            time.sleep(0.1)


@contextmanager
def _door(behind: int, public: Path, certificate: Path | None = None, key: Path | None = None) -> Iterator[int]:
    """Lets those in who may; gives its port."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.startswith(METADATA):
                self.identity()
                return
            refused = _refusal(self.path, self.headers.get("Authorization", ""), public)
            if refused:
                self.answer(*refused)
                return
            connection = http.client.HTTPConnection("127.0.0.1", behind, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
            connection.request("GET", self.path, headers=headers)
            found = connection.getresponse()
            self.answer(found.status, found.read(), dict(found.getheaders()))

        def identity(self) -> None:
            if self.path.endswith("token"):
                told: object = {"access_token": IDENTITY, "expires_in": 3600, "token_type": "Bearer"}
            else:
                told = {"email": "default", "aliases": [], "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}
            self.answer(200, json.dumps(told).encode(), {"Metadata-Flavor": "Google"})

        def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {"Content-Type": "application/json"}).items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    if certificate and key:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def _refusal(path: str, authorization: str, public: Path) -> tuple[int, bytes] | None:
    """Status and body for a request that may not be answered; the sentences are those of Google's storage."""
    token = authorization.removeprefix("Bearer ")
    asked = re.fullmatch(r"(?:/storage/v1)?/b/([^/]+)(/o)?(/.+)?", urlsplit(path).path)
    bucket, right = (asked[1], "get" if asked[3] else "list" if asked[2] else "bucket") if asked else ("", "")
    if not token:
        return _error(401, "authError", f"Anonymous caller does not have storage.objects.{right} access to {bucket}.")
    who = token if token in RIGHTS or token == ADMIN.text else _signed(token, public)
    if who is None:
        return _error(401, "authError", "Invalid Credentials")
    if who == ADMIN.text or (bucket, right) in RIGHTS.get(who, set()):
        return None
    text = f"{who.partition('-')[0]} does not have storage.objects.{right} access to the Google Cloud Storage object."
    return _error(403, "forbidden", text)


def _error(status: int, reason: str, text: str) -> tuple[int, bytes]:
    one = {"message": text, "domain": "global", "reason": reason}
    return status, json.dumps({"error": {"code": status, "message": text, "errors": [one]}}).encode()


def _signed(token: str, public: Path) -> str | None:
    """The service account whose key signed the token, by RFC 7515 with RS256; None when none did."""
    said, _, signature = token.rpartition(".")
    if said.count(".") != 1:
        return None
    file = public.with_suffix(f".{threading.get_ident()}.signature")
    file.write_bytes(_decoded(signature))
    verify = ["openssl", "dgst", "-sha256", "-verify", public, "-signature", file]
    if subprocess.run(verify, input=said.encode(), capture_output=True, check=False).returncode:
        return None
    claims = json.loads(_decoded(said.partition(".")[2]))
    return str(claims["iss"]) if claims["exp"] > time.time() else None


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
