"""One attempt of a TrainingRun, from run.json to status.result."""

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from recsys_workers import manifest
from recsys_workers.manifest import FileEntry, Manifest, Version
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.tabular.work import Tabular
from recsys_workers.tasks import RANKING, RETRIEVAL, SEQUENTIAL, TABULAR
from recsys_workers.train import (
    checks,
    documents,
    events,
    exposition,
    hardware,
    history,
    leftovers,
    members,
    mlflow,
    origin,
    publish,
    ray_run,
    seconds,
    store,
    threads,
)
from recsys_workers.train.failure import CANNOT_HEAL, OUT_OF_MEMORY, AttemptFailed
from recsys_workers.train.fence import Fence, Superseded
from recsys_workers.train.progress import Progress, StatusRefused, StatusWriter, now
from recsys_workers.train.run_config import WEIGHTS, RunConfig
from recsys_workers.train.seconds import Stopwatch, process_began
from recsys_workers.train.sequential import Sequential
from recsys_workers.train.store import StoreUnreachable
from recsys_workers.train.watch import END_PERCENT
from recsys_workers.train.work import Judgement, Work
from recsys_workers.tune import outcomes, space
from recsys_workers.tune.outcomes import Search
from recsys_workers.tune.space import Tuning
from recsys_workers.tune.tuner import Tuner

LOGGER = logging.getLogger(__name__)
RESULT_SECONDS = 120.0
TASKS: Mapping[str, Callable[[RunConfig, Hyperparameters, Version | None], Work]] = {
    SEQUENTIAL: Sequential,
    RETRIEVAL: Sequential,
    TABULAR: Tabular,
    RANKING: Tabular,
}
DETERMINISTIC_FAILURES = {"TrainingDiverged": "TrainingDiverged", "CannotBegin": "InitFromMismatch"}
"""Exceptions of the worker that every retry would meet again, and the reason that the run fails with."""

SUPERSEDED, STORE_UNREACHABLE = "AttemptSuperseded", "StoreUnreachable"
PASSING_FAILURES = {"Superseded": SUPERSEDED, "StoreUnreachable": STORE_UNREACHABLE}
"""Exceptions of the worker that say all there is to say, and the reason of the attempt that fails with them."""
WRITABLE = "Is the volume there, and may group 65532 write to it?"


def run(config: RunConfig) -> None:
    """Train, judge, publish, and tell the TrainingRun. Returns when status.result is written; raises AttemptFailed.

    The run's checkpoints stay as long as another attempt may go on from them.
    """
    watch = Stopwatch(process_began())
    watch.lap("start")
    hyperparameters = checks.specification(config)
    for folder in (config.run_folder, config.versions_folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = f"The folder {folder} of {config.storage_uri} cannot be made: {error.strerror}. {WRITABLE}"
            raise AttemptFailed(STORE_UNREACHABLE, text, heals=True) from error
    with store.outage_told(config.storage_uri), publish.only_attempt(config.run_folder) as fence:
        leftovers.remove_partials(config.run_folder)
        writer = StatusWriter(config.namespace, config.name, config.uid, fence)
        try:
            _tell(writer, config, *_version(writer, config, hyperparameters, fence, watch))
        except Superseded as error:
            raise AttemptFailed(SUPERSEDED, str(error), heals=True) from error
        except StoreUnreachable as error:
            raise AttemptFailed(STORE_UNREACHABLE, str(error), heals=True) from error
        except AttemptFailed as error:
            if error.exit_code == CANNOT_HEAL:
                _tidy(config, fence)
            raise
        _tidy(config, fence)
    watch.lap("publish")
    LOGGER.info(watch.sentence())


def _tidy(config: RunConfig, fence: Fence) -> None:
    """Remove what is of no use any more; what a newer attempt goes on from is its own."""
    try:
        if fence.holds():
            leftovers.remove(config.run_folder)
    except OSError as error:
        LOGGER.warning("what the run leaves in %s cannot be removed: %s", config.run_folder, error)


def _version(
    writer: StatusWriter, config: RunConfig, hyperparameters: Hyperparameters, fence: Fence, watch: Stopwatch
) -> tuple[int, Manifest, str]:
    """Number, manifest and digest of what an earlier attempt published, or else of what this one does."""
    done = publish.published(config.versions_folder, config.uid)
    if done is not None:
        LOGGER.info("an earlier attempt published version %d already", done[0])
        return done
    progress = Progress(writer, exposition.serve(config))
    ended, version = mlflow.FAILED, None
    try:
        version = _train(config, hyperparameters, progress, fence, watch)
        ended = mlflow.FINISHED
        return version
    except SystemExit:
        ended = mlflow.KILLED
        raise
    finally:
        progress.close()
        if _newest(fence):  # The run in MLflow is the newer attempt's too.
            mlflow.log_end(config, progress.readings, ended, version, progress.known.get("step", 0))


def _newest(fence: Fence) -> bool:
    """Whether the attempt is the newest one, as far as the store tells."""
    try:
        return fence.holds()
    except OSError:
        return True


def _train(
    config: RunConfig, hyperparameters: Hyperparameters, progress: Progress, fence: Fence, watch: Stopwatch
) -> tuple[int, Manifest, str]:
    progress.report("Loading", 0, f"Reading {config.dataset.uri}.")
    checks.champion(config)
    begins_with = origin.origin(config, hyperparameters)
    begun = {"version": begins_with.manifest.version, "digest": begins_with.digest} if begins_with else None
    if (wanted := config.ensemble) is not None:
        # Folds tell what a way to train is worth, and an ensemble has several.
        seed = wanted.seeds[0] if wanted.seeds else config.seed
        config = replace(config, protocol=replace(config.protocol, folds=0), seed=seed)
    fused = members.members(config)
    if fused:
        config, hyperparameters = members.fused_by(config, fused)
    ensemble = members.lineage(config, fused)
    work = TASKS[config.task](config, hyperparameters, begins_with)
    LOGGER.info("%s: %s", config.dataset.uri, work.load())
    watch.lap("data")
    allowed = threads.allowed()
    search = None
    if wanted is not None and fused:
        members.require_same_data(fused, work.facts())
        progress.report("Exporting", 50, f"Fusing {len(fused)} versions, and ranking by them.")
        work.fuse(fused, wanted.method, allowed, fence)
        watch.lap("export")
    else:
        told = {"initFrom": begun, "attempt": fence.name}
        search = _train_by_ray(config, work, progress, allowed, told, fence, watch)
        hyperparameters = work.hyperparameters if search else hyperparameters
        watch.take(config.run_folder)
        watch.lap("leave")
    progress.known = _trained(config)

    contents = work.collect()

    def describe(number: int, files: list[FileEntry], judgement: Judgement | None = None) -> Manifest:
        tuning = search.short() if search else {}
        return documents.manifest_of(
            config, hyperparameters, work.facts(), number, files, judgement, begun, tuning, ensemble
        )

    judgement = work.judge(
        contents, describe, allowed, lambda gate: progress.report("Evaluating", 90, f"Judging the gate {gate}.")
    )
    for verdict in judgement.verdicts:
        LOGGER.info("gate %s: %s. %s", verdict.name, verdict.verdict, verdict.message)

    watch.lap("gates")
    progress.report("Publishing", 97, f"Publishing a version with the verdict {judgement.verdict}.")
    store.await_turn(config.run_folder, fence)
    number = publish.take_number(config.versions_folder, config.uid)
    described = describe(number, [], judgement)
    contents[manifest.EVALUATION] = documents.evaluation(described, work.evaluated(), watch.document())
    contents[manifest.MODEL_CARD] = work.card(described).encode()
    if search is not None:
        contents[manifest.TUNING] = search.encode()
    if wanted is None or wanted.method == WEIGHTS:
        contents[manifest.WEIGHTS] = (config.run_folder / manifest.WEIGHTS).read_bytes()
    winner = f"trial-{search.winner.number}" if search else ""
    for path, data in events.copied(config.events_folder, winner).items():
        contents[f"{manifest.TENSORBOARD}/{path}"] = data
    done = publish.publish(
        config.versions_folder, config.uid, contents, lambda number, files: describe(number, files, judgement), fence
    )
    progress.report("Publishing", 100, f"Published version {done[0]}: {judgement.verdict}.")
    return done


def _train_by_ray(
    config: RunConfig,
    work: Work,
    progress: Progress,
    allowed: int,
    told: Mapping[str, Any],
    fence: Fence,
    watch: Stopwatch,
) -> Search | None:
    """Train with so many threads, and before it search where spec.tuning asks for it.

    `told` are further settings of Ray's worker. Raises AttemptFailed.
    """
    if idle := hardware.idle_gpus(ray_run.gpus_asked(), hardware.cuda_devices()):
        LOGGER.warning(idle)
    workers, least = ray_run.workers_asked(), ray_run.least_workers()
    count = str(workers) if least is None else f"{least} to {workers}"
    several = f" in each of {count} workers" if workers > 1 else ""
    progress.report("Loading", 3, f"Starting Ray with {allowed} {'thread' if allowed == 1 else 'threads'}{several}.")
    readings = {"readings": str(progress.readings.path)} if progress.readings else {}
    seeds = {"seeds": list(config.ensemble.seeds)} if config.ensemble else {}  # of versions nothing is trained
    of_task = {**work.settings(), **readings, **seeds, **told}
    seconds.forget(config.run_folder)
    search = None
    with ExitStack() as stack:
        if config.tuning is not None:
            of_task |= work.objective().settings()
            # One for both: Ray takes seconds to start.
            stack.enter_context(ray_run.session(allowed, ray_run.gpus_asked(), workers))
            search = _search(config, config.tuning, work, of_task, allowed, progress, fence)
            work.hyperparameters = search.winner.hyperparameters
            won = outcomes.folder_of(config.run_folder, search.winner.number)
            of_task |= {"won": str(won), "always": progress.always}
            watch.lap("search")
        of_task["parameters"] = documents.parameters(config, work.hyperparameters, work.facts())
        _fit(_settings(config, work.hyperparameters, of_task, allowed), config, allowed)
    store.await_writable(config.run_folder)
    return search


def _search(
    config: RunConfig,
    tuning: Tuning,
    work: Work,
    of_task: Mapping[str, Any],
    allowed: int,
    progress: Progress,
    fence: Fence,
) -> Search:
    """The search that spec.tuning asks for, once all trials have ended; raises AttemptFailed when all failed."""
    trials = space.trials(config.architecture, config.hyperparameters, tuning)
    tuner = Tuner(tuning, trials, work.objective(), config.run_folder, progress, fence)
    try:
        search = tuner.run(_settings(config, work.hyperparameters, of_task, allowed), allowed)
    except ray_run.TrainingFailed as error:
        raise _failed(error) from error
    if outcomes.winner(search.outcomes.values(), search.objective) is None:
        first = search.outcomes[1]
        text = (
            f"All {len(trials)} trials of spec.tuning failed. The first one ({trials[0].sentence()}): {first.message} "
            "Give another TrainingRun a space in which the training holds."
        )
        raise AttemptFailed("TuningFailed", text, heals=False)
    told = f"Trial {search.winner.number} of {len(trials)} has won with {search.winner.sentence()}."
    LOGGER.info(told)
    progress.report("Training", END_PERCENT, told)
    return search


def _settings(
    config: RunConfig, hyperparameters: Hyperparameters, of_task: Mapping[str, Any], allowed: int
) -> dict[str, Any]:
    """What Ray's workers are told."""
    return {
        "threads": allowed,
        "folder": str(config.run_folder),
        "events": str(config.events_folder),
        "task": config.task,
        "architecture": config.architecture,
        "hyperparameters": dict(hyperparameters.text),
        "seed": config.seed,
        "metrics": list(config.metrics),
        "namespace": config.namespace,
        "name": config.name,
        "uid": config.uid,
        "model": config.model,
        **of_task,
    }


def _fit(settings: Mapping[str, Any], config: RunConfig, allowed: int) -> None:
    try:
        ray_run.fit(settings, config.run_folder, allowed)
    except ray_run.TrainingFailed as error:
        raise _failed(error) from error


def _failed(error: ray_run.TrainingFailed) -> AttemptFailed:
    """How the attempt fails by what Ray's workers raised."""
    for kind, reason in DETERMINISTIC_FAILURES.items():
        if kind in error.kinds:
            return AttemptFailed(reason, error.message, heals=False)
    for kind, reason in PASSING_FAILURES.items():
        if kind in error.kinds:
            return AttemptFailed(reason, error.message, heals=True)
    if error.out_of_memory:
        text = f"A process of the pod {error.out_of_memory} was killed for its memory."
        return AttemptFailed(OUT_OF_MEMORY, text, heals=True, log=error.log, pod=error.out_of_memory)
    return AttemptFailed("TrainingFailed", error.message, heals=True, log=error.log)


def _trained(config: RunConfig) -> dict[str, Any]:
    """What status.progress says of the training that is over."""
    trained = history.read(config.run_folder)
    return {} if trained is None else trained.fields()


def _tell(writer: StatusWriter, config: RunConfig, number: int, described: Manifest, digest: str) -> None:
    told = documents.result(config, number, described, digest)
    progress = {
        **_trained(config),
        **documents.tuning_progress(described),
        "stage": "Publishing",
        "percent": 100,
        "message": f"Published version {number}: {described.verdict}.",
        "updateTime": now(),
    }
    LOGGER.info("version %d (%s): %s", number, digest, described.verdict)
    status = {"progress": progress, "result": told}
    try:
        writer.apply_until(status, RESULT_SECONDS)
        writer.confirm(status, RESULT_SECONDS)
    except StatusRefused as error:
        raise AttemptFailed("StatusRefused", str(error), heals=True) from error
    except OSError as error:
        text = f"Version {number} is published, but the TrainingRun's status could not be written: {error}."
        raise AttemptFailed("ApiServerUnreachable", text, heals=True) from error
