"""The checks of notebook 01."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seglib.course.content.nb01.answers import semantic, tight_boxes
from seglib.course.lesson import Wrong

Color = tuple[int, int, int]


def _squares() -> Tensor:
    """Two objects on 6 rows and 8 columns: a 2 x 3 block at the upper left, an L at the lower right."""
    masks = torch.zeros(2, 6, 8, dtype=torch.bool)
    masks[0, 0:2, 1:4] = True
    masks[1, 2:6, 6] = True
    masks[1, 5, 4:7] = True
    return masks


def check_tight_boxes(fn: Callable[[Tensor], Tensor]) -> str:
    """01.1: order of the coordinates, the exclusive end, shape."""
    masks = _squares()
    got, expected = torch.as_tensor(fn(masks)), tight_boxes(masks)
    if got.shape != (2, 4):
        raise Wrong(f"Two masks give two boxes of four numbers, shape (2, 4); yours: {tuple(got.shape)}.")
    got = got.long()
    if torch.equal(got, expected):
        return "x2 - x1 is the width and y2 - y1 the height. No +1 anywhere else."
    one_less = expected - torch.tensor([0, 0, 1, 1])
    if torch.equal(got, one_less):
        raise Wrong(
            "Your boxes end on the last pixel; here the end is exclusive. A box of width 3 has x2 - x1 = 3."
        )
    if torch.equal(got, expected[:, [1, 0, 3, 2]]) or torch.equal(got, one_less[:, [1, 0, 3, 2]]):
        raise Wrong("x and y are swapped. Rows are y; a mask is indexed [y, x], a box is x1 y1 x2 y2.")
    width_height = torch.cat([expected[:, :2], expected[:, 2:] - expected[:, :2]], dim=1)
    if torch.equal(got, width_height):
        raise Wrong("That is x, y, width, height. The two corners were asked for: x1 y1 x2 y2.")
    raise Wrong(f"The first block covers rows 0-1 and columns 1-3. You say {got[0].tolist()}.")


def check_semantic(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """01.2: class indices, not object numbers; background 0; the whole image."""
    masks, class_ids = _squares(), torch.tensor([7, 3])
    got, expected = torch.as_tensor(fn(masks, class_ids)), semantic(masks, class_ids)
    if got.shape != expected.shape:
        raise Wrong(f"One label per pixel: shape {tuple(expected.shape)}; yours: {tuple(got.shape)}.")
    if got.dtype == torch.bool:
        raise Wrong("True and False mean object or not. The label map must hold the class.")
    if torch.equal(got.long(), expected.long()):
        same = torch.as_tensor(fn(masks, torch.tensor([3, 3])))
        if not torch.equal(same.long(), semantic(masks, torch.tensor([3, 3])).long()):
            raise Wrong("Two objects of the same class: both must carry the class's index.")
        return "There is no way back: which pixel belonged to which object is lost."
    if (got[~masks.any(0)] != 0).any():
        raise Wrong("Pixels that belong to no object must be 0, background.")
    if set(got[masks.any(0)].tolist()) <= {0, 1, 2}:
        raise Wrong("You wrote the number of the object. A semantic mask holds its class, here 7 and 3.")
    raise Wrong(f"Expected the values [0, 3, 7]; your map holds {got.unique().tolist()}.")


def check_blobs(fn: Callable[[Tensor, int], int]) -> str:
    """01.3: one class at a time, corners touch, a class that is not there."""
    mask = torch.tensor([[1, 0, 2, 2], [0, 1, 2, 0], [0, 0, 0, 1], [2, 0, 0, 1]], dtype=torch.uint8)
    one, two, none = int(fn(mask, 1)), int(fn(mask, 2)), int(fn(mask, 3))
    if none != 0:
        raise Wrong(f"Class 3 is not in the mask: 0 blobs. You count {none}.")
    if (one, two) == (4, 4):
        raise Wrong("You count pixels. Pixels that touch belong to one blob.")
    if one == 3:
        raise Wrong("Two pixels of class 1 meet at a corner. Here that counts as touching.")
    if (one, two) != (2, 2):
        raise Wrong(f"There are 2 blobs of class 1 and 2 of class 2. You count {one} and {two}.")
    return "scikit-image calls them connected components. Its `connectivity=2` lets corners touch."


def check_labels_from_colors(fn: Callable[[Tensor, Sequence[Color], Color], Tensor]) -> str:
    """01.4, the bug clinic: void stays void, also where a colour shares channels with another."""
    colors, void_color = ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)), (224, 224, 192)
    truth = torch.tensor([[0, 1, 2, 3], [255, 3, 255, 1], [2, 0, 0, 255]])
    table = torch.tensor([*colors, void_color], dtype=torch.uint8)
    image = table[torch.where(truth == 255, 4, truth)].permute(2, 0, 1)  # (3, H, W)
    got = torch.as_tensor(fn(image, colors, void_color))
    if got.shape != truth.shape:
        raise Wrong(f"One label per pixel: shape {tuple(truth.shape)}; yours: {tuple(got.shape)}.")
    void = truth == 255
    if torch.equal(got.long(), truth):
        return "Now no net has to learn that the outline of a cat is background."
    if (got[void] == 0).all():
        raise Wrong("The void pixels became 0, background. They have no class: 255.")
    if (got[void] != 255).any():
        raise Wrong(f"Void pixels must be 255. Yours hold {sorted(set(got[void].tolist()))}.")
    wrong = int((got.long() != truth).sum())
    raise Wrong(f"Void is right, but {wrong} other pixels are not. Compare all three channels.")
