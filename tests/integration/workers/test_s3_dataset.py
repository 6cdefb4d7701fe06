"""Datasets in a real object store: the bytes, the digest and the version are those of the same files on a claim."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.integration.workers.buckets import BUCKET
from tests.integration.workers.conftest import Run
from tests.integration.workers.seaweed import GETTER, READER, Seaweed
from tests.unit.workers.data.test_formats import WRITERS
from tests.unit.workers.train.played import Training

from recsys_workers import manifest
from recsys_workers.data import object_store, store
from recsys_workers.train import checks
from recsys_workers.train.__main__ import main

pytestmark = pytest.mark.torch
ROWS = [(user, item, item) for user in range(3) for item in range(user, user + 5)]


def write_folder(folder: Path, file_format: str = "CSV") -> Path:
    """A dataset of two files, one of them in a subfolder, beside a file of another kind."""
    suffix, write = WRITERS[file_format]
    (folder / "day=2").mkdir(parents=True)
    write(folder / "day=2" / f"b{suffix}", ROWS[7:])
    write(folder / f"a{suffix}", ROWS[:7])
    (folder / "_SUCCESS").write_text("")
    return folder


@pytest.mark.parametrize("file_format", WRITERS)
def test_a_folder_reads_as_on_a_claim_in_every_format(
    seaweed: Seaweed, run: Run, tmp_path: Path, file_format: str
) -> None:
    seaweed.put_folder(write_folder(tmp_path / "data", file_format), f"{BUCKET}/{file_format}/log")
    on_claim = run.reads("pvc://data", file_format)
    on_claim.run_folder.mkdir(parents=True)
    expected = checks.data(on_claim).report
    # The same run folder: the digest that the first reading fixed must be met by the second.
    found = checks.data(
        run.reads(f"s3://{BUCKET}/{file_format}/log", file_format, READER, endpoint=seaweed.http)
    ).report
    assert (found.digest, found.rows, found.users, found.items) == (expected.digest, 15, 3, 7)
    assert run.left == []


def test_an_item_table_in_a_bucket_is_read_by_the_datasets_keys(seaweed: Seaweed, run: Run, tmp_path: Path) -> None:
    write_folder(tmp_path / "data")
    table = b"item_id,brand\n0,acme\n1,acme\n2,other\n"
    seaweed.put(f"{BUCKET}/catalogue/items.csv", table)
    items = {
        "uri": f"s3://{BUCKET}/catalogue",
        "format": "CSV",
        "idColumn": "item_id",
        "attributes": [{"name": "brand", "minRows": 1}],
    }
    config = run.reads("pvc://data", keys=READER, endpoint=seaweed.http, items=items)
    config.run_folder.mkdir(parents=True)
    found = checks.data(config)
    assert found.attributes is not None
    assert (found.attributes.n_items, found.attributes.n_values) == (7, 3)
    assert found.report.item_table is not None
    assert found.report.item_table["itemsWithoutRow"] == 4
    assert run.left == []
    run.reads("pvc://data", keys=READER, endpoint=seaweed.http, items=items | {"uri": f"s3://{BUCKET}/nothing"})
    code, reason, message = run.fails()
    assert (code, reason) == (2, "InvalidData")
    assert f"The item table s3://{BUCKET}/nothing does not exist" in message
    assert "Check dataset.items.uri." in message


def test_one_object_needs_no_right_to_list_and_may_have_an_odd_key(seaweed: Seaweed, run: Run, tmp_path: Path) -> None:
    data = (write_folder(tmp_path / "data") / "a.csv").read_bytes()
    key = "odd/a=1/%41+b@c/v1.0.csv"
    seaweed.put(f"{BUCKET}/{key}", data)
    config = run.reads(f"s3://{BUCKET}/{key}", keys=GETTER, endpoint=seaweed.http, region="eu-north-1")
    config.run_folder.mkdir(parents=True)
    assert checks.data(config).report.rows == 7


def test_a_run_over_https_with_certificates_of_its_own_makes_a_version_without_a_secret_in_it(
    seaweed: Seaweed,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    training = Training(monkeypatch)
    rows = "".join(f"u{user},i{step},{step}\n" for user in range(3) for step in range(4))
    seaweed.put(f"{BUCKET}/https/x.csv", f"user_id,item_id,timestamp\n{rows}".encode())
    uri = f"s3://{BUCKET}/https"
    config = run.reads(uri, keys=READER, endpoint=seaweed.https)
    run.environment({store.CERTIFICATES: seaweed.authority.read_text()})
    assert main() == 0
    version = manifest.load(config.versions_folder / "1", None)
    assert version.manifest.dataset["uri"] == uri
    assert version.manifest.dataset["digest"] == training.told[0]["dataset"]["digest"]
    written = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    streams = capfd.readouterr()
    assert f"copying the dataset {uri}: 1 file with 0.0 MB" in streams.out
    said = json.dumps(training.told) + streams.out + streams.err
    assert not [secret for secret in (READER.secret, READER.key) for text in written if secret.encode() in text]
    assert READER.secret not in said
    assert READER.key not in said
    assert run.left == []


@pytest.fixture
def identity(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a pod is told of its identity, as by EKS Pod Identity: an agent beside it, and the token to show there."""
    token = tmp_path / "token"
    token.write_text("token-of-the-pod")

    class Agent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Authorization"] != token.read_text():
                self.send_error(401)
                return
            body = json.dumps(
                {
                    "AccessKeyId": READER.key,
                    "SecretAccessKey": READER.secret,
                    "Token": "",
                    "Expiration": "2099-01-01T00:00:00Z",
                }
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Agent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{server.server_port}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
    }
    server.shutdown()
    server.server_close()


def test_without_a_secret_the_identity_of_the_pod_reads(
    seaweed: Seaweed, run: Run, tmp_path: Path, identity: dict[str, str]
) -> None:
    seaweed.put_folder(write_folder(tmp_path / "data"), f"{BUCKET}/identity")
    config = run.reads(f"s3://{BUCKET}/identity", endpoint=seaweed.http)
    config.run_folder.mkdir(parents=True)
    run.environment(identity)
    assert checks.data(config).report.rows == 15


def test_data_that_is_wrong_is_told_by_its_object(seaweed: Seaweed, run: Run) -> None:
    seaweed.put(f"{BUCKET}/wrong/sub/a.csv", b"user_id,item_id,timestamp\nu,i,1\nu,,2\n")
    uri = f"s3://{BUCKET}/wrong"
    run.reads(uri, keys=READER, endpoint=seaweed.http)
    code, reason, message = run.fails()
    assert (code, reason) == (2, "InvalidData")
    assert message.startswith(f"{uri}/sub/a.csv: the column 'item_id' is empty in 1 of 2 rows, the first is line 3")
    assert run.left == []


def test_objects_that_are_others_at_the_second_attempt_are_refused(seaweed: Seaweed, run: Run, tmp_path: Path) -> None:
    seaweed.put_folder(write_folder(tmp_path / "data"), f"{BUCKET}/twice")
    config = run.reads(f"s3://{BUCKET}/twice", keys=READER, endpoint=seaweed.http)
    config.run_folder.mkdir(parents=True)
    first = checks.data(config).report.digest
    seaweed.put(f"{BUCKET}/twice/c.csv", b"user_id,item_id,timestamp\nu,i,1\n")
    code, reason, message = run.fails()
    assert (code, reason) == (2, "DatasetChanged")
    assert f"the run's first attempt fixed {first}" in message


def test_objects_that_change_while_they_are_copied_are_refused(
    seaweed: Seaweed, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seaweed.put_folder(write_folder(tmp_path / "data"), f"{BUCKET}/meanwhile")
    copies = object_store._copies

    def late(*arguments: object) -> object:
        seaweed.put(f"{BUCKET}/meanwhile/a.csv", b"user_id,item_id,timestamp\nu,i,1\n")
        return copies(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(object_store, "_copies", late)
    run.reads(f"s3://{BUCKET}/meanwhile", keys=READER, endpoint=seaweed.http)
    code, reason, message = run.fails()
    assert (code, reason) == (2, "DatasetChanged")
    assert "changed while they were read" in message


def test_a_large_object_is_copied_in_little_memory(seaweed: Seaweed, run: Run) -> None:
    size = 48 << 20
    with seaweed.files.open_output_stream(f"{BUCKET}/large.csv") as stream:
        for _ in range(size >> 20):
            stream.write(b"x" * (1 << 20))
    config = run.reads(f"s3://{BUCKET}/large.csv", keys=READER, endpoint=seaweed.http)
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest memory so far
    before = highest_memory()
    with object_store.copied(config.dataset.uri, "CSV", config.dataset.store) as (file,):
        assert file.path.stat().st_size == size
        assert list(run.left[0].iterdir()) == [file.path]
    assert highest_memory() - before < 32 << 20


def highest_memory() -> int:
    """The most bytes that this process had in memory since it was told to forget."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) << 10
