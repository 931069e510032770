"""The surgery, the pyramid and the skip of notebook 05: the answers to 05.1 to 05.3, and their checks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from seglib.course.lesson import Wrong
from seglib.fcn.net import bilinear_kernel
from seglib.fcn.surgery import as_convolution

__all__ = ["as_convolution", "bilinear_kernel", "fuse"]  # the course's own answers to 05.1, 05.2 and 05.3


def fuse(coarse: Tensor, fine: Tensor) -> Tensor:
    """The course's answer to 05.3."""
    return interpolate(coarse, size=fine.shape[2:], mode="bilinear", align_corners=False) + fine


def check_as_convolution(fn: Callable[[nn.Linear, int, int, int], nn.Conv2d]) -> str:
    """05.1: the same numbers on the classifier's own map, and a map on a larger one."""
    rng = torch.Generator().manual_seed(0)
    linear = nn.Linear(2 * 3 * 4, 5)
    conv = fn(linear, 2, 3, 4)
    if not isinstance(conv, nn.Conv2d):
        raise Wrong(f"Return an nn.Conv2d; yours is {type(conv).__name__}.")
    if conv.in_channels != 2 or tuple(conv.kernel_size) != (3, 4):
        raise Wrong(
            f"The layer sees 2 channels of 3 x 4. Your convolution sees {conv.in_channels} channels of "
            f"{conv.kernel_size[0]} x {conv.kernel_size[1]}."
        )
    image = torch.rand(1, 2, 3, 4, generator=rng)
    with torch.no_grad():
        got, wanted = conv(image), linear(image.flatten(1))[..., None, None]
        if got.shape != wanted.shape:
            raise Wrong(
                f"On 3 x 4 there is one place: shape (1, 5, 1, 1); yours {tuple(got.shape)}. Padding?"
            )
        offset = got - wanted
        if torch.allclose(got, wanted, atol=1e-5):
            larger = tuple(conv(torch.rand(1, 2, 5, 9, generator=rng)).shape)
            if larger == (1, 5, 3, 6):
                return "Equal on 3 x 4, and a map of 3 x 6 on 5 x 9. No weight has changed."
            raise Wrong(f"On 5 x 9 I expect a map (1, 5, 3, 6); yours is {larger}. Is there a stride?")
        if linear.bias is not None and torch.allclose(offset.flatten(), -linear.bias, atol=1e-5):
            raise Wrong("The bias is missing.")
        if linear.bias is not None and torch.allclose(
            (got - conv(torch.zeros(1, 2, 3, 4))).flatten(), (wanted.flatten() - linear.bias), atol=1e-5
        ):
            raise Wrong("The weights are right. The bias is another one than the layer's.")
    if not torch.equal(conv.weight.flatten().sort()[0], linear.weight.flatten().sort()[0]):
        raise Wrong("These are not the layer's weights. Copy them into the convolution.")
    raise Wrong(
        "Same size, other numbers. Flattening goes through channels, then rows, then columns: so must you."
    )


def check_bilinear_kernel(fn: Callable[[int], Tensor]) -> str:
    """05.2: odd and even kernels, and that enlarging a constant map gives it back."""
    for size in (3, 4, 16):
        kernel, wanted = fn(size), bilinear_kernel(size)
        if not isinstance(kernel, Tensor):
            raise Wrong(f"Return a tensor; yours is {type(kernel).__name__}.")
        kernel = kernel.float()
        if kernel.shape != wanted.shape:
            raise Wrong(f"size {size}: the kernel has shape ({size}, {size}); yours {tuple(kernel.shape)}.")
        if torch.allclose(kernel, wanted, atol=1e-5):
            continue
        if torch.allclose(kernel, wanted / wanted.sum(), atol=1e-5):
            raise Wrong(
                "Yours sums to 1, as a blur does. But a new pixel that lies on a cell must get all of that "
                "cell's score: where the size is odd, the top is 1."
            )
        if (kernel == kernel[0, 0]).all():
            raise Wrong("Yours is flat. That copies each score into a block: nearest neighbour.")
        if torch.allclose(kernel[0], wanted[0] * 0, atol=1e-6):
            raise Wrong("Your rim is 0. The first 0 lies one step outside of the kernel.")
        roof = wanted[:, (size - 1) // 2] / wanted[:, (size - 1) // 2].amax()
        if torch.allclose(kernel / kernel.amax(), torch.minimum(roof[:, None], roof), atol=1e-4):
            raise Wrong("A pyramid, but of flat sides: the smaller roof. The two roofs are multiplied.")
        raise Wrong(
            f"size {size}: the top row should be {_row(wanted)}; yours is {_row(kernel)}. "
            "How far is each place from the middle?"
        )
    return "A pyramid. In the paper FCN starts from it and learns on; ours keeps it."


def check_fuse(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """05.3: even and odd sizes; the sum, not more and not less."""
    rng = torch.Generator().manual_seed(1)
    for size in ((6, 8), (5, 7)):
        coarse = torch.rand(2, 3, 3, 4, generator=rng)
        fine = torch.rand(2, 3, *size, generator=rng)
        got, wanted = fn(coarse, fine), fuse(coarse, fine)
        if not isinstance(got, Tensor) or got.shape != wanted.shape:
            shape = tuple(getattr(got, "shape", ()))
            raise Wrong(
                f"Coarse 3 x 4 and fine {size[0]} x {size[1]} make {tuple(fine.shape)}; yours: {shape}."
            )
        if torch.allclose(got, wanted, atol=1e-4):
            continue
        if torch.allclose(got, wanted - fine, atol=1e-4) or torch.allclose(got, fine):
            raise Wrong("One of the two is missing: the scores are added.")
        if torch.allclose(got, interpolate(coarse, size=size, mode="nearest") + fine, atol=1e-4):
            raise Wrong("You copied blocks. Bilinear, please: the scores between two cells lie between them.")
        if torch.allclose(got, wanted / 2, atol=1e-4):
            raise Wrong("That is the mean. Twice as good, and FCN adds: how much each counts is learned.")
        if not torch.allclose(
            got, interpolate(coarse, size=size, mode="bilinear", align_corners=True) + fine
        ):
            inside = (..., slice(2, -2), slice(2, -2))
            if torch.allclose(got[inside], wanted[inside], atol=1e-4):
                raise Wrong(
                    "Inside, yours is right. At the border it fades: a transposed convolution finds nothing "
                    "outside. interpolate does not."
                )
            raise Wrong("Right shape, other numbers. Enlarge the coarse scores bilinearly, then add.")
    return "What comes from far is enlarged, what comes from near is added. That is the whole skip."


def _row(kernel: Tensor) -> str:
    return " ".join(f"{value:.3g}" for value in kernel[0, :6].tolist())
