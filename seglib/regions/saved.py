"""A region segmenter as plain data, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seglib import files as tensor_files
from seglib.backbones import Backbone
from seglib.backbones import load as load_backbone
from seglib.files import TensorFileError
from seglib.labels import Classes
from seglib.regions.examples import Looker
from seglib.regions.features import RegionFeatures
from seglib.regions.strategies import Strategy

FORMAT = "seglib region segmenter 1"


def pack(looker: Looker, classes: Classes) -> dict[str, Any]:
    """The settings, the nets and the classes."""
    features = looker.features
    nets = [features.backbone] + [features.foreground] * (features.foreground is not features.backbone)
    return {
        "format": FORMAT,
        "names": list(classes.names),
        "colors": [list(color) for color in (*classes.colors, classes.void_color)],
        "nets": [[net.name, net.state_dict()] for net in nets],
        "crops": {"size": features.size, "context": features.context, "precision": features.precision},
        "kind": looker.kind,
        "number": looker.number,
        "longest": looker.longest,
        "strategies": [[*one[:2], list(one.cues), one.by] for one in looker.strategies],
        "seed": looker.seed,
    }


def read(path: Path) -> dict[str, Any]:
    """The content of a file.

    Raises:
        FileNotFoundError: there is no such file.
        TensorFileError: it is cut off, damaged, or something else.
    """
    content = tensor_files.read(path)
    if content.get("format") != FORMAT:
        raise TensorFileError(f"{path} is no saved region segmenter; use the file that its save() wrote")
    wanted = {"name", "svms", "threshold", "rest"}
    if missing := wanted - content.keys():
        raise TensorFileError(f"{path} lacks {', '.join(sorted(missing))}; save the segmenter anew")
    return content


def unpack(content: dict[str, Any], path: Path) -> tuple[Looker, Classes]:
    """What `pack` was given.

    Raises:
        TensorFileError: a part is missing or does not fit.
    """
    try:
        colors = [(red, green, blue) for red, green, blue in content["colors"]]
        classes = Classes(tuple(content["names"]), tuple(colors[:-1]), colors[-1])
        backbone, *foreground = (_net(name, weights) for name, weights in content["nets"])
        features = RegionFeatures(
            backbone, foreground=foreground[0] if foreground else None, **content["crops"]
        )
        strategies = tuple(
            Strategy(space, scale, tuple(cues), *by) for space, scale, cues, *by in content["strategies"]
        )
        settings = {name: content[name] for name in ("kind", "number", "longest", "seed")}
        return Looker(features, strategies=strategies, **settings), classes
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise TensorFileError(f"{path} lacks a part of a region segmenter ({reason}); save it anew") from None


def _net(name: str, weights: dict[str, Any]) -> Backbone:
    net = load_backbone(name, pretrained=False)
    net.load_state_dict(weights)
    return net
