"""The interface of every backbone: images in, feature maps at strides 2, 4, 8, 16 and 32 out."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

STRIDES = (2, 4, 8, 16, 32)
INPUT_SIZE = 224  # side in pixels of the images that the classifiers were trained on


class WeightsError(ValueError):
    """Weights are not available or damaged; the message says why and what to do instead."""


class Freezable(nn.Module):
    """A module whose weights and batch norm statistics can be frozen.

    `requires_grad = False` alone is not enough: in training mode, batch norm would still update its averages.

    Attributes:
        frozen: whether it is frozen.
    """

    frozen = False

    def freeze(self, frozen: bool = True) -> Self:
        """Keep everything in this module as it is; with False, train it again."""
        self.frozen = frozen
        self.requires_grad_(not frozen)
        return self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """As in every module, except that a frozen one stays in evaluation mode."""
        return super().train(mode and not self.frozen)


class Backbone(Freezable):
    """Five stages, each of which halves the resolution, and the classifier they were trained with.

    Attributes:
        name: what `load` calls it.
        channels: {stride: C}, the number of channels of each feature map.
        normalise: turns images in 0..255 into what the first stage expects.
        stages: one module for each stride.
        classifier: from the feature map at stride 32 to class scores; None if there is none.
        centred: where the cells of a map lie. True with 2 x 2 pooling (VGG): cell i at stride s is centred
            between pixels, at s * i + (s - 1) / 2. False with odd kernels: cell i is centred on pixel s * i.
            For lite0 that holds where both sides of the image are 32 n + 1 pixels (`fcn.net.pad_to_stride`
            sees to it): it pads as TensorFlow does, and on sides of 32 n its cells lie at s * i + s - 1.

    Example:
        >>> from seglib.backbones import load
        >>> features = load("small")(torch.zeros(1, 3, 50, 33, dtype=torch.uint8))
        >>> [(stride, tuple(map.shape[2:])) for stride, map in features.items()]
        [(2, (25, 17)), (4, (13, 9)), (8, (7, 5)), (16, (4, 3)), (32, (2, 2))]
    """

    def __init__(
        self, name: str, *, stages: Sequence[nn.Module], channels: Sequence[int], mean: Sequence[float],
        std: Sequence[float], classifier: nn.Module | None = None, centred: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name = name
        self.channels = dict(zip(STRIDES, channels, strict=True))
        self.normalise = Normalise(mean, std)
        self.stages = nn.ModuleList(stages)
        self.classifier = classifier
        self.centred = centred

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Compute the feature maps of images.

        Args:
            images: (N, 3, H, W) uint8, or float with values in 0..255; any size from 1 x 1.

        Returns:
            {stride: (N, C, ceil(H / stride), ceil(W / stride))} for the strides 2, 4, 8, 16 and 32.

        Raises:
            ValueError: the images have another shape or type.
        """
        x = self.normalise(images)
        features = {}
        for stride, stage in zip(STRIDES, self.stages):
            x = features[stride] = stage(x)
        return features

    def classify(self, images: Tensor) -> Tensor:
        """(N, 1000) class scores (logits) of images, by the classifier that the backbone came with.

        Raises:
            ValueError: there is no classifier, or the images are not what `forward` takes.
        """
        return self.as_classifier()(images)

    def as_classifier(self) -> nn.Sequential:
        """The network as it was before it became a backbone: one chain of layers that shares its weights.

        Raises:
            ValueError: there is no classifier.
        """
        if self.classifier is None:
            raise ValueError(f"{self.name} has no classifier; it was never trained to classify: use 'lite0'")
        chain = nn.Sequential(self.normalise, *self.stages, self.classifier)
        chain.training = self.training  # the chain alone: its layers are shared, and keep their modes
        return chain


class Normalise(nn.Module):
    """Turn images in 0..255 into float32 with mean about 0 and standard deviation about 1.

    Args:
        mean: of red, green and blue, in 0..255.
        std: standard deviations of red, green and blue.

    Example:
        >>> Normalise(mean=(127,) * 3, std=(128,) * 3)(torch.full((1, 3, 1, 1), 255.0))[0, 0]
        tensor([[1.]])
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("std", std)):  # constants of the code, not weights: not saved
            self.register_buffer(name, torch.tensor(values).float()[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 3, H, W) float32."""
        check_images(images)
        return (images.float() - self.mean) / self.std


def check_images(images: Tensor) -> None:
    """Raise a ValueError unless images are a batch (N, 3, H, W) of uint8 or float with at least one pixel."""
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"images must be a batch (N, 3, H, W), not {tuple(images.shape)}; "
            "make a batch of one image with images[None], and three channels of one with expand(3, -1, -1)"
        )
    if not images.numel():
        raise ValueError(f"images {tuple(images.shape)} have no pixels; the smallest size is 1 x 1")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ValueError(f"images are {images.dtype}; they must be uint8, or float with values in 0..255")
