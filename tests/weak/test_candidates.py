"""BoxSup: one region for each box, by fit and by the net's loss."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from seglib.weak.candidates import candidates, region_loss
from seglib.weak.cleaning import BoxSup
from tests.weak.samples import TwoRegions, box_of, disc, one_box

ONE, WHOLE = torch.tensor([1]), torch.tensor([[0, 0, 40, 40]])


def test_it_follows_the_net_and_always_takes_one_region():
    image, inside = disc()
    logits = torch.zeros(2, 40, 40)
    logits[0] = 9.0  # the net says: background everywhere
    assert (candidates(image, WHOLE, ONE, propose=TwoRegions, logits=logits, best=1) == 1).any()
    logits = torch.stack([torch.where(inside, -5.0, 5.0), torch.where(inside, 5.0, -5.0)])
    loose = box_of(inside, loose=4)  # fits both regions in part; the net decides
    mask = candidates(image, loose, ONE, propose=TwoRegions, logits=logits, best=1)
    assert torch.equal(mask == 1, inside)


@pytest.mark.parametrize("sees", ["the disc", "everything"])
def test_the_update_between_rounds_takes_the_region_that_the_net_sees(sees):
    image, inside = disc()
    x1, y1, x2, y2 = box_of(inside, loose=4)[0].tolist()
    target = inside if sees == "the disc" else torch.ones_like(inside)
    sure = torch.where(target, 0.99, 0.01)
    mask = BoxSup(TwoRegions, best=1)(
        image, torch.stack([1 - sure, sure]), one_box(x1, y1, x2, y2), 1, inside
    )
    expected = torch.zeros_like(inside)
    expected[y1:y2, x1:x2] = target[y1:y2, x1:x2]
    assert torch.equal(mask == 1, expected)


def test_it_draws_from_the_best():
    image, _ = disc(size=40, radius=18)
    near_whole = torch.tensor([[1, 1, 39, 39]])
    drawn = {
        int(candidates(image, near_whole, ONE, propose=TwoRegions, seed=seed).sum()) for seed in range(20)
    }
    assert len(drawn) == 2


def test_the_loss_of_a_region_is_the_mean_cross_entropy_over_the_box():
    rng = torch.Generator().manual_seed(0)
    pieces, logits = torch.rand(5, 6, 7, generator=rng) < 0.5, torch.randn(3, 6, 7, generator=rng)
    loss = -logits.log_softmax(0)
    expected = [cross_entropy(logits[None], 2 * piece[None].long()) for piece in pieces]
    assert torch.allclose(region_loss(pieces, loss[2], loss[0]), torch.stack(expected))


def test_what_is_wrong_is_refused():
    image, _ = disc()
    with pytest.raises(ValueError, match="best must be at least 1, not 0"):
        candidates(image, WHOLE, ONE, propose=TwoRegions, best=0)
    with pytest.raises(ValueError, match=r"logits \(2, 9, 9\) are not of the image's size"):
        candidates(image, WHOLE, ONE, propose=TwoRegions, logits=torch.zeros(2, 9, 9))
