"""Labels from boxes: by hand, against the truth, twice the same, and boxes at the edge of what works."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from seglib.boxes import rasterise
from seglib.labels import VOID
from seglib.weak.candidates import agreement, candidates
from seglib.weak.grabcut import grabcut_plus, grabcut_votes
from seglib.weak.schemes import inner_rectangles, rectangles
from tests.weak.samples import TwoRegions, disc

ONE = torch.tensor([1])
ALL = {
    "rectangles": rectangles,
    "box-i": inner_rectangles,
    "grabcut+": grabcut_plus,
    "grabcut+-i": partial(grabcut_votes, runs=3),
    "m-and-g+": partial(agreement, propose=TwoRegions),
    "boxsup": partial(candidates, propose=TwoRegions),
}
every = pytest.mark.parametrize("make", ALL.values(), ids=ALL)


def box_of(inside: Tensor, loose: int = 0) -> Tensor:
    rows, columns = inside.any(1).nonzero(), inside.any(0).nonzero()
    return torch.tensor(
        [[int(columns.min()) - loose, int(rows.min()) - loose, int(columns.max()) + 1 + loose,
          int(rows.max()) + 1 + loose]]
    )  # fmt: skip


def test_rectangles_are_those_of_the_box_module():
    boxes = torch.tensor([[1, 1, 6, 7], [0, 0, 8, 8], [4, 4, 8, 8]])
    classes = torch.tensor([3, 1, 2])
    assert torch.equal(rectangles(torch.zeros(3, 9, 9), boxes, classes), rasterise(boxes, classes, (9, 9)))


def test_the_core_of_box_i_is_a_fifth_of_the_area_not_of_each_side():
    mask = inner_rectangles(torch.zeros(3, 100, 200), torch.tensor([[20, 10, 180, 90]]), ONE)
    assert (mask == 1).sum().item() / (160 * 80) == pytest.approx(0.2, abs=0.01)
    assert (mask == VOID).sum() + (mask == 1).sum() == 160 * 80
    assert (mask[:10] == 0).all()


def test_in_box_i_the_smaller_box_hides_the_core_of_the_larger():
    boxes = torch.tensor([[9, 9, 12, 12], [0, 0, 20, 20]])
    mask = inner_rectangles(torch.zeros(3, 20, 20), boxes, torch.tensor([2, 1]))
    assert mask[10, 10] == 2 and mask[9, 9] == VOID and mask[13, 13] == 1


@pytest.mark.parametrize("name", ["grabcut+", "m-and-g+", "boxsup"])
def test_an_easy_object_is_found_in_a_loose_box(name):
    image, inside = disc()
    mask = ALL[name](image, box_of(inside, loose=1), ONE)
    assert ((mask == 1) == inside).float().mean() > 0.99


def test_votes_leave_the_disagreement_out_and_are_right_about_the_rest():
    image, inside = disc()
    mask = grabcut_votes(image, box_of(inside, loose=2), ONE, runs=5)
    known = mask != VOID
    assert ((mask == 1) == inside)[known].float().mean() > 0.99
    assert known[inside].float().mean() > 0.9


def test_a_large_image_is_cut_at_full_size():
    image, inside = disc(size=400, radius=100)
    mask = grabcut_plus(image, box_of(inside, loose=10), ONE)
    assert ((mask == 1) != inside).sum() < 60  # the outline is 630 pixels long


@every
def test_the_same_seed_gives_the_same_label(make):
    image, inside = disc()
    first, second = (make(image, box_of(inside, loose=3), ONE) for _ in range(2))
    assert torch.equal(first, second)


@every
@pytest.mark.parametrize(
    "box", [(5, 5, 6, 6), (0, 0, 40, 40), (0, 0, 1, 40), (39, 39, 40, 40), (1, 0, 40, 40)]
)
def test_tiny_boxes_and_whole_images_get_a_label(make, box):
    image, _ = disc()
    mask = make(image, torch.tensor([box]), ONE)
    assert mask.shape == (40, 40) and mask.dtype == torch.uint8
    x1, y1, x2, y2 = box
    assert set(mask.unique().tolist()) <= {0, 1, VOID}
    mask[y1:y2, x1:x2] = 0
    assert not mask.any()  # nothing outside of the box


@every
def test_a_image_of_one_colour_gets_a_label(make):
    grey = torch.full((3, 40, 40), 120, dtype=torch.uint8)
    if make is not ALL["m-and-g+"] and make is not ALL["boxsup"]:  # they ask for regions, and there are none
        assert make(grey, torch.tensor([[5, 5, 30, 30]]), ONE).shape == (40, 40)


@every
def test_without_boxes_all_is_background(make):
    image, _ = disc()
    mask = make(image, torch.zeros(0, 4).long(), torch.zeros(0).long(), background=2)
    assert (mask == 2).all()


@every
def test_a_wrong_box_is_named(make):
    image, _ = disc()
    with pytest.raises(ValueError, match=r"box 0, \(5, 5, 3, 9\): its corners are swapped"):
        make(image, torch.tensor([[5, 5, 3, 9]]), ONE)


def test_boxsup_follows_the_net_and_always_takes_one_region():
    image, inside = disc()
    logits = torch.zeros(2, 40, 40)
    logits[0] = 9.0  # the net says: background everywhere
    whole = torch.tensor([[0, 0, 40, 40]])
    mask = candidates(image, whole, ONE, propose=TwoRegions, logits=logits, best=1)
    assert (mask == 1).any()
    logits = torch.stack([torch.where(inside, -5.0, 5.0), torch.where(inside, 5.0, -5.0)])
    loose = box_of(inside, loose=4)  # fits both regions in part; the net decides
    mask = candidates(image, loose, ONE, propose=TwoRegions, logits=logits, best=1)
    assert torch.equal(mask == 1, inside)


def test_boxsup_draws_from_the_best():
    image, _ = disc(size=40, radius=18)
    near_whole = torch.tensor([[1, 1, 39, 39]])
    drawn = {
        int(candidates(image, near_whole, ONE, propose=TwoRegions, seed=seed).sum()) for seed in range(20)
    }
    assert len(drawn) == 2


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda image: inner_rectangles(image, torch.tensor([[0, 0, 4, 4]]), ONE, share=20), "share 20"),
        (lambda image: grabcut_votes(image, torch.tensor([[0, 0, 4, 4]]), ONE, runs=0), "runs 0"),
        (
            lambda image: candidates(image, torch.tensor([[0, 0, 4, 4]]), ONE, propose=TwoRegions, best=0),
            "best 0",
        ),
    ],
)
def test_a_wrong_setting_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call(disc()[0])
