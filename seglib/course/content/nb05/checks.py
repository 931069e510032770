"""The checks of notebook 05."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from seglib.course.content.nb05.answers import bilinear_kernel, fuse, predict_mask, train_step
from seglib.course.lesson import Wrong
from seglib.losses import cross_entropy


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
            raise Wrong("The weights are right. The bias is not the layer's.")
    if not torch.equal(conv.weight.flatten().sort()[0], linear.weight.flatten().sort()[0]):
        raise Wrong("These are not the layer's weights. Copy them into the convolution.")
    raise Wrong(
        "Same size, other numbers. Flattening goes through channels, then rows, then columns; so must yours."
    )


def check_bilinear_kernel(fn: Callable[[int], Tensor]) -> str:
    """05.2: odd and even kernels, and that enlarging a constant map gives it back."""
    for size in (3, 4, 16):
        kernel, wanted = fn(size), bilinear_kernel(size)
        if not isinstance(kernel, Tensor):
            raise Wrong(f"Return a tensor; yours is {type(kernel).__name__}.")
        kernel = kernel.float()
        if kernel.shape != wanted.shape:
            raise Wrong(f"Size {size}: the kernel has shape ({size}, {size}); yours {tuple(kernel.shape)}.")
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
            raise Wrong("Your border is 0. The first 0 is one step outside the kernel.")
        roof = wanted[:, (size - 1) // 2] / wanted[:, (size - 1) // 2].amax()
        if torch.allclose(kernel / kernel.amax(), torch.minimum(roof[:, None], roof), atol=1e-4):
            raise Wrong("A pyramid, but with flat sides: the smaller roof. The two roofs are multiplied.")
        raise Wrong(
            f"Size {size}: the top row should be {_row(wanted)}; yours is {_row(kernel)}. "
            "How far is each place from the middle?"
        )
    return "A pyramid. In the paper FCN starts from it and trains it; ours keeps it."


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
            raise Wrong("You copied blocks. Bilinear means: the scores between two cells lie between theirs.")
        if torch.allclose(got, wanted / 2, atol=1e-4):
            raise Wrong("That is the mean. FCN adds: how much each counts is learned.")
        if not torch.allclose(
            got, interpolate(coarse, size=size, mode="bilinear", align_corners=True) + fine
        ):
            inside = (..., slice(2, -2), slice(2, -2))
            if torch.allclose(got[inside], wanted[inside], atol=1e-4):
                raise Wrong(
                    "Inside, yours is right. At the border it fades: a transposed convolution finds nothing "
                    "outside. interpolate does not."
                )
            raise Wrong(
                "The shape is right, the numbers are not. Enlarge the coarse scores bilinearly, then add."
            )
    return "The coarse scores are enlarged, the fine scores are added. That is the whole skip."


def _row(kernel: Tensor) -> str:
    return " ".join(f"{value:.3g}" for value in kernel[0, :6].tolist())


class TinyNet(nn.Module):
    """Two convolutions with batch norm between them: small enough to check a step by hand."""

    def __init__(self, num_classes: int = 3) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 -> (N, K, H, W)."""
        hidden: Tensor = self.norm(self.first(images.float() / 255)).relu()
        return self.last(hidden)


def _tiny(seed: int) -> TinyNet:
    """A net whose batch norm has other running statistics than the next batch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = TinyNet()
        net.norm.running_mean = torch.randn(8)
        net.norm.running_var = torch.rand(8) + 0.5
    return net


def check_train_step(fn: Callable[[nn.Module, Tensor, Tensor, torch.optim.Optimizer], float]) -> str:
    """05.4: two steps equal the course's; void teaches nothing; the net is in training mode."""
    rng = torch.Generator().manual_seed(2)
    images = torch.randint(0, 256, (2, 3, 8, 8), generator=rng).to(torch.uint8)
    masks = torch.randint(0, 3, (2, 8, 8), generator=rng).to(torch.uint8)
    masks[:, :3] = 255
    mine = _tiny(0)
    yours = copy.deepcopy(mine).eval()
    before = copy.deepcopy(yours)
    losses = []
    optimisers = [torch.optim.SGD(net.parameters(), lr=0.5) for net in (mine, yours)]
    for number in (1, 2):
        wanted = train_step(mine, images, masks, optimisers[0])
        got = fn(yours, images, masks, optimisers[1])
        if got is None:
            raise Wrong("Return the loss as a number, so that it can be watched.")
        if isinstance(got, Tensor):
            raise Wrong(
                "Return a plain number. A tensor keeps everything that its step has computed; kept for a "
                "curve, it fills the memory."
            )
        losses.append((float(got), wanted))
        if number == 1:
            background = _loss_with_void_as_background(before, images, masks)
            _look_at_first(losses[0], background, before, yours, mine)
    if not _same(mine, yours):
        raise Wrong(
            "The first step is right, the second is not: the old gradients are still there. Set them to zero."
        )
    return f"Loss {losses[0][1]:.3f}, then {losses[1][1]:.3f}. The rest of a training loop is convenience."


def _loss_with_void_as_background(before: nn.Module, images: Tensor, masks: Tensor) -> float:
    """What the first step's loss is where void was taken for class 0."""
    with torch.no_grad():
        logits = copy.deepcopy(before).train()(images)
    return cross_entropy(logits, masks.masked_fill(masks == 255, 0)).item()


def _look_at_first(
    losses: tuple[float, float], background: float, before: nn.Module, yours: nn.Module, mine: nn.Module
) -> None:
    got, wanted = losses
    if _same(before, yours):
        raise Wrong(
            "No weight has moved. Does the optimiser step after backward(), and are the gradients still "
            "there when it does?"
        )
    if abs(got - wanted) > 1e-4:
        if not yours.training:
            raise Wrong("The net was in evaluation mode. Batch norm should use this batch: net.train().")
        differs = f"On this batch the loss is {wanted:.3f}; yours is {got:.3f}. "
        if abs(got - background) < 1e-4:
            raise Wrong(f"{differs}Three rows of every mask are void: they must not count as background.")
        raise Wrong(
            f"{differs}The net takes the images as they are, the loss takes the logits as they are, and it "
            "is the mean over the pixels that are not void, before the step."
        )
    if not _same(mine, yours):
        raise Wrong("The loss is right, but the weights are not where one step takes them.")


def check_predict_mask(fn: Callable[[nn.Module, Tensor], Tensor]) -> str:
    """05.5, the bug clinic: evaluation mode, one image, no state changed."""
    rng = torch.Generator().manual_seed(3)
    image = torch.randint(0, 256, (3, 9, 11), generator=rng).to(torch.uint8)
    net = _tiny(1)
    wanted = predict_mask(copy.deepcopy(net), image)
    remembered = net.state_dict()["norm.running_mean"].clone()
    got = fn(net.train(), image)
    if got is None:
        raise Wrong("Nothing was returned (None). Does every path end in a return?")
    if not isinstance(got, Tensor) or got.shape != wanted.shape:
        raise Wrong(f"For 3 x 9 x 11 I expect (9, 11); yours: {tuple(getattr(got, 'shape', ()))}.")
    if not torch.equal(net.state_dict()["norm.running_mean"], remembered):
        raise Wrong(
            "Batch norm has learned from the image that you predict. Predicting must not change the net."
        )
    if got.is_floating_point():
        raise Wrong("Return class indices, not scores.")
    if not torch.equal(got.long(), wanted):
        share = (got == wanted).double().mean()
        raise Wrong(f"Only {100 * share:.0f} % of the pixels are right. Which class has the best score?")
    if not torch.equal(fn(net, image), got):
        raise Wrong("A second call returns something else.")
    return "In evaluation mode nothing is dropped, and a mask depends on its image alone."


def _same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one.parameters(), other.parameters()))
