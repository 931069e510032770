"""The gradient of a depthwise convolution in bfloat16 on a CPU, faster than PyTorch's own. Not used on CUDA.

In bfloat16, PyTorch's backward pass (oneDNN) is slow in two cases: the input's gradient with a stride, and
the weights' gradient with a 5 x 5 kernel. They took most of a training step of EfficientNet-Lite0. Both can
be expressed by operations that are fast. `benchmarks/depthwise.py` measures the gain; the tests check that
the result is the same except for rounding.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

Pair = tuple[int, int]


def applies(x: Tensor) -> bool:
    """Whether a convolution of `x` would run in bfloat16 on a CPU and needs gradients."""
    low = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    return low and x.device.type == "cpu" and torch.is_grad_enabled()


def depthwise(x: Tensor, weight: Tensor, stride: int, padding: Pair) -> Tensor:
    """Convolve every channel with its own k x k kernel, in bfloat16.

    Args:
        x: (N, C, H, W).
        weight: (C, 1, k, k); k is 3 or 5.
        stride: in both directions.
        padding: zeros (above and below, left and right).

    Example:
        >>> x, weight = torch.ones(1, 1, 4, 4, requires_grad=True), torch.ones(1, 1, 3, 3)
        >>> depthwise(x, weight, stride=2, padding=(1, 1)).sum().backward()
        >>> x.grad[0, 0, 0]  # how many of the 2 x 2 windows a pixel of the first row is in
        tensor([1., 2., 1., 1.])
    """
    return _Depthwise.apply(x.bfloat16(), weight.bfloat16(), stride, padding)


class _Depthwise(torch.autograd.Function):
    """Forward is PyTorch's, backward are the two functions below."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: Pair) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, None, stride, padding, groups=len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        grad = grads[0].contiguous(memory_format=torch.channels_last)
        place, (of_x, of_weight, *_) = (ctx.stride, ctx.padding), ctx.needs_input_grad
        grad_x = input_gradient(grad, x.shape[2:], weight, *place) if of_x else None
        grad_weight = weight_gradient(grad, x, weight, *place) if of_weight else None
        return grad_x, grad_weight, None, None


def input_gradient(grad: Tensor, size: Pair, weight: Tensor, stride: int, padding: Pair) -> Tensor:
    """The gradient with respect to the input, (N, C, H, W): `grad`, convolved with the flipped kernel.

    Args:
        grad: (N, C, h, w), the gradient with respect to the output.
        size: (H, W) of the input.
        weight: (C, 1, k, k).
        stride: of the convolution; `grad` is spread to every stride-th position, with zeros between.
        padding: of the convolution.
    """
    kernel = weight.shape[-1]
    if stride > 1:
        rows, columns = (length + 2 * zeros - kernel + 1 for length, zeros in zip(size, padding))
        spread = grad.new_zeros(len(grad), rows, columns, grad.shape[1]).permute(0, 3, 1, 2)
        spread[:, :, ::stride, ::stride] = grad
        grad = spread
    rest = [kernel - 1 - zeros for zeros in padding]
    return F.conv2d(grad, weight.flip(2, 3), None, 1, rest, groups=len(weight))


def weight_gradient(grad: Tensor, x: Tensor, weight: Tensor, stride: int, padding: Pair) -> Tensor:
    """The gradient with respect to the weights, (C, 1, k, k); for k = 5 it is assembled from four 3 x 3.

    Args:
        grad: (N, C, h, w), the gradient with respect to the output.
        x: (N, C, H, W), the input.
        weight: (C, 1, k, k).
        stride: of the convolution.
        padding: of the convolution.
    """
    if weight.shape[-1] == 3:
        return _native_weight_gradient(grad, x, weight, stride, padding)
    rows, columns = padding
    x = F.pad(x, (columns, columns, rows, rows))
    height, width = ((length - 1) * stride + 3 for length in grad.shape[2:])  # the input of a 3 x 3 kernel
    result = torch.empty_like(weight)
    for top in (0, 2):  # rows 0-2 and 2-4 of the kernel
        for left in (0, 2):
            part = x[:, :, top : top + height, left : left + width]
            part = part.contiguous(memory_format=torch.channels_last)
            corner = weight[:, :, :3, :3].contiguous()
            corner = _native_weight_gradient(grad, part, corner, stride, (0, 0))
            result[:, :, top : top + 3, left : left + 3] = corner
    return result


def _native_weight_gradient(grad: Tensor, x: Tensor, weight: Tensor, stride: int, padding: Pair) -> Tensor:
    needed = (False, True, False)  # of input, weight, bias
    return torch.ops.aten.convolution_backward(
        grad, x, weight, None, (stride, stride), padding, (1, 1), False, (0, 0), len(weight), needed
    )[1]
