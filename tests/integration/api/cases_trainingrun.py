"""TrainingRun: one wrong manifest and its correction for each rule and bound."""

from typing import Any

from tests.integration.api import cases_cleaning, cases_ensemble, cases_pod_fields, cases_tuning
from tests.integration.api.case import ABSENT, Case, Manifest, Transition, edited
from tests.integration.api.cases_recmodel import DNS_LABEL, HYPERPARAMETER, NAME, NAMES_GROW

from recsys_operator.api.dataset import ENDPOINT, REGION
from recsys_operator.api.ray import EXTENDED_RESOURCE

QUANTITY = r"should match '^([0-9]+(\.[0-9]+)?)([numkMGTPE]|[KMGTPE]i)?$'"
DIGEST = "sha256:" + "0f" * 32
SHARED_MEMORY = "ray.resourcesPerWorker.sharedMemory must be less than memory: what is in it counts as memory"
# So little shared memory that the cases of memory go with it.
RESOURCES = {
    "cpu": "500m",
    "memory": "2Gi",
    "gpu": 1,
    "gpuResource": "nvidia.com/gpu",
    "sharedMemory": "1u",
    "ephemeralStorage": "10Gi",
}
PORTS = (
    "metricsPort must not be a port of Ray's where a run has several workers: 6379, 8080, 8265, 10001 to 19999 or 52365"
)
BOTH = "ray.minWorkers and ray.maxWorkers belong together: set both, or ray.workers for a fixed number"
FIXED = "ray.workers is a fixed number of workers: leave it out beside ray.minWorkers and ray.maxWorkers"
SEARCH = "spec.tuning takes a fixed number of workers: use ray.workers instead of ray.minWorkers and ray.maxWorkers"
ORDER = "ray.minWorkers must be at most ray.maxWorkers"
GPU = "ray.resourcesPerWorker.gpuResource"
EXTENDED = rf"should match '{EXTENDED_RESOURCE}'"
DATA_LOCATION = (
    "must be pvc://CLAIM/PATH, such as pvc://data/clicks, or s3://BUCKET/PATH or gs://BUCKET/PATH, such as "
    "s3://shop/clicks"
)
DATASET: Manifest = {
    "uri": "s3://shop/ml-100k/ml-100k.inter",
    "format": "RecBole",
    "digest": DIGEST,
    "endpoint": "https://store.example.com:9000",
    "region": "eu-north-1",
    "credentialsSecret": {"name": "shop-s3"},
    "items": {
        "uri": "s3://shop/ml-100k/ml-100k.item",
        "format": "RecBole",
        "digest": DIGEST,
        "idColumn": "item_id",
        "attributes": [{"name": "class", "separator": " ", "minRows": 5}, {"name": "release_year"}],
    },
}
ITEMS: Manifest = {"uri": "s3://shop/items", "idColumn": "item_id", "attributes": [{"name": "brand"}]}
STORE_FIELDS = (
    "dataset.endpoint, region and credentialsSecret are for a dataset.uri or dataset.items.uri that begins with s3:// "
    "or gs://"
)
SET_BY_SECRET = (
    "env must not set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN beside a dataset.credentialsSecret "
    "for s3://, which sets them"
)
NO_REGION = "dataset.region is for s3:// only: a bucket of Google Cloud Storage is found by its name"
ONE_STORE = (
    "dataset.uri and dataset.items.uri must not be the one s3:// and the other gs://: they share endpoint and "
    "credentialsSecret"
)
ATTRIBUTE = "spec.dataset.items.attributes[0]"

BASE: Manifest = {
    "apiVersion": "recsys.dev/v1alpha1",
    "kind": "TrainingRun",
    "metadata": {"name": "movies-1"},
    "spec": {
        "modelRef": {"name": "movies"},
        "dataset": DATASET,
        "cleaning": cases_cleaning.CLEANING,
        "hyperparameters": {"epochs": "20"},
        "tuning": cases_tuning.TUNING,
        "seed": 7,
        "serviceAccountAnnotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/shop-data"},
        "initFrom": {"version": 3},
        "ray": {"workers": 2, "resourcesPerWorker": RESOURCES},
        **cases_pod_fields.SHARED,
        "maxRetries": 2,
        "activeDeadlineSeconds": 3600,
        "queueName": "team-a",
        "metricsPort": 9102,
        "ttlSecondsAfterFinished": 86400,
        "suspend": False,
    },
}

ELASTIC = edited(
    edited(BASE, "spec.tuning", ABSENT), "spec.ray", {"minWorkers": 2, "maxWorkers": 4, "resourcesPerWorker": {}}
)
WITH_KEYS = edited(BASE, "spec.env", [{"name": "AWS_ACCESS_KEY_ID", "value": "of MLflow's store"}])
ON_8080 = edited(edited(BASE, "spec.metricsPort", 8080), "spec.ray.workers", 1)


def immutable(name: str, *changes: tuple[Any, Any], base: Manifest | None = None) -> list[Case]:
    """Cases of `spec.<name>`: each pair is what is asked for and what the object has."""
    changeable = "(only spec.suspend and spec.ttlSecondsAfterFinished may change)"
    message = f"spec.{name} is immutable: make another TrainingRun {changeable}"
    return [
        Transition(f"spec.{name}", "rule", wrong, right, message, about="spec", base=base) for wrong, right in changes
    ]


def quantities(at: str, *also: str) -> list[Case]:
    """Cases of one amount of CPU or memory; `also` is what else the API server says of an amount of nothing."""
    nothing = "must be more than 0"
    return [
        Case(at, "pattern", "1 GB", "1G", QUANTITY),
        Case(at, "maxLength", "1".ljust(21, "0"), "1000", "may not be more than 20"),
        *(Case(at, "rule", wrong, right, nothing, also=also) for wrong, right in ((0, 1), (-1, "1"), ("0m", "1m"))),
    ]


CASES: list[Case] = [
    # The object
    Case("metadata.name", "rule", "r" * 41, "r" * 40, NAMES_GROW, about=""),
    Case("metadata.name", "rule", "run.1", "run-1", DNS_LABEL, about=""),
    Case("spec", "required", ABSENT, BASE["spec"], "Required value"),
    Case("spec.modelRef", "required", ABSENT, {"name": "movies"}, "Required value"),
    Case("spec.modelRef.name", "required", ABSENT, "movies", "Required value"),
    Case("spec.modelRef.name", "minLength", "", "m", "should be at least 1 chars long"),
    Case("spec.modelRef.name", "maxLength", "m" * 41, "m" * 40, "may not be more than 40"),
    Case("spec.modelRef.name", "pattern", "Movies", "movies", NAME),
    # The data
    Case("spec.dataset", "required", ABSENT, {"uri": "pvc://data/u.inter"}, "Required value"),
    Case("spec.dataset.uri", "required", ABSENT, "s3://shop/u.inter", "Required value"),
    Case(
        "spec.dataset.uri", "maxLength", "s3://shop/" + "u" * 503, "s3://shop/" + "u" * 502, "may not be more than 512"
    ),
    *(
        Case("spec.dataset.uri", "rule", wrong, right, DATA_LOCATION)
        for wrong, right in (
            ("s3://shop/u.inter/", "s3://shop/u.inter"),
            ("s3://shop/../u.inter", "s3://shop.example/u.inter"),
            ("s3://Shop/u.inter", "s3://shop"),
            ("s3://ab/u.inter", "s3://abc/u.inter"),
        )
    ),
    *(
        Case("spec.dataset", "rule", {"uri": wrong}, {"uri": right}, DATA_LOCATION, about="spec.dataset.uri")
        for wrong, right in (
            ("pvc://data/u.inter/", "pvc://data/u.inter"),
            ("gs://Shop/u.inter", "gs://shop_1/u.inter"),
            ("gs:/shop/u.inter", "gs://shop"),
            ("https://shop/u.inter", "pvc://shop/u.inter"),
        )
    ),
    *(
        Case(
            "spec.dataset",
            "rule",
            {"uri": "pvc://data/u.inter", **only},
            {"uri": "s3://data/u.inter", **only},
            STORE_FIELDS,
        )
        for only in ({name: DATASET[name]} for name in ("endpoint", "region", "credentialsSecret"))
    ),
    *(
        Case(
            "spec.dataset",
            "rule",
            {"uri": "pvc://data/u.inter", **only},
            {"uri": "gs://data/u.inter", **only},
            STORE_FIELDS,
        )
        for only in ({name: DATASET[name]} for name in ("endpoint", "credentialsSecret"))
    ),
    Case(
        "spec.dataset",
        "rule",
        {"uri": "gs://data/u.inter", "region": "a"},
        {"uri": "s3://data/u.inter", "region": "a"},
        NO_REGION,
    ),
    Case(
        "spec.dataset",
        "rule",
        {"uri": "gs://data/u.inter", "items": ITEMS},
        {"uri": "gs://data/u.inter", "items": {**ITEMS, "uri": "gs://data/items"}},
        ONE_STORE,
    ),
    Case(
        "spec.dataset",
        "rule",
        {"uri": "pvc://data/u.inter", "region": "a", "items": {**ITEMS, "uri": "pvc://data/items"}},
        {"uri": "pvc://data/u.inter", "region": "a", "items": ITEMS},
        STORE_FIELDS,
    ),
    *(
        Case("spec.dataset.endpoint", "pattern", wrong, right, f"should match '{ENDPOINT}'")
        for wrong, right in (
            ("store.example.com:9000", "http://store.example.com:9000"),
            ("https://store.example.com/", "https://store.example.com"),
            ("https://user:secret@store", "https://store"),
            ("https://::1", "https://[::1]"),
        )
    ),
    Case(
        "spec.dataset.endpoint", "maxLength", f"http://{'a' * 250}", f"http://{'a' * 249}", "may not be more than 256"
    ),
    Case("spec.dataset.region", "pattern", "eu north", "RegionOne", f"should match '{REGION}'"),
    Case("spec.dataset.region", "maxLength", "r" * 64, "r" * 63, "may not be more than 63"),
    Case("spec.dataset.credentialsSecret.name", "required", ABSENT, "shop-s3", "Required value"),
    *cases_pod_fields.subdomain("spec.dataset.credentialsSecret.name"),
    *(
        Case(
            "spec.env",
            "rule",
            [{"name": wrong, "value": "a"}],
            [{"name": "AWS_REGION", "value": "a"}],
            SET_BY_SECRET,
            about="spec",
        )
        for wrong in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    ),
    Case(
        "spec.dataset",
        "rule",
        {"uri": "s3://shop/u.inter", "credentialsSecret": {"name": "a"}},
        {"uri": "gs://shop/u.inter", "credentialsSecret": {"name": "a"}},
        SET_BY_SECRET,
        about="spec",
        base=WITH_KEYS,
    ),
    Case("spec.dataset.format", "enum", "JSON", "JSONLines", '"CSV", "Parquet", "JSONLines"'),
    Case("spec.dataset.format", "enum", "parquet", "Parquet", 'supported values: "RecBole", "CSV", "Parquet"'),
    Case("spec.dataset.digest", "pattern", "sha256:abc", DIGEST, "should match '^sha256:[0-9a-f]{64}$'"),
    Case("spec.dataset.digest", "maxLength", DIGEST + "0", DIGEST, "may not be more than 71"),
    # What items are
    Case("spec.dataset.items.uri", "required", ABSENT, "s3://shop/items", "Required value"),
    Case("spec.dataset.items.uri", "maxLength", "s3://shop/" + "u" * 503, "s3://shop/" + "u" * 502, "more than 512"),
    Case("spec.dataset.items.uri", "rule", "http://shop/items", "pvc://data/items", DATA_LOCATION),
    Case("spec.dataset.items.format", "enum", "JSON", "JSONLines", '"CSV", "Parquet", "JSONLines"'),
    Case("spec.dataset.items.digest", "pattern", "sha256:abc", DIGEST, "should match '^sha256:[0-9a-f]{64}$'"),
    Case("spec.dataset.items.digest", "maxLength", DIGEST + "0", DIGEST, "may not be more than 71"),
    Case("spec.dataset.items.idColumn", "required", ABSENT, "item_id", "Required value"),
    Case("spec.dataset.items.idColumn", "minLength", "", "i", "should be at least 1 chars long"),
    Case("spec.dataset.items.idColumn", "maxLength", "i" * 64, "i" * 63, "may not be more than 63"),
    Case(
        "spec.dataset.items",
        "rule",
        {**ITEMS, "idColumn": "brand"},
        {**ITEMS, "idColumn": "id"},
        "dataset.items.attributes must not name the idColumn: every item has an id of its own",
    ),
    Case("spec.dataset.items.attributes", "required", ABSENT, [{"name": "brand"}], "Required value"),
    Case("spec.dataset.items.attributes", "minItems", [], [{"name": "brand"}], "should have at least 1 items"),
    Case(
        "spec.dataset.items.attributes",
        "maxItems",
        [{"name": f"a{number}"} for number in range(17)],
        [{"name": f"a{number}"} for number in range(16)],
        "must have at most 16 items",
    ),
    Case(
        "spec.dataset.items.attributes",
        "unique",
        [{"name": "brand"}, {"name": "brand", "minRows": 3}],
        [{"name": "brand"}, {"name": "class", "minRows": 3}],
        "Duplicate value",
    ),
    Case(f"{ATTRIBUTE}.name", "required", ABSENT, "class", "Required value"),
    Case(f"{ATTRIBUTE}.name", "minLength", "", "c", "should be at least 1 chars long"),
    Case(f"{ATTRIBUTE}.name", "maxLength", "c" * 64, "c" * 63, "may not be more than 63"),
    Case(f"{ATTRIBUTE}.separator", "minLength", "", "|", "should be at least 1 chars long"),
    Case(f"{ATTRIBUTE}.separator", "maxLength", "|" * 9, "|" * 8, "may not be more than 8"),
    Case(f"{ATTRIBUTE}.minRows", "minimum", 0, 1, "should be greater than or equal to 1"),
    Case(f"{ATTRIBUTE}.minRows", "maximum", 1000001, 1000000, "should be less than or equal to 1000000"),
    *cases_cleaning.CASES,
    # Who its pod is
    Case(
        "spec.serviceAccountAnnotations",
        "rule",
        {"role": "shop-data"},
        {"example.com/role": "shop-data"},
        "each name must be that of an annotation, such as eks.amazonaws.com/role-arn",
    ),
    Case(
        "spec.serviceAccountAnnotations",
        "maxProperties",
        {f"example.com/{number}": "" for number in range(9)},
        {f"example.com/{number}": "" for number in range(8)},
        "must have at most 8 items",
    ),
    Case(
        "spec.serviceAccountAnnotations",
        "rule",
        {"Example.com/role": "shop-data"},
        {"example.com/Role": "shop-data"},
        "each name must be that of an annotation, such as eks.amazonaws.com/role-arn",
    ),
    Case("spec.serviceAccountAnnotations{example.com/role}", "maxLength", "a" * 2049, "a", "more than 2048"),
    # The settings
    Case(
        "spec.hyperparameters",
        "maxProperties",
        {f"p{number}": "1" for number in range(33)},
        {f"p{number}": "1" for number in range(32)},
        "must have at most 32 items",
    ),
    Case("spec.hyperparameters{epochs}", "maxLength", "1" * 65, "1" * 64, "may not be more than 64"),
    Case("spec.hyperparameters", "rule", {"Epochs": "2"}, {"epochs": "2"}, HYPERPARAMETER),
    *cases_tuning.CASES,
    Case("spec.seed", "minimum", -1, 0, "should be greater than or equal to 0"),
    Case("spec.seed", "maximum", 2147483648, 2147483647, "should be less than or equal to 2147483647"),
    Case("spec.initFrom.version", "required", ABSENT, 1, "Required value"),
    Case("spec.initFrom.version", "minimum", 0, 1, "should be greater than or equal to 1"),
    Case("spec.initFrom.version", "maximum", 2147483648, 2147483647, "should be less than or equal to 2147483647"),
    *cases_ensemble.CASES,
    # The pod
    Case("spec.ray", "required", {}, {"resourcesPerWorker": {}}, "Required value", about="spec.ray.resourcesPerWorker"),
    Case("spec.ray.workers", "minimum", 0, 1, "should be greater than or equal to 1"),
    Case("spec.ray.workers", "maximum", 65, 64, "should be less than or equal to 64"),
    Case("spec.ray.minWorkers", "minimum", 0, 1, "should be greater than or equal to 1", base=ELASTIC),
    Case("spec.ray.minWorkers", "maximum", 65, 4, "should be less than or equal to 64", base=ELASTIC, also=(ORDER,)),
    Case("spec.ray.maxWorkers", "minimum", 1, 2, "should be greater than or equal to 2", base=ELASTIC, also=(ORDER,)),
    Case("spec.ray.maxWorkers", "maximum", 65, 64, "should be less than or equal to 64", base=ELASTIC),
    Case("spec.ray.minWorkers", "rule", ABSENT, 4, BOTH, about="spec.ray", base=ELASTIC),
    Case("spec.ray.maxWorkers", "rule", ABSENT, 2, BOTH, about="spec.ray", base=ELASTIC),
    Case("spec.ray.workers", "rule", 3, ABSENT, FIXED, about="spec.ray", base=ELASTIC),
    Case("spec.ray.minWorkers", "rule", 5, 4, ORDER, about="spec.ray", base=ELASTIC),
    *quantities("spec.ray.resourcesPerWorker.cpu"),
    *quantities("spec.ray.resourcesPerWorker.memory", SHARED_MEMORY),
    Case("spec.ray.resourcesPerWorker.gpu", "minimum", -1, 0, "should be greater than or equal to 0"),
    Case("spec.ray.resourcesPerWorker.gpu", "maximum", 2, 1, "should be less than or equal to 1"),
    Case(f"spec.{GPU}", "minLength", "", "a/b", "should be at least 3 chars long"),
    Case(f"spec.{GPU}", "maxLength", f"a/{'b' * 127}", f"a/{'b' * 126}", "may not be more than 128"),
    *(
        Case(f"spec.{GPU}", "pattern", wrong, "nvidia.com/gpu", EXTENDED)
        for wrong in ("gpu", "a.com/gpu:1", "-a.com/gpu")
    ),
    *(
        Case(
            f"spec.{GPU}",
            "rule",
            wrong,
            "nvidia.com/gpu",
            f"{GPU} must be an extended resource, such as nvidia.com/gpu",
            about="spec.ray.resourcesPerWorker",
        )
        for wrong in ("requests.nvidia.com/gpu", "kubernetes.io/gpu", "example.kubernetes.io/gpu")
    ),
    *quantities("spec.ray.resourcesPerWorker.sharedMemory"),
    *quantities("spec.ray.resourcesPerWorker.ephemeralStorage"),
    *(
        Case("spec.ray.resourcesPerWorker", "rule", {**RESOURCES, **wrong}, RESOURCES, SHARED_MEMORY)
        for wrong in ({"sharedMemory": "2Gi"}, {"memory": 1000, "sharedMemory": "1000"})
    ),
    *cases_pod_fields.SHARED_CASES,
    Case("spec.maxRetries", "minimum", -1, 0, "should be greater than or equal to 0"),
    Case("spec.maxRetries", "maximum", 21, 20, "should be less than or equal to 20"),
    Case("spec.activeDeadlineSeconds", "minimum", 0, 1, "should be greater than or equal to 1"),
    Case("spec.activeDeadlineSeconds", "maximum", 2592001, 2592000, "should be less than or equal to 2592000"),
    Case("spec.metricsPort", "minimum", 1023, 1024, "should be greater than or equal to 1024"),
    Case("spec.metricsPort", "maximum", 65536, 65535, "should be less than or equal to 65535"),
    *(
        Case("spec.metricsPort", "rule", wrong, right, PORTS, about="spec")
        for wrong, right in ((6379, 6380), (8080, 8081), (8265, 8264), (10001, 10000), (19999, 20000), (52365, 52366))
    ),
    Case("spec.ray.workers", "rule", 2, 1, PORTS, about="spec", base=ON_8080),
    Case("spec.metricsPort", "rule", 8080, 8081, PORTS, about="spec", base=ELASTIC),
    Case("spec.tuning", "rule", cases_tuning.TUNING, ABSENT, SEARCH, about="spec", base=ELASTIC),
    Case("spec.queueName", "minLength", "", "q", "should be at least 1 chars long"),
    Case("spec.queueName", "maxLength", "q" * 64, "q" * 63, "may not be more than 63"),
    Case("spec.queueName", "pattern", "Team_A", "team-a", cases_pod_fields.SUBDOMAIN),
    Case("spec.ttlSecondsAfterFinished", "minimum", -1, 0, "should be greater than or equal to 0"),
    Case("spec.ttlSecondsAfterFinished", "maximum", 31536001, 31536000, "should be less than or equal to 31536000"),
    # What may not change: all but suspend and how long the run stays
    *immutable("modelRef", ({"name": "books"}, {"name": "movies"})),
    *immutable(
        "dataset",
        ({"uri": "pvc://data/b.inter"}, {"uri": "pvc://data/a.inter"}),
        ({"uri": "pvc://data/a.inter", "digest": DIGEST}, {"uri": "pvc://data/a.inter"}),
    ),
    *immutable("cleaning", ({"missing": "Drop"}, {"missing": "Fail"}), (ABSENT, {}), ({"missing": "Drop"}, ABSENT)),
    *immutable(
        "hyperparameters", ({"epochs": "3"}, {"epochs": "2"}), (ABSENT, {"epochs": "2"}), ({"epochs": "2"}, ABSENT)
    ),
    *immutable(
        "tuning",
        ({**cases_tuning.TUNING, "seed": 6}, cases_tuning.TUNING),
        (ABSENT, cases_tuning.TUNING),
        (cases_tuning.TUNING, ABSENT),
    ),
    *immutable(
        "serviceAccountAnnotations",
        ({"example.com/role": "a"}, {"example.com/role": "b"}),
        (ABSENT, {"example.com/role": "a"}),
        ({"example.com/role": "a"}, ABSENT),
    ),
    *immutable("seed", (2, 1), (2, ABSENT)),
    *immutable("initFrom", ({"version": 2}, {"version": 1}), (ABSENT, {"version": 1}), ({"version": 1}, ABSENT)),
    *immutable("ensemble", ({"versions": [1, 3]}, {"versions": [1, 2]}), base=cases_ensemble.BASE),
    *immutable("ensemble", (ABSENT, {"seeds": [1, 2]}), ({"seeds": [1, 2]}, ABSENT), base=cases_ensemble.SEEDS),
    *immutable(
        "ray",
        ({"resourcesPerWorker": {"cpu": "2"}}, {"resourcesPerWorker": {"cpu": "1"}}),
        ({"workers": 2, "resourcesPerWorker": {}}, {"workers": 3, "resourcesPerWorker": {}}),
        (ABSENT, {"resourcesPerWorker": {}}),
        ({"resourcesPerWorker": {}}, ABSENT),
    ),
    *immutable(
        "ray",
        ({"minWorkers": 1, "maxWorkers": 3, "resourcesPerWorker": {}}, {"workers": 3, "resourcesPerWorker": {}}),
        base=ELASTIC,
    ),
    *immutable("maxRetries", (5, 2), (0, ABSENT)),
    *immutable("activeDeadlineSeconds", (60, 120), (ABSENT, 60), (60, ABSENT)),
    *immutable("queueName", ("b", "a"), (ABSENT, "a"), ("a", ABSENT)),
    *immutable("metricsPort", (9102, 9103), (ABSENT, 9102), (9102, ABSENT)),
    *immutable("nodeSelector", ({"disk": "hdd"}, {"disk": "ssd"}), (ABSENT, {"disk": "ssd"})),
    *immutable("tolerations", ([{"operator": "Exists"}], [{"key": "a"}]), ([{"operator": "Exists"}], ABSENT)),
    *immutable("affinity", ({"podAffinity": {}}, {"podAntiAffinity": {}}), ({"podAffinity": {}}, ABSENT)),
    *immutable("priorityClassName", ("high", "low"), ("high", ABSENT)),
    *immutable("imagePullSecrets", ([{"name": "b"}], [{"name": "a"}]), ([{"name": "b"}], ABSENT)),
    *immutable(
        "env", ([{"name": "A", "value": "b"}], [{"name": "A", "value": "a"}]), ([{"name": "A", "value": "b"}], ABSENT)
    ),
]
