"""The Job that runs Ray in one pod. One process is enough for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from recsys_operator.api.dataset import (
    ACCESS_KEYS,
    ACCESS_TOKEN,
    CERTIFICATES,
    SERVICE_ACCOUNT_KEY,
    SESSION_TOKEN,
    Dataset,
)
from recsys_operator.api.kinds import JOBS
from recsys_operator.api.locations import GCS, claim_of
from recsys_operator.api.podfields import SharedPodFields
from recsys_operator.api.ray import WorkerResources
from recsys_operator.api.run_config import KEY, RunConfig
from recsys_operator.api.trainingrun import TrainingRunSpec
from recsys_operator.build import names
from recsys_operator.build.labels import QUEUE, Manifest, Owner, child, of_run
from recsys_operator.build.placement import pod_env, pod_settings
from recsys_operator.build.pod import (
    HOME,
    Volumes,
    claim_volumes,
    container_security_context,
    pod_security_context,
    scratch,
    shared_memory,
)

CONTAINER = "trainer"
TRAIN: Manifest = {"command": ["python", "-m", "recsys_workers.train"]}
Variables = Sequence[Mapping[str, Any]]

METRICS = "metrics"
"""Name of the port with the metrics."""

CANNOT_HEAL = 2
"""Exit code of a trainer that would fail again: bad data, bad settings."""

CONFIG_FOLDER = "/etc/recsys"

TERMINATION_SECONDS = 30

STORE_CERTIFICATES = "RECSYS_STORE_CERTIFICATES"
"""Variable with the certificates, in PEM, that the object store's own is checked against."""
GCS_KEY, GCS_TOKEN = "RECSYS_GCS_KEY", "RECSYS_GCS_TOKEN"
"""Variables with the key of a service account of Google Cloud (JSON), and with an access token."""


def training_job(owner: Owner, run: TrainingRunSpec, config: RunConfig) -> Manifest:
    """The Job of a run, by its snapshot. Attempts follow each other, never side by side.

    With a queue it is made suspended; from then on its `suspend` is Kueue's.
    """
    queue = {} if run.queue_name is None else {QUEUE: run.queue_name}
    manifest = child(JOBS, owner, names.training_job(owner.name), {**of_run(config.model, owner.name), **queue})
    spec: Manifest = {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": run.max_retries,
        "suspend": run.suspend or bool(queue),
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": [CANNOT_HEAL]},
                },
                # A drained node is no fault of the run's and costs it no attempt.
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]
        },
        "template": {
            "metadata": {"labels": of_run(config.model, owner.name)},
            "spec": {"restartPolicy": "Never", **pod(owner, run, config, command=TRAIN, ports=ports(run))},
        },
    }
    if run.active_deadline_seconds is not None:
        spec["activeDeadlineSeconds"] = run.active_deadline_seconds
    return {**manifest, "spec": spec}


def with_suspend(live: Manifest, owner: Owner, suspend: bool) -> Manifest:
    """The live Job with another `suspend` and nothing else changed. Not for one that has a queue.

    The rest of a Job is immutable, and an operator of another version would build it differently: what was made stays.
    """
    metadata = live["metadata"]
    manifest = child(JOBS, owner, metadata["name"], metadata.get("labels", {}))
    return {**manifest, "spec": {**live["spec"], "suspend": suspend}}


def pod(
    owner: Owner, run: TrainingRunSpec, config: RunConfig, *, command: Manifest, ports: Manifest, env: Variables = ()
) -> Manifest:
    """The spec of a pod that trains, but for what becomes of it when it ends.

    `command` and `ports` are fields of its container as they stand there, `env` are variables of the operator's own.
    """
    volumes = _volumes(owner, run, config)
    fields = SharedPodFields.of(run)
    return {
        "serviceAccountName": names.trainer_account(owner.name),
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": TERMINATION_SECONDS,
        "securityContext": pod_security_context(),
        "containers": [
            {
                "name": CONTAINER,
                "image": config.image,
                **command,
                "env": [*env, *_environment(run), *_credentials(run.dataset), *pod_env(fields)],
                **ports,
                "resources": _resources(worker_of(run)),
                "securityContext": container_security_context(),
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "volumeMounts": list(volumes.mounts),
            }
        ],
        "volumes": list(volumes.volumes),
        **pod_settings(fields),
    }


def ports(run: TrainingRunSpec) -> Manifest:
    """The port that a PodMonitor finds by its name."""
    if run.metrics_port is None:
        return {}
    return {"ports": [{"name": METRICS, "containerPort": run.metrics_port, "protocol": "TCP"}]}


def _environment(run: TrainingRunSpec) -> list[dict[str, Any]]:
    worker = worker_of(run)
    gpus = [{"name": "RECSYS_GPUS", "value": str(worker.gpu)}] if worker.gpu else []
    port = [] if run.metrics_port is None else [{"name": "RECSYS_METRICS_PORT", "value": str(run.metrics_port)}]
    return [
        *gpus,
        *port,
        {"name": "RECSYS_RUN_CONFIG", "value": f"{CONFIG_FOLDER}/{KEY}"},
        {"name": "HOME", "value": HOME},
    ]


def _credentials(dataset: Dataset) -> list[dict[str, Any]]:
    """Variables that the kubelet reads from the Secret, of these keys only: the operator may read none.

    A Secret or a key that is absent keeps the container from starting, and the kubelet's sentence names it. Of the two
    keys for Google Cloud Storage one is enough, so neither is required and the container starts without the Secret
    too: there the trainer says what is absent.
    """
    if dataset.credentials_secret is None:
        return []
    name = dataset.credentials_secret.name
    google = any(data is not None and data.uri.startswith(GCS) for data in (dataset, dataset.items))
    wanted = {} if google else {key: key for key in ACCESS_KEYS}
    of_store = {GCS_KEY: SERVICE_ACCOUNT_KEY, GCS_TOKEN: ACCESS_TOKEN} if google else {SESSION_TOKEN: SESSION_TOKEN}
    may_be_absent = {**of_store, STORE_CERTIFICATES: CERTIFICATES}
    return [
        *(_from_secret(variable, {"name": name, "key": key}) for variable, key in wanted.items()),
        *(
            _from_secret(variable, {"name": name, "key": key, "optional": True})
            for variable, key in may_be_absent.items()
        ),
    ]


def _from_secret(variable: str, reference: dict[str, Any]) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": reference}}


def worker_of(run: TrainingRunSpec) -> WorkerResources:
    """What each pod gets."""
    return run.ray.resources_per_worker if run.ray else WorkerResources()


def _resources(worker: WorkerResources) -> Manifest:
    """Requests equal limits: training takes what it gets, and the pod is the last one to be evicted."""
    amounts = {"cpu": str(worker.cpu), "memory": str(worker.memory)}
    if worker.ephemeral_storage is not None:
        amounts["ephemeral-storage"] = str(worker.ephemeral_storage)
    if worker.gpu:
        amounts[worker.gpu_resource] = str(worker.gpu)
    return {"requests": dict(amounts), "limits": dict(amounts)}


def _volumes(owner: Owner, run: TrainingRunSpec, config: RunConfig) -> Volumes:
    locations = {config.storage.uri: False}
    for data in (run.dataset, run.dataset.items):
        if data is not None and claim_of(data.uri):
            locations.setdefault(data.uri, True)
    if config.catalogue is not None:
        locations.setdefault(config.catalogue.uri, True)
    configuration = Volumes(
        ({"name": "run-config", "configMap": {"name": names.run_config(owner.name)}},),
        ({"name": "run-config", "mountPath": CONFIG_FOLDER, "readOnly": True},),
    )
    size = worker_of(run).shared_memory
    return configuration + scratch() + shared_memory(None if size is None else str(size)) + claim_volumes(locations)
