"""What can go wrong with weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

import torch
from torch import Tensor, nn


class WeightsError(ValueError):
    """Weights cannot be had; the sentence says why and what to do instead."""


# A part of a network that can be kept as it is while the rest is trained.


class Freezable(nn.Module):
    """A module with `freeze`: its weights and its batch norm statistics stay as they are.

    `requires_grad = False` alone is not enough: in training mode, batch norm would go on averaging.

    Attributes:
        frozen: whether it is.
    """

    frozen = False

    def freeze(self, frozen: bool = True) -> Self:
        """Keep everything in here as it is, or with False let it be trained again."""
        self.frozen = frozen
        self.requires_grad_(not frozen)
        return self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """As in every module, but what is frozen stays as in `eval()`."""
        return super().train(mode and not self.frozen)


# Training mode and evaluation mode: drop-out and batch norm work otherwise in each.


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """A net in evaluation mode; afterwards each of its modules is in the mode it was in.

    `net.train(mode)` would not do: some modules may be in another mode than the net, such as a frozen part.

    Example:
        >>> net = nn.Sequential(nn.Dropout(), nn.BatchNorm2d(3).eval())
        >>> with evaluating(net):
        ...     net[0].training
        False
        >>> [layer.training for layer in net]
        [True, False]
    """
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


# What every backbone of this course is: images in, feature maps at strides 2, 4, 8, 16 and 32 out.

STRIDES = (2, 4, 8, 16, 32)
MADE_FOR = 224  # side in pixels of the images that the classifiers were trained on


class Backbone(Freezable):
    """Five stages, each of which halves the image, and the classifier they were trained with.

    Attributes:
        name: what `load` calls it.
        channels: {stride: C}, the number of channels of each feature map.
        normalise: turns images as they are into what the first stage expects.
        stages: one module for each stride.
        classifier: from the feature map at stride 32 to class scores; None where there is none.
        centred: whether a cell of a map looks at a place between pixels (2 x 2 pooling), not at a pixel (odd
            kernels): cell i at stride s lies at pixel s * i + (s - 1) / 2, or at pixel s * i.

    Example:
        >>> from seglib.backbones import load
        >>> features = load("small")(torch.zeros(1, 3, 50, 33, dtype=torch.uint8))
        >>> [(stride, tuple(map.shape[2:])) for stride, map in features.items()]
        [(2, (25, 17)), (4, (13, 9)), (8, (7, 5)), (16, (4, 3)), (32, (2, 2))]
    """

    def __init__(
        self,
        name: str,
        *,
        stages: Sequence[nn.Module],
        channels: Sequence[int],
        mean: Sequence[float],
        std: Sequence[float],
        classifier: nn.Module | None = None,
        centred: bool = False,
    ) -> None:
        super().__init__()
        self.name = name
        self.channels = dict(zip(STRIDES, channels, strict=True))
        self.normalise = Normalise(mean, std)
        self.stages = nn.ModuleList(stages)
        self.classifier = classifier
        self.centred = centred

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Feature maps of images.

        Args:
            images: (N, 3, H, W) uint8, or float with values in 0..255; any size from 1 x 1.

        Returns:
            {stride: (N, C, ceil(H / stride), ceil(W / stride))} for the strides 2, 4, 8, 16 and 32.

        Raises:
            ValueError: the images are something else.
        """
        x = self.normalise(images)
        features = {}
        for stride, stage in zip(STRIDES, self.stages):
            x = features[stride] = stage(x)
        return features

    def classify(self, images: Tensor) -> Tensor:
        """(N, 1000) class scores (logits) of images, by the classifier that the backbone came with.

        Raises:
            ValueError: there is none, or the images are not what `forward` takes.
        """
        return self.as_classifier()(images)

    def as_classifier(self) -> nn.Sequential:
        """The network as it was before it became a backbone, as one chain of layers that share its weights.

        Raises:
            ValueError: there is no classifier.
        """
        if self.classifier is None:
            raise ValueError(f"{self.name} has no classifier; it was never trained to classify: use 'lite0'")
        chain = nn.Sequential(self.normalise, *self.stages, self.classifier)
        chain.training = self.training  # the chain alone: its layers are shared, and keep their mode
        return chain


class Normalise(nn.Module):
    """Images as they are, 0..255, become float32 with about mean 0 and deviation 1.

    Args:
        mean: of red, green and blue, in 0..255.
        std: their standard deviation.

    Example:
        >>> Normalise(mean=(127,) * 3, std=(128,) * 3)(torch.full((1, 3, 1, 1), 255.0))[0, 0]
        tensor([[1.]])
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("std", std)):  # constants of the code, no weights: not saved
            self.register_buffer(name, torch.tensor(values).float()[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 3, H, W) float32."""
        check_images(images)
        return (images.float() - self.mean) / self.std


def check_images(images: Tensor) -> None:
    """Say what is wrong with images, if their shape or type is; their values are not looked at.

    Raises:
        ValueError: they are no batch (N, 3, H, W) of uint8 or float, or have no pixels.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"images are a batch (N, 3, H, W), not {tuple(images.shape)}; "
            "a single image (3, H, W) becomes one by images[None], a grey one by expand(3, -1, -1)"
        )
    if not images.numel():
        raise ValueError(f"images {tuple(images.shape)} have no pixels; the smallest is 1 x 1")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ValueError(f"images are {images.dtype}; they must be uint8, or float with values in 0..255")
