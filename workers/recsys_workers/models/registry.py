"""Which class an architecture's name stands for: a new architecture is one file and one line here.

No torch in here: the class is imported where it is built.
"""

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from torch import nn

    from recsys_workers.models.hyperparameters import Hyperparameters
    from recsys_workers.models.rowwise import RowArchitecture, RowShape
    from recsys_workers.models.sequential import Architecture

ARCHITECTURES: dict[str, str] = {
    "SASRec": "recsys_workers.models.sasrec:SASRec",
    "BSARec": "recsys_workers.models.bsarec:BSARec",
    "Decoder": "recsys_workers.models.decoder:Decoder",
    "TwoTower": "recsys_workers.models.twotower:TwoTower",
    "BPRMF": "recsys_workers.models.bprmf:BPRMF",
    "Linear": "recsys_workers.models.linear:Linear",
    "MLP": "recsys_workers.models.mlp:MLP",
    "DCNv2": "recsys_workers.models.dcnv2:DCNv2",
    "LogisticRegression": "recsys_workers.models.logisticregression:LogisticRegression",
}


def load(architecture: str) -> "Architecture":
    """The class of an architecture."""
    module, _, name = ARCHITECTURES[architecture].partition(":")
    return cast("Architecture", getattr(import_module(module), name))


def build(architecture: str, n_items: int, hyperparameters: "Hyperparameters") -> "nn.Module":
    """A freshly initialised model; torch's global random state decides the weights."""
    return cast("nn.Module", load(architecture)(n_items, hyperparameters))


def build_rowwise(architecture: str, shape: "RowShape", hyperparameters: "Hyperparameters") -> "nn.Module":
    """A freshly initialised model of single rows; torch's global random state decides the weights."""
    make = cast("RowArchitecture", load(architecture))
    return cast("nn.Module", make(shape, hyperparameters))
