"""The version whose weights a run begins with (spec.initFrom): found, verified, and of the network that the run makes.

The first attempt copies what the run needs of it into the run's folder, so that later ones go on whether the version is
still there or not.
"""

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from recsys_workers import locations, manifest
from recsys_workers.manifest import ITEMS, MANIFEST, OWNER, PREPROCESSING, WEIGHTS, ArtifactError, Version
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.train import publish
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.run_config import InitFrom, RunConfig
from recsys_workers.train.same_network import differences

LOGGER = logging.getLogger(__name__)
FOLDER = "origin"
"""In the run's folder; a version's folder with less in it."""
NAMES = {ITEMS, PREPROCESSING}
"""What the rows of its tensors are."""


def origin(config: RunConfig, hyperparameters: Hyperparameters) -> Version | None:
    """The version, with the files of NAMES that it has; None where the run begins anew. Raises AttemptFailed."""
    if config.init_from is None:
        return None
    copy = config.run_folder / FOLDER
    found = _kept(copy, config.init_from)
    if found is None:
        found = _Search(config, config.init_from).version(hyperparameters)
        copy.mkdir(exist_ok=True)
        for name, data in found.contents.items():
            manifest.write_file(copy / name, data)
    return replace(found, contents={name: found.contents[name] for name in NAMES & found.contents.keys()})


def _kept(copy: Path, named: InitFrom) -> Version | None:
    """What an earlier attempt kept of the version; None, and nothing of it is left, where that cannot be used."""
    if not (copy / MANIFEST).exists():
        return None
    try:
        return manifest.load(copy, named.digest, NAMES | {WEIGHTS})
    except ArtifactError as error:
        if isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, FileNotFoundError):
            # It may be whole, and the version itself gone by now.
            text = f"spec.initFrom: what the run keeps of version {named.version} cannot be read: {error}"
            raise AttemptFailed("InitFromUnreadable", text, heals=True) from error
        LOGGER.warning("what an earlier attempt kept of the version cannot be used: %s", error)
        shutil.rmtree(copy)
        return None


class _Search:
    """Looks for the version that a run names."""

    def __init__(self, config: RunConfig, named: InitFrom) -> None:
        self.config = config
        self.named = named
        self.folder = config.versions_folder / str(named.version)
        self.place = locations.join(config.model_uri, "versions", str(named.version))
        self.told = f"spec.initFrom: version {named.version} of the RecModel {config.model}"

    def version(self, hyperparameters: Hyperparameters) -> Version:
        """The version with its weights and names, and the manifest's own bytes last; raises AttemptFailed."""
        try:
            if not (self.folder / MANIFEST).exists():
                self._absent()
            data = (self.folder / MANIFEST).read_bytes()
            found = manifest.load(self.folder, self.named.digest or manifest.digest_of(data), ())
            self._require_fitting(found.manifest, hyperparameters)
            whole = manifest.load(self.folder, found.digest, NAMES | {WEIGHTS})
        except manifest.DigestMismatch as error:
            self._never("InitFromDigestMismatch", f"{self.told} is damaged. {error}", error)
        except (ArtifactError, OSError) as error:
            self._unreadable(error)
        return replace(whole, contents={**whole.contents, MANIFEST: data})

    def _require_fitting(self, described: manifest.Manifest, hyperparameters: Hyperparameters) -> None:
        theirs = (described.namespace, described.model, described.version)
        ours = (self.config.namespace, self.config.model, self.named.version)
        if theirs != ours:
            text = f"{self.place} holds version {theirs[2]} of the model {theirs[1]} of the namespace {theirs[0]}"
            self._never("InitFromOtherModel", f"{self.told} is not there: {text}.")
        if WEIGHTS not in {entry.path for entry in described.files}:
            text = "was made before versions kept them: make one with a run of this release, and begin with that"
            self._never("InitFromWithoutWeights", f"{self.told} has no {WEIGHTS}, since it {text}.")
        if found := differences(described, self.config, hyperparameters):
            refuse_other_network("; ".join(one.text(self.named.version) for one in found))

    def _absent(self) -> NoReturn:
        """A number that was taken and has no manifest is one that was deleted, or that its run did not finish."""
        listed = self.named.digest is not None
        if (self.folder / OWNER).exists() and not listed:
            text = (
                f"is not complete: no {MANIFEST} is in {self.place}. Wait for the run that makes it, then make another"
            )
            self._never("InitFromNotFound", f"{self.told} {text} TrainingRun.")
        if self.folder.exists() or listed:
            left = f"it has no {MANIFEST} any more" if (self.folder / OWNER).exists() else "nothing of it is left"
            self._never("InitFromDeleted", f"{self.told} was deleted: {left} in {self.place}. {self._others()}")
        self._never("InitFromNotFound", f"{self.told} does not exist. {self._others()}")

    def _others(self) -> str:
        versions = self.config.versions_folder
        whole = [number for number in publish.numbers(versions) if (versions / str(number) / MANIFEST).exists()]
        if not whole:
            return "There is no version yet: leave spec.initFrom out."
        shown = sorted(whole)[-10:]
        return f"There {'is' if len(shown) == 1 else 'are'} {', '.join(map(str, shown))}: name one of these."

    def _unreadable(self, error: ArtifactError | OSError) -> NoReturn:
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, FileNotFoundError):
            self._never("InitFromDeleted", f"{self.told} is not whole any more: {error} {self._others()}", error)
        heals = isinstance(cause, OSError)
        raise AttemptFailed("InitFromUnreadable", f"{self.told} cannot be read: {error}", heals=heals) from error

    def _never(self, reason: str, message: str, error: Exception | None = None) -> NoReturn:
        raise AttemptFailed(reason, message, heals=False) from error


def refuse_other_network(difference: str) -> NoReturn:
    """Raise AttemptFailed for a version whose weights are of another network; `difference` says where, as a clause."""
    advice = "make them the same, or leave spec.initFrom out to begin anew"
    raise AttemptFailed("InitFromMismatch", f"spec.initFrom: {difference}: {advice}.", heals=False)
