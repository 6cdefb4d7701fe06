"""One whole object of each kind, as the API server sends it: every field of spec and status is set somewhere."""

import copy
from typing import Any

from tests.integration.api import cases_deployment, cases_ranking, cases_recmodel, cases_tabular, cases_trainingrun

DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER_DIGEST = "sha256:" + "fedcba9876543210" * 4
TIME = "2026-01-02T03:04:05.000000Z"
PROTOCOL = "LeaveOneOut: of users with 3 or more rows the last one tests; 943 targets of 943 users."

# Of these an object sets something else.
NEVER_SET = {
    "spec.ray.minWorkers",
    "spec.ray.maxWorkers",
    *(f"spec.ensemble{part}" for part in ("", ".method", ".versions", ".seeds")),
    "spec.version.follow",
    "spec.traffic.route.filters[].urlRewrite.path.replaceFullPath",
    "spec.autoscaling.targetCPUUtilizationPercentage",
    *(
        f"spec.autoscaling.metrics[].{source}.target.{name}"
        for source, set_one in (("resource", "averageUtilization"), ("pods", "averageValue"), ("external", "value"))
        for name in ("averageUtilization", "averageValue", "value")
        if name != set_one
    ),
}


def _condition(name: str, status: str, reason: str) -> dict[str, Any]:
    return {
        "type": name,
        "status": status,
        "reason": reason,
        "message": f"{name} is {status}.",
        "lastTransitionTime": TIME,
        "observedGeneration": 3,
    }


def _metric(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value, "low": "0.031", "high": "0.049"}


def _revision(version: int) -> dict[str, Any]:
    return {
        "version": version,
        "digest": DIGEST if version % 2 else OTHER_DIGEST,
        "uri": f"pvc://artifacts/models/recsys-demo/movies/versions/{version}",
        "revision": f"{version}a1b2c3d4e5f6",
        "image": "localhost/recsys-server:dev",
    }


RECMODEL_STATUS: dict[str, Any] = {
    "observedGeneration": 3,
    "latestVersion": 3,
    "latestPassingVersion": 2,
    "champion": {"version": 1, "digest": DIGEST, "deployment": "movies"},
    "versions": [
        {
            "version": 2,
            "run": "movies-2",
            "uri": "pvc://artifacts/models/recsys-demo/movies/versions/2",
            "digest": OTHER_DIGEST,
            "verdict": "Passed",
            "metrics": [_metric("NDCG@10", "0.04"), _metric("HR@10", "8e-2")],
            "protocol": PROTOCOL,
            "initFrom": {"version": 1, "digest": DIGEST},
            "ensemble": {"method": "Weights", "versions": [{"version": 1, "digest": DIGEST}], "seeds": [1]},
            "blockedBy": ["movies"],
        }
    ],
    "conditions": [_condition("Ready", "True", "Ready")],
}

TRAININGRUN_STATUS: dict[str, Any] = {
    "observedGeneration": 1,
    "conditions": [_condition("Succeeded", "False", "GateFailed")],
    "attempts": 2,
    "trainingPod": {"name": "movies-1-train-abcde", "creationTime": TIME, "failuresBefore": 1},
    "startTime": TIME,
    "completionTime": TIME,
    "progress": {
        "stage": "Training",
        "epoch": 3,
        "epochs": 20,
        "step": 1200,
        "percent": 15,
        "etaSeconds": 340,
        "workers": 2,
        "targetsPerSecond": 5200,
        "loss": "6.1234",
        "validation": {
            "metric": "NDCG@10",
            "value": "0.0312",
            "epoch": 3,
            "best": "0.0315",
            "bestEpoch": 2,
            "metrics": [{"name": "HR@10", "value": "0.0623"}],
        },
        "history": [
            {"epoch": 0, "step": 0, "validation": "0.0115"},
            {"epoch": 1, "step": 400, "loss": "7.9", "validation": "0.0121"},
            {"epoch": 2, "step": 800, "loss": "6.6", "validation": "0.0315"},
            {"epoch": 3, "step": 1200, "loss": "6.1234", "validation": "0.0312"},
        ],
        "checkpointTime": TIME,
        "tuning": {"trials": 16, "ended": 4, "failed": 1, "metric": "NDCG@10", "best": "0.0315", "bestTrial": 2},
        "message": "Epoch 3 of 20.",
        "updateTime": TIME,
    },
    "gpu": {"usedSeconds": 7200, "lostSeconds": 900, "unsavedSeconds": 30, "held": 2, "until": TIME},
    "result": {
        "version": 3,
        "uri": "pvc://artifacts/models/recsys-demo/movies/versions/3",
        "digest": DIGEST,
        "verdict": "Failed",
        "dataset": {
            "digest": OTHER_DIGEST,
            "users": 943,
            "items": 1682,
            "interactions": 100000,
            "rowsDropped": 20,
            "tiedUsers": 415,
        },
        "initFrom": {"version": 2, "digest": OTHER_DIGEST},
        "ensemble": {"method": "Scores", "versions": [{"version": 2, "digest": OTHER_DIGEST}], "seeds": [1, 2]},
        "metrics": [_metric("NDCG@10", "0.04")],
        "protocol": PROTOCOL,
        "gates": [
            {
                "name": "floor",
                "verdict": "Failed",
                "metric": "NDCG@10",
                "value": "0.012",
                "threshold": "0.03",
                "marginStandardErrors": "-4.1",
                "message": "NDCG@10 is 0.012, below the floor of 0.03.",
            }
        ],
        "crossValidation": {
            "folds": 2,
            "metrics": [{"name": "AUC", "mean": "0.75", "standardDeviation": "0.07", "values": ["0.7", "0.8"]}],
        },
        "tuning": {
            "trials": 16,
            "endedEarly": 9,
            "failed": 1,
            "metric": "NDCG@10",
            "best": "0.0315",
            "bestTrial": 2,
            "hyperparameters": {"learningRate": "0.00213", "hiddenSize": "64"},
        },
    },
    "failure": {
        "reason": "DatasetChanged",
        "message": "The data have another digest than in the first attempt.",
        "pod": "movies-3-train-x2x4z",
        "exitCode": 2,
        "log": "the last line",
    },
}

_UNBLOCK: dict[str, Any] = {
    "command": "unblock",
    "argument": "v4/1",
    "outcome": "Done",
    "message": "Version 4 is no longer blocked.",
    "time": TIME,
}

SHADOW: dict[str, Any] = {
    "shadow": {
        "percent": 20,
        "durationSeconds": 600,
        "minSamples": 1000,
        "gates": [{"metric": "PopularityShift", "min": "-0.1", "max": "0.1"}],
    }
}

DEPLOYMENT_STATUS: dict[str, Any] = {
    "observedGeneration": 5,
    "conditions": [_condition("Ready", "False", "VersionBlocked")],
    "stable": {**_revision(2), "weight": 90, "readyReplicas": 2, "since": TIME},
    "canary": {
        **_revision(3),
        "weight": 10,
        "step": 1,
        "stepStartTime": TIME,
        "startTime": TIME,
        "firstWeightTime": TIME,
        "stableReplicas": 2,
        "testersTime": TIME,
        "wellSince": TIME,
        "waitingSince": TIME,
        "waitedSeconds": 20,
        "heldSince": TIME,
        "heldSeconds": 30,
        "readyReplicas": 2,
        "held": True,
        "skipSteps": True,
        "analysis": [
            {
                "name": "errors",
                "step": 1,
                "definition": "0123abcd",
                "phase": "Running",
                "value": "0.012",
                "stable": "0.011",
                "threshold": "not worse than stable",
                "samples": 1200,
                "failures": 0,
                "inconclusive": 0,
                "errors": 0,
                "message": "14 of 1200 requests failed.",
                "startTime": TIME,
                "time": TIME,
                "lackingSince": TIME,
                "windowStart": TIME,
                "canaryMark": [0, 0],
                "stableMark": [20000, 200],
                "test": {
                    "looks": 14,
                    "requests": 1200,
                    "bad": 14,
                    "stableRequests": 10800,
                    "stableBad": 119,
                    "expected": "13.300000",
                    "pastRequests": 20000,
                    "pastBad": 200,
                    "bound": "0.1",
                    "canaryBound": "0.15",
                },
            }
        ],
        "counters": {
            arm: {"revision": "3a1b2c3d4e5f6", "time": TIME, "servers": "0123456789abcdef", "counts": [1200, 14]}
            for arm in ("canary", "stable")
        },
        "reverting": True,
        "cause": "AlertFiring",
        "message": "The alert RecsysSlow fires.",
        "abort": {"verdict": "RolledBack", "cause": "AlertFiring", "message": "RecsysSlow fires.", "time": TIME},
    },
    "previous": {**_revision(1), "readyReplicas": 2, "warmUntil": TIME},
    "blocked": [
        {
            "version": 4,
            "digest": OTHER_DIGEST,
            "revision": "4a1b2c3d4e5f6",
            "image": "localhost/recsys-server:dev",
            "otherRevisions": [{"revision": "4f1b2c3d4e5f6", "image": "localhost/recsys-server:dev"}],
            "cause": "AlertFiring",
            "message": "RecsysSlow fired.",
            "time": TIME,
        }
    ],
    "history": [
        {
            "from": 1,
            "to": 2,
            "verdict": "Promoted",
            "cause": "StepsDone",
            "message": "All steps are done.",
            "startTime": TIME,
            "endTime": TIME,
            "heldSeconds": 30,
        }
    ],
    "alerts": [
        {
            "fingerprint": "0123456789abcdef",
            "startsAt": TIME,
            "name": "RecsysSlow",
            "severity": "critical",
            "version": 4,
            "action": "RolledBack",
            "state": "Resolved",
            "message": "The p99 of version 4 is 900 ms.",
            "time": TIME,
        }
    ],
    "commands": [_UNBLOCK],
    "lastCommand": _UNBLOCK,
    "url": "http://movies.example.com/v1/recommend",
    "replicas": 2,
    "selector": "recsys.dev/deployment=movies,recsys.dev/version=2",
}


def _with_tabular(spec: dict[str, Any]) -> None:
    """Set also what only another task has; the API server would refuse the whole, the types do not."""
    tabular = copy.deepcopy(cases_tabular.BASE["spec"])
    spec["objective"] = tabular["objective"]
    spec["schema"]["columns"] += [*tabular["schema"]["columns"], copy.deepcopy(cases_ranking.CATEGORY)]
    spec["evaluation"]["byRatio"] = tabular["evaluation"]["byRatio"]
    spec["gates"].append({"name": "ceiling", "floor": {"metric": "LogLoss", "max": "0.5"}})


def whole(plural: str, *, all_tasks: bool = False) -> dict[str, Any]:
    """A manifest of one kind with its status; with `all_tasks` it sets what no one object may."""
    base, status = {
        "recmodels": (cases_recmodel.BASE, RECMODEL_STATUS),
        "trainingruns": (cases_trainingrun.BASE, TRAININGRUN_STATUS),
        "deployments": (cases_deployment.BASE, DEPLOYMENT_STATUS),
    }[plural]
    example = copy.deepcopy({**base, "status": status})
    if plural == "recmodels":
        if all_tasks:
            _with_tabular(example["spec"])
        example["spec"]["gates"].append({"name": "popular", "floor": {"metric": "HR@10", "against": "Popularity"}})
    if plural == "deployments":
        # A shadow comes before the first weight; the cases begin with a weight.
        example["spec"]["strategy"]["canary"]["steps"].insert(0, copy.deepcopy(SHADOW))
    return example
