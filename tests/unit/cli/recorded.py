"""Objects as the API server sends them, at one moment of a rollout."""

from datetime import UTC, datetime, timedelta
from typing import Any

Object = dict[str, Any]
NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
STEPS: list[Object] = [
    {"weight": 10},
    {"pause": {"durationSeconds": 300}},
    {"weight": 50},
    {"pause": {}},
]


def ago(seconds: float, now: datetime = NOW) -> str:
    """A time as the operator writes it."""
    return (now - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def revision(version: int) -> Object:
    """What every revision has."""
    return {
        "version": version,
        "digest": f"sha256:{version:064x}",
        "uri": f"pvc://store/models/shop/movies/versions/{version}",
        "revision": f"{version:016x}",
        "image": "localhost/recsys-server:1",
    }


def condition(status: str, reason: str, message: str) -> Object:
    """The condition Ready."""
    return {
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": ago(60),
        "observedGeneration": 3,
    }


def history(before: int | None, version: int, verdict: str, cause: str, message: str, began: float) -> Object:
    """A rollout that took five minutes."""
    entry = {
        "to": version,
        "verdict": verdict,
        "cause": cause,
        "message": message,
        "startTime": ago(began),
        "endTime": ago(began - 300),
    }
    return {"from": before, **entry} if before else entry


def deployment(status: Object, name: str = "movies", namespace: str = "shop", **spec: Any) -> Object:
    """A Deployment of three days."""
    return {
        "apiVersion": "recsys.dev/v1alpha1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "generation": 3,
            "creationTimestamp": (NOW - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        "spec": {
            "modelRef": {"name": "movies"},
            "version": {"follow": "LatestPassing"},
            "replicas": 2,
            "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}},
            "traffic": {"gateway": {"name": "gateway"}, "hostnames": ["movies.example"]},
            "strategy": {"canary": {"steps": STEPS}},
            **spec,
        },
        "status": {"observedGeneration": 3, **status},
    }


FIRST = history(None, 1, "Promoted", "InitialDeployment", "Version 1 serves all requests.", 250000)
STABLE = {**revision(1), "weight": 100, "readyReplicas": 2, "since": ago(180000)}
SERVING: Object = {
    "stable": STABLE,
    "url": "http://movies.example",
    "conditions": [condition("True", "Serving", "Version 1 serves all requests.")],
    "history": [FIRST],
}
CANARY: Object = {
    **revision(4),
    "weight": 10,
    "step": 1,
    "stepStartTime": ago(120),
    "startTime": ago(150),
    "firstWeightTime": ago(130),
    "readyReplicas": 2,
}
TRYING: Object = {
    **SERVING,
    "stable": {**STABLE, "weight": 90},
    "canary": CANARY,
    "conditions": [condition("False", "Progressing", "Version 4: 10 % (step 2 of 4).")],
}
BLOCK: Object = {
    "version": 4,
    "digest": revision(4)["digest"],
    "cause": "Alert",
    "message": "RecsysLatency: p99 is over three times that of stable",
    "time": ago(7200),
}
ROLLED_BACK = history(1, 4, "RolledBack", "Alert", BLOCK["message"], 7500)
BLOCKED: Object = {
    **SERVING,
    "blocked": [BLOCK],
    "conditions": [
        condition(
            "False",
            "VersionBlocked",
            f"Version 4 was taken back and is blocked here (Alert: {BLOCK['message']}).",
        )
    ],
    "history": [FIRST, ROLLED_BACK],
}
PROMOTED: Object = {
    **SERVING,
    "stable": {**revision(4), "weight": 100, "readyReplicas": 2, "since": ago(0)},
    "previous": {**revision(1), "readyReplicas": 2, "warmUntil": ago(-3600)},
    "conditions": [condition("True", "Serving", "Version 4 serves all requests.")],
    "history": [FIRST, history(1, 4, "Promoted", "CanaryCompleted", "Version 4 serves all requests.", 300)],
}
ABORTED: Object = {
    **SERVING,
    "blocked": [{**BLOCK, "revision": revision(4)["revision"], "cause": "AbortedByCommand", "message": "By command."}],
    "history": [FIRST, history(1, 4, "Aborted", "AbortedByCommand", "It was aborted by command.", 300)],
}


def recmodel(*verdicts: str, champion: int | None = None, namespace: str = "shop") -> Object:
    """A RecModel whose versions, from 1 on, have these verdicts."""
    versions = [
        {
            "version": number,
            "run": f"movies-{number}",
            "uri": revision(number)["uri"],
            "digest": revision(number)["digest"],
            "verdict": verdict,
        }
        for number, verdict in enumerate(verdicts, 1)
    ]
    status: Object = {"versions": versions, "latestVersion": len(versions)}
    if champion:
        status["champion"] = {"version": champion, "digest": revision(champion)["digest"], "deployment": "movies"}
    return {
        "kind": "RecModel",
        "metadata": {"name": "movies", "namespace": namespace},
        "spec": {"championFrom": {"name": "movies"}},
        "status": status,
    }


def failed_run(number: int) -> Object:
    """The run of a version that failed a gate."""
    gates = [
        {"name": "accurate", "verdict": "Failed", "message": "NDCG@10 is 0.021 (0.019 to 0.023), 0.03 is asked for."},
        {"name": "fast-enough", "verdict": "Passed", "message": "p99 is 3 ms."},
    ]
    return {
        "kind": "TrainingRun",
        "metadata": {"name": f"movies-{number}", "namespace": "shop"},
        "status": {"result": {"gates": gates}},
    }


def pod(version: int, number: int, *, ready: bool = True, waiting: str = "", restarts: int = 0) -> Object:
    """A server's pod."""
    state: Object = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"movies-v{version}-{revision(version)['revision'][:8]}-7d9f-{number}",
            "namespace": "shop",
            "creationTimestamp": ago(140 if version == 4 else 180000),
            "labels": {
                "recsys.dev/deployment": "movies",
                "recsys.dev/version": str(version),
                "recsys.dev/revision": revision(version)["revision"],
            },
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"name": "server", "restartCount": restarts, "state": state}],
        },
    }


PODS = [pod(4, 1), pod(4, 2), pod(1, 1), pod(1, 2)]
ANALYSIS: list[Object] = [
    {
        "name": "success-rate",
        "phase": "Running",
        "value": "0.998",
        "stable": "0.999",
        "threshold": "0.99",
        "samples": 412,
        "startTime": ago(130),
        "time": ago(5),
    },
    {
        "name": "p99",
        "phase": "Inconclusive",
        "threshold": "1.2",
        "samples": 12,
        "message": "12 of 100 requests that a look needs.",
        "startTime": ago(130),
        "time": ago(5),
    },
    {
        "name": "empty",
        "step": 1,
        "phase": "Failed",
        "value": "0.4",
        "stable": "0.01",
        "threshold": "0.05",
        "samples": 412,
        "startTime": ago(60),
        "time": ago(5),
    },
]
