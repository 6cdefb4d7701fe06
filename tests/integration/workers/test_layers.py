"""Dropout that draws integers gives what torch's own gives, bit by bit, and leaves the generator where that does."""

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from recsys_workers.models.layers import CHUNK, Dropout

pytestmark = pytest.mark.torch

SHAPES = st.lists(st.integers(0, 9), min_size=1, max_size=4)
LARGE = st.sampled_from([[CHUNK - 1], [CHUNK], [CHUNK + 1], [3, 5, CHUNK // 8]])
VIEWS = {
    "as it is": lambda x: x,
    "transposed": lambda x: x.transpose(0, -1),
    "each second": lambda x: x[::2],
    "expanded": lambda x: x[None].expand(3, *x.shape),
}


def played(layer: nn.Module, shape: list[int], view: str) -> tuple[Tensor, Tensor, Tensor]:
    """The output, the input's gradient, and the state of the generator after both."""
    leaf = torch.randn(shape, generator=torch.Generator().manual_seed(1), requires_grad=True)
    torch.manual_seed(7)
    output = layer(VIEWS[view](leaf))
    (output * torch.linspace(-1, 1, output.numel()).reshape(output.shape)).sum().backward()
    assert leaf.grad is not None
    return output.detach().contiguous(), leaf.grad, torch.get_rng_state()


def bits(x: Tensor) -> Tensor:
    """So that 0 and -0, which compare as equal, differ."""
    return x.view(torch.int32) if x.dtype == torch.float32 else x


@given(shape=st.one_of(SHAPES, LARGE), share=st.floats(0, 1), view=st.sampled_from(sorted(VIEWS)))
def test_it_equals_torchs_bit_by_bit(shape: list[int], share: float, view: str) -> None:
    pairs = zip(played(Dropout(share), shape, view), played(nn.Dropout(share), shape, view), strict=True)
    for mine, torchs in pairs:
        assert torch.equal(bits(mine), bits(torchs))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_types_take_torchs_own_way(dtype: torch.dtype) -> None:
    x = torch.randn(1_000).to(dtype)
    torch.manual_seed(1)
    mine = Dropout(0.3)(x)
    torch.manual_seed(1)
    assert torch.equal(mine, nn.Dropout(0.3)(x))


def test_nothing_is_dropped_where_nothing_trains() -> None:
    x = torch.randn(1_000)
    state = torch.get_rng_state()
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(torch.get_rng_state(), state)
