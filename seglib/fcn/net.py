"""FCN-32s, FCN-16s and FCN-8s, and the bilinear upsampling that makes coarse scores fine.

A cell of a coarse map is centred on one location of the image, and its score must go there. Which location
that is depends on the network. With odd kernels, cell i at stride s is centred on pixel s * i: n cells reach
over (n - 1) * s + 1 pixels, the upsampling kernel has 2 s - 1 weights, and no border has to be invented. With
2 x 2 pooling, cell i is centred in the middle of its s pixels (`centred`): n cells cover n * s pixels, the
kernel has 2 s weights, and half a cell at the border fades.

Reference:
    Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015, sections 3.3 and
    4.3; VGG, their network, is a centred one. One kernel per class here, where their code has one from every
    class to every class, all 0 except on the diagonal.
"""

import copy
from typing import Any, Self, SupportsIndex

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglib.backbones import Backbone
from seglib.backbones.backbone import check_images
from seglib.fcn.surgery import hidden_layers
from seglib.labels import VOID

STRIDES = (32, 16, 8)
GREY = 127  # padding of an image: near the mean of images, so about 0 after normalisation


def bilinear_kernel(size: int) -> Tensor:
    """Weights (size, size) with which a transposed convolution interpolates bilinearly: a pyramid.

    Example:
        >>> bilinear_kernel(3)  # upsamples by 2; each new pixel is the mean of its 1, 2 or 4 neighbours
        tensor([[0.2500, 0.5000, 0.2500],
                [0.5000, 1.0000, 0.5000],
                [0.2500, 0.5000, 0.2500]])
    """
    reach = (size + 1) // 2  # from the peak to the first 0
    distance = (torch.arange(size) - (size - 1) / 2).abs()
    slope = 1 - distance / reach
    return slope[:, None] * slope


class Upsample(nn.ConvTranspose2d):
    """Upsample each class's map by `factor`, bilinearly and in float32.

    Args:
        num_classes: K.
        factor: 2 or more, even.
        centred: where the cells lie, see the top of this file.
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
            raise ValueError(f"factor {factor} must be an even number: 2, 4, 6, ...")
        kernel, padding = (2 * factor, factor // 2) if centred else (2 * factor - 1, factor - 1)
        super().__init__(num_classes, num_classes, kernel, factor, padding, groups=num_classes, bias=False)
        self.weight.data.copy_(bilinear_kernel(kernel))
        self.weight.requires_grad_(learned)
        self.learned, self.factor, self.border = learned, factor, padding

    def forward(self, scores: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(N, K, h, w) -> float32 (N, K, (h - 1) * factor + 1, ...), if centred (N, K, h * factor, ...)."""
        with torch.autocast(scores.device.type, enabled=False):
            # The two products below need the size as a number, which a file for all sizes does not have.
            if self.learned or output_size is not None or torch.onnx.is_in_onnx_export():
                return super().forward(scores.float(), output_size)
            height, width = scores.shape[2:]
            return self._along(height).T @ scores.float() @ self._along(width)

    def _along(self, length: int) -> Tensor:
        """(length, fine length): what each cell of a row adds to each pixel of the fine row.

        The kernel is separable, so upsampling is two matrix products. PyTorch's transposed convolution, with
        a group for each class, is slow on a GPU.
        """
        profile = self.weight[0, 0].diagonal().sqrt()
        cells = torch.eye(length, device=profile.device)[:, None]
        rows = F.conv_transpose1d(cells, profile[None, None], stride=self.factor, padding=self.border)
        return rows[:, 0]


class FCN(nn.Module):
    """A classifier, made to score every pixel.

    The map at stride 32 goes through what is left of the classifier, and a 1 x 1 convolution computes a
    score for each class. With `stride` 16 or 8, the scores are upsampled by 2 and those of a finer map, from
    a 1 x 1 convolution of its own, are added. Finally they are upsampled to the size of the image. All score
    layers start at zero, so that at first all classes are equally likely.

    Args:
        backbone: is copied, without its classifier; the one handed in is not trained.
        num_classes: K.
        stride: 32, 16 or 8: how fine the finest map is.
        learned: whether the kernels that upsample by 2 are trained; the last one never is.

    Attributes:
        backbone: its copy.
        hidden: the layers of the classifier between backbone and score, see `hidden_layers`.

    Reference:
        Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015, section 4.
        Departures: images are padded by a few pixels to fit the grid of the coarsest map (there by 100,
        then cropped by offsets); the skips take the maps as they are (there, trained at once, scaled by .01
        and .0001, which batch norm makes unnecessary); the upsampling by 2 is trained only if `learned`
        (there always).

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
    def title(self) -> str:
        """What tables call it, such as "FCN-8s lite0"."""
        return f"FCN-{self.stride}s {self.backbone.name}"

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments that build this net again, before its weights are loaded."""
        settings = {"num_classes": self.num_classes, "stride": self.stride, "learned": self.learned}
        return {"backbone": self.backbone.name} | settings

    def forward(self, images: Tensor) -> Tensor:
        """Score every pixel.

        Args:
            images: (N, 3, H, W) uint8, or float in 0..255; any size from 1 x 1.

        Returns:
            (N, K, H, W) float32 logits.
        """
        scores = self.score_padded(pad_to_stride(images, self.backbone.centred))
        return scores[..., : images.shape[2], : images.shape[3]]

    def score_padded(self, images: Tensor) -> Tensor:
        """Score images whose sides are those that `pad_to_stride` gives; arguments as for `forward`."""
        features = self.backbone(images)
        scores = self.score(self.hidden(features[32]))  # (N, K, h, w) at stride 32
        for stride, skip in self.skips.items():
            scores = self.doubles[stride](scores) + skip(features[int(stride)])
        enlarged: Tensor = self.enlarge(scores)
        return enlarged

    def add_skip(self) -> Self:
        """Go from 32s to 16s or from 16s to 8s; everything learned so far stays.

        The new score layer starts at zero, so that the scores do not change at first. (With a `centred`
        backbone nearly: upsampled in two steps, an isolated peak gets flatter than in one.) Continue training
        with a lower learning rate (in the paper, 100 times lower).

        Raises:
            ValueError: this is already FCN-8s.
        """
        if self.stride == STRIDES[-1]:
            raise ValueError("this is already FCN-8s; the paper found no gain in finer skips")
        device = self.score.weight.device
        self.stride //= 2
        skip = _score(self.backbone.channels[self.stride], self.num_classes)
        self.skips[str(self.stride)] = skip.to(device)
        self.doubles[str(self.stride)] = self._upsample(2, self.learned).to(device)
        self.enlarge = self._upsample(self.stride).to(device)
        return self

    def freeze(self, frozen: bool = True) -> Self:
        """Train only the score layers (FCN-32s-fixed in the paper), and the upsampling by 2 if `learned`.

        With False, train everything again.
        """
        self.backbone.freeze(frozen)
        self.hidden.freeze(frozen)
        return self.train(self.training)

    def _upsample(self, factor: int, learned: bool = False) -> Upsample:
        return Upsample(self.num_classes, factor, centred=self.backbone.centred, learned=learned)


def pad_to_stride(images: Tensor, centred: bool) -> Tensor:
    """Pad images at the right and at the bottom so that every map covers them exactly.

    To 32 n pixels if cells are centred, else to 32 n + 1: then every stage sees an odd number of pixels, cell
    i lies on pixel 32 * i, and the last cell on the last pixel.

    Example:
        >>> import torch
        >>> [tuple(pad_to_stride(torch.zeros(1, 3, 40, 64), centred).shape[2:]) for centred in (True, False)]
        [(64, 64), (65, 65)]
    """
    check_images(images)
    odd = 0 if centred else 1
    bottom, right = (-(size - odd) % 32 for size in images.shape[-2:])
    return F.pad(images, (0, right, 0, bottom), value=GREY) if bottom or right else images


def checked_classes(num_classes: int) -> int:
    """`num_classes` as int; ValueError unless it is a number of classes that a mask can hold."""
    if not (isinstance(num_classes, SupportsIndex) and 1 <= num_classes <= VOID):
        raise ValueError(f"num_classes is {num_classes}; it must be a whole number from 1 to {VOID}")
    return int(num_classes)  # NumPy's too: a saved net holds only numbers of Python


def check_backbone(backbone: object) -> None:
    """Raise a ValueError unless it is a Backbone: not its name, and not a network of torchvision."""
    if not isinstance(backbone, Backbone):
        raise ValueError(
            f"the backbone is {backbone!r:.60}; it must be a seglib Backbone, such as backbones.load('lite0')"
        )


def without_classifier(backbone: Backbone) -> Backbone:
    """A deep copy of a backbone without its classifier."""
    classifier, backbone.classifier = backbone.classifier, None
    try:
        return copy.deepcopy(backbone)
    finally:
        backbone.classifier = classifier


def _score(channels: int, num_classes: int) -> nn.Conv2d:
    """A 1 x 1 convolution with zero weights and biases."""
    score = nn.Conv2d(channels, num_classes, 1)
    nn.init.zeros_(score.weight)
    nn.init.zeros_(score.bias)  # type: ignore[arg-type]
    return score
