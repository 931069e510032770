"""The fast gradients in bfloat16 are the gradients."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from seglib.backbones.depthwise import depthwise, input_gradient, weight_gradient
from seglib.backbones.lite import SameConv2d

CASES = [
    (kernel, stride, padding, size)
    for kernel, stride, size in product((3, 5), (1, 2), ((9, 7), (6, 8), (5, 5)))
    for padding in ((0, 0), (kernel // 2, kernel // 2), (1, 0))
]


def tensors(kernel: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    shapes = ((2, 4, *size), (4, 1, kernel, kernel))
    x, weight = (torch.randn(*shape, generator=rng, dtype=torch.float64) for shape in shapes)
    return x.requires_grad_(), weight.requires_grad_()


@pytest.mark.parametrize(("kernel", "stride", "padding", "size"), CASES)
def test_in_double_precision_they_equal_autograds(kernel, stride, padding, size):
    x, weight = tensors(kernel, size)
    out = F.conv2d(x, weight, None, stride, padding, groups=4)
    grad = torch.randn_like(out)
    of_x, of_weight = torch.autograd.grad(out, (x, weight), grad)
    with torch.no_grad():
        torch.testing.assert_close(input_gradient(grad, size, weight, stride, padding), of_x)
        torch.testing.assert_close(weight_gradient(grad, x, weight, stride, padding), of_weight)


@pytest.mark.parametrize(("kernel", "stride"), list(product((3, 5), (1, 2))))
def test_in_bfloat16_they_are_as_good_as_pytorchs(kernel, stride):
    x, weight = tensors(kernel, (13, 13))
    padding = (kernel // 2, kernel // 2)
    low = [tensor.detach().bfloat16().requires_grad_() for tensor in (x, weight)]
    exact, plain, ours = (
        torch.autograd.grad(out.to(kind).square().sum(), of)
        for out, of, kind in (
            (F.conv2d(x, weight, None, stride, padding, groups=4), (x, weight), torch.float64),
            (F.conv2d(*low, None, stride, padding, groups=4), low, torch.float32),
            (depthwise(*low, stride, padding), low, torch.float32),
        )
    )
    for truth, theirs, found in zip(exact, plain, ours):
        error, allowed = (found - truth).abs().max(), (theirs - truth).abs().max()
        assert error <= 1.5 * allowed + 1e-2 * truth.abs().max()


@pytest.mark.parametrize("size", [(9, 9), (8, 9), (8, 8)])
def test_a_layer_gives_the_same_either_way(size):
    layer, x = SameConv2d(4, 4, 5, stride=2, groups=4, bias=False), torch.randn(1, 4, *size)
    with torch.autocast("cpu", torch.bfloat16):
        trained = layer(x)
        with torch.no_grad():
            judged = layer(x)
    assert torch.equal(trained.detach(), judged)
    assert trained.requires_grad


@pytest.mark.parametrize(
    "layer",
    [SameConv2d(4, 4, 7, groups=4, bias=False), SameConv2d(4, 4, 3, groups=2, bias=False),
     SameConv2d(4, 8, 3, groups=4, bias=False), SameConv2d(4, 4, 3, groups=4)],
)  # fmt: skip
def test_what_it_is_not_made_for_is_left_to_pytorch(layer):
    """Another kernel, groups of several channels, a bias: as in float32, but for rounding."""
    x, grads = torch.rand(2, 4, 9, 9), []
    for enabled in (False, True):
        layer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            layer(x).float().square().mean().backward()
        assert layer.weight.grad is not None
        grads.append(layer.weight.grad.clone())
    torch.testing.assert_close(grads[1], grads[0], rtol=0.1, atol=0.01)
