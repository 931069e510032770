"""Proposals are the pixels' own numbers; the search lists each node once; what they are worth, by hand."""

import pytest
import torch
from torch import Tensor

from seglib import boxes, cache
from seglib.data.catalog import load
from seglib.data.dataset import Instances
from seglib.regions import Proposals, cached_proposals, propose
from seglib.regions import proposals as module
from seglib.regions.grouping import FAST, Hierarchy, Strategy, hierarchies
from seglib.regions.proposals import mabo, oracle_paste, overlap_by_number, recall, true_regions
from seglib.scenes import Scenes
from tests.refused import refused

LABELS = torch.tensor([[0, 0, 1, 1], [0, 2, 2, 1], [3, 3, 2, 2]])
MEMBERS = torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]]).bool()
SCORES = torch.tensor([0.9, 0.5, 0.5])


def small() -> Proposals:
    return Proposals(LABELS, MEMBERS, SCORES)


def random(regions: int = 60, superpixels: int = 25, seed: int = 0) -> Proposals:
    rng = torch.Generator().manual_seed(seed)
    labels = torch.randint(superpixels, (30, 41), generator=rng)
    members = torch.rand(regions, superpixels, generator=rng) < 0.3
    members[torch.arange(regions), torch.randint(superpixels, (regions,), generator=rng)] = True
    return Proposals(labels, members, torch.rand(regions, generator=rng).sort(descending=True).values)


def same(one: Proposals, other: Proposals) -> bool:
    parts = ("labels", "members", "scores")
    return all(getattr(one, part).equal(getattr(other, part)) for part in parts)


def iou(one: Tensor, other: Tensor) -> float:
    return float((one & other).sum() / (one | other).sum().clamp(min=1))


def drawn(masks: Tensor) -> set[bytes]:
    return {mask.numpy().tobytes() for mask in masks}


def test_by_hand():
    proposals = small()
    assert len(proposals) == 3
    assert proposals.areas.tolist() == [3, 6, 6]
    assert proposals.boxes.tolist() == [[0, 0, 2, 2], [0, 0, 4, 2], [0, 1, 4, 3]]
    assert proposals.masks([2]).int().tolist() == [[[0, 0, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1]]]
    mask = torch.tensor([[1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]).bool()
    assert proposals.overlaps(mask).tolist() == pytest.approx([2 / 4, 3 / 6, 0])
    for wrong in (torch.zeros(3, 5).bool(), torch.zeros(3, 4), torch.zeros(3, 4).byte()):
        with pytest.raises(ValueError, match=r"bool \(3, 4\)"):
            proposals.overlaps(wrong)


def test_everything_equals_the_same_made_from_masks():
    proposals = random()
    masks = proposals.masks()
    assert masks.shape == (60, 30, 41)
    assert proposals.areas.tolist() == masks.flatten(1).sum(dim=1).tolist()
    assert proposals.boxes.equal(boxes.from_masks(masks))
    rng = torch.Generator().manual_seed(1)
    others, void = torch.rand(4, 30, 41, generator=rng) < 0.4, torch.rand(30, 41, generator=rng) < 0.2
    expected = torch.tensor([[iou(mask, other) for other in others] for mask in masks])
    assert proposals.overlaps_many(others).equal(expected)
    assert proposals.overlaps(others[2]).equal(expected[:, 2])
    expected = torch.tensor([[iou(mask & ~void, other & ~void) for other in others] for mask in masks])
    assert torch.allclose(proposals.overlaps_many(others, void), expected, atol=1e-6)


def test_overlaps_with_nothing_are_zero():
    proposals, everything = random(), torch.ones(30, 41, dtype=torch.bool)
    assert proposals.overlaps_many(proposals.masks()).diagonal().tolist() == [1] * 60
    assert proposals.overlaps(~everything).tolist() == [0] * 60
    assert proposals.overlaps(everything, void=everything).tolist() == [0] * 60
    assert proposals.overlaps_many(torch.zeros(0, 30, 41, dtype=torch.bool)).shape == (60, 0)


def test_a_subset_down_to_none():
    proposals = random()
    some = proposals.subset([3, 8])
    assert some.masks().equal(proposals.masks([3, 8])) and some.boxes.equal(proposals.boxes[[3, 8]])
    none = proposals.subset([])
    assert len(none) == 0 and none.boxes.shape == (0, 4) and none.areas.shape == (0,)
    assert none.overlaps(torch.ones(30, 41, dtype=torch.bool)).shape == (0,)
    with pytest.raises(ValueError, match="best region comes first"):
        proposals.subset([8, 3])


def squares() -> Proposals:
    """2000 regions of 768 squares."""
    labels = (torch.arange(320)[None] // 10 + torch.arange(240)[:, None] // 10 * 32).long()
    members = torch.rand(2000, 768, generator=torch.Generator().manual_seed(0)) < 0.02
    members[:, 0] = True
    return Proposals(labels, members, torch.zeros(2000))


@pytest.mark.parametrize("proposals", [squares(), random(), random(1, 1), random(9, 16), random(0, 3)])
def test_the_store_gives_the_same_back_and_an_entry_is_small(proposals, home, monkeypatch):
    image = torch.zeros(3, 2, 2, dtype=torch.uint8)
    monkeypatch.setattr(module, "propose", lambda *_, **__: proposals)
    cached_proposals(image)
    monkeypatch.delattr(module, "propose")
    assert same(cached_proposals(image), proposals)
    bits = proposals.members.numel()
    assert sum(file.stat().st_size for file in cache.folder().iterdir()) < max(bits / 8, 2**16)


test_what_does_not_fit_is_refused = refused(
    Proposals,
    (LABELS.int(), MEMBERS, SCORES, r"labels must be \(H, W\) int64, not \(3, 4\) torch.int32"),
    (LABELS[0], MEMBERS, SCORES, r"labels must be \(H, W\) int64, not \(4,\)"),
    (LABELS[:0], MEMBERS, SCORES, r"not \(0, 4\)"),
    (LABELS, MEMBERS.int(), SCORES, r"members must be \(R, S\) bool"),
    (LABELS, MEMBERS[:, :3], SCORES, r"labels must be 0..2, .* they are 0..3"),
    (LABELS, MEMBERS, SCORES[:2], r"scores must be \(3,\), .* not \(2,\)"),
    (LABELS, MEMBERS, SCORES.flip(0), "scores must be descending"),
    (LABELS, MEMBERS & False, SCORES, "region 0 of 3 has no pixels"),
)


def test_all_nodes_of_all_trees_are_proposed_once(scene):
    strategies = (Strategy("lab", 30), Strategy("hsv", 30), Strategy("lab", 30, ("size", "fill")))
    proposals = propose(scene, 10**6, strategies=strategies)
    trees = hierarchies(scene, strategies)
    expected = set().union(*(drawn(tree.members(range(len(tree)))[:, tree.labels]) for tree in trees))
    found = proposals.masks()
    assert drawn(found) == expected and len(found) == len(expected)


def test_superpixels_are_no_finer_than_the_regions_need(scene):
    proposals = propose(scene, 30)
    columns = {column.numpy().tobytes() for column in proposals.members.T}
    assert len(columns) == proposals.members.shape[1]
    assert proposals.labels.unique().tolist() == list(range(len(columns)))


def test_stability_by_hand():
    """0 and 1 are similar, and 2 is unlike both: so 0 + 1 is stable, 0 and 1 are not."""
    merges, similarities = torch.tensor([[0, 1], [2, 3]]), torch.tensor([0.9, 0.3], dtype=torch.double)
    tree, least = Hierarchy(torch.tensor([[0, 1, 2]]), merges, similarities), module.MIN_STABILITY
    assert module.stability(tree).tolist() == pytest.approx([least, least, 0.6, 0.6, 0.3])


def test_fewer_are_the_first_of_more_and_another_seed_orders_differently(scene):
    many, few, other = propose(scene, 200), propose(scene, 40), propose(scene, 200, seed=1)
    assert len(few) == 40 and few.masks().equal(many.masks(range(40)))
    assert few.scores.equal(many.scores[:40]) and same(many, propose(scene, 200))
    assert not many.masks([0, 1, 2, 3]).equal(other.masks([0, 1, 2, 3]))
    everything = [drawn(propose(scene, seed=seed).masks()) for seed in (0, 1)]
    assert everything[0] == everything[1]
    with pytest.raises(ValueError, match="number must be at least 1"):
        propose(scene, 0)
    with pytest.raises(ValueError, match="uint8"):
        propose(scene.float() / 255)
    grey = scene[0]
    assert all(same(propose(image), propose(grey.expand(3, -1, -1))) for image in (grey, grey[None]))


def test_objects_are_found_in_scenes():
    dataset = Scenes(length=4, size=(120, 160), seed=3)
    best = [
        propose(image.as_subclass(Tensor)).overlaps_many(found.masks).amax(dim=0)
        for (image, _), found in zip(dataset, map(dataset.instances, range(4)))
    ]
    assert torch.cat(best).median() > 0.7


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (2, 3), (40, 40)])
def test_one_colour_is_one_region(size):
    proposals = propose(torch.full((3, *size), 90, dtype=torch.uint8))
    assert len(proposals) == 1 and proposals.masks().all()
    assert proposals.boxes.tolist() == [[0, 0, size[1], size[0]]]


def test_noise_of_a_thousand_superpixels_gives_as_many_regions_as_were_asked_for():
    noise = torch.randint(256, (3, 80, 80), generator=torch.Generator().manual_seed(0)).byte()
    proposals = propose(noise, 500, strategies=(Strategy("rgb", 4), Strategy("hsv", 4, ("size",))))
    assert len(proposals) == 500 and proposals.members.shape[1] > 500


def test_a_large_image_is_searched_small_and_answered_large():
    image = torch.zeros(3, 1200, 1600, dtype=torch.uint8)
    image[0, 300:900, 400:1000] = 255
    assert image[0].numel() > 4 * module.LARGEST
    proposals = propose(image)
    assert proposals.labels.shape == (1200, 1600)
    assert proposals.overlaps(image[0] == 255).max() > 0.98


def test_cached_proposals_are_those_of_propose_and_computed_once(scene, home, monkeypatch):
    expected = propose(scene, 50, strategies=FAST)
    assert same(cached_proposals(scene, 50), expected)
    made: list[object] = []

    def counting(*given: object, **named: object) -> Proposals:
        made.append(given)
        return propose(*given, **named)

    monkeypatch.setattr(module, "propose", counting)
    assert same(cached_proposals(scene, 50), expected) and not made
    for other in ({"number": 20}, {"number": 50, "seed": 1}, {"image": scene.flip(-1), "number": 50}):
        cached_proposals(**{"image": scene, **other})
    assert len(made) == 3


@pytest.mark.photographs
def test_animals_are_found_in_photographs(photographs):
    dataset = load("pets", root=photographs / "oxford-iiit-pet", split="val")
    for index in (0, 10):
        found = dataset.instances(index)
        assert found is not None
        image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
        assert propose(image).overlaps_many(found.masks, mask == 255).amax(dim=0).min() > 0.5


MASK = torch.tensor([[1, 1, 0, 1], [1, 1, 0, 1], [2, 2, 255, 255]], dtype=torch.uint8)
PROPOSALS = Proposals(
    torch.tensor([[0, 1, 1], [0, 2, 2]]),
    torch.tensor([[1, 0, 0], [0, 1, 0], [0, 1, 1]]).bool(),
    torch.tensor([3, 2, 1.0]),
)
LEFT = torch.tensor([[1, 0, 0], [1, 0, 0]]).bool()
CORNER = torch.tensor([[0, 1, 1], [0, 0, 1]]).bool()


def instances(masks: Tensor, classes: list[int]) -> Instances:
    return Instances(masks, torch.tensor(classes), torch.zeros(len(masks), 4, dtype=torch.long))


def test_components_by_hand():
    regions, classes = true_regions(MASK)
    assert regions.labels.tolist() == [[1, 1, 0, 2], [1, 1, 0, 2], [3, 3, 0, 0]]
    assert classes.tolist() == [1, 1, 2] and regions.boxes.tolist()[1] == [3, 0, 4, 2]
    regions, classes = true_regions(MASK, background=None)  # every class has regions; two pixels are void
    assert sorted(classes.tolist()) == [0, 1, 1, 2] and int(regions.areas.sum()) == 10
    for value in (0, 255):
        regions, classes = true_regions(torch.full((3, 4), value, dtype=torch.uint8))
        assert len(regions) == 0 and classes.shape == (0,) and classes.dtype == torch.int64


def test_known_objects_that_touch_stay_apart():
    masks = torch.zeros(2, 3, 4).bool()
    masks[0, :2, :2], masks[1, :, 2:] = True, True
    regions, classes = true_regions(MASK, instances(masks, [2, 1]))
    assert torch.equal(regions.masks(), masks) and classes.tolist() == [2, 1]


def test_hidden_objects_and_specks_are_left_out():
    regions, classes = true_regions(MASK, instances(torch.ones(2, 3, 4).bool(), [2, 1]))
    assert len(regions) == 1 and classes.tolist() == [1]
    mask = torch.zeros(100, 100, dtype=torch.uint8)
    mask[0, :4], mask[50, :5] = 1, 1
    assert true_regions(mask)[0].areas.tolist() == [5]


def test_more_proposals_are_never_worse():
    curve = overlap_by_number(PROPOSALS.overlaps_many(torch.stack([LEFT, CORNER])))
    assert curve[:, 0].tolist() == [1, 1, 1]
    assert curve[:, 1].tolist() == pytest.approx([0, 2 / 3, 3 / 4])
    void = torch.tensor([[0, 0, 0], [0, 1, 1]]).bool()  # then the corner is the upper right, region 1
    assert overlap_by_number(PROPOSALS.overlaps_many(CORNER[None], void))[-1].item() == 1


def test_recall_and_mabo_by_hand():
    best = torch.tensor([0.5, 0.69, 0.7, 1.0])
    assert [recall(best, at) for at in (0.5, 0.7, 1)] == [1, 0.5, 0.25]
    with pytest.raises(ValueError, match="best is empty"):
        recall(torch.zeros(0))
    with pytest.raises(ValueError, match=r"0..1; got 50"):
        recall(best, 50)
    # mABO weighs classes alike, and not objects
    best, classes = torch.tensor([0.2, 0.4, 0.6, 1.0]), torch.tensor([3, 3, 3, 1])
    assert mabo(best, classes) == pytest.approx((0.4 + 1) / 2)


def test_the_oracle_pastes_the_best_region_of_each_object_and_else_background():
    objects = instances(torch.stack([LEFT, CORNER]), [2, 1])
    assert oracle_paste(PROPOSALS, objects).tolist() == [[2, 1, 1], [2, 1, 1]]
    assert not oracle_paste(PROPOSALS, instances(torch.zeros(0, 2, 3).bool(), [])).any()
    for none in ([2], []):  # no overlap, no proposals
        assert not oracle_paste(PROPOSALS.subset(none), instances(LEFT[None], [2])).any()


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_better_fit_is_in_front(order):
    """Region 2 is best for both: of class 1 it has 3/4, of class 5 only 1/4."""
    right = torch.tensor([[0, 0, 0], [0, 1, 0]]).bool()
    objects = instances(torch.stack([CORNER, right])[order], [[1, 5][place] for place in order])
    pasted = oracle_paste(PROPOSALS.subset([2]), objects, background=9)
    assert pasted.tolist() == [[9, 1, 1], [9, 1, 1]]
