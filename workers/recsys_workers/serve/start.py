"""From the environment to something that answers: verify, load, warm up."""

import json
import logging

from recsys_workers import locations, manifest, scores
from recsys_workers.serve import catalogue, predictor
from recsys_workers.serve.metrics import Metrics
from recsys_workers.serve.predictor import Predictor
from recsys_workers.serve.recommender import Recommender
from recsys_workers.serve.scoring import ScoringModel
from recsys_workers.serve.settings import Settings
from recsys_workers.serve.termination import CannotServe
from recsys_workers.tasks import OF_ROWS

logger = logging.getLogger(__name__)


def load(settings: Settings, metrics: Metrics) -> Recommender | Predictor:
    """What answers for the version that the settings name; raises CannotServe.

    Every byte is verified before any of it is used: the manifest against RECSYS_DIGEST, each file against the manifest.
    """
    version = _verified(settings)
    described = version.manifest
    metrics.evaluation(_evaluated_scores(version))
    if described.task in OF_ROWS:
        return predictor.load(settings, version)
    exclude_seen = described.protocol.get("excludeSeen")
    if not isinstance(exclude_seen, bool):
        raise CannotServe(
            "ArtifactUnreadable",
            f"The manifest of {settings.artifact_uri} must say in protocol.excludeSeen whether items of the history "
            f"are left out: true or false, found {exclude_seen!r}.",
        )
    try:
        items = version.items()
        onnx = version.contents[manifest.MODEL]
    except KeyError as error:
        raise CannotServe("ArtifactUnreadable", f"The manifest of {settings.artifact_uri} lists no {error}.") from error
    except (manifest.ArtifactError, ValueError, TypeError) as error:
        raise CannotServe("ArtifactUnreadable", f"{manifest.ITEMS} cannot be used: {error}") from error
    scoring = ScoringModel(
        onnx, len(items.items), described.max_length, described.input_length, threads=settings.threads
    )
    scoring.warm_up()
    titles = catalogue.load(settings.catalogue)
    metrics.catalogue_titles.set(len(titles.titles))
    return Recommender(settings.model, settings.version, items, scoring, titles, exclude_seen=exclude_seen)


def _evaluated_scores(version: manifest.Version) -> dict[str, int]:
    """How the scores were spread in the evaluation; nothing, and a line in the log, where the version does not say."""
    try:
        evaluation = json.loads(version.contents.get(manifest.EVALUATION, b"{}"))
    except ValueError:
        evaluation = None
    counts = scores.parse(evaluation.get("scores")) if isinstance(evaluation, dict) else None
    if counts is None:
        logger.warning("%s has no scores in the buckets of this server: none are exported.", manifest.EVALUATION)
    return counts or {}


def _verified(settings: Settings) -> manifest.Version:
    try:
        version = manifest.load(locations.path_of(settings.artifact_uri), settings.digest)
    except manifest.DigestMismatch as error:
        raise CannotServe("DigestMismatch", str(error)) from error
    except (manifest.ArtifactError, locations.BadLocation) as error:
        raise CannotServe("ArtifactUnreadable", str(error)) from error
    described = version.manifest
    found = (described.namespace, described.model, described.version)
    wanted = (settings.namespace, settings.model, settings.version)
    if found != wanted:
        raise CannotServe(
            "WrongVersion",
            f"{settings.artifact_uri} holds version {found[2]} of {found[0]}/{found[1]}, "
            f"but this pod serves version {wanted[2]} of {wanted[0]}/{wanted[1]}.",
        )
    if described.verdict != "Passed":
        raise CannotServe(
            "GatesNotPassed",
            f"Version {described.version} of {described.model} has the verdict {described.verdict!r}: "
            "only versions that passed their gates are served.",
        )
    return version
