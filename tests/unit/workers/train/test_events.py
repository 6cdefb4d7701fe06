"""Event files for TensorBoard, read back by the format's description: framed records with masked CRC-32C."""

import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from recsys_workers.train import events
from recsys_workers.train.events import Events


@pytest.fixture(autouse=True)
def _without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """tensorboardX takes torch where it is; nothing here needs it, and it takes seconds."""
    if "tensorboardX" not in sys.modules:
        monkeypatch.setitem(sys.modules, "torch", None)


def crc32c(data: bytes) -> int:
    """Castagnoli's CRC (RFC 3720, appendix B.4), bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path: Path) -> list[Any]:
    """The events of a file: length, CRC of it, data, CRC of the data."""
    from tensorboardX.proto.event_pb2 import Event

    data, found = path.read_bytes(), []
    while data:
        length, crc = struct.unpack("<QI", data[:12])
        assert crc == masked(data[:8])
        body = data[12 : 12 + length]
        assert struct.unpack("<I", data[12 + length : 16 + length])[0] == masked(body)
        found.append(Event.FromString(body))
        data = data[16 + length :]
    return found


def scalars(path: Path) -> list[tuple[int, str, float]]:
    return [(one.step, value.tag, value.simple_value) for one in records(path) for value in one.summary.value]


def test_the_check_value_of_the_crc() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def test_what_is_written_is_on_the_disk_at_once_and_reads_back(tmp_path: Path) -> None:
    folder = tmp_path / "tensorboard" / "movies-1-01234567"
    written = Events(folder, 0)
    written.scalars(10, {"loss/training": 6.5, "validation/NDCG@10": 0.25})
    (path,) = folder.iterdir()
    assert path.name.startswith("events.out.tfevents.")
    assert scalars(path) == [(10, "loss/training", 6.5), (10, "validation/NDCG@10", 0.25)]
    written.scalars(20, {"loss/training": 5.5})
    assert scalars(path)[2:] == [(20, "loss/training", 5.5)]
    assert records(path)[0].file_version == "brain.Event:2"


def test_an_attempt_hides_what_came_after_the_checkpoint_that_it_goes_on_from(tmp_path: Path) -> None:
    Events(tmp_path, 70).close()
    (path,) = tmp_path.iterdir()
    start = records(path)[1]
    assert (start.step, start.session_log.status) == (71, start.session_log.START)


def test_a_store_that_cannot_be_written_ends_no_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    written = Events(tmp_path / "file" / "folder", 0)
    written.scalars(1, {"loss/training": 1.0})
    written.close()


def test_a_disk_that_fills_up_ends_the_events_and_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        writes = 0

        def write_event(self, event: object) -> None:
            self.writes += 1

        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    full = Full()
    monkeypatch.setattr(events, "_open", lambda folder: full)
    written = Events(tmp_path, 0)
    written.scalars(1, {"loss/training": 1.0})
    assert full.writes == 1, "the start, and nothing after it failed"
