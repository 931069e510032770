"""The built-in images must be about as hard as photographs, or they would flatter classical methods.

Measures with nothing learnt in them; the same rulers are laid on photographs, so that they are checked too.
"""

from collections.abc import Iterable

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
        # OpenCV fails on tiny boxes and where no background is left.
        if inside.sum() >= 20 and not inside.all():
            cv2.setRNGSeed(0)
            models = np.zeros((1, 65)), np.zeros((1, 65))
            cv2.grabCut(image[..., ::-1].copy(), guess, None, *models, 5, cv2.GC_INIT_WITH_MASK)
            inside = (guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)
        inside &= valid
        overlaps.append((inside & shape).sum() / (inside | shape).sum())
    return overlaps


@pytest.mark.parametrize("overlap", [superpixel_overlap, grabcut_overlap])
@pytest.mark.parametrize("name", ["scenes", pytest.param("pets", marks=pytest.mark.photographs)])
def test_neither_one_superpixel_nor_grabcut_finds_the_object_with_ease(name, overlap, request):
    if name == "scenes":
        pools, indices = Scenes(40, "val"), range(40)
        least, most = (0.4, 0.8) if overlap is superpixel_overlap else (0.6, 0.85)
    else:
        pools = load("pets", "test", root=request.getfixturevalue("photographs"))
        indices = range(0, len(pools), 10)
        least, most = (0.5, 0.7) if overlap is superpixel_overlap else (0.7, 0.9)
    overlaps = [value for sample in samples(pools, indices) for value in overlap(sample)]
    text = f"{name}: {overlap.__name__} {np.mean(overlaps):.3f}, median {np.median(overlaps):.3f}"
    assert least < np.mean(overlaps) < most, text


def test_shares_of_pixels():
    part = torch.stack([shares(mask, CLASSES) for _, mask in Scenes(240, "val")]).mean(0)
    background, rare, void = (part[k].item() for k in (0, CLASSES.index("seahorse"), -1))
    text = f"background {background:.1%}, seahorse {rare:.2%}, void {void:.1%} of the pixels"
    assert 0.7 < background < 0.85 and 0.003 < rare < 0.008 and 0.01 < void < 0.1, text
    assert 2 * rare < part[1:-1].sort().values[1], f"every other class is at least twice as frequent: {text}"
