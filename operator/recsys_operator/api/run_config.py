"""run.json: what the operator tells a run's pod, fixed when the run starts, gates and champion included."""

import json

from pydantic import Field

from recsys_operator.api.cleaning import Cleaning
from recsys_operator.api.columns import Schema
from recsys_operator.api.common import FusedBy
from recsys_operator.api.dataset import Dataset
from recsys_operator.api.recmodel import Catalogue, Evaluation, Gate, Storage
from recsys_operator.api.schema import Digest, Model
from recsys_operator.api.tuning import Tuning

KEY = "run.json"
"""Key in the run's ConfigMap, and file name in its pod."""


class RunChampion(Model):
    """The version that the champion gates compare with."""

    version: int
    digest: Digest


class RunVersion(Model):
    """A version that the run is made from; without a digest where the RecModel does not list it."""

    version: int
    digest: Digest | None = None


class RunEnsemble(Model):
    """What the run fuses: versions, or the seeds that it trains with."""

    method: FusedBy
    versions: tuple[RunVersion, ...] = ()
    seeds: tuple[int, ...] = ()


class RunConfig(Model):
    """The object in run.json."""

    namespace: str
    name: str
    uid: str
    model: str
    task: str
    objective: str | None = None
    architecture: str
    hyperparameters: dict[str, str]
    tuning: Tuning | None = None
    seed: int
    dataset: Dataset
    cleaning: Cleaning | None = None
    schema_: Schema = Field(alias="schema")
    catalogue: Catalogue | None
    evaluation: Evaluation
    gates: tuple[Gate, ...]
    storage: Storage
    champion: RunChampion | None
    init_from: RunVersion | None = None
    ensemble: RunEnsemble | None = None
    image: str
    operator_version: str

    def text(self) -> str:
        """As JSON. What is optional at the top level, and the dataset's digest, is null when absent."""
        document = {"catalogue": None, "champion": None, "cleaning": None, **self.wire()}
        document["dataset"] = {"digest": None, **document["dataset"]}
        return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
