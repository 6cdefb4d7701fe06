"""What happens to an endpoint in its life. Each leaves it settled, and none may cost a request."""

from collections.abc import Callable
from typing import Any

from hack.demo.kube import SYSTEM, StepFailed, condition, items, kubectl, wait_until
from hack.demo.main_job import kill_container
from hack.soak.shop import NAME, Shop

Disturbance = Callable[[Shop], None]

OPERATOR = "deployment/recsys-operator"


def promotion(shop: Shop) -> None:
    """A canary goes through all its steps and takes over."""
    shop.apply(shop.other)
    shop.stable = shop.other
    shop.settled()


def abort(shop: Shop) -> None:
    """A canary is aborted by hand."""
    shop.canary(10)
    shop.command("abort", shop.other)
    shop.wait("the aborted canary to be gone", lambda status: "canary" not in status)
    shop.apply(shop.stable)
    shop.command("retry", shop.other)
    shop.settled()


def rollback(shop: Shop) -> None:
    """An alert takes a canary back."""
    shop.canary(50)
    _acted(shop, shop.other, "RolledBack")
    shop.wait("the canary to be gone", lambda status: "canary" not in status)
    shop.apply(shop.stable)
    shop.command("unblock", shop.other)
    shop.settled()


def revert(shop: Shop) -> None:
    """An alert on a version that was promoted a moment ago brings the one before back."""
    bad, good = shop.other, shop.stable
    promotion(shop)
    _acted(shop, bad, "Reverted")
    shop.stable = good
    shop.wait("the version before to serve", lambda status: status["stable"]["version"] == good)
    shop.apply(good)
    shop.command("unblock", bad)
    shop.settled()


def undo(shop: Shop) -> None:
    """A version that was promoted a moment ago is taken back by hand."""
    bad, good = shop.other, shop.stable
    promotion(shop)
    shop.command("undo", bad)
    shop.stable = good
    shop.wait("the version before to serve", lambda status: status["stable"]["version"] == good)
    shop.apply(good)
    shop.command("unblock", bad)
    shop.settled()


def scale(shop: Shop) -> None:
    """A pod more, and a pod less."""
    for change in (1, -1):
        shop.replicas += change
        shop.apply(shop.stable)
        shop.settled()


def resources(shop: Shop) -> None:
    """Other limits: the same version in other pods."""
    shop.memory = "544Mi" if shop.memory == "512Mi" else "512Mi"
    shop.apply(shop.stable)
    shop.settled()


def operator_restart(shop: Shop) -> None:
    """The operator is restarted in the middle of a canary."""
    shop.canary(10)
    kubectl("rollout", "restart", OPERATOR, "-n", SYSTEM)
    kubectl("rollout", "status", OPERATOR, "-n", SYSTEM, "--timeout=120s")
    shop.stable = shop.other
    shop.settled()


def operator_kill(shop: Shop) -> None:
    """The operator gets SIGKILL in the middle of a canary; the kubelet starts it again."""
    shop.canary(10)
    (pod,) = _operators()
    kill_container(pod["metadata"]["name"], SYSTEM)

    def again() -> str | None:
        for other in _operators():
            fresh = other["metadata"]["uid"] != pod["metadata"]["uid"] or _restarts(other) > _restarts(pod)
            if fresh and condition(other, "Ready").get("status") == "True":
                return None
        return "the operator is not back"

    wait_until("the operator to run again", again, 180)
    shop.stable = shop.other
    shop.settled()


def operator_upgrade(shop: Shop) -> None:
    """An operator with another server image changes nothing that runs."""
    before = {shop.status()["stable"]["revision"]}
    path = "jsonpath={.spec.template.spec.containers[0].env[?(@.name=='RECSYS_SERVER_IMAGE')].value}"
    image = kubectl("get", OPERATOR, "-n", SYSTEM, "-o", path)
    try:
        for wanted in (f"{image}-next", image):
            kubectl("set", "env", OPERATOR, "-n", SYSTEM, f"RECSYS_SERVER_IMAGE={wanted}")
            kubectl("rollout", "status", OPERATOR, "-n", SYSTEM, "--timeout=120s")
            shop.settled()
            before.add(shop.status()["stable"]["revision"])
    finally:
        kubectl("set", "env", OPERATOR, "-n", SYSTEM, f"RECSYS_SERVER_IMAGE={image}")
    if len(before) != 1:
        raise StepFailed("an upgrade of the operator changed the running revision")


def eviction_of_a_stable_pod(shop: Shop) -> None:
    """A node is drained of a stable pod."""
    shop.evict(shop.pods(shop.stable)[0])
    shop.wait("a pod missing", lambda status: status["stable"]["readyReplicas"] < shop.replicas or _all(shop), 60)
    shop.settled()


def eviction_of_a_canary_pod(shop: Shop) -> None:
    """A node is drained of a canary's pod."""
    shop.canary(50)
    shop.evict(shop.pods(shop.other)[0])
    shop.stable = shop.other
    shop.settled()


def _operators() -> list[dict[str, Any]]:
    """The operator's pods that are not on their way out."""
    found = items("pods", "-n", SYSTEM, "-l", "app.kubernetes.io/name=recsys-operator")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def _restarts(pod: dict[str, Any]) -> int:
    return sum(one["restartCount"] for one in pod["status"].get("containerStatuses", ()))


def _all(shop: Shop) -> bool:
    return len(shop.pods(shop.stable)) >= shop.replicas


def _acted(shop: Shop, version: int, wanted: str) -> None:
    outcome = shop.alert(version)
    if outcome != wanted:
        raise StepFailed(f"the alert on version {version} of {NAME} led to {outcome}, not to {wanted}")


ALL: dict[str, Disturbance] = {
    one.__name__: one
    for one in (
        promotion,
        abort,
        rollback,
        revert,
        undo,
        scale,
        resources,
        operator_restart,
        operator_kill,
        operator_upgrade,
        eviction_of_a_stable_pod,
        eviction_of_a_canary_pod,
    )
}

NEW_OPERATOR = frozenset(one.__name__ for one in (operator_restart, operator_kill, operator_upgrade))
"""After these another process is the operator."""
