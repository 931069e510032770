"""What the proposal explorer is given, made to fit together, or one sentence about what does not."""

import torch
from torch import Tensor

from seglib import boxes
from seglib.data.dataset import Instances
from seglib.labels import Classes, numbered
from seglib.regions import Proposals, hierarchy, propose
from seglib.regions.features import bounded_size, resize_mask
from seglib.regions.grouping import Hierarchy
from seglib.regions.superpixels import as_rgb, shrink

LARGEST = 640  # pixels of the longer side; a larger image is explored in a smaller copy
FINE = 50  # scale of the superpixels that the grouping begins with; that of the proposals


def fitted(
    image: Tensor, proposals: Proposals | None, instances: Instances | None, tree: Hierarchy | None
) -> tuple[Tensor, Proposals, Instances, Hierarchy]:
    """The four in one size; what was not given is made, and objects without pixels are left out."""
    image = as_rgb(image)
    size = _size_of(image, proposals, tree)
    shown = shrink(image, size).contiguous()
    objects = _visible(instances, tuple(image.shape[1:]), size)
    return shown, proposals or propose(shown), objects, tree or hierarchy(shown, scale=FINE)


def _size_of(image: Tensor, proposals: Proposals | None, tree: Hierarchy | None) -> tuple[int, int]:
    """(height, width) at which all is shown: that of the proposals, of the hierarchy, or of the image.

    Raises:
        ValueError: the proposals or the hierarchy belong to another image, or there is no proposal.
    """
    if proposals is not None and not len(proposals):
        raise ValueError("there are no regions in the proposals; leave them out, and propose(image) is used")
    full = image.shape[1:]
    given = {"proposals": proposals, "hierarchy": tree}
    shown = {name: tuple(part.labels.shape) for name, part in given.items() if part is not None}
    for name, size in shown.items():
        if size != bounded_size(full, max(size)):
            raise ValueError(
                f"the {name} {'have' if name == 'proposals' else 'has'} the size {size} (H, W), the image "
                f"{tuple(full)}; give the image that they were made of, or a larger copy of it"
            )
    if len(set(shown.values())) > 1:
        raise ValueError(
            f"the proposals have the size {shown['proposals']}, the hierarchy {shown['hierarchy']}; "
            "make both of the same image"
        )
    height, width = next(iter(shown.values()), bounded_size(full, LARGEST))
    return height, width


def _visible(instances: Instances | None, full: tuple[int, ...], size: tuple[int, int]) -> Instances:
    """The objects in `size`, without those that have no pixel there."""
    if not instances:
        masks, classes = torch.zeros(0, *size).bool(), torch.zeros(0).long()
    else:
        masks, classes = instances.masks.cpu(), instances.classes.cpu()
        if tuple(masks.shape[1:]) not in (full, size):
            raise ValueError(f"the instances have the size {tuple(masks.shape[1:])}, the image {full}")
        masks = masks if masks.shape[1:] == size else resize_mask(masks, size)
    seen = masks.flatten(1).any(dim=1)
    return Instances(masks[seen], classes[seen], boxes.from_masks(masks[seen]))


def object_names(objects: Instances, classes: Classes | None) -> tuple[str, ...]:
    """A name for each object: its class, with a number where there are several of it.

    Raises:
        ValueError: the class of an object does not exist.
    """
    indices = objects.classes.tolist()
    if classes is None:
        return tuple(f"object {number}" for number in range(1, len(indices) + 1))
    for index in indices:
        if not 0 <= index < len(classes):
            raise ValueError(
                f"an object has class {index}; the classes are 0..{len(classes) - 1} ({', '.join(classes)})"
            )
    return numbered([classes.names[index] for index in indices])


def region_scores(scores: Tensor | None, regions: int, classes: Classes | None) -> Tensor | None:
    """(R, K) float32, minus infinity in the column of the background, which no region belongs to.

    Raises:
        ValueError: there are no classes, or not one row for each region and one column for each class.
    """
    if scores is None:
        return None
    if classes is None:
        raise ValueError("scores need classes=..., the names of their columns")
    if tuple(scores.shape) != (regions, len(classes)):
        raise ValueError(
            f"scores must be (R, K) = ({regions}, {len(classes)}), a row for each region and a column for "
            f"each class; not {tuple(scores.shape)}"
        )
    found = scores.detach().cpu().float().clone()
    if classes.background is not None:
        found[:, classes.background] = -torch.inf
    return found.nan_to_num(nan=-torch.inf, posinf=torch.finfo().max, neginf=-torch.inf)
