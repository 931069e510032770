"""The built-in images must be about as hard as photographs, or they would flatter classical methods.

Measures with nothing learnt in them; the same rulers are laid on photographs, so that they are checked too.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage.segmentation import felzenszwalb

from seglib.data.catalog import load
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.labels import VOID, shares
from seglib.scenes import CLASSES, Scenes

Sample = tuple[np.ndarray, np.ndarray, Instances]  # image (H, W, 3), not void (H, W), objects


def samples(dataset: SegmentationDataset, indices: Iterable[int]) -> list[Sample]:
    found = []
    for index in indices:
        (image, mask), objects = dataset[index], dataset.instances(index)
        assert objects is not None
        found.append((image.permute(1, 2, 0).numpy().copy(), (mask != VOID).numpy(), objects))
    return found


def superpixel_overlap(sample: Sample) -> list[float]:
    """For each object, the IoU of the best single Felzenszwalb region over five scales."""
    image, valid, objects = sample
    best = np.zeros(len(objects))
    for scale in (50, 100, 200, 400, 800):
        labels = felzenszwalb(image, scale=scale, sigma=0.8, min_size=20)
        area = np.bincount(labels[valid])
        for number, shape in enumerate(objects.masks.numpy() & valid):
            shared = np.bincount(labels[shape], minlength=len(area))
            best[number] = max(best[number], (shared / (area + shape.sum() - shared)).max())
    return best.tolist()


def grabcut_overlap(sample: Sample) -> list[float]:
    """For each object, the IoU of what GrabCut makes of its box in five iterations."""
    image, valid, objects = sample
    overlaps = []
    for shape, (x1, y1, x2, y2) in zip(objects.masks.numpy() & valid, objects.boxes.tolist()):
        guess = np.full(valid.shape, cv2.GC_BGD, np.uint8)
        guess[y1:y2, x1:x2] = cv2.GC_PR_FGD
        inside = guess == cv2.GC_PR_FGD
        if (
            inside.sum() >= 20 and not inside.all()
        ):  # OpenCV fails on tiny boxes and where no background is left
            cv2.setRNGSeed(0)
            models = np.zeros((1, 65)), np.zeros((1, 65))
            cv2.grabCut(image[..., ::-1].copy(), guess, None, *models, 5, cv2.GC_INIT_WITH_MASK)
            inside = (guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)
        inside &= valid
        overlaps.append((inside & shape).sum() / (inside | shape).sum())
    return overlaps


def report(capsys: pytest.CaptureFixture[str], text: str) -> str:
    with capsys.disabled():
        print(f"\n  {text}")
    return text


@pytest.fixture(scope="module")
def pools() -> list[Sample]:
    return samples(Scenes(40, "val"), range(40))


def test_one_superpixel_is_seldom_the_object(pools: list[Sample], capsys: pytest.CaptureFixture[str]) -> None:
    overlaps = [overlap for sample in pools for overlap in superpixel_overlap(sample)]
    found = report(capsys, f"scenes: superpixel ABO {np.mean(overlaps):.3f} (pets .59)")
    assert 0.4 < np.mean(overlaps) < 0.8, found


def test_grabcut_finds_the_object_but_not_perfectly(
    pools: list[Sample], capsys: pytest.CaptureFixture[str]
) -> None:
    overlaps = [overlap for sample in pools for overlap in grabcut_overlap(sample)]
    text = f"IoU {np.mean(overlaps):.3f}, median {np.median(overlaps):.3f} (pets .80)"
    found = report(capsys, f"scenes: GrabCut from boxes, {text}")
    assert 0.6 < np.mean(overlaps) <= 0.85, found


def test_shares_of_pixels(capsys: pytest.CaptureFixture[str]) -> None:
    part = torch.stack([shares(mask, CLASSES) for _, mask in Scenes(240, "val")]).mean(0)
    background, rare, void = (part[k].item() for k in (0, CLASSES.index("seahorse"), -1))
    text = f"background {background:.1%}, seahorse {rare:.2%}, void {void:.1%} of the pixels"
    found = report(capsys, f"scenes: {text}")
    assert 0.7 < background < 0.85 and 0.003 < rare < 0.008 and 0.01 < void < 0.1, found
    assert 2 * rare < part[1:-1].sort().values[1], f"every other class is at least twice as frequent: {found}"


@pytest.mark.photographs
def test_the_rulers_on_photographs(photographs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pets = load("pets", "test", root=photographs)
    some = samples(pets, range(0, len(pets), 10))
    regions = [overlap for sample in some for overlap in superpixel_overlap(sample)]
    cuts = [overlap for sample in some for overlap in grabcut_overlap(sample)]
    text = f"superpixel ABO {np.mean(regions):.3f}, GrabCut from boxes {np.mean(cuts):.3f}"
    found = report(capsys, f"{len(some)} pets: {text}")
    assert 0.5 < np.mean(regions) < 0.7 and 0.7 < np.mean(cuts) < 0.9, found
