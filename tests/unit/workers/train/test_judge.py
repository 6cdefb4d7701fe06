"""What the judge of lists asks the server, from what a client may send."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from recsys_workers.data import ids
from recsys_workers.data.split import Examples
from recsys_workers.evaluate.parity import Reference
from recsys_workers.evaluate.scoring import Lists
from recsys_workers.serve.contract import MAX_HISTORY, MAX_ID
from recsys_workers.train import judge


def judged(*lengths: int) -> judge.Judge:
    """Of a test with histories of these lengths, over three items."""
    items = np.tile(np.array([[1, 2, 3]]), (len(lengths), 1))
    scores = np.tile(np.array([[3, 2, 1]], dtype=np.float32), (len(lengths), 1))
    lists = Lists(scores, items)
    reference = Reference(items, scores, scores, np.ones(len(lengths), dtype=np.bool_))
    histories = [np.ones(length, dtype=np.int32) for length in lengths]
    test = Examples(np.arange(len(lengths)), histories, np.ones(len(lengths), dtype=np.int32))
    gate = {"name": "fast", "latency": {"p99Milliseconds": 50}}
    config = SimpleNamespace(metrics=["NDCG@10"], gates=[gate])
    found = SimpleNamespace(item_ids=["a", "b", "c"])
    scored = SimpleNamespace(onnx=lists, reference=reference)
    return judge.Judge(*cast("tuple[Any, ...]", (config, found, SimpleNamespace(test=test), scored, {}, None, 1)))


def test_the_longest_histories_that_a_client_may_send_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def session(_config: object, _contents: object, _describe: object, asks: list[Any], **_: object) -> Any:
        asked.extend(asks)
        raise InterruptedError

    monkeypatch.setattr(judge, "session", session)
    with pytest.raises(InterruptedError):
        judged(MAX_HISTORY, MAX_HISTORY + 1, 2).judge(lambda _: None)
    assert [ask.body.count(b'"id"') for ask in asked] == [MAX_HISTORY, 2]


def test_a_gate_that_nobody_can_be_asked_for_fails_with_the_reason() -> None:
    verdict = judged(MAX_HISTORY + 3, MAX_HISTORY + 2).judge(lambda _: None).verdicts[0]
    assert (verdict.verdict, verdict.metric, verdict.value) == ("Failed", "p99Milliseconds", "NaN")
    assert f"at most {MAX_HISTORY} items, and the shortest history of the test has {MAX_HISTORY + 2}" in verdict.message


def test_no_id_is_trained_that_a_client_may_not_send() -> None:
    assert ids.LONGEST == MAX_ID
