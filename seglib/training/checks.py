"""Checks of the arguments of `train`, so that errors are reported before the first step."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from seglib.data.dataset import SegmentationDataset, check_dataset
from seglib.data.in_memory import InMemoryDataset, Size, common_size, sample
from seglib.files import first_line
from seglib.labels import Classes
from seglib.losses import cross_entropy
from seglib.training.step import Loss, TrainStep, evaluating, out_of_memory

PRECISIONS = ("auto", "float32", "bfloat16")


def check_options(options: Mapping[str, Any]) -> None:
    """Check the numbers and choices among the arguments of `train`, by name."""
    limits = [name for name in ("steps", "epochs", "seconds") if options[name] is not None]
    if len(limits) != 1:
        got = " and ".join(limits) or "none"
        raise ValueError(f"give exactly one of steps=, epochs= and seconds=; got {got}")
    amount, lr, size, every = (options[name] for name in (*limits, "lr", "size", "val_every"))
    batch, path, augment = options["batch_size"], options["checkpoint"], options["augment"]
    rates = lr.values() if isinstance(lr, Mapping) else [lr]
    pair = isinstance(size, (tuple, list)) and len(size) == 2 and all(_is_whole(side, 1) for side in size)
    for name, right, expected in (
        (limits[0], _is_number(amount) and amount > 0, "a positive, finite number"),
        ("batch_size", batch is None or _is_whole(batch, 1), "a whole number of at least 1"),
        ("lr", all(map(_is_number, rates)), "a finite number of at least 0, or a dict of such numbers"),
        ("size", size is None or pair, "(height, width), two whole numbers of at least 1"),
        ("seed", _is_whole(options["seed"], 0), "a whole number of at least 0"),
        ("precision", options["precision"] in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
        ("checkpoint", path is None or isinstance(path, (str, Path)), "a path, or None"),
        ("augment", augment is None or callable(augment), "a function such as Augment(), or None"),
        ("schedule", callable(options["schedule"]), "a function: fraction of the run -> factor"),
        ("val_every", every is None or _is_whole(every, 1), "a whole number of steps, at least 1, or None"),
    ):
        if not right:
            raise ValueError(f"{name}={options[name]!r} must be {expected}")


def check_step(given: TrainStep | None, loss: Loss, world_size: int) -> None:
    """Check that a step of the caller's own stands alone: it computes its loss, in one process."""
    if given is None:
        return
    if not callable(given):
        raise ValueError(f"step={given!r:.60} must be a function (net, images, masks, optimiser) -> loss")
    if loss is not cross_entropy:
        raise ValueError("give loss= or step=, not both: a step computes its own loss")
    if world_size > 1:
        raise ValueError(f"step= works in one process; here are {world_size}. Leave it out to use them all")


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function, or the kind of anything else."""
    return str(getattr(function, "__name__", type(function)))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and 0 <= float(value) < math.inf


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and int(value) >= least


def checked_device(device: str | torch.device | None) -> torch.device:
    """The device, by default a GPU if there is one; ValueError if it cannot be used here."""
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        reason = first_line(error)
        raise ValueError(f"device={device!r} cannot be used here ({reason}); use 'cpu'") from None
    return torch.device(chosen)


def check_data(
    dataset: SegmentationDataset, classes: Classes | None = None, owner: str = "this segmenter"
) -> None:
    """Check that something to train or validate on is a data set, has images, and the classes of its owner.

    Raises:
        ValueError: it is not, or has other classes than `classes`.
    """
    check_dataset(dataset)
    name = f"{dataset.name} {dataset.split}"
    if not len(dataset):
        raise ValueError(f"{name} has no images; choose another split or folder")
    if classes is not None and classes.names != dataset.classes.names:
        here, there = ", ".join(dataset.classes.names), ", ".join(classes.names)
        raise ValueError(
            f"{name} has the classes {here}, but {owner} has {there}; they must be the same, in this order"
        )


def checked_size(dataset: SegmentationDataset, size: Size | None) -> Size:
    """The size of the images in training; ValueError if a data set in memory has another one."""
    if not isinstance(dataset, InMemoryDataset):
        return size or common_size(dataset)
    if size is not None and tuple(size) != dataset.size:
        raise ValueError(
            f"size={size!r}, but the images in memory are {dataset.size}; use in_memory(..., size=...)"
        )
    return dataset.size


def check_net(
    net: nn.Module, loss: Loss, dataset: SegmentationDataset, size: Size, device: torch.device, images: int
) -> None:
    """Move a net to the device, and run it and the loss on one image; `images` will go through it in a step.

    Raises:
        ValueError: the net fails or does not return float logits (1, K, H, W), the loss fails or does not
            return a scalar, or batch norm would see a single value per channel.
    """
    if not isinstance(net, nn.Module):
        what = f"the class {net.__name__}" if isinstance(net, type) else f"a {type(net).__name__}"
        raise ValueError(f"net is {what}; give an instance of a torch.nn.Module")
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if isinstance(dataset, InMemoryDataset):  # its images were checked when they were decoded
        image, mask = dataset.images[:1].to(device), dataset.masks[:1].to(device)
    else:
        image, mask = (part[None].to(device) for part in sample(dataset, 0, size))
    name, loss_name = type(net).__name__, getattr(loss, "__name__", type(loss).__name__)
    with (
        _explained(f"{name} cannot take an image {_described(image)}"),
        evaluating(net),
        _norms_seen(net) as values,
    ):
        logits = net(image)
    if single := [norm for norm, count in values.items() if count * images == 1]:
        raise ValueError(
            f"{name}: with one image of {size[0]} x {size[1]} in a step, the batch norm {single[0]} sees a "
            "single value per channel, which has no variance; use batch_size=2 or more, or larger images"
        )
    names = dataset.classes.names
    shape = (1, len(names), *image.shape[2:])
    if not isinstance(logits, Tensor) or not logits.is_floating_point() or logits.shape != shape:
        raise ValueError(
            f"{name} returns {_described(logits)} for an image of {size[0]} x {size[1]}; it must return "
            f"floating-point logits {shape}: at the size of the image, one channel for each of the "
            f"{len(names)} classes of {dataset.name} ({', '.join(names)}; num_classes={len(names)})"
        )
    inputs = f"logits {_described(logits)} and masks {_described(mask)}"
    with _explained(f"the loss {loss_name} cannot take {inputs}"), torch.no_grad():
        value = loss(logits.float(), mask)
    if not isinstance(value, Tensor) or value.numel() != 1:
        raise ValueError(f"the loss {loss_name} returns {_described(value)}; it must return a scalar tensor")


@contextmanager
def _norms_seen(net: nn.Module) -> Iterator[dict[str, int]]:
    """The batch norms that will train, with the values per channel that each sees in evaluation mode."""
    net.train()  # what is frozen stays in evaluation mode
    parts = {name: part for name, part in net.named_modules() if isinstance(part, _BatchNorm)}
    norms = {name: norm for name, norm in parts.items() if norm.training}
    net.eval()
    values: dict[str, int] = {}

    def look(name: str, inputs: tuple[Any, ...]) -> None:
        values[name] = inputs[0].numel() // inputs[0].shape[1]

    hooks = [
        norm.register_forward_pre_hook(lambda _, inputs, name=name: look(name, inputs))
        for name, norm in norms.items()
    ]
    try:
        with torch.no_grad():
            yield values
    finally:
        for hook in hooks:
            hook.remove()


def _described(value: Any) -> str:
    return f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


@contextmanager
def _explained(problem: str) -> Iterator[None]:
    """Turn any error into a ValueError with a message of one line."""
    try:
        yield
    except Exception as error:
        if out_of_memory(error):
            raise ValueError(
                f"{problem}: one image does not fit into memory; use smaller ones (size=...) or a smaller net"
            ) from None
        raise ValueError(f"{problem}: {first_line(error)}") from error
