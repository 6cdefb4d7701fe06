"""A model's weights as bytes of the format safetensors, from which a later run can begin."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from recsys_workers import manifest


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """The parameters and the buffers that belong to a model's state, each once: a tied one by its first name."""
    kept = model.state_dict()
    buffers = {name: buffer for name, buffer in model.named_buffers() if name in kept}
    return {**dict(model.named_parameters()), **buffers}


def write(folder: Path, model: nn.Module, name: str = manifest.WEIGHTS) -> None:
    """Lay the weights of a trained model, which is on the CPU, down in the run's folder under this name."""
    contents = {name: tensor.detach().contiguous() for name, tensor in tensors_of(model).items()}
    manifest.write_file(folder / name, save(contents))


def decode(data: bytes) -> Mapping[str, Tensor]:
    """The tensors by name; raises ArtifactError for what is no such file."""
    try:
        return load(data)
    except Exception as error:  # of the library's own kinds
        raise manifest.ArtifactError(f"{manifest.WEIGHTS} cannot be used: {error}.") from error


def fill(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give a network of the same kind, with the same items, categories and classes, these weights."""
    with torch.no_grad():
        for name, tensor in tensors_of(model).items():
            tensor.copy_(tensors[name])
