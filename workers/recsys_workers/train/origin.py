"""The version whose weights a run begins with (spec.initFrom): found, verified, and of the network that the run makes.

The first attempt copies what the run needs of it into the run's folder, so that later ones go on whether the version is
still there or not.
"""

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from recsys_workers import manifest
from recsys_workers.manifest import ITEMS, MANIFEST, PREPROCESSING, WEIGHTS, ArtifactError, Manifest, Version
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.named_version import Search
from recsys_workers.train.run_config import NamedVersion, RunConfig
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

        def require(described: Manifest) -> None:
            if different := differences(described, config, hyperparameters):
                refuse_other_network("; ".join(one.text(described.version) for one in different))

        found = Search(config, config.init_from, "spec.initFrom", "InitFrom").version(NAMES, require)
        copy.mkdir(exist_ok=True)
        for name, data in found.contents.items():
            manifest.write_file(copy / name, data)
    return replace(found, contents={name: found.contents[name] for name in NAMES & found.contents.keys()})


def _kept(copy: Path, named: NamedVersion) -> Version | None:
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


def refuse_other_network(difference: str) -> NoReturn:
    """Raise AttemptFailed for a version whose weights are of another network; `difference` says where, as a clause."""
    advice = "make them the same, or leave spec.initFrom out to begin anew"
    raise AttemptFailed("InitFromMismatch", f"spec.initFrom: {difference}: {advice}.", heals=False)
