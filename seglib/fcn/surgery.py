"""The surgery: fully connected layers become convolutions, and a classifier becomes a map of classifications.

A fully connected layer on a map of C x h x w numbers weighs each of them once. A convolution with an h x w
kernel does the same, and on a larger map it does so at every location.

Reference:
    Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015, section 3.1.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from seglib.backbones import Backbone
from seglib.backbones.backbone import INPUT_SIZE, Freezable
from seglib.files import first_line

Shape = tuple[int, ...]


def convolutionalise(classifier: nn.Module, input_size: Shape) -> Convolutional:
    """Turn a classifier for images of one size into a network that maps scores of any larger image.

    Args:
        classifier: a chain (`nn.Sequential`, nested or not) of convolutions, pooling, batch norm, activations
            and dropout, then flattening, then fully connected layers. `backbone.as_classifier()` is one.
        input_size: (channels, height, width) of the classifier's input, such as (3, 224, 224).

    Returns:
        A network with output (N, K, h, w). For an input of `input_size` h = w = 1 and the scores are the
        classifier's; for a larger one there are K scores for each position of the classifier's window. Its
        weights are copies.

    Raises:
        ValueError: a layer cannot be converted, or does not fit; the message names it.

    Example:
        >>> classifier = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 4 * 4, 10))
        >>> convolutionalise(classifier, (3, 6, 6))(torch.zeros(1, 3, 8, 9)).shape
        torch.Size([1, 10, 3, 4])
    """
    if not isinstance(input_size, (tuple, list)) or len(input_size) != 3:
        raise ValueError(f"input_size {input_size} must be (channels, height, width), such as (3, 224, 224)")
    network = Convolutional(_converted(classifier, tuple(input_size)), tuple(input_size))
    network.training = classifier.training  # each of its layers keeps its own mode
    return network


def as_convolution(linear: nn.Linear, channels: int, height: int, width: int) -> nn.Conv2d:
    """The convolution that does to a map (channels, height, width) what `linear` does to the flattened map.

    Args:
        linear: has channels * height * width inputs.
        channels: of the map before it was flattened.
        height: of that map.
        width: of that map.

    Raises:
        ValueError: the layer has another number of inputs.

    Example:
        >>> linear, map = nn.Linear(2 * 3 * 3, 5), torch.rand(1, 2, 3, 3)
        >>> conv = as_convolution(linear, 2, 3, 3)
        >>> torch.allclose(conv(map).flatten(1), linear(map.flatten(1)), atol=1e-5)
        True
    """
    if linear.in_features != channels * height * width:
        raise ValueError(
            f"a fully connected layer takes {linear.in_features} numbers, but the map before it has "
            f"{channels} x {height} x {width}; is input_size that of the classifier?"
        )
    conv = nn.Conv2d(channels, linear.out_features, (height, width), bias=linear.bias is not None)
    # (outputs, C * h * w) -> (outputs, C, h, w): the order in which flattening lists C, h and w.
    weight = linear.weight.detach().reshape(linear.out_features, channels, height, width)
    conv.weight = nn.Parameter(weight.clone())
    if linear.bias is not None:
        conv.bias = nn.Parameter(linear.bias.detach().clone())
    return conv


class Convolutional(nn.Sequential):
    """A classifier after the surgery.

    Attributes:
        input_size: (channels, height, width) of the classifier's input, and the smallest it takes.
    """

    def __init__(self, layers: list[nn.Module], input_size: Shape) -> None:
        super().__init__(*layers)
        self.input_size = input_size

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) of at least `input_size` -> (N, K, h, w)."""
        _, height, width = self.input_size
        if images.shape[-2] < height or images.shape[-1] < width:
            raise ValueError(
                f"an input of {images.shape[-2]} x {images.shape[-1]} is smaller than the {height} x {width} "
                "of the classifier; enlarge or pad it"
            )
        return super().forward(images)


def _converted(classifier: nn.Module, input_size: Shape) -> list[nn.Module]:
    """The layers after the surgery; a blank image goes through them to give the size of each map."""
    layers: list[nn.Module] = []
    weight = next(classifier.parameters(), torch.empty(0))
    x = torch.zeros(1, *input_size, device=weight.device, dtype=weight.dtype)
    for layer in leaves(classifier):
        new = _convert(layer, x).eval()
        x = _applied(new, x)
        layers.append(new.train(layer.training))
    return [layer for layer in layers if not isinstance(layer, nn.Identity)]


@torch.no_grad()
def _applied(layer: nn.Module, x: Tensor) -> Tensor:
    """The map after a layer; ValueError if the layer cannot take `x` or its output is not a map."""
    try:
        result = layer(x)
    except RuntimeError as error:
        raise ValueError(
            f"{type(layer).__name__} cannot take a map {tuple(x.shape)}; is input_size that of the "
            f"classifier? ({first_line(error)})"
        ) from None
    if not isinstance(result, Tensor) or result.ndim != 4:
        given = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
        raise ValueError(
            f"{type(layer).__name__} gives {given}, which is not a map (N, C, H, W); write the classifier "
            "as one nn.Sequential, with nn.Flatten and nn.Linear as separate layers"
        )
    return result


def _convert(layer: nn.Module, x: Tensor) -> nn.Module:
    """One layer of a classifier, whose input is the map `x` (1, C, h, w), for maps of any size."""
    _, channels, height, width = x.shape
    if isinstance(layer, nn.Linear):
        return as_convolution(layer, channels, height, width)
    if isinstance(layer, nn.Flatten):
        return nn.Identity()  # the map stays a map
    if isinstance(layer, nn.BatchNorm1d):
        return _batch_norm(layer).to(x.device, x.dtype)
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        return _average(layer, height, width)
    if isinstance(layer, (nn.Softmax, nn.LogSoftmax)) and layer.dim != 1:
        raise ValueError(f"{layer} works along the last axis, which is the width of a map; write dim=1")
    if isinstance(layer, nn.AdaptiveMaxPool2d):
        raise ValueError("AdaptiveMaxPool2d gives the same size for every image; use nn.MaxPool2d")
    return copy.deepcopy(layer)


def _average(layer: nn.AdaptiveAvgPool2d, height: int, width: int) -> nn.Module:
    """The pooling that does the same to a map of height x width, and to a larger one at every location."""
    target = layer.output_size if isinstance(layer.output_size, tuple) else (layer.output_size,) * 2
    rows, columns = (size if out is None else out for size, out in zip((height, width), target))
    if height % rows or width % columns:
        raise ValueError(
            f"AdaptiveAvgPool2d cannot cut {height} x {width} into {rows} x {columns} equal parts; "
            "choose an input_size for which it can"
        )
    window = (height // rows, width // columns)
    if window == (1, 1):
        return nn.Identity()
    # A global mean becomes a mean over every window of that size; several means stay next to each other.
    return nn.AvgPool2d(window, stride=1 if (rows, columns) == (1, 1) else window)


def _batch_norm(layer: nn.BatchNorm1d) -> nn.BatchNorm2d:
    """The same batch norm for maps."""
    if not layer.track_running_stats:
        raise ValueError(
            "a BatchNorm1d without running statistics normalises by the batch, which a map cannot do; "
            "set track_running_stats=True"
        )
    new = nn.BatchNorm2d(layer.num_features, layer.eps, layer.momentum, layer.affine)
    new.load_state_dict(layer.state_dict())
    return new


def leaves(module: nn.Module) -> Iterator[nn.Module]:
    """The layers of a chain, nested chains included, in order."""
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        for child in module:
            yield from leaves(child)
    else:
        yield module


class Hidden(Freezable, nn.Sequential):
    """A chain of layers that can be frozen."""


def hidden_layers(backbone: Backbone) -> tuple[Hidden, int]:
    """A backbone's classifier without its last layer, as convolutions on the map at stride 32.

    For VGG these are the two layers of 4096, for EfficientNet a 1 x 1 convolution; a ResNet has none. The map
    is zero-padded so that its size stays. Global average pooling is left out, so that each location is scored
    separately.

    Returns:
        The layers, with copied weights, and the number of their output channels.

    Example:
        >>> from seglib.backbones import load
        >>> hidden, channels = hidden_layers(load("lite0", pretrained=False))
        >>> [type(layer).__name__ for layer in hidden], channels
        (['SameConv2d', 'BatchNorm2d', 'ReLU6', 'Dropout'], 1280)
    """
    channels = backbone.channels[32]
    if backbone.classifier is None:
        return Hidden(), channels
    side = INPUT_SIZE // 32
    *layers, _ = convolutionalise(backbone.classifier, (channels, side, side))
    layers = [layer for layer in layers if not isinstance(layer, nn.AvgPool2d)]
    for layer in leaves(nn.Sequential(*layers)):
        if isinstance(layer, nn.Conv2d):
            layer.padding = (layer.kernel_size[0] // 2, layer.kernel_size[1] // 2)
            channels = layer.out_channels
    return Hidden(*layers), channels
