"""The served graph: padded histories and an exclusion mask in, the K best items out."""

import logging
import warnings
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from recsys_workers.export.limits import top_k
from recsys_workers.models.items import plain


class TopK(nn.Module):
    """Scores, exclusion and top-k in one module.

    `history` int64 [batch, input_length], right-aligned, 0 is padding. `excluded` bool [batch, n_items + 1], True at
    the index of an item that must not be returned; column 0 is padding and never returned whatever it says.
    Returns `scores` float32 and `items` int64, both [batch, K], best first; an excluded item has score -inf.
    """

    def __init__(self, model: nn.Module, n_items: int) -> None:
        super().__init__()
        self.model = model
        self.k = top_k(n_items)

    def forward(self, history: Tensor, excluded: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.model(history).masked_fill(excluded[:, 1:], -torch.inf)
        best, position = torch.topk(scores, self.k, dim=1, largest=True, sorted=True)
        return best, position + 1


def export(model: nn.Module, n_items: int, input_length: int) -> bytes:
    """The ONNX file of a model: any batch size, histories of exactly `input_length`; attributes cost it nothing.

    ONNX defines the order of tied scores (lower index first), which torch leaves open.
    """
    history = torch.zeros(2, input_length, dtype=torch.int64)
    history[:, -1] = 1
    excluded = torch.zeros(2, n_items + 1, dtype=torch.bool)
    excluded[:, 0] = True
    return export_module(TopK(plain(model), n_items), (history, excluded), ["history", "excluded"], ["scores", "items"])


def export_module(
    module: nn.Module, example: tuple[Tensor, ...], inputs: Sequence[str], outputs: Sequence[str]
) -> bytes:
    """The ONNX file of a module whose arguments are named `inputs` and are rows, of which there may be any number."""
    batch = torch.export.Dim("batch")
    # It warns of every package that it could export too, were it there.
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # All inputs share the one axis, and it says of each after the first that the name is taken.
        warnings.filterwarnings("ignore", message="# The axis name: batch will not be used")
        program = torch.onnx.export(
            module.eval(),
            example,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            dynamo=True,
            verbose=False,
        )
    proto = cast("torch.onnx.ONNXProgram", program).model_proto
    # The exporter notes a stack trace on every node: paths of this image, and half of the file.
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.input, *proto.graph.output, proto.graph):
        del part.metadata_props[:]
    data: bytes = proto.SerializeToString()
    return data
