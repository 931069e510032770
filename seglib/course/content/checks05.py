"""What the exercises of notebook 05 are held against: the course's own answers and the checks."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from seglib.course.lesson import Wrong
from seglib.fcn import surgery, upsampling
from seglib.losses import cross_entropy

Step = Callable[[nn.Module, Tensor, Tensor, torch.optim.Optimizer], float]


def as_convolution(linear: nn.Linear, channels: int, height: int, width: int) -> nn.Conv2d:
    """The course's answer to 05.1."""
    return surgery.as_convolution(linear, channels, height, width)


def bilinear_kernel(size: int) -> Tensor:
    """The course's answer to 05.2."""
    return upsampling.bilinear_kernel(size)


def fuse(coarse: Tensor, fine: Tensor) -> Tensor:
    """The course's answer to 05.3."""
    return interpolate(coarse, size=fine.shape[2:], mode="bilinear", align_corners=False) + fine


def train_step(net: nn.Module, images: Tensor, masks: Tensor, optimiser: torch.optim.Optimizer) -> float:
    """The course's answer to 05.4."""
    net.train()
    loss = cross_entropy(net(images), masks)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


def predict_mask(net: nn.Module, image: Tensor) -> Tensor:
    """The course's answer to 05.5."""
    net.eval()
    with torch.no_grad():
        return net(image[None])[0].argmax(0)


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
    """A net whose batch norm remembers something else than the next batch will show."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = TinyNet()
        net.norm.running_mean = torch.randn(8)
        net.norm.running_var = torch.rand(8) + 0.5
    return net


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
    raise Wrong(
        "Same size, other numbers. Flattening goes through channels, then rows, then columns: so must you."
    )


def check_bilinear_kernel(fn: Callable[[int], Tensor]) -> str:
    """05.2: odd and even kernels, and that enlarging a constant map gives it back."""
    for size in (3, 4, 16):
        kernel, wanted = torch.as_tensor(fn(size)).float(), upsampling.bilinear_kernel(size)
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
        raise Wrong(
            f"size {size}: the top row should be {_row(wanted)}; yours is {_row(kernel)}. "
            "How far is each place from the middle?"
        )
    return "A pyramid. FCN starts from it, and may learn something better."


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
            raise Wrong("Right shape, other numbers. Enlarge the coarse scores bilinearly, then add.")
    return "What comes from far is enlarged, what comes from near is added. That is the whole skip."


def check_train_step(fn: Step) -> str:
    """05.4: two steps equal the course's; void teaches nothing; the net is in training mode."""
    rng = torch.Generator().manual_seed(2)
    images = torch.randint(0, 256, (2, 3, 8, 8), generator=rng).to(torch.uint8)
    masks = torch.randint(0, 3, (2, 8, 8), generator=rng).to(torch.uint8)
    masks[:, :3] = 255
    mine, yours = _tiny(0), _tiny(0).eval()
    before = copy.deepcopy(yours)
    losses = []
    optimisers = [torch.optim.SGD(net.parameters(), lr=0.5) for net in (mine, yours)]
    for number in (1, 2):
        wanted = train_step(mine, images, masks, optimisers[0])
        got = fn(yours, images, masks, optimisers[1])
        if got is None:
            raise Wrong("Return the loss as a number, so that it can be watched.")
        losses.append((float(got), wanted))
        if number == 1:
            _look_at_first(losses[0], before, yours, mine)
    if not _same(mine, yours):
        raise Wrong(
            "The first step is right, the second is not: the old gradients are still there. Set them to zero."
        )
    return f"Loss {losses[0][1]:.3f}, then {losses[1][1]:.3f}. Everything else in a training loop is comfort."


def _look_at_first(losses: tuple[float, float], before: nn.Module, yours: nn.Module, mine: nn.Module) -> None:
    got, wanted = losses
    if _same(before, yours):
        raise Wrong("No weight has moved. After backward() the optimiser has to make its step.")
    if abs(got - wanted) > 1e-4:
        if not yours.training:
            raise Wrong("The net was in evaluation mode. Batch norm should use this batch: net.train().")
        raise Wrong(
            f"On this batch the loss is {wanted:.3f}; yours is {got:.3f}. Three rows of every mask are void: "
            "they must not count, and not as background either."
        )
    if not _same(mine, yours):
        raise Wrong("The loss is right, but the weights are not where one step takes them.")


def check_predict_mask(fn: Callable[[nn.Module, Tensor], Tensor]) -> str:
    """05.5, the bug clinic: evaluation mode, one picture, nothing remembered."""
    rng = torch.Generator().manual_seed(3)
    image = torch.randint(0, 256, (3, 9, 11), generator=rng).to(torch.uint8)
    net = _tiny(1)
    wanted = predict_mask(copy.deepcopy(net), image)
    remembered = net.state_dict()["norm.running_mean"].clone()
    got = fn(net.train(), image)
    if not isinstance(got, Tensor) or got.shape != wanted.shape:
        raise Wrong(f"For 3 x 9 x 11 I expect (9, 11); yours: {tuple(getattr(got, 'shape', ()))}.")
    if not torch.equal(net.state_dict()["norm.running_mean"], remembered):
        raise Wrong("Batch norm has learned from the picture you predict. Predicting must change nothing.")
    if got.is_floating_point():
        raise Wrong("Return class indices, not scores.")
    if not torch.equal(got.long(), wanted):
        share = (got == wanted).double().mean()
        raise Wrong(
            f"Only {100 * share:.0f} % of the pixels are as they should be. Which class has the best score?"
        )
    if got.requires_grad or not torch.equal(fn(net, image), got):
        raise Wrong("A second call gives something else.")
    return "In evaluation mode a picture's mask depends on that picture alone."


def _same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one.parameters(), other.parameters()))


def _row(kernel: Tensor) -> str:
    return " ".join(f"{value:.3g}" for value in kernel[0, :6].tolist())
