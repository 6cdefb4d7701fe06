"""Revisions: version digest + server image + pod template. What is rolled out is a revision, not a version."""

import hashlib
import json

from recsys_operator.api.recmodel import ModelVersion
from recsys_operator.api.rollout import DeploymentStatus, Revision
from recsys_operator.decide.deployment.facts import PodInputs

CHARACTERS = 16


def fingerprint(digest: str, uri: str, image: str, inputs: PodInputs) -> str:
    """Name of a revision: a hash of everything that decides how its pods behave, but for their number."""
    said = {
        "digest": digest,
        "uri": uri,
        "image": image,
        "model": inputs.model,
        "resources": inputs.resources.wire(),
        "catalogue": inputs.catalogue.wire() if inputs.catalogue else None,
    }
    if inputs.pod:
        said["pod"] = inputs.pod.wire()
    encoded = json.dumps(said, sort_keys=True, separators=(",", ":"), default=str).encode()
    return hashlib.sha256(encoded).hexdigest()[:CHARACTERS]


def revise(version: ModelVersion, inputs: PodInputs, status: DeploymentStatus, server_image: str) -> Revision:
    """The revision that serves a version now.

    A version that runs already, with the same pod inputs, keeps the image it runs with: an upgrade of the operator
    changes no running revision. So does one that is blocked: nothing but an edit or a command has it tried again.
    Everything else takes the operator's own server image.
    """
    for running in (status.stable, status.canary, status.previous):
        if running and running.digest == version.digest:
            name = fingerprint(version.digest, version.uri, running.image, inputs)
            if name == running.revision:
                return _revision(version, running.image, name)
    for block in status.blocked:
        for kept in block.revisions if block.digest == version.digest else ():
            if fingerprint(version.digest, version.uri, kept.image, inputs) == kept.revision:
                return _revision(version, kept.image, kept.revision)
    return _revision(version, server_image, fingerprint(version.digest, version.uri, server_image, inputs))


def plain(revision: Revision) -> dict[str, object]:
    """The fields that all revisions share, to make another kind of status entry of one."""
    return {name: getattr(revision, name) for name in Revision.model_fields}


def _revision(version: ModelVersion, image: str, name: str) -> Revision:
    return Revision(version=version.version, digest=version.digest, uri=version.uri, revision=name, image=image)
