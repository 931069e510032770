"""Augment: the mask moves with its image, no new class appears between two, void comes in from outside."""

from __future__ import annotations

import math
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms.v2 import functional as V

from seglib.data import batches as augment_module
from seglib.data.batches import GREY, Augment, resample_batched
from seglib.data.in_memory import resized
from seglib.labels import VOID

HALF = torch.full((1, 8), 0.5)


def image(height: int = 20, width: int = 30) -> tuple[Tensor, Tensor]:
    """A mask of two classes and an image that shows it: 40 where class 0 is, 200 where class 5."""
    mask = torch.zeros(1, height, width, dtype=torch.uint8)
    mask[:, 4:15, 6:17] = 5
    return (40 + 32 * mask[:, None]).expand(1, 3, height, width).contiguous(), mask


def chance(**columns: float) -> Tensor:
    names = ["flip", "zoom", "top", "left", "bright", "contrast", "saturation"]
    row = HALF.clone()
    for name, value in columns.items():
        row[0, names.index(name)] = value
    return row


def test_flip_by_hand() -> None:
    images, masks = image()
    seen, truth = Augment(zoom=(1, 1), colour=0)(images, masks, chance(flip=0.4))
    assert torch.equal(seen, images.flip(-1)) and torch.equal(truth, masks.flip(-1))
    seen, truth = Augment(zoom=(1, 1), colour=0)(images, masks, chance(flip=0.6))
    assert torch.equal(seen, images) and torch.equal(truth, masks)


def test_twice_as_large_is_the_window_resized() -> None:
    images, masks = image()
    seen, truth = Augment(flip=False, zoom=(2, 2), colour=0)(images, masks, chance(top=0.0, left=1.0))
    assert torch.equal(seen[0], V.resize(images[0, :, :10, 15:], [20, 30], antialias=True))
    assert torch.equal(truth, masks[:, :10, 15:].repeat_interleave(2, 1).repeat_interleave(2, 2))


def test_half_as_large_lies_on_grey_and_void() -> None:
    images, masks = image()
    seen, truth = Augment(flip=False, zoom=(0.5, 0.5), colour=0)(images, masks, chance(top=0.0, left=0.0))
    outside = torch.ones(20, 30, dtype=torch.bool)
    outside[-10:, -15:] = False  # nothing of the image is moved out: it lies in a corner
    outside = outside if (truth[0] == VOID)[outside].all() else outside.flip(0, 1)
    assert (truth[0][outside] == VOID).all() and (seen[0][:, outside] == GREY).all()
    assert (truth[0][~outside] != VOID).all() and 5 in truth


def test_a_cut_out_of_another_size() -> None:
    images, masks = image()
    seen, truth = Augment(flip=False, zoom=(1, 1), colour=0, size=(8, 40))(images, masks, HALF)
    assert seen.shape == (1, 3, 8, 40) and torch.equal(truth[0, :, 5:35], masks[0, 6:14])
    assert (truth[0, :, :5] == VOID).all() and (truth[0, :, 35:] == VOID).all()


@given(
    row=st.lists(st.floats(0, 1, width=32), min_size=8, max_size=8), height=st.integers(1, 40),
    width=st.integers(1, 40), largest=st.floats(1, 8),
)  # fmt: skip
def test_whatever_is_drawn(row: list[float], height: int, width: int, largest: float) -> None:
    images, masks = image(height, width)
    seen, truth = Augment(zoom=(1 / largest, largest), colour=0)(images, masks, torch.tensor([row]))
    assert (
        seen.shape == images.shape and truth.shape == masks.shape and seen.dtype == truth.dtype == torch.uint8
    )
    assert {*truth.unique().tolist()} <= {*masks.unique().tolist(), VOID}
    reach = math.ceil(largest) + 1  # smooth edges are as wide as a pixel of the image becomes
    unlike = (truth != truth.median())[None].float()
    sure = torch.nn.functional.max_pool2d(unlike, 2 * reach + 1, 1, reach)[0] == 0
    expected = {VOID: GREY, 0: 40, 5: 200}[int(truth.median())]
    assert (seen[0][:, sure[0]].int() - expected).abs().max().item() <= 1 if sure.any() else True


def test_light_by_hand() -> None:
    images = torch.tensor([10, 100, 200], dtype=torch.uint8).view(1, 3, 1, 1)
    masks = torch.zeros(1, 1, 1, dtype=torch.uint8)

    def light(**columns: float) -> list[int]:
        return (
            Augment(flip=False, zoom=(1, 1), colour=0.5)(images, masks, chance(**columns))[0]
            .flatten()
            .tolist()
        )

    assert light() == [10, 100, 200]
    assert light(bright=1.0) == [15, 150, 255]
    assert light(contrast=0.0) == [69, 114, 164]  # half way to 128
    grey = 0.299 * 10 + 0.587 * 100 + 0.114 * 200
    assert light(saturation=0.0) == [int((value + grey) / 2) for value in (10, 100, 200)]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"zoom": (0, 1)}, "zoom"),
        ({"zoom": (2, 1)}, "zoom"),
        ({"colour": 1}, "colour 1"),
        ({"size": (0, 9)}, "size"),
    ],
)
def test_values_out_of_range(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Augment(**settings)


def test_a_mask_s_pixel_is_the_one_in_the_middle_by_hand():
    """Of 6 pixels the middles of thirds are 1, 3 and 5; old torchvisions took 0, 2 and 4 for a `Mask`."""
    image, mask = torch.zeros(3, 2, 6, dtype=torch.uint8), torch.arange(6, dtype=torch.uint8).expand(2, 6)
    assert torch.equal(
        resized(image, mask, (2, 3))[1], torch.tensor([1, 3, 5], dtype=torch.uint8).expand(2, 3)
    )


@given(
    sides=st.tuples(*[st.integers(1, 40)] * 4),
    zoom=st.sampled_from([(1.0, 1.0), (0.75, 1.5), (0.2, 0.6), (2.0, 5.0)]),
    seed=st.integers(0, 9999),
)
@settings(deadline=None)
def test_a_batch_at_once_is_what_image_by_image_gives(sides, zoom, seed):
    """The way of a GPU, taken on the processor: masks are equal, images up to a grey level."""
    rng = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (3, 3, *sides[:2]), generator=rng, dtype=torch.uint8)
    masks = torch.randint(0, 9, (3, *sides[:2]), generator=rng, dtype=torch.uint8)
    chance = torch.rand(3, 8, generator=rng)
    augment = Augment(zoom=zoom, colour=0, size=sides[2:])
    one_by_one = augment(images, masks, chance)

    with mock.patch.object(augment_module, "resample_loop", resample_batched):
        together = augment(images, masks, chance)
    assert torch.equal(together[1], one_by_one[1])
    assert (together[0].int() - one_by_one[0].int()).abs().max() <= 1
