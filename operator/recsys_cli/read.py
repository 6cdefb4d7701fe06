"""From the objects that kubectl prints to values."""

from recsys_cli.fields import Json, number, rows, table, texts
from recsys_cli.values import (
    Abort,
    Analysis,
    Block,
    Canary,
    Command,
    Ended,
    Model,
    Pod,
    Ready,
    Rollout,
    Served,
    Version,
)


def rollout(obj: Json) -> Rollout:
    """Read a Deployment of recsys.dev."""
    metadata, spec, status = table(obj, "metadata"), table(obj, "spec"), table(obj, "status")
    choice, canary = table(spec, "version"), table(status, "canary")
    commands = [*rows(status, "commands"), table(status, "lastCommand")]
    return Rollout(
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata.get("name", "")),
        generation=(number(metadata, "generation") or 0),
        observed_generation=(number(status, "observedGeneration") or 0),
        created=metadata.get("creationTimestamp"),
        model=str(table(spec, "modelRef").get("name", "")),
        pin=choice.get("pin"),
        follow=str(choice.get("follow") or ""),
        replicas=None if "autoscaling" in spec else number(spec, "replicas") or 1,
        canary_follows=table(spec, "strategy", "canary").get("scale") == "FollowWeight",
        deadline=number(table(spec, "strategy", "canary"), "progressDeadlineSeconds"),
        paused=bool(spec.get("paused")),
        steps=tuple(rows(spec, "strategy", "canary", "steps")),
        ready=_ready(status),
        stable=_served("stable", table(status, "stable")),
        tried=_served("canary", canary),
        canary=_canary(canary) if canary else None,
        previous=_served("previous", table(status, "previous")),
        blocked=tuple(
            Block((number(row, "version") or 0), *texts(row, "digest", "revision", "cause", "message", "time"))
            for row in rows(status, "blocked")
        ),
        history=tuple(_ended(row) for row in rows(status, "history")),
        commands=tuple(
            Command(*texts(row, "command", "argument", "outcome", "message", "time")) for row in commands if row
        ),
        url=str(status.get("url") or ""),
    )


def _ready(status: Json) -> Ready:
    row = next((row for row in rows(status, "conditions") if row.get("type") == "Ready"), None)
    return Ready(*texts(row, "status", "reason", "message")) if row else Ready()


def _served(role: str, row: Json) -> Served | None:
    if not row:
        return None
    return Served(
        role=role,
        version=number(row, "version") or 0,
        revision=str(row.get("revision") or ""),
        digest=str(row.get("digest") or ""),
        weight=number(row, "weight") or 0,
        ready=number(row, "readyReplicas") or 0,
        since=row.get("since") or row.get("startTime"),
        until=row.get("warmUntil"),
    )


def _canary(row: Json) -> Canary:
    abort = table(row, "abort")
    return Canary(
        step=(number(row, "step") or 0),
        step_start=row.get("stepStartTime"),
        start=row.get("startTime"),
        held=bool(row.get("held")),
        skips_steps=bool(row.get("skipSteps")),
        well_since=row.get("wellSince"),
        waiting_since=row.get("waitingSince"),
        waited=number(row, "waitedSeconds") or 0,
        reverting=bool(row.get("reverting")),
        abort=Abort(*texts(abort, "verdict", "cause", "message", "time")) if abort else None,
        analysis=tuple(_analysis(one) for one in rows(row, "analysis")),
    )


def _ended(row: Json) -> Ended:
    verdict, cause, message, start, end = texts(row, "verdict", "cause", "message", "startTime", "endTime")
    return Ended(
        before=number(row, "from"),
        version=number(row, "to") or 0,
        verdict=verdict,
        cause=cause,
        message=message,
        start=start,
        end=end,
        held=number(row, "heldSeconds") or 0,
    )


def _analysis(row: Json) -> Analysis:
    step = number(row, "step")
    name, phase, value, stable, threshold, samples, message = texts(
        row, "name", "phase", "value", "stable", "threshold", "samples", "message"
    )
    return Analysis(name, phase, value, stable, threshold, samples, message, None if step is None else step + 1)


def model(obj: Json) -> Model:
    """Read a RecModel."""
    status = table(obj, "status")
    return Model(
        name=str(table(obj, "metadata").get("name", "")),
        ready=_ready(status),
        champion=number(table(status, "champion"), "version"),
        champion_from=str(table(obj, "spec", "championFrom").get("name") or ""),
        versions=tuple(
            Version(number(row, "version") or 0, *texts(row, "verdict", "run", "digest"))
            for row in rows(status, "versions")
        ),
    )


def failed_gates(run: Json) -> list[str]:
    """The gates that a TrainingRun did not pass, each as a sentence without its full stop."""
    found = []
    for row in rows(run, "status", "result", "gates"):
        name, verdict, metric, value, threshold, message = texts(
            row, "name", "verdict", "metric", "value", "threshold", "message"
        )
        if verdict == "Failed":
            told = message.rstrip(".") or f"{metric} is {value}, {threshold} is asked for"
            found.append(f"{name}: {told}")
    return found


def pod(obj: Json) -> Pod:
    """Read a pod of a server."""
    metadata, status = table(obj, "metadata"), table(obj, "status")
    labels = table(metadata, "labels")
    containers = rows(status, "containerStatuses")
    told = str(labels.get("recsys.dev/version", ""))
    return Pod(
        name=str(metadata.get("name", "")),
        version=int(told) if told.isdecimal() else 0,
        revision=str(labels.get("recsys.dev/revision", "")),
        ready=any(row.get("type") == "Ready" and row.get("status") == "True" for row in rows(status, "conditions")),
        state=_state(metadata, status, containers),
        restarts=sum((number(row, "restartCount") or 0) for row in containers),
        created=metadata.get("creationTimestamp"),
    )


def _state(metadata: Json, status: Json, containers: list[Json]) -> str:
    """What `kubectl get pods` would say: what a container waits for or ended with, else the phase."""
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    for row in containers:
        for kind in ("waiting", "terminated"):
            if reason := table(row, "state", kind).get("reason"):
                return str(reason)
    unscheduled = next(
        (
            row
            for row in rows(status, "conditions")
            if row.get("type") == "PodScheduled" and row.get("status") == "False"
        ),
        None,
    )
    if unscheduled:
        return str(unscheduled.get("reason") or "Unschedulable")
    return str(status.get("phase") or "Unknown")
