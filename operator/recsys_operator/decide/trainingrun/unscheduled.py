"""Why no node takes a run's pod: the scheduler's words, the fields that they are about, and what can be done."""

import re
from collections.abc import Iterator

from recsys_operator.api.locations import claim_of
from recsys_operator.api.ray import WorkerResources
from recsys_operator.decide.trainingrun.facts import ObservedRun

SAID_TWICE = re.compile(r"(not found)(\. not found)+")
"""The scheduler wraps the claim's absence into an error that says so again."""
MISSING = re.compile(r'persistentvolumeclaim "([^"]+)" not found')
INSUFFICIENT = re.compile(r"Insufficient ([A-Za-z0-9./_-]*[A-Za-z0-9])")

PLACES = {"node affinity/selector": ("spec.nodeSelector", "spec.affinity"), "untolerated taint": ("spec.tolerations",)}
"""What the scheduler says of nodes that do not suit, and the fields of the run that say which ones do."""


def unscheduled_message(run: ObservedRun, said: str) -> str:
    """What the scheduler said, then a sentence for each field of the run or its RecModel that it is about."""
    told = SAID_TWICE.sub(r"\1", said).strip()
    return " ".join([told if told.endswith(".") else f"{told}.", *_remedies(run, told)])


def _remedies(run: ObservedRun, said: str) -> Iterator[str]:
    for claim in dict.fromkeys(MISSING.findall(said)):
        if fields := [field for field, uri in _uris(run).items() if claim_of(uri) == claim]:
            yield (
                f"The claim {claim} is that of {' and '.join(fields)}: create it in the namespace {run.namespace}, and "
                "the pod starts by itself. Where the name is wrong, correct it and make another TrainingRun: this one "
                "keeps what it began with."
            )
    if "unbound immediate PersistentVolumeClaims" in said:
        names = " ".join(sorted({claim_of(uri) for uri in _uris(run).values()} - {""}))
        yield f"`kubectl -n {run.namespace} get pvc {names}` shows which claim has no volume yet."
    if asked := list(dict.fromkeys(filter(None, (_asked(run, name) for name in INSUFFICIENT.findall(said))))):
        yield (
            f"{' and '.join(asked)}: make room on a node, and the pod starts by itself, or make another TrainingRun "
            "that asks for less: spec.ray is immutable."
        )
    if places := [field for words, fields in PLACES.items() if words in said for field in fields]:
        yield (
            f"Which nodes suit is said by {' and '.join(places)}: make a node suit, and the pod starts by itself, or "
            "make another TrainingRun: this one is immutable."
        )


def _uris(run: ObservedRun) -> dict[str, str]:
    """The claims that the pod mounts, by the field that names them."""
    found = {"spec.dataset.uri": run.spec.dataset.uri}
    if run.spec.dataset.items:
        found["spec.dataset.items.uri"] = run.spec.dataset.items.uri
    config = run.snapshot.config if run.snapshot else None
    if config:
        model = f"of the RecModel {run.spec.model_ref.name}"
        found[f"spec.storage.uri {model}"] = config.storage.uri
        if config.catalogue:
            found[f"spec.catalogue.uri {model}"] = config.catalogue.uri
    return found


def _asked(run: ObservedRun, resource: str) -> str | None:
    """The field that asks for a resource, with its value; None for what no field asks for."""
    worker = run.spec.ray.resources_per_worker if run.spec.ray else WorkerResources()
    fields = {
        "cpu": ("cpu", worker.cpu),
        "memory": ("memory", worker.memory),
        "ephemeral-storage": ("ephemeralStorage", worker.ephemeral_storage),
        worker.gpu_resource: ("gpu", worker.gpu or None),
    }
    name, value = fields.get(resource, ("", None))
    default = "" if run.spec.ray else ", the default"
    return None if value is None else f"spec.ray.resourcesPerWorker.{name} is {value}{default}"
