"""What would go wrong later, said before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor, nn

from seglib.data.dataset import SegmentationDataset
from seglib.training.precision import out_of_memory


def check_stop(steps: int | None, epochs: float | None, seconds: float | None) -> None:
    """Exactly one of the three says when to stop, and it is above 0."""
    given = {"steps": steps, "epochs": epochs, "seconds": seconds}
    chosen = {name: value for name, value in given.items() if value is not None}
    if len(chosen) != 1:
        raise ValueError(f"give one of steps=, epochs= or seconds=, not {' and '.join(chosen) or 'none'}")
    for name, value in chosen.items():
        if not value > 0:
            raise ValueError(f"{name}={value} must be above 0")


def check_settings(net: Any, lr: Any, clip: float, size: Any) -> None:
    """The net is one, and learning rates, clipping and size are numbers that make sense."""
    if not isinstance(net, nn.Module):
        what = f"the class {net.__name__}" if isinstance(net, type) else f"a {type(net).__name__}"
        raise ValueError(f"net is {what}; give a net that was built, a torch.nn.Module")
    for rate in lr.values() if isinstance(lr, Mapping) else [lr]:
        if not isinstance(rate, Real) or not 0 <= float(rate) < float("inf"):
            raise ValueError(f"lr={lr!r} must be a number of at least 0, or a dict of such numbers")
    if not clip > 0:
        raise ValueError(f"clip={clip} must be above 0; float('inf') leaves gradients as they are")
    pair = isinstance(size, (tuple, list)) and len(size) == 2
    if size is not None and not (pair and all(isinstance(side, Integral) and int(side) > 0 for side in size)):
        raise ValueError(f"size={size!r} must be (height, width), two whole numbers of at least 1")


def check_batch(batch_size: int, processes: int) -> None:
    """Every process has at least one picture of each batch."""
    if batch_size < processes or int(batch_size) != batch_size:
        raise ValueError(f"batch_size={batch_size} must be a whole number of at least {processes}, "
                         "the number of processes")  # fmt: skip


def check_data(dataset: SegmentationDataset, val: SegmentationDataset | None) -> None:
    """Training and validation have pictures, and the same classes."""
    for part in (dataset, val):
        if part is not None and not len(part):
            raise ValueError(f"{part.name} {part.split} has no pictures; choose another split or folder")
    if val is not None and val.classes.names != dataset.classes.names:
        raise ValueError(
            f"{dataset.name} {dataset.split} has the classes {', '.join(dataset.classes)}, but "
            f"{val.name} {val.split} has {', '.join(val.classes)}; they must be the same, in the same order"
        )


def check_net(net: nn.Module, images: Tensor, dataset: SegmentationDataset) -> None:
    """Let the net see one picture, and look at what comes out.

    Args:
        net: turns images into logits.
        images: (1, 3, H, W) uint8 on the net's device.
        dataset: knows the classes.

    Raises:
        ValueError: it fails, or gives anything but (1, K, H, W) floating point logits.
    """
    name, classes, size = type(net).__name__, dataset.classes, images.shape[2:]
    was_training = net.training
    try:
        net.eval()
        with torch.no_grad():
            logits = net(images)
    except (RuntimeError, ValueError, TypeError) as error:
        if out_of_memory(error):
            raise ValueError(
                f"not even one picture of {size[0]} x {size[1]} fits into memory beside {name}; take smaller "
                "pictures (size=...) or a smaller net"
            ) from None
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"{name} cannot take a picture {tuple(images.shape)} {images.dtype}: {reason}"
        ) from error
    finally:
        net.train(was_training)
    if not isinstance(logits, Tensor) or not logits.is_floating_point() or logits.ndim != 4:
        what = (
            f"{tuple(logits.shape)} {logits.dtype}" if isinstance(logits, Tensor) else type(logits).__name__
        )
        raise ValueError(f"{name} gives {what}; it must give logits (N, K, H, W), floating point")
    if logits.shape[1] != len(classes):
        raise ValueError(
            f"{name} gives {logits.shape[1]} classes, but {dataset.name} has {len(classes)} "
            f"({', '.join(classes)}); build it with num_classes={len(classes)}"
        )
    if logits.shape[2:] != size:
        raise ValueError(
            f"{name} gives logits of {tuple(logits.shape[2:])} pixels for a picture of {tuple(size)}; "
            "the sizes must be equal: let it resize its logits to the picture's size"
        )
