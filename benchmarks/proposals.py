"""Do our region proposals find objects as well as OpenCV's selective search, and how long do both take?

Photographs are brought to the area of 320 x 240. Objects are the animals of pets, and in CamVid the connected
pieces, of at least --smallest pixels, of car, pedestrian, bicyclist, sign and pole. Their boxes are compared
with the boxes of both, each box counted once; only ours have masks, in whose overlap void does not count.
Both get one thread and take turns; seconds are processor time. Strategies were chosen on the train splits.
FAST is what `propose` uses; QUALITY takes as long as OpenCV's Quality mode, on OpenCV's superpixels.

    SEGLIB_DATA=... taskset -c 1 python benchmarks/proposals.py
        [--data pets camvid] [--split test] [--images 40]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
import torch
from _machine import machine
from torch import Tensor
from torchvision.transforms.v2.functional import resize_image, resize_mask

from seglib import boxes
from seglib.data.catalog import load
from seglib.data.dataset import SegmentationDataset
from seglib.labels import VOID
from seglib.progress import tracked
from seglib.regions import propose
from seglib.regions.grouping import CUES, FAST, Cue, Strategy
from seglib.regions.recall import overlap_by_number, pieces, recall
from seglib.regions.superpixels import Channels, Space

AREA = 320 * 240
OBJECTS = {"pets": ("cat", "dog"), "camvid": ("car", "pedestrian", "bicyclist", "sign", "pole")}
NUMBER = 2000


def opencv_cut(colours: Channels, scale: float, sigma: float, min_size: int) -> np.ndarray:
    """(H, W) superpixels by OpenCV, which compares a pixel with four neighbours; twice as fast."""
    graph = cv2.ximgproc.segmentation.createGraphSegmentation(sigma, float(scale), min_size)
    return graph.processImage(255 * colours).astype(np.int64)  # its scale is meant for 0..255


def every(
    spaces: Sequence[Space], scales: Sequence[float], cues: Sequence[tuple[Cue, ...]]
) -> Iterator[Strategy]:
    """All combinations, on OpenCV's superpixels."""
    return (Strategy(*kind, cut=opencv_cut) for kind in product(spaces, scales, cues))


ALIKE: tuple[Cue, ...] = ("texture", "size")  # without colour: parts of an object differ in it
FILL: tuple[Cue, ...] = ("fill",)
SIZE: tuple[Cue, ...] = ("size",)
# A small object needs the finer superpixels. A large one consists of many of those, and few hierarchies join
# all of them; of larger superpixels it needs few, and a hierarchy of these takes a tenth of the time, so
# there are many.
QUALITY = (
    *every(["hsv", "rgb", "grey"], [50], [CUES, FILL, SIZE]),
    *every(["hsv", "chroma", "rgb"], [150, 300], [CUES, ALIKE, FILL, SIZE]),
)


class AnnotatedImage(NamedTuple):
    """A photograph with the objects in it."""

    image: Tensor  # (3, H, W) uint8
    objects: Tensor  # (M, H, W) bool
    void: Tensor  # (H, W) bool


class Found(NamedTuple):
    """What one method made of one image."""

    seconds: float
    boxes: Tensor  # (R, M) overlap by number
    masks: Tensor | None


def images(dataset: SegmentationDataset, number: int, smallest: int) -> Iterator[AnnotatedImage]:
    """Photographs spread over the data set that show an object."""
    kinds = [dataset.classes.index(name) for name in OBJECTS[dataset.name]]
    for sample in dataset.spread(number):
        image, mask = (tensor.as_subclass(Tensor) for tensor in sample)
        factor = (AREA / mask.numel()) ** 0.5
        size = [round(side * factor) for side in mask.shape]
        image, mask = resize_image(image, size, antialias=True), resize_mask(mask[None], size)[0]
        if dataset.name == "pets":  # one animal, which a branch may cut in two
            objects = [torch.isin(mask, torch.tensor(kinds))]
        else:
            ids = pieces(torch.where(torch.isin(mask, torch.tensor(kinds)), mask, VOID), None)
            objects = [
                piece for number in range(1, int(ids.max()) + 1) if (piece := ids == number).sum() >= smallest
            ]
        if objects:
            yield AnnotatedImage(image, torch.stack(objects), mask == VOID)


def ours(image: AnnotatedImage, strategies: tuple, number: int) -> Found:
    start = time.process_time()
    proposals = propose(image.image, number, strategies=strategies)
    found = proposals.boxes
    seconds = time.process_time() - start
    by_box = boxes.iou(distinct(found), boxes.from_masks(image.objects))
    by_mask = proposals.overlaps_many(image.objects, image.void)
    return Found(seconds, overlap_by_number(by_box), overlap_by_number(by_mask))


def distinct(found: Tensor) -> Tensor:
    """Boxes in their order, without those that came before: regions of other shapes may have the same box."""
    first = np.unique(found.numpy(), axis=0, return_index=True)[1]
    return found[np.sort(first)]


def opencv(photo: AnnotatedImage) -> Found:
    image = np.ascontiguousarray(photo.image.permute(1, 2, 0).numpy()[..., ::-1])  # blue, green, red
    start = time.process_time()
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(image)
    search.switchToSelectiveSearchQuality()
    found = torch.from_numpy(search.process().astype(np.int64))  # x, y, width, height
    seconds = time.process_time() - start
    found[:, 2:] += found[:, :2]
    return Found(seconds, overlap_by_number(boxes.iou(found, boxes.from_masks(photo.objects))), None)


def line(name: str, best: list[Tensor], numbers: list[int]) -> str:
    overlap = torch.cat(best)
    recalls = ", ".join(f"{100 * recall(overlap, at):.1f} % at {at}" for at in (0.5, 0.7))
    return f"  {name:<34}{np.mean(numbers):6.0f} of them   ABO {overlap.mean():.3f}   recall {recalls}"


def compare(dataset: SegmentationDataset, number: int, smallest: int) -> None:
    """Both methods on the same images, in turns."""
    methods: dict[str, Callable[[AnnotatedImage], Found]] = {
        "FAST, 2000": lambda image: ours(image, FAST, NUMBER),
        "QUALITY, all": lambda image: ours(image, QUALITY, 10**6),
        "OpenCV Quality": opencv,
    }
    found: dict[str, list[Found]] = {name: [] for name in methods}
    for image in tracked(images(dataset, number, smallest), number, dataset.name):
        for name, method in methods.items():
            found[name].append(method(image))
    theirs = found["OpenCV Quality"]
    count = sum(one.boxes.shape[1] for one in theirs)
    print(
        f"\n{dataset.name} {dataset.split}: {len(theirs)} images, "
        f"{count} objects of {smallest} pixels or more"
    )
    for name, results in found.items():
        seconds = [one.seconds for one in results]
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(f"  {name}: {np.mean(seconds):.2f} s an image (median {np.median(seconds):.2f}, {spread})")
    for name, results in found.items():
        report(name, results, theirs)


def report(name: str, results: list[Found], theirs: list[Found]) -> None:
    everything = [len(one.boxes) for one in results]
    print(line(f"{name}, boxes", [one.boxes[-1] for one in results], everything))
    if results is theirs:
        return
    same = [min(len(one.boxes), len(other.boxes)) for one, other in zip(results, theirs)]
    print(
        line("    boxes, cut to the same number", [one.boxes[n - 1] for one, n in zip(results, same)], same)
    )
    print(line("    OpenCV's, cut to that number", [one.boxes[n - 1] for one, n in zip(theirs, same)], same))
    masks = [one.masks for one in results if one.masks is not None]
    print(line("    masks", [one[-1] for one in masks], [len(one) for one in masks]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=list(OBJECTS), choices=list(OBJECTS))
    parser.add_argument("--split", default="test")
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--smallest", type=int, default=100)
    chosen = parser.parse_args()
    if not hasattr(cv2, "ximgproc"):
        raise SystemExit(
            "this cv2 has no selective search: uninstall every opencv-python* package and install "
            "opencv-contrib-python-headless"
        )
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(machine(f"OpenCV {cv2.__version__}, one thread each"))
    for name in chosen.data:
        compare(load(name, split=chosen.split), chosen.images, chosen.smallest)


if __name__ == "__main__":
    main()
