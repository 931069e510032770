"""Backbones by name: lite0, torchvision's ResNets and VGG, and a small one to train from scratch."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights

from seglib.backbones.backbone import Backbone, WeightsError
from seglib.backbones.lite import lite0

# ImageNet's mean and standard deviation: 255 x (.485, .456, .406) and 255 x (.229, .224, .225).
_MEAN, _STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
_RESNETS = {"resnet18": (64, 64, 128, 256, 512), "resnet50": (64, 256, 512, 1024, 2048)}  # channels
NAMES = ("lite0", "small", "resnet18", "resnet50", "vgg16_bn")


def load(name: str, pretrained: bool = True) -> Backbone:
    """Build a backbone, in evaluation mode; `train` sets the mode it needs.

    Args:
        name: "lite0" (EfficientNet-Lite0; its ImageNet weights came with the installation), "resnet18",
            "resnet50" or "vgg16_bn" (torchvision; the weights are downloaded once), or "small" (light, and
            always untrained).
        pretrained: with ImageNet weights. "small" has none: it is the same either way.

    Raises:
        ValueError: no backbone has this name.
        WeightsError: the weights are not on this machine and cannot be downloaded, or are damaged.

    Example:
        >>> load("lite0").channels
        {2: 16, 4: 24, 8: 40, 16: 112, 32: 320}
    """
    if name not in NAMES:
        raise ValueError(f"there is no backbone {name!r}; choose one of {', '.join(NAMES)}")
    if name == "lite0":
        return lite0(pretrained).eval()
    if name == "small":
        return small().eval()
    net = _torchvision(name, pretrained)
    return (_vgg(net) if name == "vgg16_bn" else _resnet(name, net)).eval()


def small() -> Backbone:
    """A residual network made for two processor cores: after two cheap layers, work starts at stride 4."""
    channels, inputs = (16, 32, 64, 128, 256), 3
    stages: list[nn.Module] = []
    for index, outputs in enumerate(channels):
        down = nn.Sequential(*_convolution(inputs, outputs, stride=2), nn.ReLU(inplace=True))
        stages.append(nn.Sequential(down, Residual(outputs)) if index > 1 else down)
        inputs = outputs
    return Backbone("small", stages=stages, channels=channels, mean=(127,) * 3, std=(64,) * 3)


def _convolution(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


class Residual(nn.Module):
    """Two 3 x 3 convolutions whose result is added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first, second = _convolution(channels, channels), _convolution(channels, channels)
        self.layers = nn.Sequential(*first, nn.ReLU(inplace=True), *second)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return (x + self.layers(x)).relu_()


def _resnet(name: str, net: Any) -> Backbone:
    """He et al., "Deep Residual Learning for Image Recognition", 2016; 11 (18) or 25 (50) million weights."""
    stem, first = nn.Sequential(net.conv1, net.bn1, net.relu), nn.Sequential(net.maxpool, net.layer1)
    stages = [stem, first, net.layer2, net.layer3, net.layer4]
    head = nn.Sequential(net.avgpool, nn.Flatten(), net.fc)
    return Backbone(name, stages=stages, channels=_RESNETS[name], mean=_MEAN, std=_STD, classifier=head)


def _vgg(net: Any) -> Backbone:
    """Simonyan, Zisserman, "Very Deep Convolutional Networks", 2015, with batch norm; 138 million weights.

    The backbone of the FCN paper. Its classifier is fully connected: two layers of 4096 on a 7 x 7 map.
    """
    stages: list[list[nn.Module]] = [[]]
    for layer in net.features:
        stages[-1].append(layer)
        if isinstance(layer, nn.MaxPool2d):
            layer.ceil_mode = True  # odd sides are rounded up, so that no row of pixels is lost
            stages.append([])
    head = nn.Sequential(net.avgpool, nn.Flatten(), *net.classifier)
    return Backbone(
        "vgg16_bn", stages=[nn.Sequential(*layers) for layers in stages if layers],
        channels=(64, 128, 256, 512, 512), mean=_MEAN, std=_STD, classifier=head, centred=True,
    )  # fmt: skip


def _torchvision(name: str, pretrained: bool) -> Any:
    """Torchvision's network; its weights come from the cache or, checked by their hash, from the internet."""
    if not pretrained:
        return get_model(name, weights=None)
    url = get_model_weights(name).IMAGENET1K_V1.url
    instead = "use 'lite0', whose weights came with the installation, or pretrained=False"
    try:
        options: dict[str, Any] = {"map_location": "cpu", "check_hash": True, "weights_only": True}
        state = torch.hub.load_state_dict_from_url(url, **options)
    except OSError as error:  # includes urllib's URLError
        reason = getattr(error, "reason", error)
        raise WeightsError(
            f"the weights of {name} are not on this machine and {url} cannot be reached ({reason}); {instead}"
        ) from None
    except (RuntimeError, EOFError, pickle.UnpicklingError):
        file = Path(torch.hub.get_dir(), "checkpoints", Path(url).name)
        raise WeightsError(
            f"the weights of {name} are damaged; delete {file} if it exists and try again, or {instead}"
        ) from None
    net = get_model(name, weights=None)
    net.load_state_dict(state)
    return net
