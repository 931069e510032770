"""Backbones by name."""

from __future__ import annotations

from seglib.backbones.backbone import Backbone
from seglib.backbones.lite import lite0
from seglib.backbones.small import small
from seglib.backbones.zoo import resnet18, resnet50, vgg16_bn

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
