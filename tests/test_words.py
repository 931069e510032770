"""words and void: where things lie, and what lies where nobody knows."""

from __future__ import annotations

import pytest
import torch

from seglib.labels import nearest_known, position


@pytest.mark.parametrize(
    ("y", "x", "words"),
    [
        (1, 1, "upper left"),
        (1, 4, "upper centre"),
        (4, 4, "centre"),
        (4, 7, "centre right"),
        (7, 1, "lower left"),
    ],
)
def test_the_nine_places(y: int, x: int, words: str):
    where = torch.zeros(9, 9, dtype=torch.bool)
    where[y, x] = True
    assert position(where) == words


def test_the_edges_it_touches():
    where = torch.zeros(9, 9, dtype=torch.bool)
    where[0, 2:7] = True
    assert position(where) == "upper centre, touches the upper edge"
    where[:, 0] = True
    assert position(where).endswith("touches the upper, lower and left edges")


def test_void_takes_the_nearest_class():
    rng = torch.Generator().manual_seed(0)
    mask = torch.randint(0, 3, (12, 15), generator=rng)
    mask[torch.rand(12, 15, generator=rng) < 0.8] = 255
    filled = mask[nearest_known(mask)]
    known = (mask != 255).nonzero()
    assert torch.equal(filled[mask != 255], mask[mask != 255])
    for y, x in (mask == 255).nonzero().tolist():
        distance = ((known - torch.tensor([y, x])) ** 2).sum(dim=1)
        nearest = known[distance == distance.min()]
        assert filled[y, x] in mask[nearest[:, 0], nearest[:, 1]]
