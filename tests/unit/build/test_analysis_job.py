"""The analysis Job, as a golden file: `pytest --golden` writes it anew."""

from pathlib import Path
from typing import Any

import yaml
from tests.unit.build.test_server_manifests import OWNER, revision

from recsys_operator.api.analysis import JobTemplate
from recsys_operator.build import labels, names
from recsys_operator.build.analysis_job import Check, analysis_job
from recsys_operator.build.labels import Manifest
from recsys_operator.build.server_service import server_service

GOLDEN = Path(__file__).parent / "golden" / "analysis-job.yaml"
CANARY = revision(8, "0123456789abcdef")
RESOURCES = {"requests": {"cpu": "50m"}, "limits": {"cpu": 1, "memory": "128Mi"}}


def job(occasion: str = "step-2", metric: str = "offline", **template: Any) -> Manifest:
    wanted = JobTemplate.model_validate({"image": "registry.example/checks:3", "resources": RESOURCES, **template})
    check = Check(metric, wanted, CANARY.version, CANARY.digest, CANARY.revision, occasion)
    return analysis_job(OWNER, "films", check)


def test_the_manifest_is_the_golden_one(golden: bool) -> None:
    full = job(
        command=["python", "check.py"],
        args=["--strict"],
        env=[{"name": "THRESHOLD", "value": "0.9"}, {"name": "HOME", "value": "/var/tmp"}],
        activeDeadlineSeconds=120,
    )
    text = yaml.safe_dump_all([full, job()], sort_keys=False, width=120)
    if golden:
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_each_occasion_has_a_job_of_its_own_and_the_same_one_each_time() -> None:
    found = {
        names.analysis_job("movies", metric, revision, occasion)
        for metric in ("offline", "online")
        for revision in ("abc", "abd")
        for occasion in ("step-2", "step-3")
    }
    assert len(found) == 8
    assert job()["metadata"]["name"] == job(image="other:1")["metadata"]["name"]


def test_the_name_of_its_pod_still_fits_into_a_label() -> None:
    assert len(names.analysis_job("m" * 40, "o" * 40, "a" * 64, "step-20")) + len("-12345") <= 63


def test_no_service_takes_its_pod_for_a_server() -> None:
    marks = job()["spec"]["template"]["metadata"]["labels"]
    selector = server_service(OWNER, "films", CANARY)["spec"]["selector"]
    assert not selector.keys() & marks.keys()
    assert labels.DEPLOYMENT not in marks


def test_the_users_variable_wins_and_stands_there_once() -> None:
    (container,) = job(env=[{"name": "RECSYS_URL", "value": "x"}])["spec"]["template"]["spec"]["containers"]
    assert [one["value"] for one in container["env"] if one["name"] == "RECSYS_URL"] == ["x"]


def test_it_finds_the_canary_behind_its_service() -> None:
    (container,) = job()["spec"]["template"]["spec"]["containers"]
    service = server_service(OWNER, "films", CANARY)["metadata"]
    assert {"name": "RECSYS_URL", "value": f"http://{service['name']}.{service['namespace']}"} in container["env"]
