"""Semi-supervision: true masks for some images, labels made from boxes for the others."""

from __future__ import annotations

import torch

from seglib.weak.labelled import Labelled


def with_masks(labels: Labelled, count: int, *, seed: int) -> Labelled:
    """The same data set with the true masks of `count` images, as if somebody had drawn them.

    Args:
        labels: masks made from boxes.
        count: how many images have a true mask; a larger count adds images and keeps those before.
        seed: which ones.

    Returns:
        m = `count` masks and n = the rest boxes.

    Raises:
        ValueError: there are not so many images.

    Example:
        >>> from seglib.scenes import Scenes
        >>> from seglib.weak.schemes import pseudo_labels
        >>> scenes = Scenes(length=3)
        >>> mixed = with_masks(pseudo_labels(scenes, "rectangles"), 3, seed=0)
        >>> all((mixed.mask(i) == scenes[i][1]).all() for i in range(3))
        True
    """
    if not 0 <= count <= len(labels):
        raise ValueError(f"{count} masks of {labels.name}, which has {len(labels)} images")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).tolist()
    drawn = set(order[:count])
    masks = (labels.truth[i][1] if i in drawn else labels.packed[i] for i in range(len(labels)))
    return labels.relabelled(masks, f"{labels.scheme}, {count} masks")
