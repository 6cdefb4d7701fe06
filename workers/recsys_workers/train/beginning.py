"""Putting the weights of a version into a fresh network, whose items, categories or classes may be others.

Which dimensions of which tensors go along an axis is found by making the network one larger, without memory for its
numbers, and looking where it grew. In front of an axis there may be rows that are nobody's, such as that of padding;
they are taken as they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from recsys_workers.train.axes import NEW, Axis
from recsys_workers.train.weights import tensors_of

Sizes = Mapping[str, int]
Dimensions = Mapping[int, tuple[Tensor, Tensor]]
"""For each dimension of a tensor that goes along an axis: rows of the run's, and the version's that go there."""


class CannotBegin(ValueError):
    """The weights are not those of this network."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """The version, its tensors by name, and how the run's axes stand in it."""

    version: int
    weights: Mapping[str, Tensor]
    axes: Mapping[str, Axis]
    field: str = "spec.initFrom"
    """Where the spec names the version."""

    def carry_into(self, model: nn.Module, sized: Callable[[Sizes], nn.Module]) -> None:
        """Replace the model's weights, row by row, where the version has them; raises CannotBegin.

        `sized` makes the same network with other sizes of its axes.
        """
        fresh = tensors_of(model)
        if fresh.keys() != self.weights.keys():
            both = fresh.keys() ^ self.weights.keys()
            raise CannotBegin(self._told(f"only one of both networks has the tensors {', '.join(sorted(both))}"))
        along = self._along(fresh, sized)
        with torch.no_grad():
            for name, tensor in fresh.items():
                source = self.weights[name]
                self._require_fitting(name, tensor, source, along[name])
                dimensions = {
                    dimension: _rows(axis, tensor.shape[dimension] - len(axis))
                    for dimension, axis in along[name].items()
                }
                _copy(tensor, source, dimensions)

    def _along(self, fresh: Mapping[str, Tensor], sized: Callable[[Sizes], nn.Module]) -> dict[str, dict[int, Axis]]:
        """The dimensions of each tensor that go along an axis."""
        sizes = {name: len(axis) for name, axis in self.axes.items()}
        found: dict[str, dict[int, Axis]] = {name: {} for name in fresh}
        for axis_name, axis in self.axes.items():
            with torch.device("meta"):
                larger = tensors_of(sized({**sizes, axis_name: sizes[axis_name] + 1}))
            for name, tensor in fresh.items():
                for dimension, size in enumerate(tensor.shape):
                    grown = larger[name].shape[dimension] - size
                    if grown == 1 and size >= len(axis):
                        found[name][dimension] = axis
                    elif grown:
                        told = f"the tensor {name} does not grow by one with each of its {axis_name}"
                        raise CannotBegin(self._told(told))
        return found

    def _require_fitting(self, name: str, tensor: Tensor, source: Tensor, along: Mapping[int, Axis]) -> None:
        wanted = list(tensor.shape)
        for dimension, axis in along.items():
            wanted[dimension] += axis.theirs - len(axis)
        if list(source.shape) != wanted or source.dtype != tensor.dtype:
            theirs, ours = f"{source.dtype} {list(source.shape)}", f"{tensor.dtype} {wanted}"
            raise CannotBegin(self._told(f"the tensor {name} is {theirs} there, and this run needs {ours}"))

    def _told(self, difference: str) -> str:
        return (
            f"{self.field}: the weights of version {self.version} are of another network: {difference}. Leave "
            f"{self.field} out to begin anew."
        )


def _rows(axis: Axis, in_front: int) -> tuple[Tensor, Tensor]:
    """The run's rows that the version has too, and which ones these are there."""
    places = torch.from_numpy(axis.places)
    ours = torch.nonzero(places != NEW)[:, 0]
    front = torch.arange(in_front)
    return torch.cat([front, ours + in_front]), torch.cat([front, places[ours] + in_front])


def _copy(tensor: Tensor, source: Tensor, dimensions: Dimensions) -> None:
    """Copy along the first of the dimensions, and within that along the others."""
    if not dimensions:
        tensor.copy_(source)
        return
    (dimension, (ours, theirs)), *others = dimensions.items()
    part = source.index_select(dimension, theirs)
    if others:
        inner = tensor.index_select(dimension, ours)
        _copy(inner, part, dict(others))
        part = inner
    tensor.index_copy_(dimension, ours, part)
