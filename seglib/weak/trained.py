"""A net at work: probabilities at the image's size, from images at the size of the training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from seglib.backbones.backbone import evaluating
from seglib.data.in_memory import resized
from seglib.labels import Classes
from seglib.weak.given import Size


@dataclass(frozen=True)
class Trained:
    """A trained net as a `Segmenter`.

    Attributes:
        net: images (N, 3, H, W) uint8 -> logits (N, K, H, W).
        classes: K names and colours.
        size: (height, width) that an image is brought into, without distortion, before the net sees it: that
            of the training, so that objects are as large as they were there.
        name: what a table calls it.
    """

    net: nn.Module
    classes: Classes
    size: Size
    name: str = "weak"

    def predict(self, image: Tensor) -> Tensor:
        """(3, H, W) uint8 -> (H, W) int64 class indices, on the CPU."""
        return self.probabilities(image).argmax(dim=0)

    def probabilities(self, image: Tensor) -> Tensor:
        """How sure the net is of every class in every pixel.

        The net is in evaluation mode meanwhile, and afterwards in the mode it was in.

        Args:
            image: (3, H, W) uint8, any size.

        Returns:
            (K, H, W) float32 that sum to 1 over the classes, on the CPU.

        Raises:
            ValueError: the image is something else, or the net scores another number of classes.

        Example:
            >>> class Net(nn.Conv2d):
            ...     def forward(self, images):
            ...         return super().forward(images / 255)
            >>> trained = Trained(Net(3, 2, 1), Classes.of("background", "fish"), size=(4, 4))
            >>> trained.probabilities(torch.zeros(3, 8, 6, dtype=torch.uint8)).shape
            torch.Size([2, 8, 6])
        """
        if image.dtype != torch.uint8 or image.ndim != 3 or len(image) != 3:
            raise ValueError(f"an image is (3, H, W) uint8, not {tuple(image.shape)} {image.dtype}")
        image = image.as_subclass(Tensor)
        device = next((weight.device for weight in self.net.parameters()), image.device)
        with evaluating(self.net), torch.inference_mode():
            logits = self.net(self._as_trained(image.cpu())[None].to(device)).float().cpu()
        if logits.shape[1] != len(self.classes):
            raise ValueError(
                f"the net scores {logits.shape[1]} classes, but there are {len(self.classes)} names "
                f"({', '.join(self.classes)}); build the net with as many"
            )
        if logits.shape[2:] != image.shape[1:]:
            logits = interpolate(logits, image.shape[1:], mode="bilinear")
        return logits[0].softmax(dim=0).clone()  # a tensor of inference mode could not be trained on

    def at(self, scale: float) -> Trained:
        """The same net, shown images `scale` times as large as now.

        Example:
            >>> Trained(nn.Identity(), Classes.of("background", "fish"), size=(128, 96)).at(1.5).size
            (192, 144)
        """
        return replace(self, size=(round(self.size[0] * scale), round(self.size[1] * scale)))

    def _as_trained(self, image: Tensor) -> Tensor:
        """The image, scaled into `size`."""
        height, width = image.shape[1:]
        scale = min(self.size[0] / height, self.size[1] / width)
        inside = max(1, round(height * scale)), max(1, round(width * scale))
        return resized(image, torch.zeros(height, width, dtype=torch.uint8), inside)[0]
