"""Grouping by hand and against a slow loop, and the tree that it makes."""

import copy

import numpy as np
import pytest
import torch
from scipy.ndimage import label

from seglib.regions import grouping, hierarchy
from seglib.regions.grouping import CUES, Regions, Strategy, describe, group, hierarchies, merge, similarity
from seglib.regions.superpixels import in_space, superpixels


def described(labels: np.ndarray, colours: np.ndarray) -> Regions:
    return describe(labels, *grouping.bins_of_pixels(colours))


def three() -> Regions:
    """Superpixels 0, 1, 2 side by side: black, black, white."""
    labels = np.array([[0, 0, 1, 2], [0, 0, 1, 2], [0, 0, 1, 2]], np.int64)
    colours = np.zeros((3, 4, 1), np.float32)
    colours[:, 3] = 1
    return described(labels, colours)


def test_a_description_by_hand():
    regions = three()
    assert regions.sizes.tolist() == [6, 3, 3] and regions.neighbours == [{1}, {0, 2}, {1}]
    assert regions.low.tolist() == [[0, 0], [0, 2], [0, 3]]
    assert regions.high.tolist() == [[3, 2], [3, 3], [3, 4]]
    assert regions.colour.argmax(axis=1).tolist() == [0, 0, 24]
    for histogram in (regions.colour, regions.texture):
        assert histogram.sum(axis=1) == pytest.approx(1)


def test_slopes_point_where_the_image_gets_brighter():
    ramp = np.broadcast_to(np.arange(9, dtype=np.float32)[None, :, None] / 10, (9, 9, 1))
    found = grouping.slopes(np.ascontiguousarray(ramp))[4, 4]
    assert found == pytest.approx([0.1, 0.0707, 0, 0, 0, 0, 0, 0.0707], abs=1e-3)


def test_each_cue_by_hand():
    def alike(*cues: str) -> list[float]:
        return similarity(three(), 0, [1, 2], cues).tolist()

    assert alike("colour") == pytest.approx([1, 0])
    assert alike("size") == pytest.approx([1 - 9 / 12, 1 - 9 / 12])
    # 0 and 1 fill their box; 0 and 2 leave the 3 pixels between them empty
    assert alike("fill") == pytest.approx([1, 1 - 3 / 12])
    assert alike("colour", "size") == pytest.approx([1.25, 0.25])


def test_a_merged_region_has_the_description_of_its_pixels(scene):
    labels, colours = superpixels(scene, scale=30).numpy(), in_space(scene, "lab")
    regions = described(labels, colours).with_room()
    count = int(labels.max()) + 1
    other = min(regions.neighbours[0])
    merge(regions, 0, other, new := count)
    names = np.where(np.isin(labels, [0, other]), count, labels)
    again = described(np.unique(names, return_inverse=True)[1].reshape(names.shape), colours)
    assert again.sizes[count - 2] == regions.sizes[new]
    for name in ("low", "high", "colour", "texture"):
        assert getattr(again, name)[count - 2] == pytest.approx(getattr(regions, name)[new], abs=1e-6)
    shift = {node: place for place, node in enumerate(np.unique(names).tolist())}
    assert {shift[near] for near in regions.neighbours[new]} == again.neighbours[count - 2]
    assert not regions.neighbours[0] and not regions.neighbours[other]


def test_the_most_similar_neighbours_are_merged_first(scene):
    """A slow loop over all pairs, repeated after each merge, gives the same tree."""
    labels, colours = superpixels(scene, scale=60).numpy(), in_space(scene, "lab")
    regions = described(labels, colours)
    before = copy.deepcopy(regions)
    merges, similarities = group(regions)
    assert len(merges) == int(labels.max()) > 5
    assert regions.neighbours == before.neighbours and (regions.sizes == before.sizes).all()  # unchanged
    slow = regions.with_room()
    for made, (pair, alike) in enumerate(zip(merges.tolist(), similarities.tolist())):
        pairs = [(one, other) for one, near in enumerate(slow.neighbours) for other in near]
        assert alike == pytest.approx(max(similarity(slow, one, [other])[0] for one, other in pairs))
        assert similarity(slow, pair[0], [pair[1]])[0] == pytest.approx(alike)
        merge(slow, pair[0], pair[1], len(merges) + 1 + made)


@pytest.mark.parametrize("cues", [CUES, ("size",), ("colour",), ("texture", "fill")])
def test_every_node_joins_its_two_parts_and_the_last_is_the_whole_image(scene, cues):
    tree = hierarchy(scene, cues=cues, scale=40)
    count = int(tree.labels.max()) + 1
    assert len(tree) == 2 * count - 1
    assert sorted(tree.merges.flatten().tolist()) == list(range(2 * count - 2))  # each node is merged once
    members = tree.members(range(len(tree)))
    assert members[:count].equal(torch.eye(count).bool()) and members[-1].all()
    for node, (one, other) in enumerate(tree.merges.tolist(), start=count):
        assert not (members[one] & members[other]).any()
        assert members[node].equal(members[one] | members[other])
    ones = torch.ones(count, dtype=torch.long)
    assert tree.sums(ones).tolist() == members.sum(dim=1).tolist()


def test_each_step_of_the_tree_joins_two_connected_regions(scene):
    tree = hierarchy(scene, scale=40)
    count = len(tree.merges) + 1
    assert tree.at(count).equal(tree.labels) and not tree.at(1).any()
    for left in range(count - 1, 0, -1):
        finer, coarser = tree.at(left + 1), tree.at(left)
        assert coarser.unique().tolist() == list(range(left))
        assert len((finer * count + coarser).unique()) == left + 1  # each finer one lies in one coarser one
        assert label((coarser == left - 1).numpy(), np.ones((3, 3)))[1] == 1
    for wrong in (0, count + 1):
        with pytest.raises(ValueError, match=f"count must be 1 to {count}"):
            tree.at(wrong)


def test_strategies_share_superpixels_and_nothing_else(scene):
    strategies = [Strategy("lab", 40), Strategy("hsv", 40), Strategy("lab", 40, ("size",))]
    lab, size, hsv = hierarchies(scene, strategies)
    assert lab.labels is size.labels is not hsv.labels
    assert size.merges.equal(hierarchy(scene, scale=40, cues=("size",)).merges)
    with pytest.raises(ValueError, match=r"cues must be .* of colour, texture, size, fill; got .'shape'"):
        hierarchy(scene, cues=("shape",))
    with pytest.raises(ValueError, match=r"got \(\)"):
        hierarchy(scene, cues=())
    with pytest.raises(ValueError, match="strategies is empty"):
        next(hierarchies(scene, []))
