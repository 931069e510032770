"""Superpixels, colours, the grouping of Uijlings et al., and the tree."""

from __future__ import annotations

import copy
from typing import get_args

import cv2
import numpy as np
import pytest
import torch
from scipy.ndimage import label
from skimage.color import rgb2hsv, rgb2lab
from torch import Tensor

from seglib.regions import hierarchy, superpixels
from seglib.regions.grouping import (
    CUES,
    Regions,
    Strategy,
    binned,
    describe,
    group,
    hierarchies,
    merge,
    similarity,
    steps,
)
from seglib.regions.superpixels import Maker, Space, checked, in_space, renumbered
from seglib.scenes import Scenes


def scene(seed: int = 0) -> Tensor:
    return Scenes(length=1, size=(60, 80), seed=seed)[0][0].as_subclass(Tensor)


def three() -> tuple[np.ndarray, np.ndarray]:
    """Superpixels 0, 1, 2 side by side: black, black, white."""
    labels = np.array([[0, 0, 1, 2], [0, 0, 1, 2], [0, 0, 1, 2]], np.int64)
    colours = np.zeros((3, 4, 1), np.float32)
    colours[:, 3] = 1
    return labels, colours


def described(labels: np.ndarray, colours: np.ndarray) -> Regions:
    return describe(labels, binned(colours))


def test_a_description_by_hand() -> None:
    regions = described(*three())
    assert regions.sizes.tolist() == [6, 3, 3, 0, 0]
    assert regions.low[:3].tolist() == [[0, 0], [0, 2], [0, 3]]
    assert regions.high[:3].tolist() == [[3, 2], [3, 3], [3, 4]]
    assert regions.neighbours == [{1}, {0, 2}, {1}, set(), set()]
    assert regions.colour[:3].argmax(axis=1).tolist() == [0, 0, 24]
    assert regions.colour[:3].sum(axis=1) == pytest.approx(1)
    assert regions.texture[:3].sum(axis=1) == pytest.approx(1)


def test_a_copy_is_grouped_alone() -> None:
    regions = described(*three())
    group(regions.copy())
    again = described(*three())
    assert regions.neighbours == again.neighbours
    for name in ("sizes", "low", "high", "colour", "texture"):
        assert (getattr(regions, name) == getattr(again, name)).all()


@pytest.mark.parametrize("largest", [9, 10**9])
def test_numbers_without_gaps_in_the_same_order(largest: int) -> None:
    codes = torch.tensor([[7, 7, 2], [largest, 2, 2]])
    assert renumbered(codes).tolist() == [[1, 1, 0], [2, 0, 0]]


def test_each_cue_by_hand() -> None:
    regions = described(*three())
    assert similarity(regions, 0, [1, 2], ("colour",)).tolist() == pytest.approx([1, 0])
    assert similarity(regions, 0, [1, 2], ("size",)).tolist() == pytest.approx([1 - 9 / 12, 1 - 9 / 12])
    # 0 and 1 fill their box; 0 and 2 leave the 3 pixels between them empty
    assert similarity(regions, 0, [1, 2], ("fill",)).tolist() == pytest.approx([1, 1 - 3 / 12])
    both = similarity(regions, 0, [1, 2], ("colour", "size"))
    assert both.tolist() == pytest.approx([1.25, 0.25])


def test_merging_is_describing_the_merged_region() -> None:
    labels, colours = superpixels(scene(), scale=30).numpy(), in_space(scene(), "lab")
    regions = described(labels, colours)
    count = int(labels.max()) + 1
    other = min(regions.neighbours[0])
    new = merge(regions, 0, other, made=0)
    assert new == count
    names = np.where(np.isin(labels, [0, other]), count, labels)
    again = described(np.unique(names, return_inverse=True)[1].reshape(names.shape), colours)
    assert again.sizes[count - 2] == regions.sizes[new]
    for name in ("low", "high", "colour", "texture"):
        assert getattr(again, name)[count - 2] == pytest.approx(getattr(regions, name)[new], abs=1e-6)
    shift = {node: place for place, node in enumerate(np.unique(names).tolist())}
    assert {shift[near] for near in regions.neighbours[new]} == again.neighbours[count - 2]
    assert not regions.neighbours[0] and not regions.neighbours[other]


def test_the_most_similar_neighbours_go_first() -> None:
    """A slow loop over all pairs, each time anew, gives the same tree."""
    labels, colours = superpixels(scene(), scale=60).numpy(), in_space(scene(), "lab")
    regions = described(labels, colours)
    merges, similarities = group(copy.deepcopy(regions))
    assert len(merges) == int(labels.max()) > 5
    for made, (found, likeness) in enumerate(zip(merges.tolist(), similarities.tolist())):
        assert likeness == pytest.approx(_most_similar(regions))
        assert similarity(regions, found[0], [found[1]])[0] == pytest.approx(likeness)
        merge(regions, *found, made=made)


def _most_similar(regions: Regions) -> float:
    return max(
        similarity(regions, one, [other])[0] for one, near in enumerate(regions.neighbours) for other in near
    )


@pytest.mark.parametrize("cues", [CUES, ("size",), ("colour",), ("texture", "fill")])
def test_the_tree_ends_with_the_whole_image(cues: tuple) -> None:
    tree = hierarchy(scene(), cues=cues, scale=40)
    count = int(tree.labels.max()) + 1
    assert len(tree) == 2 * count - 1
    assert sorted(tree.merges.flatten().tolist()) == list(range(2 * count - 2))  # each node joins once
    members = tree.members(range(len(tree)))
    assert members[:count].equal(torch.eye(count).bool()) and members[-1].all()
    for node, (one, other) in enumerate(tree.merges.tolist(), start=count):
        assert not (members[one] & members[other]).any()
        assert members[node].equal(members[one] | members[other])
    ones = torch.ones(count, dtype=torch.long)
    assert tree.sums(ones).tolist() == members.sum(dim=1).tolist()


def test_stepping_through_the_tree() -> None:
    tree = hierarchy(scene(), scale=40)
    count = len(tree.merges) + 1
    assert tree.at(count).equal(tree.labels) and not tree.at(1).any()
    for left in range(count - 1, 0, -1):
        finer, coarser = tree.at(left + 1), tree.at(left)
        assert coarser.unique().tolist() == list(range(left))
        assert len((finer * count + coarser).unique()) == left + 1  # every finer one lies in one coarser one
        assert label((coarser == left - 1).numpy(), np.ones((3, 3)))[1] == 1
    for wrong in (0, count + 1):
        with pytest.raises(ValueError, match=f"count must be 1 to {count}"):
            tree.at(wrong)


def test_strategies_share_superpixels_and_not_each_other() -> None:
    strategies = [Strategy("lab", 40), Strategy("hsv", 40), Strategy("lab", 40, ("size",))]
    lab, hsv = hierarchies(scene(), strategies)
    assert len(lab) == 2 and len(hsv) == 1 and lab[0].labels is lab[1].labels
    assert lab[1].merges.equal(hierarchy(scene(), scale=40, cues=("size",)).merges)


def test_colours_are_those_of_scikit_image() -> None:
    image = scene()
    rgb = image.permute(1, 2, 0).numpy()
    lab = in_space(image, "lab") * [100, 255, 255] - [0, 128, 128]
    assert lab == pytest.approx(rgb2lab(rgb), abs=0.6)
    assert in_space(image, "hsv") == pytest.approx(rgb2hsv(rgb), abs=1e-5)
    for space in ("rgb", "lab", "hsv", "chroma", "grey"):
        colours = in_space(image, space)
        assert colours.dtype == np.float32 and colours.min() >= 0 and colours.max() <= 1
    with pytest.raises(ValueError, match="space must be one of rgb, lab, hsv, chroma, grey; got 'cmyk'"):
        in_space(image, "cmyk")  # type: ignore[arg-type]


def test_steps_point_where_the_image_gets_brighter() -> None:
    ramp = np.broadcast_to(np.arange(9, dtype=np.float32)[None, :, None] / 10, (9, 9, 1))
    found = steps(np.ascontiguousarray(ramp))[4, 4]
    assert found == pytest.approx([0.1, 0.0707, 0, 0, 0, 0, 0, 0.0707], abs=1e-3)


@pytest.mark.parametrize("by", ["scikit-image", "opencv"])
def test_what_is_small_joins_a_neighbour_and_no_scale_loses_more_than_that(by: Maker) -> None:
    """Squares of 36 and of 144 pixels on black: the least is 25, 100 and 100 pixels."""
    image = torch.zeros(3, 60, 80, dtype=torch.uint8)
    image[:, 10:16, 10:16], image[:, 30:42, 40:52] = 255, 255
    pieces = {n: len(superpixels(image, scale=n, sigma=0.1, by=by).unique()) for n in (50, 200, 900)}
    assert pieces == {50: 3, 200: 2, 900: 2}


@pytest.mark.parametrize("space", get_args(Space))
def test_both_makers_find_the_same_where_colours_are_flat(space: Space) -> None:
    image = torch.zeros(3, 40, 50, dtype=torch.uint8)
    image[0, :, 25:], image[1, 20:] = 200, 90
    one, other = (superpixels(image, scale=50, space=space, sigma=0.1, by=by) for by in get_args(Maker))
    assert int(one.max()) == int(other.max()) == 3
    assert len((4 * one + other).unique()) == 4  # each of one's is one of the other's


def test_superpixels_that_this_opencv_cannot_cut_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "ximgproc")
    assert superpixels(scene()).max() > 0
    with pytest.raises(ImportError, match="install opencv-contrib-python-headless; or take"):
        superpixels(scene(), by="opencv")


@pytest.mark.parametrize("by", ["scikit-image", "opencv"])
def test_superpixels_are_numbered_without_gaps_and_larger_with_the_scale(by: Maker) -> None:
    fine, coarse = (superpixels(scene(), scale=scale, by=by) for scale in (20, 200))
    for labels in (fine, coarse):
        assert labels.dtype == torch.int64
        assert labels.unique().tolist() == list(range(int(labels.max()) + 1))
    assert fine.max() > coarse.max()


@pytest.mark.parametrize(("size", "count"), [((1, 1), 1), ((1, 40), 2), ((40, 1), 2), ((2, 2), 1)])
@pytest.mark.parametrize("by", ["scikit-image", "opencv"])
def test_images_of_one_row_or_pixel(size: tuple[int, int], count: int, by: Maker) -> None:
    image = torch.zeros(3, *size, dtype=torch.uint8)
    image[:, size[0] // 2 :, size[1] // 2 :] = 255 if max(size) > 2 else 0
    labels = superpixels(image, scale=10, by=by)
    assert labels.shape == size and int(labels.max()) + 1 == count


def test_what_is_no_image_is_said() -> None:
    grey = torch.arange(12, dtype=torch.uint8).reshape(3, 4)
    assert checked(grey).shape == checked(grey[None]).shape == (3, 3, 4)
    with pytest.raises(ValueError, match=r"uint8, 0..255, not \(3, 4, 4\) torch.float32; where it is float"):
        checked(torch.zeros(3, 4, 4))
    for shape in ((4, 4, 3), (2, 3, 4, 4), (3, 0, 4), (2, 4, 4)):
        with pytest.raises(ValueError, match=r"must be \(3, H, W\), or \(H, W\) where it is grey"):
            checked(torch.zeros(*shape, dtype=torch.uint8))
    with pytest.raises(ValueError, match="not ndarray"):
        checked(np.zeros((3, 4, 4), np.uint8))  # type: ignore[arg-type]


def test_wrong_settings_are_said() -> None:
    with pytest.raises(ValueError, match="cues must be some of colour, texture, size, fill; got 'shape'"):
        hierarchy(scene(), cues=("shape",))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="got 'none'"):
        hierarchy(scene(), cues=())
    with pytest.raises(ValueError, match="scale must be above 0"):
        superpixels(scene(), scale=0)
    with pytest.raises(ValueError, match="by must be one of scikit-image, opencv; got 'skimage'"):
        superpixels(scene(), by="skimage")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no strategy was given"):
        next(hierarchies(scene(), []))
