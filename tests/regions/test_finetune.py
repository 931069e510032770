"""The foreground pathway: it learns, the net it began with does not change."""

from __future__ import annotations

import pytest
import torch

from seglib import backbones
from seglib.regions.examples import Looker
from seglib.regions.features import RegionFeatures
from seglib.regions.finetune import _batch, finetune
from seglib.scenes import Scenes


def looker() -> Looker:
    torch.manual_seed(0)
    return Looker(RegionFeatures(backbones.load("small", pretrained=False), size=32), number=40)


SCENES = Scenes(6, size=(64, 64))


def test_a_batch_has_objects_and_others_on_the_mean_colour() -> None:
    images, truth = _batch(looker(), SCENES, torch.Generator().manual_seed(0))
    assert images.shape[1:] == (3, 32, 32) and len(images) == len(truth) <= 32
    background = len(SCENES.classes)
    assert 0 < int((truth != background).sum()) <= 8 and int((truth == background).sum()) > 8
    fill = torch.tensor(looker().features.fill)
    assert (images[:, :, 0, 0] == fill).all(dim=1).float().mean() > 0.5  # context


def test_a_copy_learns_and_the_same_seed_learns_the_same() -> None:
    mine = looker()
    before = [weight.clone() for weight in mine.features.backbone.parameters()]
    one, two = (finetune(mine, SCENES, steps=3, lr=1e-2, seed=1) for _ in range(2))
    assert all(torch.equal(old, new) for old, new in zip(before, mine.features.backbone.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters()))
    assert any(not torch.equal(old, new) for old, new in zip(before, one.parameters()))
    assert not one.training


def test_no_images_are_said() -> None:
    with pytest.raises(ValueError, match="scenes train has no images"):
        finetune(looker(), SCENES.subset([]))
