"""The ranked list: every node once, in a stable order, bounded, and sensible for odd images."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest
import torch
from torch import Tensor

from seglib.data.catalog import load
from seglib.regions import FAST, QUALITY, Strategy, propose
from seglib.regions.grouping import Hierarchy, hierarchies
from seglib.regions.proposals import LARGEST, LEAST, _stability
from seglib.regions.recall import best_overlap
from seglib.scenes import Scenes


def scene(seed: int = 0, size: tuple[int, int] = (60, 80)) -> Tensor:
    return Scenes(length=1, size=size, seed=seed)[0][0].as_subclass(Tensor)


def drawn(masks: Tensor) -> set[bytes]:
    return {mask.numpy().tobytes() for mask in masks}


def test_all_nodes_of_all_trees_once() -> None:
    strategies = (Strategy("lab", 30), Strategy("hsv", 30), Strategy("lab", 30, ("size", "fill")))
    proposals = propose(scene(), 10**6, strategies=strategies)
    trees = chain.from_iterable(hierarchies(scene(), strategies))
    expected = set().union(*(drawn(tree.members(range(len(tree)))[:, tree.labels]) for tree in trees))
    found = proposals.masks()
    assert drawn(found) == expected and len(found) == len(expected)


def test_superpixels_are_no_finer_than_the_regions_need() -> None:
    proposals = propose(scene(), 30)
    columns = {column.numpy().tobytes() for column in proposals.members.T}
    assert len(columns) == proposals.members.shape[1]
    assert proposals.labels.unique().tolist() == list(range(len(columns)))


def test_stability_by_hand() -> None:
    """0 and 1 are alike, and 2 is unlike both: so 0 + 1 is stable, 0 and 1 are not."""
    tree = Hierarchy(
        torch.tensor([[0, 1, 2]]),
        torch.tensor([[0, 1], [2, 3]]),
        torch.tensor([0.9, 0.3], dtype=torch.double),
    )
    assert _stability(tree).tolist() == pytest.approx([LEAST, LEAST, 0.6, 0.6, 0.3])


def test_fewer_are_the_first_of_more() -> None:
    many, few = propose(scene(), 200), propose(scene(), 40)
    assert len(few) == 40 and few.masks().equal(many.masks(range(40)))
    assert few.scores.equal(many.scores[:40])


def test_the_same_again_and_another_order_for_another_seed() -> None:
    one, again, other = (propose(scene(), seed=seed) for seed in (0, 0, 1))
    assert one.members.equal(again.members) and one.labels.equal(again.labels)
    assert not one.masks([0, 1, 2, 3]).equal(other.masks([0, 1, 2, 3]))
    assert drawn(one.masks()) == drawn(other.masks())


def test_objects_are_found_in_scenes() -> None:
    dataset = Scenes(length=4, size=(120, 160), seed=3)
    best = [
        best_overlap(propose(image.as_subclass(Tensor)), found.masks)
        for (image, _), found in zip(dataset, map(dataset.instances, range(4)))
    ]
    assert torch.cat(best).median() > 0.7


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (2, 3), (40, 40)])
@pytest.mark.parametrize("strategies", [FAST, QUALITY])
def test_one_colour_is_one_region(size: tuple[int, int], strategies: tuple) -> None:
    proposals = propose(torch.full((3, *size), 90, dtype=torch.uint8), strategies=strategies)
    assert len(proposals) == 1 and proposals.masks().all()
    assert proposals.boxes.tolist() == [[0, 0, size[1], size[0]]]


def test_a_grey_image_is_the_coloured_one_of_the_same_brightness() -> None:
    grey = scene()[0]
    expected = propose(grey.expand(3, -1, -1))
    for image in (grey, grey[None]):
        found = propose(image)
        assert found.labels.equal(expected.labels) and found.members.equal(expected.members)


def test_thousands_of_tiny_superpixels_stay_within_bounds() -> None:
    noise = torch.randint(256, (3, 80, 80), generator=torch.Generator().manual_seed(0)).byte()
    strategies = (Strategy("rgb", 4), Strategy("hsv", 4, ("size",)))
    proposals = propose(noise, 500, strategies=strategies)
    assert int(next(hierarchies(noise, strategies))[0].labels.max()) > 1000
    assert len(proposals) == 500 and proposals.boxes.shape == (500, 4)


def test_a_large_image_is_searched_small_and_answered_large() -> None:
    image = torch.zeros(3, 1200, 1600, dtype=torch.uint8)
    image[0, 300:900, 400:1000] = 255
    assert image[0].numel() > 4 * LARGEST
    proposals = propose(image)
    assert proposals.labels.shape == (1200, 1600)
    assert best_overlap(proposals, (image[:1] == 255)).item() > 0.98


def test_what_cannot_be_searched_is_said() -> None:
    with pytest.raises(ValueError, match="number must be at least 1"):
        propose(scene(), 0)
    with pytest.raises(ValueError, match=r"must be uint8.*take \(255 \* image\)"):
        propose(scene().float() / 255)
    with pytest.raises(ValueError, match="no strategy was given"):
        propose(scene(), strategies=())


@pytest.mark.photographs
def test_animals_are_found_in_photographs(photographs: Path) -> None:
    dataset = load("pets", root=photographs / "oxford-iiit-pet", split="val")
    for index in (0, 10):
        found = dataset.instances(index)
        assert found is not None
        image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
        assert best_overlap(propose(image), found.masks, mask == 255).min() > 0.5
