"""A store that does not answer is waited for."""

import resource
import threading
import time
from collections.abc import Iterator
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
    with pytest.raises(
        store.StoreUnreachable, match=r"has not taken a file for \d+ s: .*No such file or directory.* See"
    ):
        store.await_writable(tmp_path / "absent", 1.5)


def test_a_store_that_answers_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.time, "sleep", lambda _: pytest.fail("nothing is to be waited for"))
    store.await_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def full() -> Iterator[None]:
    """Files may be made, and nothing be written into them: so the kernel answers as it does for a full store."""
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, kept[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)


@pytest.mark.usefixtures("full")
def test_a_store_that_takes_files_without_content_alone_is_full(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(store.StoreUnreachable, match=r"has not taken a file for .*File too large"):
        store.await_writable(tmp_path, 0)
    assert [entry.name for entry in tmp_path.iterdir()] == ["empty"]


MEMORY = Path("/proc/self/mem")
"""Reading it from its first byte on is an input/output error."""


def test_what_the_store_does_not_give_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "outcome.json"
    file.symlink_to(MEMORY)
    (tmp_path / "aside").write_text("{}")
    back = threading.Timer(1.5, (tmp_path / "aside").replace, (file,))
    back.start()
    assert store.patiently(file.read_text, f"given {file}", 30) == "{}"
    back.join()


def test_what_the_store_never_gives_is_told_with_what_it_answers() -> None:
    with pytest.raises(store.StoreUnreachable, match=r"not given the state for \d+ s: .*Input/output error"):
        store.patiently(MEMORY.read_bytes, "given the state", 1.5)


def test_a_file_that_is_not_there_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        store.patiently((tmp_path / "absent").read_bytes, "given it", 30)
