"""What the API server refuses, with which message, and that the nearest correction is accepted."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.integration.api import (
    cases_deployment,
    cases_ensemble,
    cases_ranking,
    cases_recmodel,
    cases_tabular,
    cases_trainingrun,
)
from tests.integration.api.case import Case, Manifest, Transition, edited
from tests.integration.api.constraints import Constraint, constraints
from tests.integration.harness.control_plane import ControlPlane

TABLES = {"recmodels": cases_recmodel, "trainingruns": cases_trainingrun, "deployments": cases_deployment}
NAMESPACE = "refusals"


@pytest.fixture(scope="module")
def client(control_plane: ControlPlane) -> Iterator[httpx.Client]:
    """An administrator's client, beside a namespace for these tests."""
    control_plane.create_namespace(NAMESPACE)
    with control_plane.client() as client:
        yield client


def collection(plural: str) -> str:
    return f"/apis/recsys.dev/v1alpha1/namespaces/{NAMESPACE}/{plural}"


# Beside a missing or overlong value the API server checks no rules, and says so.
CUT_SHORT = "some validation rules were not checked because the object was invalid"


def causes(answer: httpx.Response) -> list[str]:
    """What the API server complains about, as `field: message`."""
    found: list[dict[str, Any]] = answer.json().get("details", {}).get("causes", [])
    return [f"{cause.get('field', '')}: {cause['message']}" for cause in found if CUT_SHORT not in cause["message"]]


def names(cause: str, constraint: Constraint) -> bool:
    """Whether the API server points at the field of the constraint: `spec.gates[2].name` for `spec.gates[].name`."""
    field = re.sub(r"\[[^]]*\]", "[]", cause.split(":", 1)[0]).replace("<nil>", "")
    if constraint.keyword == "unique":
        return field == f"{constraint.path}[]"
    return re.fullmatch(re.escape(constraint.path).replace(r"\{\}", r"\.[-\w./]+"), field) is not None


def assert_refused(answer: httpx.Response, case: Case) -> None:
    """The one cause is the expected one, at its field; further ones are those that the case names."""
    assert answer.status_code == 422, f"{answer.status_code}: {answer.text}"
    left = causes(answer)
    fitting = [cause for cause in left if case.message in cause and names(cause, case.constraint)]
    assert fitting, f"Nothing about {case.constraint.path!r} says {case.message!r} in {left}"
    left.remove(fitting[0])
    for expected in case.also:
        further = [cause for cause in left if expected in cause]
        assert further, f"Nothing says {expected!r} in what is left: {left}"
        left.remove(further[0])
    assert not left, f"The API server also refuses this for: {left}"


# What may change in the same update that leaves the immutable fields alone.
MAY_CHANGE: dict[str, Any] = {
    "recmodels": {"at": "spec.championFrom", "value": {"name": "other"}},
    "trainingruns": {"at": "spec.suspend", "value": True},
    "deployments": {"at": "spec.replicas", "value": 3},
}


def params(kind: type[Case]) -> list[Any]:
    return [
        pytest.param(plural, case, id=f"{plural}: {case}")
        for plural, table in TABLES.items()
        for case in table.CASES
        if type(case) is kind
    ]


@pytest.mark.parametrize("plural", TABLES)
def test_every_rule_and_bound_has_a_case(plural: str) -> None:
    """A rule or a bound that nobody tries, or a case of one that is gone, fails here."""
    tried = {case.constraint for case in TABLES[plural].CASES}
    there = constraints(plural)
    assert not {str(constraint) for constraint in there - tried}, "These have no case."
    assert not {str(constraint) for constraint in tried - there}, "These cases are about nothing in the CRD."


BASES = [
    *((plural, table.BASE) for plural, table in TABLES.items()),
    ("recmodels", cases_tabular.BASE),
    ("recmodels", cases_ranking.BASE),
    ("trainingruns", cases_ensemble.BASE),
    ("trainingruns", cases_ensemble.SEEDS),
]


@pytest.mark.parametrize(("plural", "base"), BASES)
def test_the_base_of_the_cases_is_accepted(client: httpx.Client, plural: str, base: Manifest) -> None:
    """Each case changes one value of it."""
    answer = client.post(collection(plural), params={"dryRun": "All"}, json=base)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(("plural", "case"), params(Case))
def test_a_wrong_manifest_is_refused_and_its_correction_accepted(client: httpx.Client, plural: str, case: Case) -> None:
    base = case.base or TABLES[plural].BASE
    dry = {"dryRun": "All", "fieldValidation": "Strict"}
    wrong = client.post(collection(plural), params=dry, json=edited(base, case.at, case.wrong))
    right = client.post(collection(plural), params=dry, json=edited(base, case.at, case.right))
    assert_refused(wrong, case)
    assert right.status_code == 201, right.text


@pytest.mark.parametrize(("plural", "case"), params(Transition))
def test_a_wrong_update_is_refused_and_a_harmless_one_accepted(
    client: httpx.Client, plural: str, case: Transition
) -> None:
    base: Manifest = edited(case.base or TABLES[plural].BASE, "metadata.name", f"t{uuid.uuid4().hex[:12]}")
    created = client.post(collection(plural), json=edited(base, case.at, case.right))
    assert created.status_code == 201, created.text
    path = f"{collection(plural)}/{base['metadata']['name']}"
    version = created.json()["metadata"]["resourceVersion"]
    base = edited(base, "metadata.resourceVersion", version)
    wrong = client.put(path, json=edited(base, case.at, case.wrong))
    harmless = edited(edited(base, case.at, case.right), "metadata.labels", {"touched": "yes"})
    harmless = edited(harmless, **MAY_CHANGE[plural])
    right = client.put(path, json=harmless)
    client.delete(path)
    assert_refused(wrong, case)
    assert right.status_code == 200, right.text


def test_a_refusal_names_the_location_that_was_found(client: httpx.Client) -> None:
    wrong = edited(cases_recmodel.BASE, "spec.storage.uri", "s3://bucket/models")
    answer = client.post(collection("recmodels"), params={"dryRun": "All"}, json=wrong)
    assert answer.status_code == 422
    (cause,) = causes(answer)
    assert cause.startswith("spec.storage.uri: ")
    assert cause.endswith(f"{cases_recmodel.LOCATION}, found s3://bucket/models")
