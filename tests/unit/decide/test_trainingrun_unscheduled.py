"""What a run says of a pod that no node takes: the scheduler's words, then the field and what can be done."""

from typing import Any

import pytest
from tests.unit.decide.run_facts import run_spec, started

from recsys_operator.decide.trainingrun.unscheduled import unscheduled_message


def told(said: str, **spec: Any) -> str:
    return unscheduled_message(started(spec=run_spec(**spec)), said)


def ray(**resources: Any) -> dict[str, Any]:
    return {"resourcesPerWorker": resources}


def test_a_missing_claim_of_the_dataset() -> None:
    said = '0/1 nodes are available: persistentvolumeclaim "dtaa" not found. not found'
    assert told(said, dataset={"uri": "pvc://dtaa/clicks"}) == (
        '0/1 nodes are available: persistentvolumeclaim "dtaa" not found. The claim dtaa is that of spec.dataset.uri: '
        "create it in the namespace shop, and the pod starts by itself. Where the name is wrong, correct it and make "
        "another TrainingRun: this one keeps what it began with."
    )


@pytest.mark.parametrize(
    ("claim", "fields"),
    [
        ("store", "spec.storage.uri of the RecModel movies"),
        ("data", "spec.dataset.uri and spec.catalogue.uri of the RecModel movies"),
    ],
)
def test_a_missing_claim_that_the_model_names(claim: str, fields: str) -> None:
    assert f" The claim {claim} is that of {fields}: create" in told(f'persistentvolumeclaim "{claim}" not found')


def test_a_missing_claim_of_the_item_table() -> None:
    items = {"uri": "pvc://shop-items/items", "idColumn": "sku", "attributes": [{"name": "brand"}]}
    said = told('persistentvolumeclaim "shop-items" not found', dataset={"uri": "pvc://data/clicks", "items": items})
    assert " The claim shop-items is that of spec.dataset.items.uri: create" in said


def test_a_claim_that_no_field_names() -> None:
    assert told('persistentvolumeclaim "other" not found') == 'persistentvolumeclaim "other" not found.'


def test_a_claim_without_a_volume() -> None:
    said = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    assert told(said) == f"{said} `kubectl -n shop get pvc data store` shows which claim has no volume yet."
    assert "get pvc data store`" in told(said, dataset={"uri": "s3://bucket/clicks"}), "the catalogue is on data"


def test_too_little_room() -> None:
    said = "0/2 nodes are available: 1 Insufficient memory, 2 Insufficient cpu. preemption: 0/2 nodes are available."
    assert told(said, ray=ray(cpu="2", memory="8Gi")) == (
        f"{said} spec.ray.resourcesPerWorker.memory is 8Gi and spec.ray.resourcesPerWorker.cpu is 2: make room on a "
        "node, and the pod starts by itself, or make another TrainingRun that asks for less: spec.ray is immutable."
    )


@pytest.mark.parametrize(
    ("resource", "spec", "field"),
    [
        ("cpu", {}, "cpu is 1, the default: make room"),
        ("nvidia.com/gpu", {"ray": ray(gpu=1)}, "gpu is 1: make room"),
        ("ephemeral-storage", {"ray": ray(ephemeralStorage="10Gi")}, "ephemeralStorage is 10Gi: make room"),
    ],
)
def test_the_field_of_each_resource(resource: str, spec: Any, field: str) -> None:
    assert f" spec.ray.resourcesPerWorker.{field}" in told(f"1 Insufficient {resource}.", **spec)


def test_a_resource_that_no_field_asks_for() -> None:
    assert told("1 Insufficient example.com/fpga.") == "1 Insufficient example.com/fpga."


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ("1 node(s) didn't match Pod's node affinity/selector.", "spec.nodeSelector and spec.affinity"),
        ("1 node(s) had untolerated taint {gpu: only}.", "spec.tolerations"),
    ],
)
def test_nodes_that_do_not_suit(said: str, fields: str) -> None:
    assert told(said) == (
        f"{said} Which nodes suit is said by {fields}: make a node suit, and the pod starts by itself, or make another "
        "TrainingRun: this one is immutable."
    )
