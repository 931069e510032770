"""A compact U-Net, the modern relative of the FCN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglib.backbones import Backbone
from seglib.fcn.net import check_backbone, checked_classes, fitted, without_classifier

JOINED = (16, 8, 4, 2)  # the strides on the way up


class UNet(nn.Module):
    """On the way up, features instead of scores are joined: side by side instead of as a sum.

    From stride 32 to stride 2, the map is doubled, laid beside the backbone's map of that size, and both are
    mixed by a 3 x 3 convolution. What an FCN decides from K numbers a pixel, a U-Net decides from `widths`.

    Args:
        backbone: is copied, without its classifier; the one handed in is not trained.
        num_classes: K.
        widths: channels of the joined maps at strides 16, 8, 4 and 2.

    Attributes:
        backbone: its copy.

    Reference:
        Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015.
        Departures: any backbone on the way down; one convolution at each step where they have two, padded so
        that nothing is cropped; no map at stride 1, the scores at stride 2 are enlarged.

    Example:
        >>> from seglib.backbones import load
        >>> net = UNet(load("small"), num_classes=3)
        >>> net(torch.zeros(1, 3, 50, 33, dtype=torch.uint8)).shape
        torch.Size([1, 3, 50, 33])
    """

    def __init__(
        self, backbone: Backbone, num_classes: int, *, widths: Sequence[int] = (128, 64, 32, 16)
    ) -> None:
        super().__init__()
        check_backbone(backbone)
        if len(widths) != len(JOINED):
            raise ValueError(
                f"widths {tuple(widths)} must be {len(JOINED)} numbers, for strides 16, 8, 4 and 2"
            )
        self.num_classes, self.widths = checked_classes(num_classes), [int(width) for width in widths]
        self.backbone = without_classifier(backbone)
        inputs = backbone.channels[32]
        self.joins = nn.ModuleDict()
        for stride, width in zip(JOINED, self.widths, strict=True):
            self.joins[str(stride)] = _mix(inputs + backbone.channels[stride], width)
            inputs = width
        self.score = nn.Conv2d(inputs, num_classes, 1)
        self.train()

    @property
    def settings(self) -> dict[str, Any]:
        """What is needed to build this net again, before its weights are loaded."""
        return {"backbone": self.backbone.name, "num_classes": self.num_classes, "widths": self.widths}

    def forward(self, images: Tensor) -> Tensor:
        """Scores for every pixel.

        Args:
            images: (N, 3, H, W) uint8, or float in 0..255; any size from 1 x 1.

        Returns:
            (N, K, H, W) float32 logits.
        """
        padded = fitted(images, self.backbone.centred)
        features = self.backbone(padded)
        x = features[32]
        for stride, join in self.joins.items():
            finer = features[int(stride)]
            x = join(torch.cat([self._enlarged(x, finer), finer], dim=1))
        return self._enlarged(self.score(x).float(), padded)[..., : images.shape[2], : images.shape[3]]

    def freeze(self, frozen: bool = True) -> Self:
        """Train only what comes after the backbone; with False, train everything again."""
        self.backbone.freeze(frozen)
        return self.train(self.training)

    def _enlarged(self, x: Tensor, like: Tensor) -> Tensor:
        """Twice as fine, by bilinear interpolation, with the cells where `Upsample` puts them."""
        return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=not self.backbone.centred)


def _mix(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
