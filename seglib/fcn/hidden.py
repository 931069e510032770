"""What is between a backbone and its last layer, kept when the last layer goes."""

from __future__ import annotations

from torch import nn

from seglib.backbones import Backbone
from seglib.backbones.backbone import MADE_FOR
from seglib.backbones.freezing import Freezable
from seglib.fcn.surgery import convolutionalise, leaves


class Hidden(Freezable, nn.Sequential):
    """Layers in a chain that can be frozen."""


def hidden_layers(backbone: Backbone) -> tuple[Hidden, int]:
    """What the classifier of a backbone does before its last layer, as convolutions on the map at stride 32.

    For VGG these are the two layers of 4096, for EfficientNet a 1 x 1 convolution; a ResNet has none. Zeros
    are added around the map so that its size stays; global average pooling is left out: every place is to
    have its own say.

    Returns:
        The layers, with copied weights, and the number of channels they put out.

    Example:
        >>> from seglib.backbones import load
        >>> hidden, channels = hidden_layers(load("lite0", pretrained=False))
        >>> [type(layer).__name__ for layer in hidden], channels
        (['SameConv2d', 'BatchNorm2d', 'ReLU6', 'Dropout'], 1280)
    """
    channels = backbone.channels[32]
    if backbone.classifier is None:
        return Hidden(), channels
    side = MADE_FOR // 32
    *layers, _ = convolutionalise(backbone.classifier, (channels, side, side))
    layers = [layer for layer in layers if not isinstance(layer, nn.AvgPool2d)]
    for layer in leaves(nn.Sequential(*layers)):
        if isinstance(layer, nn.Conv2d):
            layer.padding = (layer.kernel_size[0] // 2, layer.kernel_size[1] // 2)
            channels = layer.out_channels
    return Hidden(*layers), channels
