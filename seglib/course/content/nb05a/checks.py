"""The checks of notebook 05a."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from seglib import backbones
from seglib.backbones import Backbone
from seglib.course.content.nb05a.answers import predict_map
from seglib.course.demos import CAT_WORDS, cup_and_cat
from seglib.course.lesson import Wrong

LARGEST, LIKELIEST = 5.0, 20.0  # % of the photograph that a patch may hide, and of cat that may be left


def check_as_convolution(fn: Callable[[nn.Linear, int, int, int], nn.Conv2d]) -> str:
    """05a.1: the same numbers on the classifier's own map, a map on a larger one, and numbers of its own."""
    rng = torch.Generator().manual_seed(0)
    linear = nn.Linear(2 * 3 * 4, 5)
    conv = fn(linear, 2, 3, 4)
    if conv.in_channels != 2 or tuple(conv.kernel_size) != (3, 4):
        raise Wrong(
            f"The layer sees 2 channels of 3 x 4. Your convolution sees {conv.in_channels} channels of "
            f"{conv.kernel_size[0]} x {conv.kernel_size[1]}."
        )
    if conv.weight.shape != (5, 2, 3, 4):
        raise Wrong(
            f"Its weights have the shape (5, 2, 3, 4), for 5 outputs; yours have {tuple(conv.weight.shape)}."
        )
    image = torch.rand(1, 2, 3, 4, generator=rng)
    with torch.no_grad():
        got, wanted = conv(image), linear(image.flatten(1))[..., None, None]
        if got.shape != wanted.shape:
            raise Wrong(
                f"On 3 x 4 there is one place: shape (1, 5, 1, 1); yours {tuple(got.shape)}. Padding?"
            )
        if not torch.allclose(got, wanted, atol=1e-5):
            _compare_surgery(got, wanted, conv, linear)
        larger = tuple(conv(torch.rand(1, 2, 5, 9, generator=rng)).shape)
        if larger != (1, 5, 3, 6):
            raise Wrong(f"On 5 x 9 I expect a map (1, 5, 3, 6); yours is {larger}. Is there a stride?")
        before = copy.deepcopy(linear)
        for numbers in conv.parameters():
            numbers.add_(1)
    if not all(map(torch.equal, before.parameters(), linear.parameters())):
        raise Wrong(
            "Your convolution shares its numbers with the layer: training one changes the other. Copy them."
        )
    return "Equal on 3 x 4, and a map of 3 x 6 on 5 x 9. No weight has changed."


def _compare_surgery(got: Tensor, wanted: Tensor, conv: nn.Conv2d, linear: nn.Linear) -> None:
    if torch.allclose((got - wanted).flatten(), -linear.bias, atol=1e-5):
        raise Wrong("The bias is missing.")
    bare = got - conv(torch.zeros(1, 2, 3, 4))
    if torch.allclose(bare.flatten(), wanted.flatten() - linear.bias, atol=1e-5):
        raise Wrong("The weights are right. The bias is not the layer's.")
    if not torch.equal(conv.weight.flatten().sort()[0], linear.weight.flatten().sort()[0]):
        raise Wrong("These are not the layer's weights. Copy them into the convolution.")
    raise Wrong(
        "Same size, other numbers. Flattening goes through channels, then rows, then columns; so must yours."
    )


def check_seen(fn: Callable[[nn.Module, Tensor, int, int, int], Tensor]) -> str:
    """05a.2: the window of a convolution, with the absolute values of its weights; nothing outside."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Conv2d(3, 4, 3, stride=2)
        images = torch.rand(1, 3, 9, 11)
    for index, row, column in ((2, 0, 3), (1, 3, 1)):
        asks, before = images.clone(), images.clone()
        got, wanted = fn(net, asks, index, row, column), torch.zeros(9, 11)
        window, weight = (slice(2 * row, 2 * row + 3), slice(2 * column, 2 * column + 3)), net.weight.detach()
        wanted[window] = weight[index].abs().sum(0)
        if asks.requires_grad or not torch.equal(asks, before):
            raise Wrong("Your function changes `images`, which its caller still needs. Work on a copy.")
        _compare_seen(got.detach(), wanted, weight[index], window, (row, column))
    return "Outside of its window nothing counts, whatever is there."


def _compare_seen(
    got: Tensor, wanted: Tensor, weight: Tensor, window: tuple[slice, slice], place: tuple[int, int]
) -> None:
    if torch.allclose(got, wanted, atol=1e-5):
        return
    if torch.allclose(got[window], weight.sum(0), atol=1e-5):
        raise Wrong(
            "Colours that pull in opposite directions cancel in yours: absolute values first, then sum."
        )
    largest = torch.allclose(got[window], weight.abs().amax(0), atol=1e-5)
    if largest or any(torch.allclose(got, one, atol=1e-5) for one in (wanted / 3, wanted.square())):
        raise Wrong("The window is right. The absolute values of the three colours are summed.")
    rows, columns = (got != 0).nonzero(as_tuple=True)
    if not len(rows):
        raise Wrong("Yours is 0 everywhere. Did the gradient of an earlier place cancel it?")
    here = tuple(slice(int(each.min()), int(each.max()) + 1) for each in (rows, columns))
    if here == window:
        raise Wrong(
            "The window is right, the numbers are not. It should be the gradient of one score, that of class "
            "`index`, as the net gives it."
        )
    expected, found = (
        f"rows {high.start} to {high.stop - 1}, columns {wide.start} to {wide.stop - 1}"
        for high, wide in (window, here)
    )
    raise Wrong(
        f"The net is a convolution of 3 x 3 with stride 2: its place {place} sees {expected}. Yours is not 0 "
        f"at {found}."
    )


@functools.cache
def _classifier() -> tuple[Backbone, Tensor]:
    return backbones.load("lite0").eval(), cup_and_cat()


def check_patch(patch: Sequence[int]) -> str:
    """05a.3: a patch that is inside, small, and hides what makes the classifier say "cat"."""
    lite, photo = _classifier()
    height, width = photo.shape[1:]
    x1, y1, x2, y2 = patch
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise Wrong(
            f"The photograph has {width} x {height} pixels, so 0 <= x1 < x2 <= {width} and "
            f"0 <= y1 < y2 <= {height}. Yours: x1 = {x1}, y1 = {y1}, x2 = {x2}, y2 = {y2}."
        )
    hidden = photo.clone()
    hidden[:, y1:y2, x1:x2] = 127
    with torch.no_grad():
        small = interpolate(hidden[None].float(), size=(224, 224), mode="bilinear")
        likely = 100 * float(lite.classify(small).softmax(1)[0, CAT_WORDS].sum())
    area = 100 * (x2 - x1) * (y2 - y1) / (width * height)
    said = f"Your patch hides {area:.1f} % of the photograph; the five cats have {likely:.0f} %."
    if area > LARGEST:
        raise Wrong(f"{said} At most {LARGEST:.0f} % may be hidden.")
    if likely >= LIKELIEST:
        raise Wrong(f"{said} It must be less than {LIKELIEST:.0f} %: try another part of the face.")
    return f"{said} Can a smaller one do it?"


class TinyNet(nn.Module):
    """Two convolutions with batch norm between them: small enough to check by hand."""

    def __init__(self, num_classes: int = 3) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 -> (N, K, H, W)."""
        hidden: Tensor = self.norm(self.first(images.float() / 255)).relu()
        return self.last(hidden)


def tiny_net(seed: int) -> TinyNet:
    """A net whose batch norm has other running statistics than the next batch, and weights other than 1."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = TinyNet()
        net.norm.running_mean = torch.randn(8)
        net.norm.running_var = torch.rand(8) + 0.5
        nn.init.uniform_(net.norm.weight, 0.5, 1.5)
    return net


def check_predict_map(fn: Callable[[nn.Module, Tensor], Tensor]) -> str:
    """05a.4, the bug clinic: evaluation mode, one image, no state changed."""
    rng = torch.Generator().manual_seed(3)
    image = torch.randint(0, 256, (3, 9, 11), generator=rng).to(torch.uint8)
    net = tiny_net(1)
    wanted = predict_map(copy.deepcopy(net), image)
    remembered = net.state_dict()["norm.running_mean"].clone()
    got = fn(net.train(), image)
    if not torch.equal(net.state_dict()["norm.running_mean"], remembered):
        raise Wrong("The running statistics of batch norm have changed. Predicting must not change the net.")
    if not torch.equal(got.long(), wanted):
        share = (got == wanted).double().mean()
        raise Wrong(f"Only {100 * share:.0f} % of the pixels are right. Which class has the best score?")
    if not torch.equal(fn(net, image), got):
        raise Wrong("A second call returns something else.")
    return "In evaluation mode nothing is dropped, and a map depends on its image alone."
