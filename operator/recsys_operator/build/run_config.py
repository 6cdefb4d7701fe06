"""The ConfigMap with a run's run.json: what the run was told, gates and champion included. Never rewritten."""

from recsys_operator.api.kinds import CONFIGMAPS
from recsys_operator.api.recmodel import Champion, ModelVersion, RecModelSpec
from recsys_operator.api.run_config import KEY, RunChampion, RunConfig, RunEnsemble, RunVersion
from recsys_operator.api.trainingrun import TrainingRunSpec
from recsys_operator.build import names
from recsys_operator.build.labels import Manifest, Owner, child, of_run


def run_config(
    owner: Owner,
    run: TrainingRunSpec,
    model: RecModelSpec,
    champion: Champion | None,
    versions: tuple[ModelVersion, ...] = (),
    *,
    image: str,
    operator_version: str,
) -> RunConfig:
    """The snapshot of a run that starts now. The run's hyperparameters override the model's.

    `champion` and `versions` are what the RecModel's status lists.
    """
    digests = {listed.version: listed.digest for listed in versions}

    def named(number: int) -> RunVersion:
        return RunVersion(version=number, digest=digests.get(number))

    return RunConfig(
        namespace=owner.namespace,
        name=owner.name,
        uid=owner.uid,
        model=run.model_ref.name,
        task=model.task,
        objective=model.objective,
        architecture=model.architecture.name,
        hyperparameters={**(model.architecture.hyperparameters or {}), **(run.hyperparameters or {})},
        tuning=run.tuning,
        seed=run.seed,
        dataset=run.dataset,
        cleaning=run.cleaning,
        schema_=model.schema_,
        catalogue=model.catalogue,
        evaluation=model.evaluation,
        gates=model.gates,
        storage=model.storage,
        champion=RunChampion(version=champion.version, digest=champion.digest) if champion else None,
        init_from=named(run.init_from.version) if run.init_from else None,
        ensemble=RunEnsemble(
            method=run.ensemble.method,
            versions=tuple(named(number) for number in run.ensemble.versions or ()),
            seeds=run.ensemble.seeds or (),
        )
        if run.ensemble
        else None,
        image=image,
        operator_version=operator_version,
    )


def config_map(owner: Owner, config: RunConfig) -> Manifest:
    """The immutable ConfigMap that the run's pod mounts."""
    manifest = child(CONFIGMAPS, owner, names.run_config(owner.name), of_run(config.model, owner.name))
    return {**manifest, "immutable": True, "data": {KEY: config.text()}}
