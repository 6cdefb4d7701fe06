"""A version with one wrong byte is never served, and the reason is a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.unit.workers.exposition import sample
from tests.unit.workers.serve.tiny_version import TinyVersion, embedding_of, graph_of, write_version

from recsys_operator.build.server_workload import GRACE_SECONDS, PRE_STOP_SECONDS
from recsys_workers import manifest, scores
from recsys_workers.serve import start
from recsys_workers.serve.metrics import Metrics
from recsys_workers.serve.process import GRACEFUL_SECONDS
from recsys_workers.serve.settings import BadSettings, Settings
from recsys_workers.serve.termination import CannotServe


@pytest.fixture
def own(tmp_path: Path) -> TinyVersion:
    """A version that the test may break."""
    return write_version(tmp_path)


def refusal(version: TinyVersion, monkeypatch: pytest.MonkeyPatch, **environment: str) -> CannotServe:
    monkeypatch.setenv("RECSYS_PVC_ROOT", str(version.claims))
    settings = Settings.from_environment(version.environment(**environment))
    with pytest.raises(CannotServe) as error:
        start.load(settings, Metrics("movies", 4, version.digest))
    return error.value


@pytest.mark.parametrize("name", [manifest.MANIFEST, manifest.MODEL, manifest.ITEMS, manifest.EVALUATION])
@pytest.mark.parametrize("position", ["first", "last"])
def test_one_changed_byte_in_any_file_is_refused(
    own: TinyVersion, name: str, position: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own.folder / name
    data = bytearray(path.read_bytes())
    data[0 if position == "first" else -1] ^= 1
    path.write_bytes(data)
    error = refusal(own, monkeypatch)
    assert error.reason == "DigestMismatch"
    assert str(path) in error.message


@pytest.mark.parametrize("name", [manifest.MANIFEST, manifest.MODEL, manifest.ITEMS, manifest.EVALUATION])
def test_a_missing_file_is_refused(own: TinyVersion, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (own.folder / name).unlink()
    error = refusal(own, monkeypatch)
    assert error.reason == "ArtifactUnreadable"
    assert str(own.folder / name) in error.message


def test_another_digest_than_the_manifests_is_refused(own: TinyVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    error = refusal(own, monkeypatch, RECSYS_DIGEST="sha256:" + "ab" * 32)
    assert error.reason == "DigestMismatch"
    assert own.digest in error.message


@pytest.mark.parametrize(
    "environment", [{"RECSYS_VERSION": "5"}, {"RECSYS_MODEL": "books"}, {"RECSYS_NAMESPACE": "other"}]
)
def test_the_artifact_of_another_version_is_refused(
    own: TinyVersion, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal(own, monkeypatch, **environment).reason == "WrongVersion"


def test_a_version_that_failed_its_gates_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(write_version(tmp_path, verdict="Failed"), monkeypatch).reason == "GatesNotPassed"


def test_a_version_that_does_not_say_whether_seen_items_are_left_out_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = refusal(write_version(tmp_path, exclude_seen=None), monkeypatch)
    assert error.reason == "ArtifactUnreadable"
    assert "protocol.excludeSeen" in error.message


def test_a_location_on_no_claim_is_refused(own: TinyVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(own, monkeypatch, RECSYS_ARTIFACT_URI="s3://bucket/x").reason == "ArtifactUnreadable"


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(write_version(tmp_path, onnx=b"not a graph"), monkeypatch).reason == "ModelUnreadable"


def test_a_graph_that_does_not_fit_the_vocabulary_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = write_version(tmp_path, onnx=graph_of(embedding_of(29), 29))
    assert refusal(version, monkeypatch).reason == "ModelBroken"


def test_a_graph_that_answers_nan_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = embedding_of(30)
    table[2:] = np.nan
    assert refusal(write_version(tmp_path, embedding=table), monkeypatch).reason == "ModelBroken"


def test_a_broken_catalogue_does_not_stop_the_server(own: TinyVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_PVC_ROOT", str(own.claims))
    metrics = Metrics("movies", 4, own.digest)
    start.load(Settings.from_environment(own.environment(RECSYS_CATALOGUE="{")), metrics)
    assert b'recsys_catalogue_titles{model="movies",version="4"} 0.0' in metrics.exposition()


def test_what_is_not_said_is_as_the_reference_tells(own: TinyVersion) -> None:
    """docs/reference/serving.md; the grace of a pod is the time for `preStop`, this drain and what is in flight."""
    settings = Settings.from_environment(own.environment())
    assert (settings.threads, settings.host, settings.port) == (1, "0.0.0.0", 8080)
    assert (settings.max_pending, settings.patience_seconds, settings.drain_seconds) == (256, 5, 5)
    assert PRE_STOP_SECONDS + settings.drain_seconds + GRACEFUL_SECONDS < GRACE_SECONDS


def test_the_model_runs_on_the_threads_of_the_pod_and_lets_them_sleep(
    own: TinyVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left to itself ONNX Runtime takes a thread for each core of the host, which spin between two requests."""
    monkeypatch.setenv("RECSYS_PVC_ROOT", str(own.claims))
    metrics = Metrics("movies", 4, own.digest)
    recommender = start.load(Settings.from_environment(own.environment(RECSYS_THREADS="7")), metrics)
    options = recommender._scoring._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (7, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


EVALUATED = scores.document(scores.cumulative(np.array([[2.5, 1.0, -3.0]], dtype=np.float32)))


@pytest.mark.parametrize(
    ("evaluation", "exported"),
    [
        ({"scores": EVALUATED}, {"-2.0": 1, "2.0": 2, "+Inf": 3}),
        ({}, {}),
        ({"scores": {**EVALUATED, "first": 3}}, {}),
        ([], {}),
        (None, {}),
    ],
)
def test_the_scores_of_the_evaluation_are_exported_where_they_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evaluation: object, exported: dict[str, int]
) -> None:
    version = write_version(tmp_path, evaluation=b"{" if evaluation is None else json.dumps(evaluation).encode())
    monkeypatch.setenv("RECSYS_PVC_ROOT", str(version.claims))
    metrics = Metrics("movies", 4, version.digest)
    start.load(Settings.from_environment(version.environment()), metrics)
    found = {bound: sample(metrics.exposition(), "recsys_evaluation_score_bucket", le=bound) for bound in scores.LABELS}
    if not exported:
        assert set(found.values()) == {None}
    assert {bound: found[bound] for bound in exported} == exported


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "") for name in ("RECSYS_NAMESPACE", "RECSYS_MODEL", "RECSYS_DEPLOYMENT", "RECSYS_VERSION")),
        *((name, "") for name in ("RECSYS_ARTIFACT_URI", "RECSYS_DIGEST")),
        ("RECSYS_DIGEST", "md5:1"),
        ("RECSYS_VERSION", "four"),
        ("RECSYS_VERSION", "0"),
        ("RECSYS_THREADS", "0.5"),
        ("RECSYS_PORT", "tcp://10.0.0.1:80"),
    ],
)
def test_a_bad_environment_names_the_variable(version: TinyVersion, name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=name):
        Settings.from_environment(version.environment(**{name: value}))
