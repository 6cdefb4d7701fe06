"""What is read out of an HTTPRoute's status and of pods that are not ready."""

from typing import Any

import pytest

from recsys_operator.api.kinds import Resource
from recsys_operator.api.traffic import GatewayRef
from recsys_operator.apply.client import ApiError
from recsys_operator.observe.pods import complaint
from recsys_operator.observe.route import judgement, refusal

GATEWAY = GatewayRef(name="gateway", namespace="gateway-system")


def condition(kind: str, status: str = "True", generation: int = 3, **more: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "observedGeneration": generation, **more}


def route(*conditions: dict[str, Any], **parent: str) -> dict[str, Any]:
    ref = {"name": "gateway", "namespace": "gateway-system", **parent}
    return {
        "metadata": {"name": "movies", "namespace": "shop", "generation": 3},
        "status": {"parents": [{"parentRef": ref, "conditions": list(conditions)}]},
    }


ACCEPTED, RESOLVED = condition("Accepted"), condition("ResolvedRefs")


def test_accepted_means_both_conditions_at_the_generation() -> None:
    assert judgement(route(ACCEPTED, RESOLVED), GATEWAY) == (True, "")


@pytest.mark.parametrize(
    "one",
    [
        route(ACCEPTED),
        route(condition("Accepted", generation=2), RESOLVED),
        route(ACCEPTED, condition("ResolvedRefs", generation=2)),
        route(ACCEPTED, RESOLVED, name="another"),
        route(ACCEPTED, RESOLVED, namespace="another"),
        route(ACCEPTED, RESOLVED, sectionName="https"),
        {"metadata": {"name": "movies", "namespace": "shop", "generation": 1}},
    ],
)
def test_anything_less_is_not_yet(one: dict[str, Any]) -> None:
    assert judgement(one, GATEWAY) == (False, "")


def test_a_no_is_told_in_the_gateways_words() -> None:
    said = condition("Accepted", "False", reason="NotAllowedByListeners", message="namespace shop is not allowed")
    accepted, message = judgement(route(said, RESOLVED), GATEWAY)
    assert not accepted
    assert "NotAllowedByListeners" in message
    assert "namespace shop is not allowed" in message


def test_the_gateway_of_the_own_namespace() -> None:
    one = route(ACCEPTED, RESOLVED)
    del one["status"]["parents"][0]["parentRef"]["namespace"]
    assert judgement(one, GatewayRef(name="gateway")) == (True, "")
    assert judgement(one, GATEWAY) == (False, "")


class Gateways:
    """An API server that has a gateway, has none, or does not tell."""

    def __init__(self, answer: dict[str, Any] | ApiError | None) -> None:
        self.answer = answer

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        if isinstance(self.answer, ApiError):
            raise self.answer
        return self.answer

    async def list(self, *_: Any) -> list[dict[str, Any]]:
        return []


async def test_a_missing_gateway_is_told() -> None:
    accepted, reason, message = await refusal(Gateways(None), route(), GATEWAY)
    assert (accepted, reason) == (False, "GatewayNotFound")
    assert "Gateway gateway does not exist in namespace gateway-system" in message


@pytest.mark.parametrize("status", [403, 500, 0])
async def test_a_gateway_that_cannot_be_read_counts_as_there(status: int) -> None:
    assert await refusal(Gateways(ApiError(status, "Whatever", "no")), route(), GATEWAY) == (False, "", "")


async def test_a_no_has_a_reason_of_its_own() -> None:
    said = condition("ResolvedRefs", "False", reason="BackendNotFound", message="no Service")
    accepted, reason, _ = await refusal(Gateways({}), route(ACCEPTED, said), GATEWAY)
    assert (accepted, reason) == (False, "RouteNotAccepted")


def pod(*containers: dict[str, Any], conditions: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    status = {"containerStatuses": list(containers), "conditions": list(conditions)}
    return {"metadata": {"name": "movies-x"}, "status": status}


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (pod({"ready": True, "state": {"running": {}}}), ""),
        (pod({"ready": False, "state": {"waiting": {"reason": "ContainerCreating"}}}), ""),
        (
            pod({"ready": False, "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}),
            "pod movies-x: ImagePullBackOff: no such image",
        ),
        (
            pod(
                {
                    "ready": False,
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
                    "lastState": {"terminated": {"exitCode": 1, "message": "DigestMismatch: model.onnx differs"}},
                }
            ),
            "pod movies-x: CrashLoopBackOff: exit code 1: DigestMismatch: model.onnx differs",
        ),
        (
            pod({"ready": False, "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}),
            "pod movies-x: exit code 137: OOMKilled",
        ),
        (
            pod(
                conditions=(
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/1 nodes are available: 1 Insufficient cpu.",
                    },
                )
            ),
            "pod movies-x: Unschedulable: 0/1 nodes are available: 1 Insufficient cpu.",
        ),
    ],
)
def test_complaints_of_pods(one: dict[str, Any], text: str) -> None:
    assert complaint([one]) == text
