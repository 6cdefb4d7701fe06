"""Google Cloud Storage: how it is reached, and what it answered, as the sentence that the TrainingRun fails with.

The kubelet sets the credentials from the Secret that the run names: the key of a service account, or an access token.
Without a Secret it is the identity that the client finds in the pod, of GKE's workload identity or of the node.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyarrow import fs  # type: ignore[import-untyped]

from recsys_workers.data import store as stores
from recsys_workers.data.errors import InvalidData, StoreRefused, StoreUnreachable
from recsys_workers.data.store import CERTIFICATES, Store

SCHEME = stores.GCS
KEY, TOKEN = "RECSYS_GCS_KEY", "RECSYS_GCS_TOKEN"
"""Variables with the key of a service account (JSON), and with an access token."""
GIVEN_UP_AFTER = timedelta(seconds=20)
"""How long the client tries again what may heal."""
TOKENS_LAST = timedelta(hours=1)
"""An access token does not say when it ends; the store does."""
ANSWER = re.compile(
    r"google::cloud::Status\((?P<code>[A-Z_]+): (?:[\w ]+, with a last message of )?(?P<text>.*?)"
    r" error_info=\{reason=(?P<reason>[^,]*),(?:.*http_status_code=(?P<status>\d+))?",
    re.DOTALL,
)
"""How Arrow tells an error of Google's client."""
NO_TOKEN = "Could not create a OAuth2 access token"  # noqa: S105 what a message begins with
UNDERLYING = "The underlying error message was: "
CURL = re.compile(r"PerformWork\(\) - CURL error \[(?P<number>\d+)\]=(?P<text>.*)", re.DOTALL)
UNTRUSTED = "60"
"""libcurl could connect, but did not trust the server's certificate."""
OF_A_LIST = "gcloud-cpp.retry.function=ListObjects"
ABSENT = "No such file or directory"
"""What Arrow says itself of a folder in which a list found nothing."""
MAY_HEAL = {"UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED"}


@dataclass(frozen=True, slots=True)
class Answer:
    """`code` is the client's word for the error; `status` that of HTTP, 0 when it is not told."""

    code: str
    status: int
    text: str

    @property
    def denied(self) -> bool:
        """Whether it is about who asks."""
        return self.code in ("UNAUTHENTICATED", "PERMISSION_DENIED")

    @property
    def no_token(self) -> bool:
        """Whether the client had nothing to show, so that the store was not asked."""
        return self.text.startswith(NO_TOKEN)

    @property
    def cause(self) -> str:
        """What a message says in the end, without the client's advice and the name of its function."""
        text = self.text.rpartition(UNDERLYING)[2]
        found = CURL.fullmatch(text)
        return (found["text"] if found else text).rstrip(". ")

    @property
    def curl(self) -> str:
        """The number of libcurl's error, where the store did not answer at all; empty else."""
        found = CURL.search(self.text)
        return found["number"] if found else ""

    def __str__(self) -> str:
        said = f"HTTP {self.status}" if self.status else self.code
        return f"{said} ({self.cause})" if self.cause else said


@contextmanager
def connected(store: Store, folder: Path) -> Iterator[fs.GcsFileSystem]:
    """The store's objects as files, while inside; a key and certificates lie in the folder.

    Raises StoreRefused when the Secret that is named holds no credentials.
    """
    options: dict[str, Any] = {"retry_time_limit": GIVEN_UP_AFTER}
    variables = {}
    if store.endpoint is not None:
        options["scheme"], _, options["endpoint_override"] = store.endpoint.partition("://")
    if certificates := os.environ.get(CERTIFICATES):
        # The client has an option for it, but Arrow has not; libcurl reads the variable at each connection.
        variables["SSL_CERT_FILE"] = _written(folder / "ca.crt", certificates)
    key, token = os.environ.get(KEY), os.environ.get(TOKEN)
    if key is not None:
        variables["GOOGLE_APPLICATION_CREDENTIALS"] = _written(folder / "key.json", _checked(key, store))
    elif token is not None:
        ends = datetime.now(UTC) + TOKENS_LAST
        options |= {"access_token": token.strip(), "credential_token_expiration": ends}
    elif store.secret is not None:
        raise StoreRefused(
            f"The Secret {store.secret}, which dataset.credentialsSecret names, was not there when the pod began, or "
            "has neither key.json (the key of a service account) nor access-token: see to it, and make another run."
        )
    with _environment(variables):
        yield fs.GcsFileSystem(**options)


def answered(error: Exception) -> bool:
    """Whether an exception tells of the store, and not of this machine."""
    return "google::cloud::Status(" in str(error) or getattr(error, "errno", None) is None


def read(error: Exception) -> Answer | None:
    """The answer that an exception of pyarrow tells; None for one that tells something else."""
    found = ANSWER.search(str(error))
    if found is None:
        return None
    return Answer(found["code"], int(found["status"] or 0), found["text"].strip())


def failure(error: Exception, uri: str, named: Store) -> Exception:
    """What to raise for an error of pyarrow while `uri` was read.

    StoreRefused and InvalidData cannot heal, StoreUnreachable may.
    """
    answer, store = read(error), named.called("Google Cloud Storage")
    bucket = uri.split("/")[2]
    # Of a bucket that is there, a list of what is not there is empty.
    if answer is not None and answer.code == "NOT_FOUND" and OF_A_LIST in str(error):
        return InvalidData(
            f"The bucket {bucket} of the dataset {uri} does not exist at {store}: check dataset.uri and "
            "dataset.endpoint."
        )
    if (answer and answer.code == "NOT_FOUND") or (answer is None and str(error).startswith(ABSENT)):
        return InvalidData(
            f"The dataset {uri} does not exist at {store}: no object has this name, and none begins with it and a "
            "slash. Check dataset.uri."
        )
    if answer is None:
        return StoreUnreachable(f"The dataset {uri} could not be read from {store}: {error}.")
    told = f"The dataset {uri} cannot be read: {store} answered {answer}."
    if answer.no_token:
        return _without_token(answer, uri, named)
    if answer.denied:
        return StoreRefused(f"{told} {_about_credentials(answer, bucket, named.secret)}")
    if answer.curl == UNTRUSTED:
        return StoreRefused(
            f"The dataset {uri} cannot be read: the certificate of {store} is not trusted ({answer.cause}). Put the "
            "authority's certificate as ca.crt into the Secret that dataset.credentialsSecret names."
        )
    if answer.curl:
        return StoreUnreachable(
            f"The dataset {uri} cannot be read: {store} does not answer ({answer.cause}). Check dataset.endpoint, and "
            "that the network lets pods of this namespace reach it."
        )
    if answer.code in MAY_HEAL:
        return StoreUnreachable(f"{told} That may pass.")
    return StoreRefused(f"{told} Check dataset.uri and dataset.endpoint.")


def _without_token(answer: Answer, uri: str, named: Store) -> Exception:
    if named.secret is None:
        return StoreRefused(
            f"The dataset {uri} cannot be read: no dataset.credentialsSecret is named, and the pod has no identity of "
            f"Google Cloud ({answer.cause}). Name a Secret with key.json or access-token, or run where there is "
            "workload identity."
        )
    told = f"The dataset {uri} cannot be read: with key.json of the Secret {named.secret} no token is to be had"
    if answer.code in MAY_HEAL:
        return StoreUnreachable(f"{told} ({answer.cause}). That may pass.")
    return StoreRefused(f"{told} ({answer.cause}). Correct it, and make another run.")


def _about_credentials(answer: Answer, bucket: str, secret: str | None) -> str:
    if answer.code == "UNAUTHENTICATED":
        if secret:
            return f"It does not accept the credentials in the Secret {secret}: correct them, and make another run."
        return "It does not accept the identity of the pod: name a Secret in dataset.credentialsSecret."
    rights = f"list the bucket {bucket} and read its objects (roles/storage.objectViewer)"
    if secret:
        return f"Let the owner of the credentials in the Secret {secret} {rights}, or name another one."
    return (
        f"No dataset.credentialsSecret is named, so the pod's own identity asked: let it {rights}, or name a Secret "
        "with key.json or access-token."
    )


def _checked(key: str, store: Store) -> str:
    try:
        found = json.loads(key)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "type" not in found:
        raise StoreRefused(
            f"key.json in the Secret {store.secret}, which dataset.credentialsSecret names, is not the JSON of a "
            "credential of Google Cloud, as `gcloud iam service-accounts keys create` writes it: correct it, and make "
            "another run."
        )
    return key


def _written(file: Path, text: str) -> str:
    file.touch(mode=0o600)
    file.write_text(text)
    return str(file)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """With these variables, and afterwards with those of before."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
