"""Stores that speak S3: how one is reached, and what it answered, as the sentence that the TrainingRun fails with.

Credentials are whatever the SDK finds in the pod: AWS_ACCESS_KEY_ID and its like, which the kubelet sets from the
Secret that the run names, else the identity of the pod or of its node. They are no argument here, so none can end up in
a message.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs  # type: ignore[import-untyped]

from recsys_workers.data import store as stores
from recsys_workers.data.errors import InvalidData, StoreRefused, StoreUnreachable
from recsys_workers.data.store import CERTIFICATES, Store

SCHEME = stores.S3
CONNECT_SECONDS, SILENT_SECONDS, ATTEMPTS = 5, 8, 3
"""A store that is silent is given up after about ATTEMPTS times SILENT_SECONDS."""

ANSWER = re.compile(
    r"AWS Error (?P<code>\w+)(?: \(HTTP status (?P<status>\d+)\))? during \w+ operation: (?P<text>.*)", re.DOTALL
)
"""How Arrow tells an error of the AWS SDK."""
UNPARSED = re.compile(r"Unable to parse ExceptionName: (?P<code>\w+) Message: (?P<text>.*)", re.DOTALL)
REQUEST_ID = re.compile(r"\s*\(Request ID: [^)]*\)")
SILENT = "No response body"
UNKNOWN_CREDENTIALS = {
    "INVALID_ACCESS_KEY_ID",
    "SIGNATURE_DOES_NOT_MATCH",
    "INVALID_SIGNATURE",
    "INVALID_CLIENT_TOKEN_ID",
    "UNRECOGNIZED_CLIENT",
    "MISSING_AUTHENTICATION_TOKEN",
    "ExpiredToken",
    "InvalidToken",
}
UNREACHED = "NETWORK_CONNECTION"
MAY_HEAL = {
    "SLOW_DOWN",
    "THROTTLING",
    "SERVICE_UNAVAILABLE",
    "INTERNAL_FAILURE",
    "REQUEST_TIMEOUT",
    "REQUEST_TIME_TOO_SKEWED",
    "REQUEST_EXPIRED",
}
MISSING = {"NO_SUCH_KEY", "RESOURCE_NOT_FOUND"}
UNTRUSTED = re.compile(r"curlCode: 60\b")
"""libcurl could connect, but did not trust the server's certificate."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`code` is the SDK's word for the error, or the store's own; `status` that of HTTP, 0 when it is not told."""

    code: str
    status: int
    text: str

    @property
    def denied(self) -> bool:
        """Whether it is about who asks: for a HEAD the store cannot say more than that."""
        return self.code in UNKNOWN_CREDENTIALS or self.code == "ACCESS_DENIED" or self.status in (401, 403)

    def __str__(self) -> str:
        said = f"HTTP {self.status}" if self.code == "UNKNOWN" else self.code
        text = (self.text.partition("Details: ")[2] or self.text).rstrip(". ")
        if self.code == UNREACHED:
            return text
        return said if text in ("", SILENT) else f"{said} ({text})"


@contextmanager
def connected(store: Store, folder: Path) -> Iterator[fs.S3FileSystem]:
    """The store's objects as files, while inside; certificates that it is checked against lie in the folder."""
    address = {}
    if store.endpoint is not None:
        scheme, _, host = store.endpoint.partition("://")
        address = {"scheme": scheme, "endpoint_override": host}
    if certificates := os.environ.get(CERTIFICATES):
        trusted = folder / "ca.crt"
        trusted.write_text(certificates)
        address["tls_ca_file_path"] = str(trusted)
    yield fs.S3FileSystem(
        region=store.region,
        connect_timeout=CONNECT_SECONDS,
        request_timeout=SILENT_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        **address,
    )


def answered(error: Exception) -> bool:
    """Whether an exception tells of the store, and not of this machine."""
    return getattr(error, "errno", None) is None or isinstance(error, FileNotFoundError)


def read(error: Exception) -> Answer | None:
    """The answer that an exception of pyarrow tells; None for one that tells something else."""
    found = ANSWER.search(str(error))
    if found is None:
        return None
    code, text = found["code"], REQUEST_ID.sub("", found["text"]).strip()
    if own := UNPARSED.search(text):
        code, text = own["code"], own["text"]
    return Answer(code, int(found["status"] or 0), text)


def failure(error: Exception, uri: str, named: Store) -> Exception:
    """What to raise for an error of pyarrow while `uri` was read.

    StoreRefused and InvalidData cannot heal, StoreUnreachable may.
    """
    answer, store = read(error), named.called("Amazon S3")
    bucket = uri.split("/")[2]
    if isinstance(error, FileNotFoundError) or (answer and (answer.code in MISSING or answer.status == 404)):
        return InvalidData(
            f"The dataset {uri} does not exist at {store}: no object has this key, and none begins with it and a "
            "slash. Check dataset.uri."
        )
    if answer is None:
        return StoreUnreachable(f"The dataset {uri} could not be read from {store}: {error}.")
    if answer.code == "NO_SUCH_BUCKET":
        return InvalidData(
            f"The bucket {bucket} of the dataset {uri} does not exist at {store}: check dataset.uri and "
            "dataset.endpoint."
        )
    told = f"The dataset {uri} cannot be read: {store} answered {answer}."
    if answer.denied:
        return StoreRefused(f"{told} {_about_credentials(answer, bucket, named.secret)}")
    if UNTRUSTED.search(str(error)):
        return StoreRefused(
            f"The dataset {uri} cannot be read: the certificate of {store} is not trusted ({answer}). Put the "
            "authority's certificate as ca.crt into the Secret that dataset.credentialsSecret names."
        )
    if answer.code == UNREACHED:
        return StoreUnreachable(
            f"The dataset {uri} cannot be read: {store} does not answer ({answer}). Check dataset.endpoint, and that "
            "the network lets pods of this namespace reach it."
        )
    if answer.code in MAY_HEAL or answer.status >= 500 or answer.status in (408, 429):
        return StoreUnreachable(f"{told} That may pass.")
    return StoreRefused(f"{told} Check dataset.region and dataset.endpoint.")


def _about_credentials(answer: Answer, bucket: str, secret: str | None) -> str:
    if answer.code in UNKNOWN_CREDENTIALS:
        if secret:
            return f"It does not accept the keys in the Secret {secret}: correct them, and make another run."
        return "It does not accept the identity of the pod: name a Secret in dataset.credentialsSecret."
    rights = f"list the bucket {bucket} and read its objects"
    if secret:
        return f"Let the owner of the keys in the Secret {secret} {rights}, or name another one."
    return (
        f"No dataset.credentialsSecret is named, so the pod's own identity asked: let it {rights}, or name a Secret "
        "with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    )
