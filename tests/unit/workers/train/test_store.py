"""A store that does not answer is waited for."""

import threading
import time
from pathlib import Path

import pytest

from recsys_workers.train import store


def test_a_store_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    away = tmp_path / "store"
    back = threading.Timer(1.5, away.mkdir)
    began = time.monotonic()
    back.start()
    store.await_writable(away, 30)
    assert time.monotonic() - began >= 1.5
    assert list(away.iterdir()) == []


def test_a_store_that_stays_away_is_told_with_what_it_answers(tmp_path: Path) -> None:
    with pytest.raises(store.StoreUnreachable, match=r"has not taken a file for \d+ s: .*No such file or directory"):
        store.await_writable(tmp_path / "absent", 1.5)


def test_a_store_that_answers_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.time, "sleep", lambda _: pytest.fail("nothing is to be waited for"))
    store.await_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []
