"""boxes: by hand, against masks, and what is no box."""

import pytest
import torch
from skimage.measure import regionprops
from torch import Tensor

from seglib import boxes
from tests.refused import refused

SIZE = (40, 50)
BOX, PIXEL_AND_NOTHING = torch.tensor([[0, 0, 1, 1]]), torch.tensor([[[1]], [[0]]]).bool()


def random_boxes(count: int, seed: int = 0) -> Tensor:
    """(M, 4) boxes inside an image of 40 x 50."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randperm(50 * 50, generator=rng)[: 4 * count].reshape(-1, 2) % 51
    y = torch.randperm(40 * 40, generator=rng)[: 4 * count].reshape(-1, 2) % 41
    found = torch.stack([x.amin(1), y.amin(1), x.amax(1), y.amax(1)], dim=1)
    return found[(found[:, 0] < found[:, 2]) & (found[:, 1] < found[:, 3])][:count]


def drawn(box: Tensor) -> Tensor:
    """(H, W) bool: the pixels of one box."""
    mask = torch.zeros(SIZE, dtype=torch.bool)
    x1, y1, x2, y2 = box.tolist()
    mask[y1:y2, x1:x2] = True
    return mask


def test_scikit_image_finds_the_same_boxes():
    rng = torch.Generator().manual_seed(1)
    id_map = torch.randint(0, 6, SIZE, generator=rng) * torch.randint(0, 2, SIZE, generator=rng)
    id_map[:10] = 0
    expected = [[r.bbox[1], r.bbox[0], r.bbox[3], r.bbox[2]] for r in regionprops(id_map.numpy())]
    assert boxes.from_masks(id_map == torch.arange(1, 6)[:, None, None]).tolist() == expected


def test_iou_of_boxes_is_iou_of_their_pixels():
    first, second = random_boxes(12), random_boxes(9, seed=1)
    a, b = (torch.stack([drawn(box) for box in group]).flatten(1).double() for group in (first, second))
    shared = a @ b.T
    expected = shared / (a.sum(1)[:, None] + b.sum(1) - shared)
    assert torch.allclose(boxes.iou(first, second).double(), expected, atol=1e-6)
    # With "+ 1" on every side, as for end-inclusive boxes, these neighbours would share a column.
    assert boxes.iou(torch.tensor([[0, 0, 2, 2]]), torch.tensor([[2, 0, 4, 2]])).item() == 0


def test_the_smaller_box_lies_in_front_whatever_the_order_and_what_is_in_none_is_background_or_void():
    given = torch.tensor([[1, 1, 3, 3], [0, 0, 5, 4], [2, 0, 5, 3]])
    classes = torch.tensor([3, 1, 2])
    expected = [[1, 1, 2, 2, 2], [1, 3, 3, 2, 2], [1, 3, 3, 2, 2], [1, 1, 1, 1, 1]]
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        assert boxes.rasterise(given[order], classes[order], (4, 5)).tolist() == expected
    mask = boxes.rasterise(BOX, torch.tensor([1]), (1, 2), background=255)
    assert mask.dtype == torch.uint8 and mask.tolist() == [[1, 255]]
    assert boxes.rasterise(BOX[:0], torch.empty(0).long(), (1, 2)).tolist() == [[0, 0]]


@pytest.mark.parametrize("factor", [0.1, 0.5, 1.0, 1.3, 2.0, 10.0])
def test_loosened_boxes_stay_boxes_inside_the_image(factor):
    given = random_boxes(30)
    loose = boxes.loosen(given, factor, SIZE)
    boxes.iou(loose, loose)  # refuses what is no box
    assert (loose[:, :2] >= 0).all() and (loose[:, 2:] <= torch.tensor([50, 40])).all()
    grown, shrunk = (loose[:, :2] <= given[:, :2]).all(), (loose[:, :2] >= given[:, :2]).all()
    assert grown if factor >= 1 else shrunk
    assert torch.equal(loose, boxes.loosen(given, factor, SIZE))


def test_loosening_worked_by_hand():
    given = torch.tensor([[10, 10, 20, 30]])
    assert boxes.loosen(given, 1.0, SIZE).tolist() == [[10, 10, 20, 30]]
    assert boxes.loosen(given, 1.2, SIZE).tolist() == [[9, 8, 21, 32]]
    assert boxes.loosen(given, 0.8, SIZE).tolist() == [[11, 12, 19, 28]]
    assert boxes.loosen(given, 3.0, SIZE).tolist() == [[0, 0, 30, 40]]  # clipped above, on the left and below
    assert boxes.loosen(torch.empty(0, 4).long(), 1.2, SIZE).shape == (0, 4)


WRONG = [
    ([3, 1, 3, 4], r"box 1, \(3, 1, 3, 4\), has no area or swapped corners"),
    ([3, 5, 6, 4], "has no area or swapped corners"),
    ([-1, 0, 3, 4], r"box 1, \(-1, 0, 3, 4\), leaves the image of height 40 and width 50"),
    ([0, 0, 51, 4], "leaves the image"),
    ([0, 0, 5, 41], "leaves the image"),
]
test_what_is_no_box_is_named = refused(
    lambda function, more, box: function(torch.tensor([[0, 0, 1, 1], box]), more, SIZE),
    *((boxes.rasterise, torch.tensor([1, 1]), *row) for row in WRONG),
    *((boxes.loosen, 1.2, *row) for row in WRONG),
)


test_other_wrong_input_is_one_clear_sentence = refused(
    lambda call, *arguments: call(*arguments),
    (boxes.from_masks, PIXEL_AND_NOTHING, "mask 1 of 2 is empty, so it has no box"),
    (boxes.from_mask, torch.zeros(2, 2).bool(), "mask 0 of 1 is empty"),
    (boxes.from_masks, torch.ones(2, 2).bool(), r"masks must be \(M, H, W\), not \(2, 2\)"),
    (boxes.iou, BOX[0], BOX, r"boxes must be \(M, 4\).* not \(4,\)"),
    (boxes.iou, BOX, torch.tensor([[4, 4, 2, 2]]), "swapped corners"),
    (boxes.rasterise, BOX, torch.tensor([1, 2]), SIZE, "1 boxes and 2 classes"),
    (boxes.loosen, BOX, 0, SIZE, "factor 0 must be above 0"),
)
