"""Results that are kept are those of the benchmarks as they are configured now."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from benchmarks import recorded
from benchmarks.all import BENCHMARKS
from benchmarks.recorded import Benchmark, fingerprint
from benchmarks.rollback import configuration as rollback
from benchmarks.training import configuration as training

from recsys_workers.models.hyperparameters import check

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_no_result_is_of_another_configuration(name: str) -> None:
    assert BENCHMARKS[name].stale() == []


def test_every_file_of_results_is_one_that_a_benchmark_looks_at() -> None:
    looked_at = {result.place.split(",")[0] for benchmark in BENCHMARKS.values() for result in benchmark.results()}
    assert {str(file.relative_to(ROOT)) for file in recorded.RESULTS.iterdir()} == looked_at


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_command_that_makes_results_exists(name: str) -> None:
    command = BENCHMARKS[name].command.split()
    place = {"make": "Makefile", "hack/bench.sh": "hack/bench.sh"}[command[0]]
    made = command[1] + (":" if command[0] == "make" else ")")
    assert any(line.strip().startswith(made) for line in (ROOT / place).read_text().splitlines())


def benchmark_of(file: Path, hyperparameters: Mapping[str, str], architecture: str = "SASRec") -> Benchmark:
    present = {"Small": training.whole(architecture, hyperparameters, attributes=False)}
    return Benchmark("make bench-training", lambda: present, lambda: recorded.results_of_lines(file, training.told))


def kept(folder: Path, **changed: Any) -> Path:
    file = folder / "training.jsonl"
    hyperparameters = training.whole("SASRec", {"epochs": "3"}, attributes=False)["hyperparameters"]
    line = {"name": "Small", "seed": 1, "architecture": "SASRec", "attributes": None}
    line |= {"hyperparameters": hyperparameters, **changed}
    file.write_text(json.dumps({**line, "fingerprint": fingerprint(training.told(line))}) + "\n")
    return file


def test_a_changed_hyperparameter_makes_a_result_stale(tmp_path: Path) -> None:
    file = kept(tmp_path)
    assert benchmark_of(file, {"epochs": "3"}).stale() == []
    (told,) = benchmark_of(file, {"epochs": "4", "dropout": "0.3"}).stale()
    assert 'hyperparameters.dropout was "0.2" and is "0.3"; hyperparameters.epochs was "3" and is "4"' in told
    assert "line 1 (Small, seed 1)" in told
    assert "Run `make bench-training` and commit what it writes" in told


def test_attributes_and_the_architecture_count_too(tmp_path: Path) -> None:
    (told,) = benchmark_of(kept(tmp_path, attributes="0123"), {"epochs": "3"}).stale()
    assert "attributes was true and is false" in told
    (told,) = benchmark_of(kept(tmp_path), {"epochs": "3"}, "BSARec").stale()
    assert 'architecture was "SASRec" and is "BSARec"' in told


def test_a_hyperparameter_that_came_later_changes_nothing_at_its_default(tmp_path: Path) -> None:
    values = dict(training.whole("SASRec", {"epochs": "3"}, attributes=False)["hyperparameters"])
    del values["weightDecay"]
    file = kept(tmp_path, hyperparameters=values)
    assert benchmark_of(file, {"epochs": "3"}).stale() == []
    (told,) = benchmark_of(file, {"epochs": "3", "weightDecay": "0.1"}).stale()
    assert 'hyperparameters.weightDecay was null and is "0.1"' in told


def test_a_configuration_that_is_gone_and_a_fingerprint_that_is_wrong_are_told(tmp_path: Path) -> None:
    (told,) = benchmark_of(kept(tmp_path, name="Large"), {"epochs": "3"}).stale()
    assert "there is no configuration 'Large' any more" in told
    file = kept(tmp_path)
    line = json.loads(file.read_text())
    file.write_text(json.dumps({**line, "hyperparameters": {**line["hyperparameters"], "epochs": "5"}}) + "\n")
    (told,) = benchmark_of(file, {"epochs": "5"}).stale()
    assert f"names the configuration {line['fingerprint']}" in told


def test_what_was_never_run_is_no_fault(tmp_path: Path) -> None:
    assert benchmark_of(tmp_path / "none.jsonl", {"epochs": "3"}).stale() == []
    assert recorded.results_of_page(tmp_path / "none.md", "rollback") == []


@pytest.mark.parametrize("changed", [{"rollbacks": 10}, {"rate": 50}])
def test_a_page_of_another_configuration_is_stale(changed: dict[str, int], tmp_path: Path) -> None:
    page = tmp_path / "rollback.md"
    benchmark = Benchmark(
        "hack/bench.sh rollback --write",
        lambda: {"rollback": rollback.configuration()},
        lambda: recorded.results_of_page(page, "rollback"),
    )
    page.write_text(recorded.page("Rollbacks", rollback.configuration(), "| a |"))
    assert benchmark.stale() == []
    page.write_text(recorded.page("Rollbacks", rollback.configuration(**changed), "| a |"))
    (told,) = benchmark.stale()
    assert "Run `hack/bench.sh rollback --write` and commit" in told
    page.write_text("# Rollbacks\n")
    (told,) = benchmark.stale()
    assert "was made with the configuration that it does not name" in told


def test_a_rival_that_is_set_otherwise_is_another_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(rollback.configuration())
    monkeypatch.setattr("benchmarks.rollback.flagger.NAME", "bench-other")
    assert fingerprint(rollback.configuration()) != before


def test_a_result_takes_the_place_of_its_seed(tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    for name, seed, value in (("A", 1, 1), ("A", 2, 2), ("B", 1, 3), ("A", 1, 4)):
        recorded.add(file, {"name": name, "seed": seed, "value": value})
    found = [(line["name"], line["seed"], line["value"]) for line in recorded.lines(file)]
    assert found == [("A", 2, 2), ("B", 1, 3), ("A", 1, 4)]
    assert set(recorded.provenance()) <= set(recorded.lines(file)[0])


def test_what_is_recorded_is_not_trained_again(tmp_path: Path) -> None:
    """Also when a hyperparameter came later, at its default; but not with other data, values or attributes."""
    pytest.importorskip("torch")
    from benchmarks.training import beauty
    from benchmarks.training.run import Job, result_of

    (tmp_path / beauty.SEQUENCES).write_text("1 1 2 3 4\n2 2 3 1\n")
    (tmp_path / beauty.ATTRIBUTES).write_text('{"1": [7], "2": [7]}')
    data = beauty.read(tmp_path, None)
    job = Job("Small", "SASRec", check("SASRec", {"epochs": "3"}), 1, data, 1, False)
    result = {"name": "Small", "seed": 1, "users": 2, "data": data.digest, "attributes": None}
    hyperparameters = {name: value for name, value in job.hyperparameters.text.items() if name != "weightDecay"}
    result |= {"architecture": "SASRec", "hyperparameters": hyperparameters}
    assert result_of(job, result)
    changed = [{"seed": 2}, {"data": "0"}, {"attributes": "1"}, {"hyperparameters": {**hyperparameters, "epochs": "4"}}]
    assert [result_of(job, {**result, **one}) for one in changed] == [False] * 4
