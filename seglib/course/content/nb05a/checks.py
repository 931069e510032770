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
from seglib.course.guard import in_short, in_words
from seglib.course.lesson import Wrong, first_true, near, refuse

LARGEST, LIKELIEST = 5.0, 20.0  # % of the photograph that a patch may hide, and of cat that may be left


def check_as_convolution(fn: Callable[[nn.Linear, int, int, int], nn.Conv2d]) -> str:
    """05a.1: the same numbers on the classifier's own map, a map on a larger one, and numbers of its own."""
    rng = torch.Generator().manual_seed(0)
    linear = nn.Linear(2 * 3 * 4, 5)
    conv = fn(linear, 2, 3, 4)
    channels, (high, wide) = conv.in_channels, conv.kernel_size
    if (channels, high, wide) != (2, 3, 4):
        raise Wrong(f"The layer sees 2 channels of 3 x 4. Yours sees {channels} channels of {high} x {wide}.")
    if (shape := tuple(conv.weight.shape)) != (5, 2, 3, 4):
        raise Wrong(f"Its weights have the shape (5, 2, 3, 4), for 5 outputs; yours have {shape}.")
    image, larger = torch.rand(1, 2, 3, 4, generator=rng), torch.rand(1, 2, 5, 9, generator=rng)
    before = copy.deepcopy(linear)
    with torch.no_grad():
        try:
            got, empty, shape = conv(image), conv(0 * image), tuple(conv(larger).shape)
        except RuntimeError as error:
            raise Wrong(f"Your convolution fails on a float32 map of 3 x 4. {in_short(error)}.") from error
        wanted, numbers = linear(image.flatten(1))[..., None, None], conv.weight.flatten().sort()[0]
        for parameter in conv.parameters():
            parameter.add_(1)
    if got.shape != wanted.shape:
        raise Wrong(f"On 3 x 4 there is one place: shape (1, 5, 1, 1); yours {tuple(got.shape)}. Padding?")
    if not near(got, wanted):
        bias = before.bias[:, None, None]
        known = {
            "The bias is missing.": near(got, wanted - bias),
            "The weights are right. The bias is not the layer's.": near(got - empty, wanted - bias),
            "These are not the layer's weights. Copy them into the convolution.": not torch.equal(
                numbers, before.weight.flatten().sort()[0]
            ),
        }
        order = "Flattening goes through channels, then rows, then columns; so must yours."
        raise Wrong(first_true(known, f"Same size, other numbers. {order}"))
    if shape != (1, 5, 3, 6):
        raise Wrong(f"On 5 x 9 I expect a map (1, 5, 3, 6); yours is {shape}. Is there a stride?")
    if not all(map(torch.equal, before.parameters(), linear.parameters())):
        raise Wrong("Numbers are shared with the layer: training one changes the other. Copy them.")
    return "Equal on 3 x 4, and a map of 3 x 6 on 5 x 9. No weight has changed."


def check_seen(fn: Callable[[nn.Module, Tensor, int, int, int], Tensor]) -> str:
    """05a.2: the window of a convolution, with the absolute values of its weights; nothing outside."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(conv := nn.Conv2d(3, 4, 3, stride=2), nn.Tanh())
        images = torch.rand(1, 3, 9, 11)
        slopes = 1 - net(images).detach() ** 2  # of tanh
    for index, row, column in ((2, 0, 3), (1, 3, 1)):
        got = fn(net, images, index, row, column).detach()
        weight = slopes[0, index, row, column] * conv.weight.detach()[index]
        window = slice(2 * row, 2 * row + 3), slice(2 * column, 2 * column + 3)
        wanted = torch.zeros(9, 11)
        wanted[window] = weight.abs().sum(0)
        if not near(got, wanted):
            _compare_seen(got, weight, window, (row, column))
    return "Outside of its window nothing counts, whatever is there."


def _compare_seen(got: Tensor, weight: Tensor, window: tuple[slice, slice], place: tuple[int, int]) -> None:
    largest, mean, square = weight.abs().amax(0), weight.abs().mean(0), weight.abs().sum(0).square()
    known = {
        "Opposite signs cancel in yours: absolute values first, then their sum.": (weight.sum(0),),
        "The window is right. The absolute values of the three colours are summed.": (largest, mean, square),
    }
    refuse(got[window], known)
    rows, columns = (got != 0).nonzero(as_tuple=True)
    if not len(rows):
        raise Wrong("Yours is 0 everywhere. Did the gradient of an earlier place cancel it?")
    here = tuple(slice(int(each.min()), int(each.max()) + 1) for each in (rows, columns))
    if here == window:
        score = "Take the gradient of one score, that of class `index`, as the net gives it for `images`."
        raise Wrong(f"The window is right, the numbers are not. {score}")
    expected, found = (
        f"rows {high.start} to {high.stop - 1}, columns {wide.start} to {wide.stop - 1}"
        for high, wide in (window, here)
    )
    net = f"The net is a convolution of 3 x 3 with stride 2: its place {place}"
    raise Wrong(f"{net} sees {expected}. Yours is not 0 at {found}.")


@functools.cache
def _classifier() -> tuple[Backbone, Tensor]:
    return backbones.load("lite0").eval(), cup_and_cat()


def check_patch(patch: Sequence[int]) -> str:
    """05a.3: a patch that is inside, small, and hides what makes the classifier say "cat"."""
    lite, photo = _classifier()
    height, width = photo.shape[1:]
    x1, y1, x2, y2 = patch
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        inside = f"so 0 <= x1 < x2 <= {width} and 0 <= y1 < y2 <= {height}"
        raise Wrong(f"The photograph has {width} x {height} pixels, {inside}. Yours is {in_words(patch)}.")
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
    """Two convolutions, each with batch norm, small enough to check by hand: (N, 3, H, W) uint8 to logits.

    The first batch norm has other running statistics than the next batch, and weights other than 1.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
            self.last, self.second_norm = nn.Conv2d(8, 3, 1), nn.BatchNorm2d(3)
            self.norm.running_mean, self.norm.running_var = torch.randn(8), torch.rand(8) + 0.5
            self.norm.num_batches_tracked = torch.tensor(5)
            nn.init.uniform_(self.norm.weight, 0.5, 1.5)

    def forward(self, images: Tensor) -> Tensor:  # noqa: D102
        logits: Tensor = self.second_norm(self.last(self.norm(self.first(images / 255)).relu()))
        return logits


def noise(seed: int, *shape: int) -> Tensor:
    """uint8 random numbers of this shape."""
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def check_predict_map(fn: Callable[[nn.Module, Tensor], Tensor]) -> str:
    """05a.4, the bug clinic: evaluation mode, one image, no state changed."""
    image, net = noise(3, 3, 9, 11), nn.Sequential(TinyNet(1), nn.Dropout(0.5))
    wanted, before = predict_map(copy.deepcopy(net), image), copy.deepcopy(net.state_dict())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        got = fn(net.train(), image)
    if not torch.equal(net.state_dict()["0.norm.running_mean"], before["0.norm.running_mean"]):
        raise Wrong("The running statistics of batch norm have changed. Predicting must not change the net.")
    if not torch.equal(got, wanted):
        right = 100 * float((got == wanted).double().mean())
        training = any(part.training for part in net.modules())
        advice = "Is all of the net in evaluation mode?" if training else "Which class has the best score?"
        raise Wrong(f"Only {right:.0f} % of the pixels are right. {advice}")
    if not torch.equal(fn(net, image), got):
        raise Wrong("A second call returns something else.")
    return "In evaluation mode nothing is dropped, and a map depends on its image alone."
