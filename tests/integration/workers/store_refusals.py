"""A run whose dataset an object store does not give: what both protocols' tests ask of it."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from tests.integration.workers.buckets import BUCKET
from tests.integration.workers.conftest import Run

FILE = b"user_id,item_id,timestamp\nu,i,1\n"


class Served(Protocol):
    """A store and its endpoint."""

    @property
    def http(self) -> str:
        """Where it answers."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """See Buckets."""
        ...


@dataclass(frozen=True)
class Refusal:
    """Whose keys read what, and what the run says then."""

    keys: Any
    uri: str
    reason: str
    said: str


def require_refused_at_once(store: Served, run: Run, case: Refusal, *, names: Iterable[str], never: str) -> str:
    """The run ends without a retry and says so in a sentence, which names one of `names`; returns the sentence.

    `never` is an expression for what a library says, and nobody understands.
    """
    store.put(f"{BUCKET}/there/a.csv", FILE)
    store.put(f"{BUCKET}/other/a.txt", FILE)
    run.reads(case.uri, keys=case.keys, endpoint=store.http)
    began = time.monotonic()
    code, reason, message = run.fails()
    assert (code, reason) == (2, case.reason), message
    assert any(name in message for name in names), message
    assert case.said in message
    assert not re.search(never, message)
    assert time.monotonic() - began < 30
    return message


def require_unsaid(secrets: Iterable[str], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    """No secret stands in the message, or in what was printed."""
    streams = capfd.readouterr()
    for secret in secrets:
        assert secret not in message + streams.out + streams.err
