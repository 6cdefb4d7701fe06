"""The children of a TrainingRun, as golden files: `pytest --golden` writes them anew."""

import copy
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from tests.integration.api import cases_pod_fields
from tests.unit.decide.run_facts import DIGEST, OWNER, model_spec, run_spec, snapshot

from recsys_operator.api.recmodel import ModelVersion
from recsys_operator.api.run_config import KEY, RunConfig
from recsys_operator.api.schema import Model
from recsys_operator.apply.same import contains
from recsys_operator.build.job import STORE_CERTIFICATES, training_job, with_suspend
from recsys_operator.build.labels import Manifest
from recsys_operator.build.pod import claim_volumes
from recsys_operator.build.ray_job import RAY_VERSION, concluded, grown, pods_asked, ray_job
from recsys_operator.build.ray_job import with_suspend as rayjob_with_suspend
from recsys_operator.build.run_config import config_map
from recsys_operator.build.run_config import run_config as build_run_config
from recsys_operator.build.trainer_access import role, role_binding, service_account
from recsys_workers.data import gcs, store
from recsys_workers.train import run_config, run_keys
from recsys_workers.tune import space

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).resolve().parents[3]


def small_run() -> list[Manifest]:
    config = snapshot(catalogue=None)
    return [training_job(OWNER, run_spec(maxRetries=0), config)]


def full_run() -> list[Manifest]:
    config = snapshot()
    worker = {
        "cpu": 2,
        "memory": "6Gi",
        "gpu": 1,
        "gpuResource": "example.com/gpu",
        "sharedMemory": "1Gi",
        "ephemeralStorage": "20Gi",
    }
    run = run_spec(
        dataset={"uri": "pvc://store/ml-100k.inter", "format": "RecBole"},
        ray={"resourcesPerWorker": worker},
        activeDeadlineSeconds=3600,
        queueName="team-a",
        metricsPort=9102,
        **cases_pod_fields.SHARED,
    )
    return [
        service_account(
            OWNER, config.model, {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/shop-data"}
        ),
        role(OWNER, config.model),
        role_binding(OWNER, config.model),
        config_map(OWNER, config),
        training_job(OWNER, run, config),
    ]


S3 = {
    "uri": "s3://shop/events",
    "format": "Parquet",
    "endpoint": "http://store:9000",
    "region": "eu-north-1",
    "credentialsSecret": {"name": "shop-s3"},
}


GCS = {
    "uri": "gs://shop/events",
    "format": "Parquet",
    "credentialsSecret": {"name": "shop-gcs"},
    "items": {"uri": "gs://shop/items", "idColumn": "sku", "attributes": [{"name": "brand"}]},
}


def run_on_s3() -> list[Manifest]:
    run = run_spec(dataset=S3)
    return [training_job(OWNER, run, snapshot(catalogue=None))]


def run_of_three() -> list[Manifest]:
    """The second attempt of a run with everything that may be said of its pods."""
    worker = {"cpu": "1500m", "memory": "6Gi", "gpu": 1, "gpuResource": "nvidia.com/gpu", "sharedMemory": "1Gi"}
    run = run_spec(
        dataset=S3,
        ray={"workers": 3, "resourcesPerWorker": worker},
        activeDeadlineSeconds=3600,
        queueName="team-a",
        metricsPort=9102,
        **cases_pod_fields.SHARED,
    )
    return [ray_job(OWNER, run, snapshot(), attempt=2, deadline=1800)]


def run_of_two() -> list[Manifest]:
    run = run_spec(ray={"workers": 2, "resourcesPerWorker": {}})
    return [ray_job(OWNER, run, snapshot(catalogue=None), attempt=1)]


class Readable(yaml.SafeDumper):
    """Writes text of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Readable.add_representer(str, _text)


def elastic_run() -> list[Manifest]:
    run = run_spec(ray={"minWorkers": 2, "maxWorkers": 4, "resourcesPerWorker": {}})
    return [ray_job(OWNER, run, snapshot(catalogue=None), attempt=1)]


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("trainer-small", small_run),
        ("trainer-full", full_run),
        ("trainer-s3", run_on_s3),
        ("ray-small", run_of_two),
        ("ray-full", run_of_three),
        ("ray-elastic", elastic_run),
    ],
)
def test_manifests_are_the_golden_ones(name: str, build: Any, golden: bool) -> None:
    text = yaml.dump_all(build(), Dumper=Readable, sort_keys=False, width=120)
    file = GOLDEN / f"{name}.yaml"
    if golden:
        file.write_text(text)
    assert text == file.read_text()


def test_run_json_reads_back() -> None:
    config = snapshot()
    assert RunConfig.model_validate_json(config_map(OWNER, config)["data"][KEY]) == config


def test_the_trainer_reads_run_json() -> None:
    told = run_config.parse(yaml.safe_load(config_map(OWNER, snapshot())["data"][KEY]))
    assert (told.uid, told.champion.version, told.dataset.digest) == (OWNER.uid, 1, None)
    assert told.schema[0] == {"name": "user_id", "role": "User"}


def keys_of(model: type[Model]) -> dict[str, Any]:
    """By the name of each key of an object those below it."""
    found = {}
    for name, field in model.model_fields.items():
        below = [keys_of(inner) for inner in models_in(field.annotation)]
        found[field.alias or name] = below[0] if below else None
    return found


def models_in(annotation: Any) -> list[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return [found for argument in get_args(annotation) for found in models_in(argument)]


def test_the_trainer_knows_each_key_of_run_json_and_no_other() -> None:
    """One that it does not know ends the run. Name a new one in KNOWN once the trainer does what it asks for."""
    assert {**keys_of(RunConfig), "catalogue": None} == run_keys.KNOWN


def test_the_trainer_reads_the_cleaning() -> None:
    asked = {
        "missing": "Drop",
        "timeWindow": {"from": 1767225600, "to": "1798761600"},
        "duplicates": "KeepLast",
        "minUserInteractions": 5,
        "minItemInteractions": 3,
    }
    told = build_run_config(
        OWNER, run_spec(cleaning=asked), model_spec(), None, image="trainer:1", operator_version="0.1.0"
    )
    assert run_config.parse(json.loads(told.text())).cleaning.document() == asked
    assert run_config.parse(json.loads(snapshot().text())).cleaning.document() == {}


@pytest.mark.parametrize(("listed", "digest"), [(3, DIGEST), (4, None)])
def test_the_trainer_reads_what_to_begin_with(listed: int, digest: str | None) -> None:
    """The digest is known of a version that the RecModel lists."""
    version = ModelVersion(version=listed, run="movies-0", uri="pvc://store", digest=DIGEST, verdict="Failed")
    run = run_spec(initFrom={"version": 3})
    told = build_run_config(OWNER, run, model_spec(), None, (version,), image="trainer:1", operator_version="0.1.0")
    assert run_config.parse(json.loads(told.text())).init_from == run_config.NamedVersion(3, digest)
    assert run_config.parse(json.loads(snapshot().text())).init_from is None


def test_the_trainer_reads_the_space_that_is_to_be_searched() -> None:
    searched = {
        "parameters": [
            {"name": "learningRate", "min": "0.001", "max": "0.1", "scale": "Log"},
            {"name": "hiddenSize", "values": ["16", "32"]},
        ],
        "maxTrials": 5,
        "parallelTrials": 2,
        "asha": {},
    }
    run = run_spec(tuning=searched)
    told = build_run_config(OWNER, run, model_spec(), None, image="trainer:1", operator_version="0.1.0")
    assert run_config.parse(json.loads(told.text())).tuning == space.Tuning(
        (
            space.Parameter("learningRate", low="0.001", high="0.1", log=True),
            space.Parameter("hiddenSize", ("16", "32")),
        ),
        trials=5,
        parallel=2,
        asha=space.Asha(1, 3),
        seed=7,
    )
    assert run_config.parse(json.loads(snapshot().text())).tuning is None


def test_the_trainer_reads_what_to_fuse() -> None:
    version = ModelVersion(version=3, run="movies-0", uri="pvc://store", digest=DIGEST, verdict="Failed")

    def read(**ensemble: Any) -> Any:
        run = run_spec(ensemble=ensemble)
        told = build_run_config(OWNER, run, model_spec(), None, (version,), image="trainer:1", operator_version="0.1.0")
        return run_config.parse(json.loads(told.text())).ensemble

    named = (run_config.NamedVersion(4, None), run_config.NamedVersion(3, DIGEST))
    assert read(method="Weights", versions=[4, 3]) == run_config.Ensemble("Weights", named)
    assert read(seeds=[1, 0]) == run_config.Ensemble("Scores", (), (1, 0))
    assert run_config.parse(json.loads(snapshot().text())).ensemble is None


def test_the_trainer_reads_the_split() -> None:
    evaluation = {"protocol": "ByTime", "byTime": {"validationPercent": 5}, "metrics": ["NDCG@10"]}
    told = run_config.parse(json.loads(snapshot(evaluation=evaluation).text())).protocol
    assert (told.name, told.validation_percent, told.test_percent) == ("ByTime", 5, 10)
    unsaid = run_config.parse(json.loads(snapshot(evaluation={"metrics": ["NDCG@10"]}).text())).protocol
    assert (unsaid.name, unsaid.validation_percent, unsaid.test_percent) == ("ByTime", 10, 10)


def test_the_trainer_reads_where_the_object_store_is() -> None:
    told = build_run_config(
        OWNER, run_spec(dataset=S3), model_spec(), None, image="trainer:1", operator_version="0.1.0"
    )
    found = run_config.parse(json.loads(told.text())).dataset
    assert (found.uri, found.store.endpoint, found.store.region, found.store.secret) == (
        "s3://shop/events",
        "http://store:9000",
        "eu-north-1",
        "shop-s3",
    )
    assert run_config.parse(json.loads(snapshot().text())).dataset.store == type(found.store)()
    assert store.CERTIFICATES == STORE_CERTIFICATES


def test_of_a_secret_for_google_the_trainer_gets_the_key_or_the_token() -> None:
    rows_elsewhere = {**GCS, "uri": "pvc://data/events"}
    for dataset in (GCS, rows_elsewhere):
        pod = training_job(OWNER, run_spec(dataset=dataset), snapshot(catalogue=None))["spec"]["template"]["spec"]
        taken = {
            one["name"]: one["valueFrom"]["secretKeyRef"] for one in pod["containers"][0]["env"] if "valueFrom" in one
        }
        assert taken == {
            name: {"name": "shop-gcs", "key": key, "optional": True}
            for name, key in (
                (gcs.KEY, "key.json"),
                (gcs.TOKEN, "access-token"),
                (gcs.CERTIFICATES, "ca.crt"),
            )
        }


def test_a_dataset_in_a_bucket_mounts_no_claim_and_brings_no_secret_without_a_name() -> None:
    run = run_spec(dataset={"uri": "gs://shop/events"})
    pod = training_job(OWNER, run, snapshot(catalogue=None))["spec"]["template"]["spec"]
    on_claim = training_job(OWNER, run_spec(), snapshot(catalogue=None))["spec"]["template"]["spec"]
    assert pod["containers"][0]["env"] == on_claim["containers"][0]["env"]
    claims = [
        volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume
    ]
    assert claims == [snapshot().storage.uri.removeprefix("pvc://").partition("/")[0]]


ITEMS = {
    "uri": "pvc://shop-items/items.jsonl",
    "format": "JSONLines",
    "idColumn": "sku",
    "attributes": [{"name": "categories", "separator": "|", "minRows": 5}, {"name": "brand"}],
}


def test_the_trainer_reads_the_item_table() -> None:
    run = run_spec(dataset={"uri": "pvc://data/events", "items": ITEMS})
    config = build_run_config(OWNER, run, model_spec(), None, image="trainer:1", operator_version="0.1.0")
    assert RunConfig.model_validate_json(config.text()) == config
    found = run_config.parse(json.loads(config.text())).dataset.items
    assert (found.uri, found.format, found.digest) == ("pvc://shop-items/items.jsonl", "JSONLines", None)
    columns = found.columns
    assert columns.id_column == "sku"
    assert [(one.name, one.separator, one.min_rows) for one in columns.attributes] == [
        ("categories", "|", 5),
        ("brand", None, 2),
    ]
    assert run_config.parse(json.loads(snapshot().text())).dataset.items is None
    assert "items" not in json.loads(snapshot().text())["dataset"], "run.json of a run without one is as it was"


def test_the_claim_of_the_item_table_is_mounted_to_be_read() -> None:
    run = run_spec(dataset={"uri": "s3://shop/events", "items": ITEMS})
    pod = training_job(OWNER, run, snapshot(catalogue=None))["spec"]["template"]["spec"]
    claims = {
        volume["persistentVolumeClaim"]["claimName"]: volume["name"]
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    (mount,) = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == claims["shop-items"]]
    assert mount["mountPath"] == "/mnt/pvc/shop-items"
    assert mount["readOnly"]


def test_suspending_changes_nothing_else() -> None:
    live = training_job(OWNER, run_spec(), snapshot())
    live["spec"] |= {"selector": {"matchLabels": {"x": "y"}}, "completionMode": "NonIndexed"}
    changed = with_suspend(live, OWNER, suspend=True)
    assert changed["spec"] == {**live["spec"], "suspend": True}
    assert contains(changed["metadata"], live["metadata"])
    assert live["spec"]["suspend"] is False


def test_ray_has_the_version_of_the_trainers_image() -> None:
    locked = re.search(
        r"^ray(?:\[[a-z,]+\])?==([0-9.]+)", (ROOT / "requirements" / "trainer.txt").read_text(), re.MULTILINE
    )
    assert locked is not None
    assert locked[1] == RAY_VERSION


def test_every_pod_of_a_rayjob_is_as_the_pod_of_a_job() -> None:
    """… but for what KubeRay does: it starts Ray, and a container that ends is started again."""
    [job], [alone] = run_of_two(), [training_job(OWNER, run_spec(), snapshot(catalogue=None))]
    cluster = job["spec"]["rayClusterSpec"]
    of_job = alone["spec"]["template"]["spec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        spec = group["template"]["spec"]
        [container], [expected] = spec["containers"], of_job["containers"]
        assert spec["restartPolicy"] == "Always"
        assert {**spec, "restartPolicy": "Never", "containers": []} == {**of_job, "containers": []}
        assert "command" not in container
        assert [one for one in container["env"] if one in expected["env"]] == expected["env"]
        assert contains(container, {name: expected[name] for name in expected if name not in ("command", "env")})


def test_each_worker_asks_for_its_gpu() -> None:
    [job] = run_of_three()
    cluster = job["spec"]["rayClusterSpec"]
    groups = (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])
    for group in groups:
        [container] = group["template"]["spec"]["containers"]
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert (group["rayStartParams"]["num-gpus"], group["rayStartParams"]["num-cpus"]) == ("1", "2")
    assert [group.get("replicas", 1) for group in groups] == [1, 2]


def test_a_cluster_that_grows_has_all_pods_and_is_else_the_same() -> None:
    [job] = elastic_run()
    live = {"metadata": {"name": "c"}, "spec": job["spec"]["rayClusterSpec"], "status": {"state": "ready"}}
    before = copy.deepcopy(live)
    assert pods_asked(live) == 2
    larger = grown(live, run_spec(ray={"minWorkers": 2, "maxWorkers": 4, "resourcesPerWorker": {}}))
    assert pods_asked(larger) == 4
    assert live == before
    larger["spec"]["workerGroupSpecs"][0]["replicas"] = 1
    assert larger == before
    assert pods_asked({}) == 1


def test_in_a_queue_an_elastic_run_begins_with_all_pods() -> None:
    run = run_spec(ray={"minWorkers": 2, "maxWorkers": 4, "resourcesPerWorker": {}}, queueName="team-a")
    [group] = ray_job(OWNER, run, snapshot(), attempt=1)["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert (group["replicas"], group["minReplicas"], group["maxReplicas"]) == (3, 1, 3)


def test_a_variable_of_the_users_wins_over_what_ray_is_told() -> None:
    run = run_spec(ray={"workers": 2, "resourcesPerWorker": {}}, env=[{"name": "RAY_COLOR_PREFIX", "value": "1"}])
    cluster = ray_job(OWNER, run, snapshot(), attempt=1)["spec"]["rayClusterSpec"]
    env = cluster["headGroupSpec"]["template"]["spec"]["containers"][0]["env"]
    assert [one["value"] for one in env if one["name"] == "RAY_COLOR_PREFIX"] == ["1"]


def test_suspending_and_concluding_a_rayjob_change_nothing_else() -> None:
    [live] = run_of_two()
    live["spec"] |= {"jobId": "of-kuberay"}
    live["metadata"]["annotations"] |= {"recsys.dev/applied-hash": "x", "kueue.x-k8s.io/of": "kueue"}
    suspended = rayjob_with_suspend(live, OWNER, suspend=True)
    assert suspended["spec"] == {**live["spec"], "suspend": True}
    assert suspended["metadata"]["annotations"] == {"ray.io/disable-provisioned-head-restart": "true"}
    ended = concluded(live, OWNER, "how", over=False)
    assert ended["spec"] == {**live["spec"], "activeDeadlineSeconds": 1}
    assert ended["metadata"]["annotations"]["recsys.dev/concluded"] == "how"
    assert concluded(live, OWNER, "how", over=True)["spec"] == live["spec"]
    assert rayjob_with_suspend(ended, OWNER, suspend=True)["metadata"]["annotations"]["recsys.dev/concluded"] == "how"
    assert live["spec"]["suspend"] is False


def test_a_claim_that_one_uri_writes_is_writable() -> None:
    volumes = claim_volumes({"pvc://b/data": True, "pvc://a/models": False, "pvc://a/data": True, "pvc://c": True})
    assert [(mount["mountPath"], mount.get("readOnly", False)) for mount in volumes.mounts] == [
        ("/mnt/pvc/a", False),
        ("/mnt/pvc/b", True),
        ("/mnt/pvc/c", True),
    ]
    assert [volume["persistentVolumeClaim"]["claimName"] for volume in volumes.volumes] == ["a", "b", "c"]
