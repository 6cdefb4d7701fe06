"""Writing a command's annotation, and waiting for what the operator makes of it."""

import threading

from recsys_cli.commands import annotation, answer, argument, version_of
from recsys_cli.kubectl import DEPLOYMENTS, Kubectl, events, problem
from recsys_cli.problems import Exit, Problem
from recsys_cli.read import rollout
from recsys_cli.times import now, span
from recsys_cli.values import Command, Rollout

LOOK_FOR = "kubectl get pods --all-namespaces --selector=app.kubernetes.io/name=recsys-operator"


def write(kubectl: Kubectl, name: str, verb: str, given: int | None, *, full: bool) -> tuple[Rollout, str]:
    """Write the command for the version that is read now, or for `given`. Returns the Deployment and the value."""
    one = rollout(kubectl.deployment(kubectl.get(DEPLOYMENTS, name), name))
    value = argument(version_of(one, verb, given), now())
    kubectl.annotate(name, annotation(verb, full=full), value)
    return one, value


def wait(kubectl: Kubectl, one: Rollout, verb: str, value: str, *, full: bool, patience: float | None) -> Command:
    """What the operator made of it; raises `Problem` when it says nothing in time."""
    running = kubectl.watch(DEPLOYMENTS, one.name)
    late = threading.Event()

    def give_up() -> None:
        late.set()
        running.process.kill()

    timer = threading.Timer(patience, give_up) if patience is not None else None
    if timer:
        timer.start()
    try:
        for kind, obj in events(running):
            if kind == "DELETED":
                raise Problem(f"{one.place} was deleted before the operator answered.")
            if said := answer(rollout(obj), verb, value, full=full):
                return said
        _, err = running.process.communicate()
    finally:
        if timer:
            timer.cancel()
        running.process.kill()
    if not late.is_set():
        raise problem(err)
    raise Problem(
        f"The operator has not answered within {span(patience or 0)}. {one.place} keeps the annotation "
        f"{annotation(verb, full=full)}={value}, "
        f"carried out as soon as the operator runs. Look for it: {LOOK_FOR}",
        Exit.TIMEOUT,
    )
