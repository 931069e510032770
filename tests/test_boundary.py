"""Boundary IoU: by hand, against an erosion for every class, with void, and on damage of known size."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.draw import ellipse
from torch import Tensor

from seglib.boxes import from_mask
from seglib.data.catalog import load
from seglib.metrics import boundary_counts, boundary_iou, nearest_known
from tests.refused import refused


def blobs(seed: int, size: tuple[int, int] = (60, 80), num_classes: int = 4) -> Tensor:
    """(H, W) smooth regions of `num_classes` classes."""
    noise = np.random.default_rng(seed).standard_normal((num_classes, *size))
    return torch.from_numpy(ndimage.gaussian_filter(noise, (0, 6, 6)).argmax(axis=0))


def test_counts_worked_by_hand():
    # 5 x 5 square, moved by one pixel; diagonal 14.1, so the rim is max(1, round(.28)) = 1 pixel wide.
    mask = torch.zeros(10, 10, dtype=torch.long)
    mask[2:7, 2:7] = 1
    counts = boundary_counts(mask.roll(1, dims=1), mask, 2)
    # Two rims of 16 pixels share the upper and lower rows' 4 + 4, and no columns: 8 of 24.
    assert counts[1].tolist() == [8, 24]
    assert boundary_iou(counts)[1] == pytest.approx(1 / 3)


def naive_counts(pred: Tensor, mask: Tensor, num_classes: int, frame: int) -> list[list[int]]:
    """Cheng 2021: an erosion for every class, in SciPy; `frame` 1: the class continues outside."""
    dilation = max(1, round(0.02 * math.hypot(*mask.shape)))
    counts = []
    for index in range(num_classes):
        rims = []
        for values in (pred, mask):
            shape = (values == index).numpy()
            inner = ndimage.binary_erosion(shape, np.ones((3, 3)), iterations=dilation, border_value=frame)
            rims.append(shape & ~inner)
        counts.append([int((rims[0] & rims[1]).sum()), int((rims[0] | rims[1]).sum())])
    return counts


@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize("size", [(60, 80), (150, 131)])
def test_an_erosion_for_every_class_gives_the_same_counts(size, published):
    for seed in range(4):
        mask, pred = blobs(seed, size), blobs(seed, size).roll((2, 3), (0, 1))
        counts = boundary_counts(pred, mask, 4, published=published)
        assert counts.tolist() == naive_counts(pred, mask, 4, not published)
        assert torch.equal(counts, boundary_counts(mask, pred, 4, published=published))


MASK = torch.zeros(4, 5).long()


test_what_would_be_counted_wrongly_is_refused = refused(
    boundary_counts,
    (MASK.T, MASK, 2, r"pred \(5, 4\) and mask \(4, 5\) must both be \(H, W\)"),
    (MASK[None], MASK[None], 2, r"must both be \(H, W\)"),
    (MASK[:0], MASK[:0], 2, r"must both be \(H, W\), not empty"),
    (MASK + 2, MASK, 2, r"pred holds the value 2 .* the classes are 0\.\.1"),
    (MASK, MASK + 7, 2, r"mask holds the value 7 .* the classes are 0\.\.1"),
    (MASK + 2**32, MASK, 2, "pred holds the value 4294967296"),
    (MASK + 0.9, MASK, 2, "pred is torch.float32"),
    (MASK, MASK, 300, "num_classes must be 1 to 255"),
)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.uint8, torch.int32])
def test_any_integer_dtype_gives_the_same(dtype):
    """A bool cannot hold 255, which void becomes."""
    pred, mask = blobs(1, num_classes=2), blobs(2, num_classes=2)
    void = mask.clone()
    void[:, 40:] = 255
    assert torch.equal(boundary_counts(pred.to(dtype), void, 2), boundary_counts(pred.long(), void, 2))
    assert torch.equal(boundary_counts(pred, mask.to(dtype), 2), boundary_counts(pred, mask.long(), 2))


# Damage of known size, on an animal whose outline is annotated as void, as in Oxford-IIIT Pet, or exactly


def resized(shape: Tensor, pixels: int) -> Tensor:
    """(H, W) bool, larger by some pixels on all sides but not from the frame; smaller by -pixels."""
    if pixels <= 0:
        return ~resized(~shape, -pixels) if pixels else shape
    return torch.from_numpy(ndimage.binary_dilation(shape.numpy(), np.ones((3, 3)), pixels))


def animal(ring: int, row: int = 120) -> Tensor:
    """(H, W) a cross of class 1 with a hole of void, its outline `ring` pixels of void, centred in a row."""
    shape = torch.zeros(240, 320, dtype=torch.bool)
    for radii in ((28, 110), (100, 28)):
        shape[ellipse(row, 160, *radii, shape=shape.shape)] = True
    mask = resized(shape, -(ring // 2)).long()
    mask[resized(shape, ring // 2) & (mask == 0)] = 255
    mask[row : row + 6, 100:106] = 255
    return mask


def damaged(mask: Tensor) -> dict[str, Tensor]:
    """Predictions (H, W) that are wrong in a known way, of a mask with one object."""
    whole = mask[nearest_known(mask)].long()
    index = int(whole.max())
    known = torch.from_numpy(ndimage.binary_fill_holes((mask == index).numpy()))
    cut, box = whole.clone(), torch.zeros_like(whole)
    y, x = np.unravel_index(ndimage.distance_transform_edt(known).argmax(), known.shape)  # the thickest part
    cut[y - 7 : y + 8, x - 7 : x + 8] = 0
    x1, y1, x2, y2 = from_mask(known).tolist()
    box[y1:y2, x1:x2] = index
    sizes = {f"{n:+}": resized(known, n).long() * index for n in (-2, -4, -8)}
    other = torch.where(whole > 0, 3 - whole, 0)
    return {"perfect": whole, "hole": cut, "box": box, "other class": other, **sizes}


def scores_of(masks: list[Tensor], published: bool = False) -> dict[str, float]:
    """Boundary IoU of the animals for each kind of damage, counts added up over the masks."""
    found: dict[str, Tensor] = {}
    for mask in masks:
        for name, pred in damaged(mask).items():
            found[name] = found.get(name, 0) + boundary_counts(pred, mask, 3, published=published)
    return {name: float(boundary_iou(counts)[1:].nanmean()) for name, counts in found.items()}


@pytest.mark.parametrize("row", [120, 30])  # in the middle of the image; cut off by its frame
@pytest.mark.parametrize("ring", [0, 4, 10, 20])  # the rim of this image is 8 pixels wide
def test_what_is_more_wrong_scores_less(ring, row):
    scores = scores_of([animal(ring, row)])
    assert scores["perfect"] == 1 > scores["hole"] > 0.8 > scores["-2"] > scores["-4"] > scores["-8"]
    assert scores["-4"] > 0.25 and scores["-2"] > scores["box"] and scores["other class"] == 0


def test_too_large_is_as_wrong_as_too_small_however_wide_the_void():
    for ring in (0, 10, 20):
        mask = animal(ring)
        outer = resized(torch.from_numpy(ndimage.binary_fill_holes((mask != 0).numpy())), 4).long()
        too_large = float(boundary_iou(boundary_counts(outer, mask, 2))[1])
        assert too_large == pytest.approx(scores_of([mask])["-4"], abs=0.05)


def test_the_published_measure_does_not_see_an_outline_of_void():
    """Why it is not the measure of the course."""
    scores = scores_of([animal(20, 30)], published=True)
    assert scores["-8"] == pytest.approx(scores["-2"], abs=0.02) and scores["box"] > scores["-2"]


@pytest.mark.photographs
def test_the_same_on_pets(photographs):
    pets = load("pets", split="val", root=photographs).spread(12)
    scores = scores_of([mask.as_subclass(Tensor) for _, mask in pets])
    order = ["perfect", "hole", "-2", "-4", "-8"]
    assert sorted(scores, key=scores.get, reverse=True)[:3] == order[:3]
    assert [scores[name] for name in order] == sorted((scores[name] for name in order), reverse=True)
    assert scores["perfect"] == 1 and scores["-4"] > scores["-8"] and scores["-2"] > scores["box"] > 0


# Void


@pytest.mark.parametrize("seed", range(3))
def test_what_is_predicted_at_void_does_not_matter(seed):
    rng = torch.Generator().manual_seed(seed)
    mask = blobs(seed, num_classes=2)
    pred = mask.roll(2, 0)
    mask[blobs(9, num_classes=2) == 1] = 255
    other = torch.where(mask == 255, torch.randint(0, 2, mask.shape, generator=rng), pred)
    assert (other != pred).any()
    for published in (True, False):
        counts = boundary_counts(pred, mask, 2, published=published)
        assert torch.equal(counts, boundary_counts(other, mask, 2, published=published))


def test_void_inside_a_class_is_no_outline_and_neither_is_the_frame():
    mask = torch.zeros(100, 100, dtype=torch.long)
    mask[40:60, 40:60] = 255
    pred = mask.clamp(max=0)
    assert boundary_counts(pred, mask, 1).tolist() == [[0, 0]]
    assert boundary_counts(pred, mask, 1, published=True).tolist() == [[100**2 - 94**2] * 2]  # 3 pixels wide
    void = torch.full((20, 20), 255)
    nothing = boundary_counts(void.clamp(max=1), void, 2)
    assert nothing.tolist() == [[0, 0], [0, 0]] and boundary_iou(nothing).isnan().all()


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
