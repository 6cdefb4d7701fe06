"""A version of the run's model that its spec names, found in the store and verified."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import NoReturn

from recsys_workers import locations, manifest
from recsys_workers.manifest import MANIFEST, OWNER, WEIGHTS, ArtifactError, Manifest, Version
from recsys_workers.train import publish
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.run_config import NamedVersion, RunConfig


class Search:
    """Looks for one. `field` is where the spec names it, and `prefix` begins the reasons that tell of it."""

    def __init__(self, config: RunConfig, named: NamedVersion, field: str, prefix: str) -> None:
        self.config = config
        self.named = named
        self.field = field
        self.prefix = prefix
        self.folder = config.versions_folder / str(named.version)
        self.place = locations.join(config.model_uri, "versions", str(named.version))
        self.told = f"{field}: version {named.version} of the RecModel {config.model}"

    def version(self, names: Collection[str], require: Callable[[Manifest], None]) -> Version:
        """The version with its weights, those of the files `names` that it has, and the manifest's own bytes last.

        `require` raises AttemptFailed where the manifest is not that of a version to be used. Raises AttemptFailed.
        """
        try:
            if not (self.folder / MANIFEST).exists():
                self._absent()
            data = (self.folder / MANIFEST).read_bytes()
            found = manifest.load(self.folder, self.named.digest or manifest.digest_of(data), ())
            self._require_whole(found.manifest)
            require(found.manifest)
            whole = manifest.load(self.folder, found.digest, {*names, WEIGHTS})
        except manifest.DigestMismatch as error:
            self._refuse("DigestMismatch", f"{self.told} is damaged. {error}", error)
        except (ArtifactError, OSError) as error:
            self._unreadable(error)
        return replace(whole, contents={**whole.contents, MANIFEST: data})

    def _require_whole(self, described: Manifest) -> None:
        theirs = (described.namespace, described.model, described.version)
        ours = (self.config.namespace, self.config.model, self.named.version)
        if theirs != ours:
            text = f"{self.place} holds version {theirs[2]} of the model {theirs[1]} of the namespace {theirs[0]}"
            self._refuse("OtherModel", f"{self.told} is not there: {text}.")
        if WEIGHTS in {entry.path for entry in described.files}:
            return
        if described.ensemble is not None:
            text = "is an ensemble whose members run side by side, and has no weights of its own: name one of these"
            self._refuse("WithoutWeights", f"{self.told} {text}.")
        text = "was made before versions kept them: make one with a run of this release, and name that"
        self._refuse("WithoutWeights", f"{self.told} has no {WEIGHTS}, since it {text}.")

    def _absent(self) -> NoReturn:
        """A number that was taken and has no manifest is one that was deleted, or that its run did not finish."""
        listed = self.named.digest is not None
        if (self.folder / OWNER).exists() and not listed:
            text = (
                f"is not complete: no {MANIFEST} is in {self.place}. Wait for the run that makes it, then make another"
            )
            self._refuse("NotFound", f"{self.told} {text} TrainingRun.")
        if self.folder.exists() or listed:
            left = f"it has no {MANIFEST} any more" if (self.folder / OWNER).exists() else "nothing of it is left"
            self._refuse("Deleted", f"{self.told} was deleted: {left} in {self.place}. {self._others()}")
        self._refuse("NotFound", f"{self.told} does not exist. {self._others()}")

    def _others(self) -> str:
        versions = self.config.versions_folder
        whole = [number for number in publish.numbers(versions) if (versions / str(number) / MANIFEST).exists()]
        if not whole:
            return f"There is no version yet: leave {self.field} out."
        shown = sorted(whole)[-10:]
        return f"There {'is' if len(shown) == 1 else 'are'} {', '.join(map(str, shown))}: name one of these."

    def _unreadable(self, error: ArtifactError | OSError) -> NoReturn:
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, FileNotFoundError):
            self._refuse("Deleted", f"{self.told} is not whole any more: {error} {self._others()}", error)
        self._refuse("Unreadable", f"{self.told} cannot be read: {error}", error, heals=isinstance(cause, OSError))

    def _refuse(self, kind: str, message: str, error: Exception | None = None, *, heals: bool = False) -> NoReturn:
        raise AttemptFailed(self.prefix + kind, message, heals=heals) from error
