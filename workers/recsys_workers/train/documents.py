"""What an attempt writes down of itself: the manifest, evaluation.json, status.result, and MLflow's parameters."""

import json
from collections.abc import Mapping
from typing import Any

from recsys_workers import locations
from recsys_workers.evaluate import protocol
from recsys_workers.manifest import FileEntry, Manifest
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.train.progress import now
from recsys_workers.train.run_config import RunConfig
from recsys_workers.train.work import Evaluated, Facts, Judgement

TUNING_RESULT = ("trials", "endedEarly", "failed", "metric", "best", "bestTrial", "hyperparameters")
"""What status.result.tuning has of Manifest.tuning."""


def manifest_of(
    config: RunConfig,
    hyperparameters: Hyperparameters,
    facts: Facts,
    number: int,
    files: list[FileEntry],
    judgement: Judgement | None,
    begun: Mapping[str, Any] | None,
    tuning: Mapping[str, Any],
    ensemble: Mapping[str, Any] | None = None,
) -> Manifest:
    """The manifest; without figures and verdicts before the judgement. `begun`, `tuning`: see Manifest."""
    return Manifest(
        namespace=config.namespace,
        model=config.model,
        version=number,
        run={"name": config.name, "uid": config.uid},
        image=config.image,
        operator_version=config.operator_version,
        task=config.task,
        architecture=config.architecture,
        hyperparameters=hyperparameters.text,
        seed=config.seed,
        dataset=facts.dataset,
        protocol=facts.protocol,
        metrics=[estimate.as_strings() for estimate in judgement.metrics] if judgement else [],
        gates=[verdict.as_strings() for verdict in judgement.verdicts] if judgement else [],
        verdict=judgement.verdict if judgement else "",
        create_time=now(),
        max_length=facts.max_length,
        input_length=facts.input_length,
        top_k=facts.top_k,
        files=files,
        schema=config.schema,
        init_from=begun,
        cross_validation=judgement.cross_validation if judgement else {},
        tuning=tuning,
        ensemble=ensemble,
    )


def evaluation(described: Manifest, evaluated: Evaluated, seconds: Mapping[str, float]) -> bytes:
    """The bytes of evaluation.json. `seconds`: what the attempt took until then, by stage."""
    document = {
        "protocol": described.protocol,
        "metrics": described.metrics,
        "gates": described.gates,
        "verdict": described.verdict,
        "bestEpoch": evaluated.best_epoch,
        "validation": evaluated.validation,
        "scores": evaluated.scores,
        "seconds": seconds,
    }
    if described.cross_validation:
        document["crossValidation"] = described.cross_validation
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def result(config: RunConfig, number: int, described: Manifest, digest: str) -> dict[str, Any]:
    """status.result, all of it from the manifest, so that a retry tells the same."""
    told = ("digest", "users", "items", "interactions", "rowsDropped", "tiedUsers")
    # A version that an attempt with an older image published does not say how many rows were dropped: none.
    dataset = {"rowsDropped": 0, **{key: value for key, value in described.dataset.items() if key in told}}
    crossed = {"crossValidation": dict(described.cross_validation)} if described.cross_validation else {}
    searched = {"tuning": {key: described.tuning[key] for key in TUNING_RESULT}} if described.tuning else {}
    rules = protocol.of_status(described)
    return {
        "version": number,
        "uri": locations.join(config.model_uri, "versions", str(number)),
        "digest": digest,
        "verdict": described.verdict,
        "dataset": dataset,
        # The CRD takes numbers only; a metric that is NaN stands in the manifest and in the gates' messages.
        "metrics": [metric for metric in described.metrics if metric["value"] != "NaN"],
        "gates": list(described.gates),
        **({"protocol": rules} if rules else {}),
        **({"initFrom": described.init_from} if described.init_from else {}),
        **({"ensemble": _fused(described.ensemble)} if described.ensemble else {}),
        **crossed,
        **searched,
    }


def tuning_progress(described: Manifest) -> dict[str, Any]:
    """status.progress.tuning of a search that is over, as the last progress has it; nothing without one."""
    found = described.tuning
    if not found:
        return {}
    told = {key: found[key] for key in ("trials", "failed", "metric", "best", "bestTrial")}
    return {"tuning": {**told, "ended": found["trials"]}}


def _fused(ensemble: Mapping[str, Any]) -> dict[str, Any]:
    """In short."""
    versions = [{"version": one["version"], "digest": one["digest"]} for one in ensemble.get("versions", ())]
    members = {"versions": versions} if versions else {"seeds": list(ensemble["seeds"])}
    return {"method": ensemble["method"], **members}


def parameters(config: RunConfig, hyperparameters: Hyperparameters, facts: Facts) -> dict[str, str]:
    """What the run is made with, for MLflow."""
    return {
        "task": config.task,
        "architecture": config.architecture,
        "seed": str(config.seed),
        "dataset": str(facts.dataset["uri"]),
        "datasetDigest": str(facts.dataset["digest"]),
        **({"initFrom": str(config.init_from.version)} if config.init_from else {}),
        **({"ensembleSeeds": ", ".join(map(str, config.ensemble.seeds))} if config.ensemble else {}),
        **hyperparameters.text,
    }
