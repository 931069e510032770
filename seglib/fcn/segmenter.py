"""FCN and U-Net as segmenters that are saved to, and rebuilt from, one file."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from seglib.backbones import load
from seglib.fcn.net import FCN
from seglib.fcn.unet import UNet
from seglib.segmenters import NetSegmenter


class FCNSegmenter(NetSegmenter):
    """A `NetSegmenter` whose `load` rebuilds an `FCN` or a `UNet` without being handed one.

    Example:
        >>> import torch
        >>> from seglib.labels import Classes
        >>> segmenter = FCNSegmenter(FCN(load("small"), 2, stride=8), Classes.of("background", "fish"))
        >>> segmenter.name, segmenter.predict(torch.zeros(3, 1, 2, dtype=torch.uint8))
        ('FCN-8s small', tensor([[0, 0]]))
    """

    @classmethod
    def build(cls, kind: str, settings: Mapping[str, Any], weights: Mapping[str, Tensor]) -> nn.Module | None:
        """An untrained net like the saved one; None if that was neither an `FCN` nor a `UNet`."""
        nets = {f"{net.__module__}.{net.__qualname__}": net for net in (FCN, UNet)}
        if kind not in nets:
            return None
        options = dict(settings)
        backbone = load(options.pop("backbone"), pretrained=False)
        if not any(name.startswith("hidden.") for name in weights):
            backbone.classifier = None  # the net was built on a backbone that had none
        return nets[kind](backbone, **options)
