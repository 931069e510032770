"""Crops: where they are taken, what surrounds them, and which pixels belong to the region."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from seglib.regions.features import CONTEXT, MEAN, crop, crops, windows
from seglib.regions.proposals import Proposals

LABELS = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 2]])
TWO = Proposals(LABELS, torch.tensor([[1, 0, 1], [0, 1, 0]]).bool(), torch.tensor([0.9, 0.1]))


def photo(height: int, width: int) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=rng)


def test_a_box_of_the_crops_own_size_is_cut_out_unchanged() -> None:
    image = photo(9, 12)
    assert torch.equal(crop(image, torch.tensor([3, 2, 8, 7]), size=5, context=0), image[:, 2:7, 3:8].float())


def test_a_box_twice_as_large_is_averaged_and_not_sampled() -> None:
    image = photo(8, 8)
    pixels = image.permute(1, 2, 0).numpy().astype(np.float32)
    theirs = cv2.resize(pixels, (4, 4), interpolation=cv2.INTER_AREA)
    ours = crop(image, torch.tensor([0, 0, 8, 8]), size=4, context=0).permute(1, 2, 0)
    assert np.allclose(ours, theirs, atol=1e-3)


def test_the_context_is_16_of_227_pixels_on_each_side_as_in_sds() -> None:
    window = windows(torch.tensor([[100, 50, 295, 245]]))[0]  # 195 = 227 - 2 * 16
    assert window.tolist() == pytest.approx([100 - 16, 50 - 16, 295 + 16, 245 + 16])


def test_beyond_the_image_is_the_mean_colour() -> None:
    image = torch.full((3, 40, 40), 255, dtype=torch.uint8)
    whole = crop(image, torch.tensor([0, 0, 40, 40]), size=20, context=0.2, fill=(10, 20, 30))
    assert whole[:, 0, 0].tolist() == [10, 20, 30] and whole[:, 10, 10].tolist() == [255] * 3
    assert int((whole[0] == 255).sum()) == 12 * 12  # 60 % of 20 pixels a side


def test_the_foreground_by_hand() -> None:
    image = torch.full((3, 3, 4), 200, dtype=torch.uint8)
    full, alone = crops(image, TWO, size=4, context=0)
    assert bool((full == 200).all())
    # region 0 has the box 4 x 3 and all but the upper right; its crop of 4 rows looks at the rows 0, 1, 1, 2
    assert (alone[0, 0] == 200).int().tolist() == [[1, 1, 0, 0]] * 3 + [[1, 1, 1, 1]]
    assert alone[0, :, 0, 3].tolist() == list(MEAN)
    assert bool((alone[1] == 200).all())  # region 1 fills its box


def test_both_ways_to_a_foreground_agree() -> None:
    image = photo(3, 4)
    _, alone = crops(image, TWO, size=8)
    for index, (box, mask) in enumerate(zip(TWO.boxes, TWO.masks())):
        assert torch.equal(alone[index], crop(image, box, mask, size=8))


def test_the_mask_is_beside_the_context_too() -> None:
    """A neighbour that lies in the context of a region is not shown in its foreground."""
    image = torch.full((3, 60, 60), 200, dtype=torch.uint8)
    mask = torch.zeros(60, 60).bool()
    mask[20:40, 20:40] = True
    alone = crop(image, torch.tensor([20, 20, 40, 40]), mask, size=227)[0]
    assert alone[0, 0] == MEAN[0] and alone[113, 15] == MEAN[0] and alone[113, 17] == 200
    assert CONTEXT == 16 / 227


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1)])
def test_the_smallest_images(size: tuple[int, int]) -> None:
    image, whole = torch.full((3, *size), 50, dtype=torch.uint8), torch.zeros(size, dtype=torch.long)
    full, alone = crops(image, Proposals(whole, torch.ones(1, 1).bool(), torch.ones(1)), size=6, context=0)
    assert bool((full == 50).all()) and torch.equal(full, alone)


def test_a_grey_image_is_a_image() -> None:
    grey = photo(6, 6)[:1]
    box = torch.tensor([0, 0, 6, 6])
    assert torch.equal(crop(grey, box, size=4), crop(grey.expand(3, -1, -1), box, size=4))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (torch.rand(3, 4, 4), r"uint8.*float32.*255 \* image"),
        (torch.zeros(4, 4, 4, dtype=torch.uint8), r"\(3, H, W\).*\(4, 4, 4\)"),
    ],
)
def test_what_is_no_image_is_said(image: Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        crop(image, torch.tensor([0, 0, 4, 4]))


def test_a_context_without_room_is_said() -> None:
    with pytest.raises(ValueError, match=r"context 0.5 .* 0 <= it < 0.5"):
        crop(photo(4, 4), torch.tensor([0, 0, 4, 4]), context=0.5)
