"""A trained net as a segmenter: image in, mask out; saved and loaded as one file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from seglib import files as tensor_files
from seglib.backbones import load as load_backbone
from seglib.backbones.backbone import check_images, evaluating
from seglib.fcn.net import FCN
from seglib.fcn.unet import UNet
from seglib.files import TensorFileError
from seglib.labels import Classes

FORMAT = "seglib segmenter 1"
NETS = {"FCN": FCN, "UNet": UNet}


class FCNSegmenter:
    """Any net that gives scores (N, K, H, W), as a `Segmenter`.

    Args:
        net: images (N, 3, H, W) uint8 -> logits (N, K, H, W): an `FCN`, a `UNet`, or one of your own.
        classes: K names and colours.
        name: what a table calls it; by default "FCN-8s lite0" and the like.
        enlarge: the net sees images magnified so many times, which makes its stride finer in terms of the
            image; choose it on the validation split. Time grows with its square.

    Raises:
        ValueError: the net has another number of classes, or `enlarge` is not above 0.

    Example:
        >>> from seglib.backbones import load
        >>> segmenter = FCNSegmenter(FCN(load("small"), 2, stride=8), Classes.of("background", "fish"))
        >>> segmenter.name, segmenter.predict(torch.zeros(3, 1, 2, dtype=torch.uint8))
        ('FCN-8s small', tensor([[0, 0]]))
    """

    def __init__(
        self, net: nn.Module, classes: Classes, *, name: str | None = None, enlarge: float = 1.0
    ) -> None:
        _check_count(getattr(net, "num_classes", len(classes)), classes)
        if not 0 < enlarge < math.inf:
            raise ValueError(f"enlarge is how many times an image is magnified, above 0; got {enlarge}")
        self.net, self.classes, self.name, self.enlarge = net, classes, name or _name(net), float(enlarge)

    def predict(self, image: Tensor) -> Tensor:
        """The class of every pixel.

        The net is in evaluation mode meanwhile, and afterwards in the mode it was in.

        Args:
            image: (3, H, W) uint8, any size.

        Returns:
            (H, W) int64 class indices, on the image's device, wherever the net is.

        Raises:
            ValueError: the image is something else, or what the net gives is no score for every pixel.
        """
        if image.dtype != torch.uint8 or image.ndim != 3 or len(image) != 3:
            raise ValueError(f"an image is (3, H, W) uint8, not {tuple(image.shape)} {image.dtype}")
        check_images(image[None])
        device = next((weight.device for weight in self.net.parameters()), image.device)
        with evaluating(self.net), torch.inference_mode():
            logits = self._scores(image.as_subclass(Tensor)[None].to(device))
        return logits[0].argmax(dim=0).to(image.device)

    def _scores(self, images: Tensor) -> Tensor:
        """(1, 3, H, W) uint8 -> (1, K, H, W), by way of a larger or smaller copy if that was asked for."""
        if self.enlarge == 1:
            return self._checked(self.net(images), images)
        height, width = images.shape[2:]
        size = max(round(height * self.enlarge), 1), max(round(width * self.enlarge), 1)
        other = interpolate(images.float(), size, mode="bilinear", antialias=self.enlarge < 1)
        logits = self._checked(self.net(other), other)
        return interpolate(logits.float(), (height, width), mode="bilinear")

    def _checked(self, logits: object, images: Tensor) -> Tensor:
        """What the net gave for these images; ValueError if it is no score for every pixel."""
        if not isinstance(logits, Tensor) or logits.ndim != 4 or logits.shape[2:] != images.shape[2:]:
            given = tuple(logits.shape) if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
            raise ValueError(
                f"{self.name} gives {given} for images {tuple(images.shape)}; it must give scores "
                "(N, K, H, W) with the same H and W: let it enlarge them"
            )
        _check_count(logits.shape[1], self.classes)
        return logits

    def save(self, path: Path | str) -> None:
        """Write net, classes, name and enlargement to one file, all of it or nothing.

        Raises:
            DiskError: the disk is full or may not be written to.
        """
        colors = (*self.classes.colors, self.classes.void_color)
        content = {
            "format": FORMAT,
            "name": self.name,
            "enlarge": self.enlarge,
            "names": list(self.classes.names),
            "colors": [list(color) for color in colors],
            "net": _kind(self.net),
            "settings": getattr(self.net, "settings", {}),
            "weights": {name: value.cpu() for name, value in self.net.state_dict().items()},
        }
        tensor_files.write(Path(path), content)

    @classmethod
    def load(cls, path: Path | str, net: nn.Module | None = None) -> FCNSegmenter:
        """Read what `save` wrote; the net is on the CPU and in evaluation mode. Nothing in the file is run.

        Args:
            path: the file.
            net: one built like the one that was saved, which gets its weights; needed where that was neither
                `FCN` nor `UNet`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is cut off, damaged, something else, or of another net; the sentence says which.
        """
        path = Path(path)
        content = tensor_files.read(path)
        if content.get("format") != FORMAT:
            raise TensorFileError(f"{path} is no saved segmenter; a checkpoint of a training goes to train()")
        try:
            classes = _classes(content["names"], content["colors"])
            net = net or _build(path, content["net"], content["settings"], content["weights"])
            if not isinstance(name := content["name"], str | None):
                raise TypeError("name")
            _check_settings(path, net, content["settings"])
            _fill(path, net, content["weights"])
            return cls(net.eval(), classes, name=name, enlarge=content.get("enlarge", 1.0))
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise TensorFileError(f"{path} lacks a part of a segmenter ({error}); save it anew") from None


def _classes(names: list[str], colors: list[list[int]]) -> Classes:
    """Names and colours; the last colour is that of void."""
    if not colors or any(not isinstance(color, list) or len(color) != 3 for color in colors):
        raise TypeError("colors")
    *others, void = ((red, green, blue) for red, green, blue in colors)
    return Classes(tuple(names), tuple(others), void)


def _build(path: Path, kind: str, settings: dict[str, Any], weights: dict[str, Tensor]) -> nn.Module:
    """A net like the one that was saved, without its weights."""
    if kind not in NETS:
        raise TensorFileError(
            f"{path} is of a net of your own, {kind}; give one like it: load(path, net=...)"
        )
    settings = dict(settings)
    backbone = load_backbone(settings.pop("backbone"), pretrained=False)
    if not any(name.startswith("hidden.") for name in weights):
        backbone.classifier = None  # it was built on a backbone that had none
    return NETS[kind](backbone, **settings)


def _check_settings(path: Path, net: nn.Module, settings: dict[str, Any]) -> None:
    """Say if a net was built otherwise than the one in the file: not every difference shows in the shapes."""
    here = getattr(net, "settings", {})
    if changed := [name for name in settings if name in here and here[name] != settings[name]]:
        was, now = (", ".join(f"{name} {one[name]}" for name in changed) for one in (settings, here))
        raise TensorFileError(f"{path} is of another net: {was} in the file and {now} here")


def _kind(net: nn.Module) -> str:
    """By which name `load` knows it; a net of one's own may be called FCN and is none of ours."""
    name = type(net).__name__
    return name if NETS.get(name, type(net)) is type(net) else f"{type(net).__module__}.{name}"


def _fill(path: Path, net: nn.Module, weights: dict[str, Tensor]) -> None:
    """Put the weights into the net; say which does not fit."""
    here = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    there = {name: tuple(value.shape) for name, value in weights.items()}
    if differing := [name for name in here | there if here.get(name) != there.get(name)]:
        name = differing[0]
        raise TensorFileError(
            f"{path} is of another net: {name} is {there.get(name, 'missing')} in the file and "
            f"{here.get(name, 'missing')} here ({len(differing)} of {len(here | there)} tensors differ)"
        )
    net.load_state_dict(weights)


def _check_count(num_classes: int, classes: Classes) -> None:
    if num_classes != len(classes):
        raise ValueError(
            f"the net scores {num_classes} classes, but there are {len(classes)} names "
            f"({', '.join(classes)}); build the net with num_classes={len(classes)}"
        )


def _name(net: nn.Module) -> str:
    """What a table calls a net that was given no name."""
    backbone = getattr(getattr(net, "backbone", None), "name", "")
    kind = f"FCN-{net.stride}s" if isinstance(net, FCN) else type(net).__name__
    return f"{kind} {backbone}".strip()
