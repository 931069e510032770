"""A small network to be trained from scratch, made for two processor cores."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import VGG, ResNet, get_model, get_model_weights

from seglib.backbones.backbone import Backbone, WeightsError
from seglib.backbones.lite import lite0

_CHANNELS = (16, 32, 64, 128, 256)


def small(pretrained: bool = False) -> Backbone:
    """A strided residual network: an image is at stride 4 after two cheap layers, where the work begins.

    Args:
        pretrained: has no effect; there are no weights to load.
    """
    stages: list[nn.Module] = []
    inputs = 3
    for index, channels in enumerate(_CHANNELS):
        down = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )
        stages.append(nn.Sequential(down, Residual(channels)) if index > 1 else down)
        inputs = channels
    return Backbone("small", stages=stages, channels=_CHANNELS, mean=(127,) * 3, std=(64,) * 3)


class Residual(nn.Module):
    """Two 3 x 3 convolutions whose result is added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return (x + self.layers(x)).relu_()


# ResNet-18, ResNet-50 and VGG16-BN as torchvision has them, cut into stages.

_MEAN, _STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of ImageNet: 255 x (.485, .456, .406), ...


def resnet18(pretrained: bool) -> Backbone:
    """He et al., "Deep Residual Learning for Image Recognition", 2016; 11 million weights."""
    return _resnet("resnet18", pretrained, channels=(64, 64, 128, 256, 512))


def resnet50(pretrained: bool) -> Backbone:
    """He et al., "Deep Residual Learning for Image Recognition", 2016; 25 million weights."""
    return _resnet("resnet50", pretrained, channels=(64, 256, 512, 1024, 2048))


def vgg16_bn(pretrained: bool) -> Backbone:
    """Simonyan, Zisserman, "Very Deep Convolutional Networks", 2015, with batch norm; 138 million weights.

    The backbone of the FCN paper. Its classifier is fully connected: two layers of 4096 on a 7 x 7 map.
    """
    net: VGG = _fetch("vgg16_bn", pretrained)
    stages: list[list[nn.Module]] = [[]]
    for layer in net.features:
        if isinstance(layer, nn.MaxPool2d):
            layer.ceil_mode = True  # sides of odd length are rounded up, so that no row of pixels is lost
        stages[-1].append(layer)
        if isinstance(layer, nn.MaxPool2d):
            stages.append([])
    return Backbone(
        "vgg16_bn",
        stages=[nn.Sequential(*layers) for layers in stages if layers],
        channels=(64, 128, 256, 512, 512),
        mean=_MEAN,
        std=_STD,
        classifier=nn.Sequential(net.avgpool, nn.Flatten(), *net.classifier),
        centred=True,
    )


def _resnet(name: str, pretrained: bool, channels: tuple[int, ...]) -> Backbone:
    net: ResNet = _fetch(name, pretrained)
    stages = [
        nn.Sequential(net.conv1, net.bn1, net.relu),
        nn.Sequential(net.maxpool, net.layer1),
        net.layer2,
        net.layer3,
        net.layer4,
    ]
    head = nn.Sequential(net.avgpool, nn.Flatten(), net.fc)
    return Backbone(name, stages=stages, channels=channels, mean=_MEAN, std=_STD, classifier=head)


def _fetch(name: str, pretrained: bool) -> Any:
    """Torchvision's network; its weights come from the cache or, checked by their hash, from the internet."""
    if not pretrained:
        return get_model(name, weights=None)
    weights = get_model_weights(name).IMAGENET1K_V1
    instead = "use 'lite0', whose weights came with the installation, or pretrained=False"
    try:
        state = torch.hub.load_state_dict_from_url(
            weights.url, map_location="cpu", check_hash=True, weights_only=True
        )
    except OSError as error:  # also urllib's URLError
        reason = getattr(error, "reason", error)
        raise WeightsError(
            f"the weights of {name} are not on this machine and {weights.url} cannot be reached ({reason}); "
            f"{instead}"
        ) from None
    except (RuntimeError, EOFError, pickle.UnpicklingError):
        file = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
        raise WeightsError(
            f"the weights of {name} are damaged; delete {file} if it is there and try again, or {instead}"
        ) from None
    net = get_model(name, weights=None)
    net.load_state_dict(state)
    return net


# Backbones by name.

_BUILDERS = {
    "lite0": lite0,
    "small": small,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "vgg16_bn": vgg16_bn,
}
NAMES = tuple(_BUILDERS)


def load(name: str, pretrained: bool = True) -> Backbone:
    """A backbone by its name, in evaluation mode: training sets the mode it needs.

    Args:
        name: "lite0" (EfficientNet-Lite0; its ImageNet weights came with the installation), "resnet18",
            "resnet50" or "vgg16_bn" (torchvision; the weights are downloaded once), or "small" (light, and
            always untrained).
        pretrained: with ImageNet weights. "small" has none: it is the same either way.

    Raises:
        ValueError: no backbone has this name.
        WeightsError: the weights are not on this machine and cannot be fetched, or are damaged.

    Example:
        >>> load("lite0").channels
        {2: 16, 4: 24, 8: 40, 16: 112, 32: 320}
    """
    if name not in _BUILDERS:
        raise ValueError(f"no backbone is called {name!r}; there are {', '.join(NAMES)}")
    return _BUILDERS[name](pretrained).eval()
