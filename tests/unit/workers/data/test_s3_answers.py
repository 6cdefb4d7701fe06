"""What an error of pyarrow becomes. Those of a real store: tests/integration/workers/test_s3_refusals.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_workers.data.errors import InvalidData, StoreRefused, StoreUnreachable
from recsys_workers.data.s3 import failure
from recsys_workers.data.store import Store

URI = "s3://shop/log"


def told(text: str, store: Store | None = None) -> Exception:
    return failure(OSError(text), URI, store or Store("https://store:9000", None, "keys"))


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (
            "NO_SUCH_KEY during GetObject operation: The key does not exist.",
            InvalidData,
            "The dataset s3://shop/log does not exist at https://store:9000",
        ),
        (
            "UNKNOWN (HTTP status 404) during HeadObject operation: No response body.",
            InvalidData,
            "does not exist at https://store:9000",
        ),
        (
            "SLOW_DOWN during ListObjectsV2 operation: Wait (Request ID: 1F)",
            StoreUnreachable,
            "answered SLOW_DOWN (Wait)",
        ),
        ("REQUEST_TIME_TOO_SKEWED during ListObjectsV2 operation: Late", StoreUnreachable, "That may pass"),
        ("UNKNOWN (HTTP status 429) during HeadObject operation: No response body.", StoreUnreachable, "HTTP 429"),
        (
            "UNKNOWN (HTTP status 400) during ListObjectsV2 operation: Unable to parse ExceptionName: "
            "AuthorizationHeaderMalformed Message: the region 'x' is wrong; expecting 'y'",
            StoreRefused,
            "AuthorizationHeaderMalformed (the region 'x' is wrong; expecting 'y'). Check dataset.region",
        ),
        (
            "NETWORK_CONNECTION during HeadObject operation: curlCode: 6, Could not resolve hostname; Details: Could "
            "not resolve host: store",
            StoreUnreachable,
            "https://store:9000 does not answer (Could not resolve host: store). Check dataset.endpoint",
        ),
    ],
)
def test_answers(answer: str, kind: type[Exception], said: str) -> None:
    found = told(f"When reading information for key 'log' in bucket 'shop': AWS Error {answer}")
    assert type(found) is kind
    assert said in str(found)


def test_without_an_endpoint_it_is_amazon_and_without_a_secret_the_pods_identity() -> None:
    text = "AWS Error INVALID_ACCESS_KEY_ID during ListObjectsV2 operation: unknown"
    assert str(told(text, Store())) == (
        "The dataset s3://shop/log cannot be read: Amazon S3 answered INVALID_ACCESS_KEY_ID (unknown). It does not "
        "accept the identity of the pod: name a Secret in dataset.credentialsSecret."
    )


@given(st.text())
def test_what_nobody_has_seen_yet_is_tried_again_and_quoted(text: str) -> None:
    found = told(f"Not of S3: {text}")
    assert isinstance(found, StoreUnreachable)
    assert text in str(found)
