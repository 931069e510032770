"""Coarse scores made fine: bilinear interpolation, written as a transposed convolution that can be trained.

A cell of a coarse map looks at one place of the image, and that is where its score must go. Which place it
is depends on the network. With odd kernels, cell i at stride s looks at pixel s * i: n cells reach over
(n - 1) * s + 1 pixels, the kernel has 2 s - 1 places, and no border has to be invented. With 2 x 2 pooling,
cell i looks at the middle of its s pixels (`centred`): n cells cover n * s pixels, the kernel has 2 s places,
and half a cell at the border fades.

Reference:
    Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015, sections 3.3 and
    4.3; VGG, their network, is a centred one. One kernel per class here, where their code has one from every
    class to every class, all 0 but the diagonal.
"""

from __future__ import annotations

import copy
from typing import Any, Self, SupportsIndex

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglib.backbones import Backbone
from seglib.backbones.backbone import check_images
from seglib.fcn.surgery import hidden_layers
from seglib.labels import VOID


def bilinear_kernel(size: int) -> Tensor:
    """(size, size) weights with which a transposed convolution interpolates: a pyramid, 1 at its top.

    Example:
        >>> bilinear_kernel(3)  # doubles a map; each new pixel is the mean of its 1, 2 or 4 neighbours
        tensor([[0.2500, 0.5000, 0.2500],
                [0.5000, 1.0000, 0.5000],
                [0.2500, 0.5000, 0.2500]])
    """
    reach = (size + 1) // 2  # from the top to the first 0
    distance = (torch.arange(size) - (size - 1) / 2).abs()
    slope = 1 - distance / reach
    return slope[:, None] * slope


class Upsample(nn.ConvTranspose2d):
    """Each class's map `factor` times as fine, by bilinear interpolation, in float32.

    Args:
        num_classes: K.
        factor: 2 or more, even.
        centred: where the cells look, see the top of this file.
        learned: whether training may change the kernels.

    Raises:
        ValueError: the factor is odd.

    Example:
        >>> Upsample(1, 2)(torch.tensor([[[[0.0, 4.0]]]]))
        tensor([[[[0., 2., 4.]]]])
        >>> Upsample(1, 2, centred=True)(torch.tensor([[[[4.0, 4.0]]]]))[0, 0, 0]
        tensor([2.2500, 3.0000, 3.0000, 2.2500])
    """

    def __init__(
        self, num_classes: int, factor: int, *, centred: bool = False, learned: bool = False
    ) -> None:
        if factor < 2 or factor % 2:
            raise ValueError(f"factor {factor} must be even: 2, 4, 6 and so on")
        kernel, padding = (2 * factor, factor // 2) if centred else (2 * factor - 1, factor - 1)
        super().__init__(
            num_classes,
            num_classes,
            kernel,
            stride=factor,
            padding=padding,
            groups=num_classes,
            bias=False,
        )
        self.weight.data.copy_(bilinear_kernel(kernel))
        self.weight.requires_grad_(learned)
        self.learned, self.factor, self.border = learned, factor, padding

    def forward(self, scores: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(N, K, h, w) -> float32 (N, K, (h - 1) * factor + 1, ...), if centred (N, K, h * factor, ...)."""
        with torch.autocast(scores.device.type, enabled=False):
            if self.learned or output_size is not None:
                return super().forward(scores.float(), output_size)
            height, width = scores.shape[2:]
            return self._along(height).T @ scores.float() @ self._along(width)

    def _along(self, length: int) -> Tensor:
        """(length, fine length): what each cell of a row gives to each place of the fine row.

        A pyramid is a roof along the rows times a roof along the columns, so it all is two products of
        matrices. PyTorch's own way, with a group for each class, is slow on a GPU.
        """
        roof = self.weight[0, 0].diagonal().sqrt()
        cells = torch.eye(length, device=roof.device)
        rows = F.conv_transpose1d(cells[:, None], roof[None, None], stride=self.factor, padding=self.border)
        return rows[:, 0]


# FCN-32s, FCN-16s and FCN-8s.

STRIDES = (32, 16, 8)
GREY = 127  # added around an image: near the mean of images, so about 0 after normalisation


class FCN(nn.Module):
    """A classifier, made to score every pixel.

    The map at stride 32 goes through what is left of the classifier, and a 1 x 1 convolution gives it a
    score for each class. With `stride` 16 or 8, the scores are doubled in size and those of a finer map, from
    a 1 x 1 convolution of its own, are added. In the end they are made as large as the image. All score
    layers start at zero, so that at first every class is as likely as the others.

    Args:
        backbone: is copied, without its classifier; the one handed in is not trained.
        num_classes: K.
        stride: 32, 16 or 8: how fine the finest map is.
        learned: whether the kernels that double the scores are trained; the last one never is.

    Attributes:
        backbone: its copy.
        hidden: the layers of the classifier between backbone and score, see `hidden_layers`.

    Reference:
        Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015, section 4.
        Departures: images are padded by a few pixels to fit the grid of the coarsest map (there by 100,
        then cropped by offsets); the skips take the maps as they are (there, trained at once, scaled by .01
        and .0001, which batch norm makes needless); the doubling is trained only if `learned` (there always).

    Example:
        >>> import torch
        >>> from seglib.backbones import load
        >>> net = FCN(load("small"), num_classes=3, stride=16)
        >>> net(torch.zeros(1, 3, 50, 33, dtype=torch.uint8)).shape
        torch.Size([1, 3, 50, 33])
    """

    def __init__(
        self, backbone: Backbone, num_classes: int, stride: int = 32, *, learned: bool = False
    ) -> None:
        super().__init__()
        if stride not in STRIDES:
            raise ValueError(f"stride {stride} must be one of 32, 16, 8")
        self.num_classes, self.learned = checked_classes(num_classes), learned
        check_backbone(backbone)
        self.hidden, channels = hidden_layers(backbone)
        self.hidden.freeze(backbone.frozen)
        self.backbone = without_classifier(backbone)
        self.score = _score(channels, num_classes)
        self.skips = nn.ModuleDict()
        self.doubles = nn.ModuleDict()
        self.stride = 32
        self.enlarge = self._upsample(32)
        while self.stride > stride:
            self.add_skip()
        self.train()

    @property
    def settings(self) -> dict[str, Any]:
        """What is needed to build this net again, before its weights are loaded."""
        return {
            "backbone": self.backbone.name,
            "num_classes": self.num_classes,
            "stride": self.stride,
            "learned": self.learned,
        }

    def forward(self, images: Tensor) -> Tensor:
        """Scores for every pixel.

        Args:
            images: (N, 3, H, W) uint8, or float in 0..255; any size from 1 x 1.

        Returns:
            (N, K, H, W) float32 logits.
        """
        features = self.backbone(fitted(images, self.backbone.centred))
        scores = self.score(self.hidden(features[32]))  # (N, K, h, w) at stride 32
        for stride, skip in self.skips.items():
            scores = self.doubles[stride](scores) + skip(features[int(stride)])
        return self.enlarge(scores)[..., : images.shape[2], : images.shape[3]]

    def add_skip(self) -> Self:
        """Go from 32s to 16s or from 16s to 8s; everything that was learned stays.

        The new score layer starts at zero, so the scores are at first what they were. (With a `centred`
        backbone nearly: twice doubled, a lone peak gets flatter than doubled once.) Train on with a lower
        learning rate (in the paper, 100 times lower).

        Raises:
            ValueError: this is FCN-8s already.
        """
        if self.stride == STRIDES[-1]:
            raise ValueError("this is FCN-8s already; the paper found no gain in finer skips")
        device = self.score.weight.device
        self.stride //= 2
        skip = _score(self.backbone.channels[self.stride], self.num_classes)
        self.skips[str(self.stride)] = skip.to(device)
        self.doubles[str(self.stride)] = self._upsample(2, self.learned).to(device)
        self.enlarge = self._upsample(self.stride).to(device)
        return self

    def freeze(self, frozen: bool = True) -> Self:
        """Train only the score layers (FCN-32s-fixed in the paper), and the doubling if that is `learned`.

        With False, train everything again.
        """
        self.backbone.freeze(frozen)
        self.hidden.freeze(frozen)
        return self.train(self.training)

    def _upsample(self, factor: int, learned: bool = False) -> Upsample:
        return Upsample(self.num_classes, factor, centred=self.backbone.centred, learned=learned)


def fitted(images: Tensor, centred: bool) -> Tensor:
    """Images, made a little larger at the right and below, so that every map covers them exactly.

    To n * 32 pixels where cells are centred, else to n * 32 + 1: then every halving finds an odd number of
    pixels, cell i lies at pixel 32 * i, and the last cell at the last pixel.

    Example:
        >>> import torch
        >>> [tuple(fitted(torch.zeros(1, 3, 40, 64), centred).shape[2:]) for centred in (True, False)]
        [(64, 64), (65, 65)]
    """
    check_images(images)
    odd = 0 if centred else 1
    bottom, right = (-(size - odd) % 32 for size in images.shape[-2:])
    return F.pad(images, (0, right, 0, bottom), value=GREY) if bottom or right else images


def checked_classes(num_classes: int) -> int:
    """A number of classes; ValueError if it is none that a mask can hold."""
    if not (isinstance(num_classes, SupportsIndex) and 1 <= num_classes <= VOID):
        raise ValueError(f"num_classes is {num_classes}; a mask can hold 1 to {VOID} classes")
    return int(num_classes)  # also of NumPy: a saved net holds numbers of Python alone


def check_backbone(backbone: object) -> None:
    """Say if something is no backbone, such as its name alone or a network of torchvision."""
    if not isinstance(backbone, Backbone):
        raise ValueError(
            f"the backbone is {backbone!r:.60}; it must be a seglib Backbone, such as backbones.load('lite0')"
        )


def without_classifier(backbone: Backbone) -> Backbone:
    """A copy of a backbone that shares nothing with it, without the classifier."""
    classifier, backbone.classifier = backbone.classifier, None
    try:
        return copy.deepcopy(backbone)
    finally:
        backbone.classifier = classifier


def _score(channels: int, num_classes: int) -> nn.Conv2d:
    """A 1 x 1 convolution that gives 0 for everything, until it is trained."""
    score = nn.Conv2d(channels, num_classes, 1)
    nn.init.zeros_(score.weight)
    nn.init.zeros_(score.bias)  # type: ignore[arg-type]
    return score
