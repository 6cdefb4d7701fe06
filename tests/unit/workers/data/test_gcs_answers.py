"""What an error of pyarrow becomes. Those of a server: tests/integration/workers/test_gcs_dataset.py."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_workers.data.errors import InvalidData, StoreRefused, StoreUnreachable
from recsys_workers.data.gcs import KEY, TOKEN, connected, failure
from recsys_workers.data.store import Store

URI = "gs://shop/log"
NAMED = Store("https://store:9000", None, "keys")


def status(
    code: str, text: str, http: int = 0, kind: str = "Permanent error", function: str = "GetObjectMetadata"
) -> str:
    told = f", http_status_code={http}" if http else ""
    return (
        f"google::cloud::Status({code}: {kind}, with a last message of {text} error_info={{reason=, domain=, "
        f"metadata={{gcloud-cpp.retry.function={function}, gcloud-cpp.retry.original-message={text}{told}}}}})"
    )


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (
            status("NOT_FOUND", "No such object: shop/log", 404),
            InvalidData,
            "The dataset gs://shop/log does not exist at https://store:9000",
        ),
        (status("NOT_FOUND", "Not Found", 404, function="ListObjects"), InvalidData, "The bucket shop of the"),
        ("No such file or directory 'shop/log'", InvalidData, "The dataset gs://shop/log does not exist at https"),
        (
            status("UNAVAILABLE", "slow", 429, "Retry policy exhausted"),
            StoreUnreachable,
            "answered HTTP 429 (slow). That may pass.",
        ),
        (status("INTERNAL", "", 500), StoreUnreachable, "answered HTTP 500. That may pass."),
        (status("INVALID_ARGUMENT", "Bad", 400), StoreRefused, "HTTP 400 (Bad). Check dataset.uri"),
        (
            status("UNAVAILABLE", "PerformWork() - CURL error [6]=Could not resolve hostname"),
            StoreUnreachable,
            "https://store:9000 does not answer (Could not resolve hostname). Check dataset.endpoint",
        ),
        (
            status(
                "UNAVAILABLE",
                "Could not create a OAuth2 access token to authenticate the request. The request was not sent. The "
                "underlying error message was: PerformWork() - CURL error [28]=Timeout was reached",
            ),
            StoreUnreachable,
            "with key.json of the Secret keys no token is to be had (Timeout was reached). That may pass.",
        ),
    ],
)
def test_answers(answer: str, kind: type[Exception], said: str) -> None:
    found = failure(OSError(answer), URI, NAMED)
    assert type(found) is kind
    assert said in str(found)


def test_without_an_endpoint_it_is_googles_and_without_a_secret_the_pods_identity() -> None:
    assert str(failure(PermissionError(13, status("UNAUTHENTICATED", "No", 401)), URI, Store())) == (
        "The dataset gs://shop/log cannot be read: Google Cloud Storage answered HTTP 401 (No). It does not accept the "
        "identity of the pod: name a Secret in dataset.credentialsSecret."
    )


@given(st.text())
def test_what_nobody_has_seen_yet_is_tried_again_and_quoted(text: str) -> None:
    found = failure(OSError(f"Not of Google: {text}"), URI, NAMED)
    assert isinstance(found, StoreUnreachable)
    assert text in str(found)


def test_a_secret_that_is_absent_is_not_called_one_without_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both keys are optional, so the kubelet starts the pod without the Secret, too."""
    monkeypatch.delenv(KEY, raising=False)
    monkeypatch.delenv(TOKEN, raising=False)
    with (
        pytest.raises(StoreRefused, match=r"The Secret keys, .* was not there when the pod began, or has neither"),
        connected(NAMED, tmp_path),
    ):
        pass
