"""Datasets in a real server of Google Cloud Storage's protocol: read as on a claim, or refused in a sentence."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.harness.processes import lasting_port
from tests.integration.workers.buckets import BUCKET
from tests.integration.workers.conftest import Run
from tests.integration.workers.google_storage import (
    ADMIN,
    GETTER,
    READER,
    STRANGER,
    Google,
    Key,
    Token,
    serving,
)
from tests.integration.workers.store_refusals import FILE, Refusal, require_refused_at_once, require_unsaid
from tests.integration.workers.test_s3_dataset import ROWS, write_folder
from tests.unit.workers.data.test_formats import WRITERS
from tests.unit.workers.train.played import Training

from recsys_workers import manifest
from recsys_workers.data import store
from recsys_workers.train import checks
from recsys_workers.train.__main__ import main

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    """The object store."""
    with serving(tmp_path_factory.mktemp("google")) as found:
        yield found


@pytest.fixture(autouse=True)
def nobody(run: Run) -> None:
    """No credentials of this machine."""
    run.environment(
        dict.fromkeys(("RECSYS_GCS_KEY", "RECSYS_GCS_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS", "SSL_CERT_FILE"))
    )
    run.environment({"CLOUDSDK_CONFIG": str(run.folder), "HOME": str(run.folder)})


@pytest.mark.parametrize("file_format", WRITERS)
def test_a_folder_reads_as_on_a_claim_in_every_format(
    google: Google, run: Run, tmp_path: Path, file_format: str
) -> None:
    google.put_folder(write_folder(tmp_path / "data", file_format), f"{BUCKET}/{file_format}/log")
    on_claim = run.reads("pvc://data", file_format)
    on_claim.run_folder.mkdir(parents=True)
    expected = checks.data(on_claim).report
    # The same run folder: the digest that the first reading fixed must be met by the second.
    uri = f"gs://{BUCKET}/{file_format}/log"
    found = checks.data(run.reads(uri, file_format, READER, endpoint=google.http)).report
    assert (found.digest, found.rows, found.users, found.items) == (expected.digest, len(ROWS), 3, 7)
    assert run.left == []


def test_a_service_accounts_key_reads_over_https_and_is_nowhere_to_be_found_afterwards(
    google: Google,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    training = Training(monkeypatch)
    rows = "".join(f"u{user},i{step},{step}\n" for user in range(3) for step in range(4))
    google.put(f"{BUCKET}/https/x.csv", f"user_id,item_id,timestamp\n{rows}".encode())
    uri = f"gs://{BUCKET}/https"
    config = run.reads(uri, keys=google.key, endpoint=google.https)
    run.environment({store.CERTIFICATES: google.authority.read_text()})
    assert main() == 0
    version = manifest.load(config.versions_folder / "1", None)
    assert version.manifest.dataset["uri"] == uri
    secret = json.loads(google.key.document)["private_key"].splitlines()[3]
    streams = capfd.readouterr()
    assert f"copying the dataset {uri}: 1 file with 0.0 MB" in streams.out
    files = [file for file in (tmp_path / "store").rglob("*") if file.is_file()]
    assert not [file for file in files if secret.encode() in file.read_bytes()]
    assert secret not in json.dumps(training.told) + streams.out + streams.err
    assert run.left == []
    assert not {"GOOGLE_APPLICATION_CREDENTIALS", "SSL_CERT_FILE"} & os.environ.keys()


def test_without_a_secret_the_identity_of_the_pod_reads(google: Google, run: Run, tmp_path: Path) -> None:
    google.put_folder(write_folder(tmp_path / "data"), f"{BUCKET}/identity")
    config = run.reads(f"gs://{BUCKET}/identity", endpoint=google.http)
    config.run_folder.mkdir(parents=True)
    run.environment({"GCE_METADATA_ROOT": google.metadata})
    assert checks.data(config).report.rows == len(ROWS)


def test_an_item_table_and_one_object_that_may_be_read_but_not_listed(google: Google, run: Run, tmp_path: Path) -> None:
    key = "odd/a=1/%41+b@c/v1.0.csv"
    google.put(f"{BUCKET}/{key}", (write_folder(tmp_path / "data") / "a.csv").read_bytes())
    google.put(f"{BUCKET}/items.csv", b"item_id,brand\n0,acme\n1,acme\n2,other\n")
    items = {"uri": f"gs://{BUCKET}/items.csv", "format": "CSV", "idColumn": "item_id"}
    items["attributes"] = [{"name": "brand", "minRows": 1}]  # type: ignore[assignment]
    config = run.reads(f"gs://{BUCKET}/{key}", keys=GETTER, endpoint=google.http, items=items)
    config.run_folder.mkdir(parents=True)
    found = checks.data(config)
    assert found.report.rows == 7
    assert found.attributes is not None
    assert found.attributes.n_values == 3


REFUSALS = {
    "another's bucket": Refusal(
        STRANGER,
        f"gs://{BUCKET}/there",
        "DatasetRefused",
        "Let the owner of the credentials in the Secret shop-s3 list the bucket events and read its objects",
    ),
    "one object of another's bucket": Refusal(
        STRANGER,
        f"gs://{BUCKET}/there/a.csv",
        "DatasetRefused",
        "does not have storage.objects.list access to the Google",
    ),
    "a folder without the right to list": Refusal(
        GETTER, f"gs://{BUCKET}/there", "DatasetRefused", "does not have storage.objects.list access"
    ),
    "a token that is not one": Refusal(
        Token("ya29.wrong"),
        f"gs://{BUCKET}/there/a.csv",
        "DatasetRefused",
        "answered HTTP 401 (Invalid Credentials). It does not accept the credentials in the Secret shop-s3: correct",
    ),
    "a key that is no JSON": Refusal(
        Key("-----BEGIN"), f"gs://{BUCKET}/there", "DatasetRefused", "key.json in the Secret shop-s3, which"
    ),
    "a key without a private one": Refusal(
        Key(json.dumps({"type": "service_account", "client_email": "a@b", "private_key": "x", "token_uri": "x"})),
        f"gs://{BUCKET}/there",
        "DatasetRefused",
        "with key.json of the Secret shop-s3 no token is to be had (Invalid ServiceAccountCredentials - could",
    ),
    "no such bucket": Refusal(
        ADMIN,
        "gs://no-such-bucket/log",
        "InvalidData",
        "The bucket no-such-bucket of the dataset gs://no-such-bucket/log does not exist at http://127.0.0.1:",
    ),
    "no such bucket, and no path": Refusal(ADMIN, "gs://no-such-bucket", "InvalidData", "does not exist at http"),
    "no such object": Refusal(
        READER,
        f"gs://{BUCKET}/absent.csv",
        "InvalidData",
        f"The dataset gs://{BUCKET}/absent.csv does not exist at http://127.0.0.1:",
    ),
    "no file of the format": Refusal(
        READER,
        f"gs://{BUCKET}/other",
        "InvalidData",
        f"The dataset folder gs://{BUCKET}/other holds no *.csv file, which the format CSV needs.",
    ),
    "a name that only begins like it": Refusal(READER, f"gs://{BUCKET}/ther", "InvalidData", "does not exist"),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=list(REFUSALS))
def test_what_cannot_heal_ends_the_run_at_once(
    google: Google, run: Run, capfd: pytest.CaptureFixture[str], case: Refusal
) -> None:
    names, never = [case.uri, "key.json in the Secret"], "error_info|gcloud-cpp|Status|OAuth2"
    message = require_refused_at_once(google, run, case, names=names, never=never)
    require_unsaid([token.text for token in (READER, STRANGER, GETTER, ADMIN)], message, capfd)
    assert run.left == []


def test_a_secret_without_credentials_and_no_secret_where_there_is_no_identity(google: Google, run: Run) -> None:
    run.reads(f"gs://{BUCKET}/there", endpoint=google.http, credentialsSecret={"name": "shop-gcs"})
    code, reason, message = run.fails()
    assert (code, reason) == (2, "DatasetRefused")
    assert "The Secret shop-gcs, which dataset.credentialsSecret names, was not there when the pod began" in message
    run.environment({"GCE_METADATA_ROOT": f"127.0.0.1:{lasting_port()}"})
    run.reads(f"gs://{BUCKET}/there", endpoint=google.http)
    code, reason, message = run.fails()
    assert (code, reason) == (2, "DatasetRefused")
    assert "the pod has no identity of Google Cloud (Could not connect to server)" in message


def test_a_certificate_that_nobody_trusts_ends_the_run(google: Google, run: Run) -> None:
    run.reads(f"gs://{BUCKET}/there", keys=READER, endpoint=google.https)
    code, reason, message = run.fails()
    assert (code, reason) == (2, "DatasetRefused")
    assert f"the certificate of {google.https} is not trusted (SSL peer certificate" in message
    assert "as ca.crt into the Secret that dataset.credentialsSecret names" in message


def test_a_store_that_is_away_is_tried_again(google: Google, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsys_workers.data.gcs.GIVEN_UP_AFTER", timedelta(seconds=1))
    away = f"http://127.0.0.1:{lasting_port()}"
    run.reads(f"gs://{BUCKET}/there", keys=READER, endpoint=away)
    code, reason, message = run.fails()
    assert (code, reason) == (1, "DatasetUnreachable")
    assert f"The dataset gs://{BUCKET}/there cannot be read: {away} does not answer (Could not connect" in message


def test_objects_that_are_others_at_the_second_attempt_are_refused(google: Google, run: Run, tmp_path: Path) -> None:
    google.put_folder(write_folder(tmp_path / "data"), f"{BUCKET}/twice")
    config = run.reads(f"gs://{BUCKET}/twice", keys=READER, endpoint=google.http)
    config.run_folder.mkdir(parents=True)
    first = checks.data(config).report.digest
    google.put(f"{BUCKET}/twice/c.csv", FILE)
    code, reason, message = run.fails()
    assert (code, reason) == (2, "DatasetChanged")
    assert f"the run's first attempt fixed {first}" in message
