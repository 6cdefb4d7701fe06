"""What a run's pod exports for Prometheus, scraped over HTTP and read by prometheus-client's own parser."""

import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.workers.train.played import Training

from recsys_operator.api.progress import Progress as ProgressField
from recsys_workers.train import exposition, ray_run
from recsys_workers.train.__main__ import main
from recsys_workers.train.exposition import STAGES, TrainingCollector
from recsys_workers.train.progress import Progress, StatusWriter
from recsys_workers.train.readings import Readings

RUN = {"namespace": "shop", "run": "movies-1", "model": "movies"}
TRAINING = {
    "stage": "Training",
    "percent": 30,
    "epoch": 6,
    "epochs": 20,
    "step": 1200,
    "loss": "6.25",
    "targetsPerSecond": 5000,
    "etaSeconds": 90,
    "tuning": {"trials": 16, "ended": 5, "failed": 0, "metric": "NDCG@10"},
    "validation": {
        "metric": "NDCG@10",
        "value": "0.03",
        "epoch": 6,
        "best": "0.04",
        "bestEpoch": 5,
        "metrics": [{"name": "HR@10", "value": "0.0625"}],
    },
}

Series = dict[tuple[str, str], float]


def parsed(text: str) -> Series:
    """Values by name, and by what labels say besides the run."""
    found: Series = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert {name: sample.labels[name] for name in RUN} == RUN
            rest = [value for name, value in sample.labels.items() if name not in RUN]
            found[sample.name.removeprefix("recsys_training_"), "".join(rest)] = sample.value
    return found


class Pod:
    """A collector with its file, by a clock that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.now = 50.0
        self.path = folder / "reading.json"
        self.readings = Readings(self.path, lambda: self.now)
        self.registry = CollectorRegistry()
        self.registry.register(TrainingCollector("shop", "movies-1", "movies", self.readings))

    def scraped(self) -> Series:
        return parsed(generate_latest(self.registry).decode())


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


def test_before_the_first_report_there_are_no_series(pod: Pod) -> None:
    assert pod.scraped() == {}


def test_every_figure_of_the_training_has_its_series(pod: Pod) -> None:
    pod.readings.note(TRAINING)
    found = pod.scraped()
    plain = {name: value for (name, rest), value in found.items() if not rest}
    assert plain == {
        "percent": 30,
        "epoch": 6,
        "epochs": 20,
        "step": 1200,
        "loss": 6.25,
        "targets_per_second": 5000,
        "eta_seconds": 90,
        "trials": 16,
        "trials_ended": 5,
    }
    assert (found["validation", "NDCG@10"], found["validation_best", "NDCG@10"]) == (0.03, 0.04)
    assert (found["validation", "HR@10"], ("validation_best", "HR@10") in found) == (0.0625, False)
    assert {stage: found["stage", stage] for stage in STAGES} == {stage: stage == "Training" for stage in STAGES}


def test_the_seconds_of_each_stage_go_on_from_one_process_to_the_other(pod: Pod) -> None:
    pod.readings.note({"stage": "Loading"})
    pod.now += 10
    worker = Readings(pod.path, lambda: pod.now)
    worker.note(TRAINING)
    pod.now += 5
    worker.note(TRAINING)
    pod.now += 2
    found = pod.scraped()
    assert [found["stage_seconds_total", stage] for stage in STAGES] == [10, 7, 0, 0, 0]
    pod.readings.note({"stage": "Evaluating", "percent": 90})
    pod.now += 3
    found = pod.scraped()
    assert [found["stage_seconds_total", stage] for stage in STAGES] == [10, 7, 0, 3, 0]
    assert ("loss", "") not in found


def test_the_stages_are_those_of_the_status() -> None:
    for stage in STAGES:
        ProgressField.model_validate({"stage": stage})
    assert len(STAGES) == len(ProgressField.model_json_schema()["properties"]["stage"]["enum"])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"more": 1}'])
def test_a_file_that_cannot_be_read_has_no_series(pod: Pod, text: str) -> None:
    pod.path.write_text(text)
    assert pod.scraped() == {}


def test_a_folder_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    Readings(tmp_path / "gone" / "reading.json").note(TRAINING)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    with socket.socket() as free:
        free.bind(("0.0.0.0", 0))
        found: int = free.getsockname()[1]
    monkeypatch.setenv(exposition.PORT, str(found))
    return found


def test_an_attempt_serves_what_its_worker_reports(
    training: Training, run_folder: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scrape() -> Series:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return parsed(answer.read().decode())

    seen: list[Series] = []

    def fit(settings: dict[str, Any], folder: Path, threads: int) -> None:
        seen.append(scrape())
        worker = Progress(StatusWriter("shop", "movies-1", "uid-1"), Readings(Path(settings["readings"])))
        worker.report("Training", 30, "", step=1200)
        worker.close()
        seen.append(scrape())
        training.fit(settings, folder, threads)

    monkeypatch.setattr(ray_run, "fit", fit)
    assert main() == 0
    loading, learning, published = [*seen, scrape()]
    assert (loading["stage", "Loading"], ("step", "") in loading) == (1, False)
    assert (learning["stage", "Training"], learning["step", ""]) == (1, 1200)
    assert (published["stage", "Publishing"], published["percent", ""], published["step", ""]) == (1, 100, 3)


def test_a_port_that_is_taken_is_told_and_the_run_goes_on(
    training: Training, run_folder: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", port))
        taken.listen()
        assert main() == 0
    assert f"no metrics are served on port {port}" in capsys.readouterr().out


def test_without_the_variable_nothing_is_served(
    training: Training, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(exposition.PORT, raising=False)
    monkeypatch.setattr(exposition, "start_http_server", lambda *_, **__: pytest.fail("it serves"))
    assert main() == 0
