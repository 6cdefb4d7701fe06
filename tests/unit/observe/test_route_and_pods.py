"""What is read out of an HTTPRoute's status and of pods that are not ready."""

from typing import Any

import pytest

from recsys_operator.api.kinds import Resource
from recsys_operator.api.traffic import GatewayRef
from recsys_operator.apply.client import ApiError
from recsys_operator.observe.pods import CRASHES, broken, complaint
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


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"ready": False, "state": {"waiting": {"reason": reason, "message": message}}, **more}


def ended(times: int, message: str = "out of ideas", reason: str = "Error", **more: Any) -> dict[str, Any]:
    """A container that runs again after so many ends."""
    last = {"terminated": {"exitCode": 1, "reason": reason, "message": message}}
    return {"ready": False, "restartCount": times, "state": {"running": {}}, "lastState": last, **more}


MISMATCH = '{"reason": "DigestMismatch", "message": "model.onnx holds other bytes."}'
RESOLVE = "failed to resolve reference: registry.example/server:9: not found"


@pytest.mark.parametrize(
    ("container", "text"),
    [
        (waiting("InvalidImageName", "couldn't parse image"), "pod movies-x: InvalidImageName: couldn't parse image"),
        (waiting("ErrImagePull", RESOLVE), f"pod movies-x: ErrImagePull: {RESOLVE}"),
        (waiting("ImagePullBackOff", "code = NotFound"), "pod movies-x: ImagePullBackOff: code = NotFound"),
        (ended(1, MISMATCH), f"pod movies-x: exit code 1: {MISMATCH}"),
        (ended(CRASHES), "pod movies-x ended 3 times, the last time with exit code 1: out of ideas"),
        (
            waiting("CrashLoopBackOff", "back-off 40s", **ended(CRASHES)) | waiting("CrashLoopBackOff", "back-off 40s"),
            "pod movies-x ended 3 times, the last time with exit code 1: out of ideas",
        ),
        (ended(CRASHES - 1), ""),
        (ended(9, ready=True), ""),
        (ended(9, reason="Completed"), ""),
        (ended(9, reason="Unknown"), ""),
        (ended(1, '{"reason": "LoadFailed"}'), ""),
        (ended(1, "[]"), ""),
        (waiting("ImagePullBackOff", "dial tcp: i/o timeout"), ""),
        (waiting("ContainerCreating"), ""),
    ],
)
def test_pods_that_will_not_become_ready_by_themselves(container: dict[str, Any], text: str) -> None:
    assert broken([pod({"ready": True, "state": {"running": {}}}), pod(container)]) == text


def test_a_pod_that_is_being_deleted_is_not_broken() -> None:
    one = pod(ended(9))
    one["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    assert broken([one]) == ""
