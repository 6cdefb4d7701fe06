"""Random changes of training histories, so that a model does not learn them by heart.

Crop, mask and reorder are those of CL4SRec (Xie et al., 2022, arXiv 2010.14395), for the next item itself instead of a
contrastive loss: a crop keeps the latest items, because the target comes after them, and shares are random up to their
bound, so that whole histories are seen too.
"""

from dataclasses import dataclass

import numpy as np

from recsys_workers.data.interactions import Indices
from recsys_workers.models.hyperparameters import Hyperparameters

HIDDEN = 0
"""What stands in the place of a masked item: models treat it as they treat padding."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What is done to each history; each 0 is nothing. Names are the hyperparameters' in snake case."""

    token_dropout: float = 0.0
    mask_probability: float = 0.0
    crop_share: float = 0.0
    reorder_share: float = 0.0

    @property
    def changes(self) -> bool:
        """Whether it does anything at all."""
        return bool(self.token_dropout or self.mask_probability or self.crop_share or self.reorder_share)

    def rearranged(self, history: Indices, random: np.random.Generator) -> Indices:
        """Crop, then leave out, then shuffle; at least one item stays. Targets are to be taken from what this returns.

        A position whose item moved must not be asked for that item, which it may now see.
        """
        if self.crop_share:
            cropped = random.uniform(0, self.crop_share)
            history = history[int(cropped * len(history)) :]
        if self.token_dropout:
            kept = random.random(len(history)) >= self.token_dropout
            kept[-1] |= not kept.any()
            history = history[kept]
        length = int(self.reorder_share * len(history))
        if length > 1:
            start = random.integers(len(history) - length + 1)
            history = history.copy()
            random.shuffle(history[start : start + length])
        return history

    def masked(self, history: Indices, random: np.random.Generator) -> Indices:
        """Hide items at random, never the first: every position sees something that came before it."""
        if not self.mask_probability:
            return history
        hidden = random.random(len(history)) < self.mask_probability
        hidden[0] = False
        return np.where(hidden, np.int32(HIDDEN), history)


def augmentation_of(hyperparameters: Hyperparameters) -> Augmentation:
    """The augmentation that the hyperparameters ask for; what an architecture does not have is off."""
    names = ("tokenDropout", "maskProbability", "cropShare", "reorderShare")
    return Augmentation(*(float(hyperparameters.text.get(name, 0)) for name in names))
