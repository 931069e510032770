"""A compact U-Net, the modern relative of the FCN."""

from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglib.backbones import Backbone
from seglib.fcn.net import bilinear_kernel, check_backbone, checked_classes, pad_to_stride, without_classifier

WIDTHS = {16: 128, 8: 64, 4: 32, 2: 16}  # stride on the way up: channels of the joined map


class UNet(nn.Module):
    """A decoder that concatenates features, where an FCN adds scores.

    From stride 32 to stride 2, the map is upsampled by 2, concatenated with the backbone's map of that size,
    and both are mixed by a 3 x 3 convolution. An FCN decides from K numbers per pixel, a U-Net from `WIDTHS`.

    Args:
        backbone: is copied, without its classifier; the one handed in is not trained.
        num_classes: K.

    Attributes:
        backbone: its copy.

    Reference:
        Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015.
        Departures: any backbone as encoder; one convolution at each step where they have two, padded so that
        nothing is cropped; no map at stride 1, the scores at stride 2 are upsampled.

    Example:
        >>> from seglib.backbones import load
        >>> net = UNet(load("small"), num_classes=3)
        >>> net(torch.zeros(1, 3, 50, 33, dtype=torch.uint8)).shape
        torch.Size([1, 3, 50, 33])
    """

    def __init__(self, backbone: Backbone, num_classes: int) -> None:
        super().__init__()
        check_backbone(backbone)
        self.num_classes = checked_classes(num_classes)
        self.backbone = without_classifier(backbone)
        inputs = backbone.channels[32]
        self.joins = nn.ModuleDict()
        for stride, width in WIDTHS.items():
            self.joins[str(stride)] = _mix(inputs + backbone.channels[stride], width)
            inputs = width
        self.score = nn.Conv2d(inputs, self.num_classes, 1)
        self.train()

    @property
    def title(self) -> str:
        """What tables call it, such as "UNet lite0"."""
        return f"{type(self).__name__} {self.backbone.name}"

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments that build this net again, before its weights are loaded."""
        return {"backbone": self.backbone.name, "num_classes": self.num_classes}

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
        x = features[32]
        for stride, join in self.joins.items():
            finer = features[int(stride)]
            x = join(torch.cat([self._upsampled(x, finer), finer], dim=1))
        return self._upsampled(self.score(x).float(), images)

    def freeze(self, frozen: bool = True) -> Self:
        """Train only the decoder; with False, train everything again."""
        self.backbone.freeze(frozen)
        return self.train(self.training)

    def _upsampled(self, x: Tensor, like: Tensor) -> Tensor:
        """`x` in the size of `like`, bilinearly, with the cells where `Upsample` puts them."""
        if torch.onnx.is_in_onnx_export():  # a file for images of any size cannot hold this one's
            return self._doubled(x)
        return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=not self.backbone.centred)

    def _doubled(self, x: Tensor) -> Tensor:
        """The same by a factor of 2, with layers that OpenCV knows and computes right."""
        channels, centred = int(x.shape[1]), self.backbone.centred
        kernel = bilinear_kernel(4 if centred else 3).expand(channels, 1, -1, -1)
        doubled, ones = (
            F.conv_transpose2d(map, kernel, stride=2, padding=1, groups=channels) for map in (x, 0 * x + 1)
        )
        return doubled / ones if centred else doubled  # at the border a part of the kernel is outside


def _mix(inputs: int, outputs: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
