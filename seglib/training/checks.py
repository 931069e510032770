"""What would go wrong later, said before the first step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor, nn

from seglib.backbones.backbone import evaluating
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import Size
from seglib.training.precision import PRECISIONS, Loss, out_of_memory


def check_stop(steps: int | None, epochs: float | None, seconds: float | None) -> None:
    """Exactly one of the three says when to stop, and it is above 0."""
    given = {"steps": steps, "epochs": epochs, "seconds": seconds}
    chosen = {name: value for name, value in given.items() if value is not None}
    if len(chosen) != 1:
        raise ValueError(f"give one of steps=, epochs= or seconds=, not {' and '.join(chosen) or 'none'}")
    for name, value in chosen.items():
        if not isinstance(value, Real) or not 0 < float(value) < math.inf:
            raise ValueError(f"{name}={value!r} must be above 0, and a number")


def check_choices(precision: str, seed: Any, val_every: Any, val_every_seconds: Any) -> None:
    """The precision exists, the seed is a whole number, and validations do not come without a pause."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} does not exist; use auto, float32 or bfloat16")
    if not isinstance(seed, Integral) or int(seed) < 0:
        raise ValueError(f"seed={seed!r} must be a whole number of at least 0")
    if val_every is not None and not (isinstance(val_every, Integral) and int(val_every) > 0):
        raise ValueError(f"val_every={val_every!r} must be a whole number of steps, at least 1, or None")
    if val_every_seconds is not None and not (
        isinstance(val_every_seconds, Real) and float(val_every_seconds) >= 0
    ):
        raise ValueError(f"val_every_seconds={val_every_seconds!r} must be a number of seconds, or None")


def checked_device(device: str | torch.device | None) -> torch.device:
    """The device; ValueError if there is none of that name here."""
    wanted = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(1, device=wanted)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        raise ValueError(f"device={device!r} cannot be used here ({_reason(error)}); use 'cpu'") from None
    return torch.device(wanted)


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
    """Every process has at least one image of each batch."""
    if not isinstance(batch_size, Integral) or int(batch_size) < processes:
        raise ValueError(f"batch_size={batch_size!r} must be a whole number of at least {processes}, "
                         "the number of processes")  # fmt: skip


def check_data(dataset: SegmentationDataset, val: SegmentationDataset | None) -> None:
    """Training and validation have images, and the same classes."""
    for part in (dataset, val):
        if part is not None and not isinstance(part, SegmentationDataset):
            raise ValueError(
                f"a {type(part).__name__} is no data set with classes; give a SegmentationDataset, such as "
                "seglib.data.catalog.load(...)"
            )
        if part is not None and not len(part):
            raise ValueError(f"{part.name} {part.split} has no images; choose another split or folder")
    if val is not None and val.classes.names != dataset.classes.names:
        raise ValueError(
            f"{dataset.name} {dataset.split} has the classes {', '.join(dataset.classes)}, but "
            f"{val.name} {val.split} has {', '.join(val.classes)}; they must be the same, in the same order"
        )


def check_in_memory(size: Size | None, there: Size) -> None:
    """An `InMemoryDataset` has one size; another one cannot be asked for."""
    if size is not None and tuple(size) != tuple(there):
        raise ValueError(
            f"size={size!r}, but the images are in memory at {there}; use in_memory(..., size=...)"
        )


def check_net(net: nn.Module, images: Tensor, dataset: SegmentationDataset) -> Tensor:
    """Let the net see one image, and look at what comes out.

    Args:
        net: turns images into logits.
        images: (1, 3, H, W) uint8 on the net's device.
        dataset: knows the classes.

    Returns:
        The logits.

    Raises:
        ValueError: it fails, or gives anything but (1, K, H, W) floating point logits.
    """
    name, classes, size = type(net).__name__, dataset.classes, images.shape[2:]
    try:
        with evaluating(net), torch.no_grad():
            logits = net(images)
    except (RuntimeError, ValueError, TypeError) as error:
        if out_of_memory(error):
            raise ValueError(
                f"not even one image of {size[0]} x {size[1]} fits into memory beside {name}; take smaller "
                "images (size=...) or a smaller net"
            ) from None
        raise ValueError(
            f"{name} cannot take an image {tuple(images.shape)} {images.dtype}: {_reason(error)}"
        ) from error
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
            f"{name} gives logits of {tuple(logits.shape[2:])} pixels for an image of {tuple(size)}; "
            "the sizes must be equal: let it resize its logits to the image's size"
        )
    return logits


def check_loss(loss: Loss, logits: Tensor, masks: Tensor) -> None:
    """Let the loss compare the logits of one image with its mask.

    Raises:
        ValueError: it fails, or gives anything but one number.
    """
    name = getattr(loss, "__name__", type(loss).__name__)
    try:
        with torch.no_grad():
            value = loss(logits.float(), masks)
    except ValueError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise ValueError(
                f"the loss {name} of one image of {tuple(masks.shape[1:])} does not fit into memory; take "
                "smaller images (size=...) or a smaller net"
            ) from None
        raise ValueError(
            f"the loss {name} cannot take logits {tuple(logits.shape)} {logits.dtype} and masks "
            f"{tuple(masks.shape)} {masks.dtype}: {_reason(error)}"
        ) from error
    if not isinstance(value, Tensor) or value.numel() != 1:
        what = f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise ValueError(f"the loss {name} gives {what}; it must give a tensor with one number")


def _reason(error: BaseException) -> str:
    """The first line of what went wrong."""
    return str(error).strip().split("\n")[0]
