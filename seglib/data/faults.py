"""What can be wrong with one sample, each fault with the sentence that says it."""

from __future__ import annotations

from functools import singledispatch
from typing import NamedTuple

import torch
from torch import Tensor

from seglib import boxes
from seglib.data.coco import Coco
from seglib.data.coco_shapes import draw
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.data.images import LabelError, SizeError
from seglib.labels import VOID

BLANK = 2.0  # grey levels: a picture that varies less shows nothing
OFF = (2, 0.05)  # a side of a box may be off by so many pixels, or by this part of the box, whichever is more
FOREIGN = 0.1  # the part of an object's pixels that may have another class in the mask


class Fault(NamedTuple):
    """One thing that is wrong, or odd.

    Attributes:
        check: which check found it, a key of `audit.CHECKS`.
        says: the sentence.
    """

    check: str
    says: str


class Look(NamedTuple):
    """What one sample turned out to be.

    Attributes:
        faults: what is wrong with it.
        size: (height, width); None if it could not be read.
        present: the classes that occur in its mask.
    """

    faults: list[Fault]
    size: tuple[int, int] | None
    present: frozenset[int]


def look(dataset: SegmentationDataset, index: int) -> Look:
    """Read one sample and say what is wrong with it. Never raises for what is in a file.

    Example:
        >>> from seglib.data.scenes import Scenes
        >>> look(Scenes(1), 0).faults
        []
    """
    source, number = dataset.origin(index)
    try:
        image, mask = (tensor.as_subclass(Tensor) for tensor in source[number])
        instances = source.instances(number)
    except SizeError as error:
        return Look([Fault("sizes differ", str(error))], None, frozenset())
    except LabelError as error:
        return Look([Fault("no such class", str(error))], None, frozenset())
    except (ValueError, OSError) as error:
        return Look([Fault("unreadable", str(error))], None, frozenset())
    if image.shape[-2:] != mask.shape:
        says = f"the picture is {tuple(image.shape)}, the mask {tuple(mask.shape)}"
        return Look([Fault("sizes differ", says)], None, frozenset())
    values = set(mask.unique().tolist())
    faults = [*_mask_faults(values, dataset), *_blank(image)]
    if instances is not None:
        faults += [*_object_faults(instances, mask, dataset), *_box_faults(source, number)]
    return Look(faults, (mask.shape[0], mask.shape[1]), frozenset(values - {VOID}))


def _mask_faults(values: set[int], dataset: SegmentationDataset) -> list[Fault]:
    """Values that are no class; masks that teach nothing."""
    if wrong := sorted(value for value in values if len(dataset.classes) <= value != VOID):
        classes = f"0..{len(dataset.classes) - 1} and {VOID} (void)"
        return [
            Fault("no such class", f"the mask holds {', '.join(map(str, wrong))}; the classes are {classes}")
        ]
    if values == {VOID}:
        return [Fault("all void", "every pixel of the mask is void: there is nothing to learn from")]
    if dataset.classes.background is not None and values <= {dataset.classes.background, VOID}:
        return [Fault("background only", "the mask holds nothing but background")]
    return []


def _blank(image: Tensor) -> list[Fault]:
    spread = image.float().std().item() if image.numel() > 1 else 0.0
    return [Fault("blank picture", f"its values vary by {spread:.1f} grey levels")] if spread < BLANK else []


def _object_faults(instances: Instances, mask: Tensor, dataset: SegmentationDataset) -> list[Fault]:
    """Objects whose own mask and the picture's mask say different things."""
    faults = []
    for number, (shape, label) in enumerate(zip(instances.masks, instances.classes.tolist())):
        pixels = mask[shape]
        known = pixels[pixels != VOID]
        if not len(pixels):
            faults.append(Fault("objects", f"object {number} has no pixel"))
        elif len(known) and (foreign := (known != label).double().mean().item()) > FOREIGN:
            name = dataset.classes.names[label]
            faults.append(
                Fault(
                    "objects", f"object {number} is {name}, but {100 * foreign:.0f} % of its pixels are not"
                )
            )
    return faults


def _box_faults(dataset: SegmentationDataset, index: int) -> list[Fault]:
    """Boxes with a side that lies elsewhere than the mask's."""
    faults = []
    for name, given, tight in _boxes(dataset, index):
        sides = torch.stack([tight[2:] - tight[:2]] * 2).flatten()  # width, height, width, height
        allowed = (OFF[1] * sides).clamp(min=OFF[0])
        off = (given - tight).abs()
        if (off > allowed).any():
            numbers = (" ".join(f"{side:g}" for side in box.tolist()) for box in (given, tight))
            says = "the box of {} is {}, its mask reaches {} (x1 y1 x2 y2)".format(name, *numbers)
            faults.append(Fault("boxes", says))
    return faults


@singledispatch
def _boxes(dataset: SegmentationDataset, index: int) -> list[tuple[str, Tensor, Tensor]]:
    """(class, the box that is given, the box of the mask) of each object, x1 y1 x2 y2 in float64."""
    instances = dataset.instances(index)
    if instances is None:
        return []
    some = instances.masks.flatten(1).any(dim=1)
    names = [dataset.classes.names[label] for label in instances.classes[some].tolist()]
    tight = boxes.from_masks(instances.masks[some]).double() if names else torch.zeros(0, 4)
    return list(zip(names, instances.boxes[some].double(), tight))


@_boxes.register
def _(dataset: Coco, index: int) -> list[tuple[str, Tensor, Tensor]]:
    """The file's own boxes, which the data set itself does not use, and the shapes beside them."""
    entry, found = dataset.images[index], []
    for one in dataset.objects.get(entry["id"], []):
        if one.get("iscrowd") or len(one.get("bbox") or []) != 4:
            continue
        shape = torch.from_numpy(draw(one.get("segmentation"), entry["height"], entry["width"]))
        if shape.any():
            x, y, width, height = map(float, one["bbox"])
            given = torch.tensor([x, y, x + width, y + height], dtype=torch.float64)
            name = dataset.classes.names[dataset.class_of[one["category_id"]]]
            found.append((f"{name} (annotation {one.get('id')})", given, boxes.from_mask(shape).double()))
    return found
