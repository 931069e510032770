"""The experiments of `benchmarks/claims.py`: one function each, with its name.

A function gets the data set's name, the seed, the arms that are wanted and the options, and returns for each
arm what was measured: {"FCN-8s": {"mIoU, %": 86.1, ...}}. One call takes about a minute on two cores. Names
of measures hold their unit.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torchvision.tv_tensors import Image, Mask

from benchmarks.claims import BOX, CLASSES, LABEL, LAZY, MASK, MIOU, OUTLINE, PIXELS, RARE
from benchmarks.rows import ROOT
from seglib import backbones, boxes
from seglib.data import balance, sampling
from seglib.data.batches import Augment
from seglib.data.catalog import load
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.data.in_memory import InMemoryDataset, in_memory
from seglib.data.quality import blur, laplacian_variance
from seglib.evaluate import OracleStride, Scores, evaluate
from seglib.fcn import FCN
from seglib.labels import VOID, Classes
from seglib.losses import cross_entropy
from seglib.regions import RegionFeatures, RegionSegmenter, propose
from seglib.regions.features import resize_mask, shrink_to
from seglib.regions.proposals import oracle_paste, overlap_by_number, recall, true_regions
from seglib.regions.proposals import pieces as numbered_pieces
from seglib.regions.segmenter import paste_regions
from seglib.regions.svm import LinearSVMs
from seglib.scenes import Dials, Scenes
from seglib.segmenters import NetSegmenter
from seglib.train import finish, train
from seglib.training.step import cosine
from seglib.weak.boxes import load_boxes
from seglib.weak.cleaning import naive
from seglib.weak.labels import PseudoLabels, Quality, quality
from seglib.weak.rounds import rounds
from seglib.weak.schemes import pseudo_labels

Options = dict[str, Any]
Values = dict[str, float]
Found = dict[str, Values]
THINGS = ("car", "pedestrian", "bicyclist", "sign", "pole")  # CamVid's classes that have objects
RATES, LOWER = {"": 3e-3, "backbone.": 5e-4}, {"": 1e-3, "backbone.": 1e-4}
RATE = 1e-3  # these rates were chosen on validation splits
BATCH, PRECISION = 8, "float32"


@cache
def images(name: str, part: str, number: int, frequency: float | None = None) -> SegmentationDataset:
    """`number` images spread over a split; of scenes, with the rare class as rare as `frequency` says."""
    if name == "scenes":
        return Scenes(number, split=part, dials=Dials() if frequency is None else Dials(frequency=frequency))
    return load(name, part).spread(number)


@cache
def decoded(name: str, number: int, size: tuple[int, int], frequency: float | None = None) -> InMemoryDataset:
    """Training images in memory, which many runs share."""
    return in_memory(images(name, "train", number, frequency), size=size)


def learning(name: str, o: Options) -> InMemoryDataset:
    """The training images of the options."""
    return decoded(name, o["images"], tuple(o["size"]), o.get("frequency"))


def judging(name: str, o: Options) -> SegmentationDataset:
    """The test images of the options."""
    return images(name, "test", o["judged"], o.get("frequency"))


def fcn(classes: Classes, seed: int, stride: int = 8, pretrained: bool = True) -> FCN:
    """A fresh net."""
    torch.manual_seed(seed)
    return FCN(backbones.load("lite0", pretrained=pretrained), len(classes), stride)


def fitted(net: nn.Module, data: SegmentationDataset, o: Options, seed: int, **more: Any) -> nn.Module:
    """The net, trained."""
    given = {"steps": o.get("steps"), "batch_size": BATCH, "lr": RATES, "precision": PRECISION, "seed": seed}
    finish(train(net, data, **given | {"size": tuple(o["size"])} | more), "training")
    return net


def judged(net: nn.Module, test: SegmentationDataset, o: Options) -> Values:
    """The scores of a net, which sees images at the training size."""
    return values(evaluate(NetSegmenter(net, test.classes, size=o["size"]), test))


def values(scores: Scores) -> Values:
    """The measures of a table."""
    background = scores.classes.background
    lazy = scores.baseline if background is None else scores.constant(background)
    found = {MIOU: scores.mean_iou, OUTLINE: scores.mean_boundary_iou, PIXELS: scores.pixel_accuracy,
             CLASSES: scores.mean_accuracy, LAZY: lazy.mean_iou}  # fmt: skip
    found |= {f"IoU of {name}, %": iou for name, iou in zip(scores.classes.names, scores.iou.tolist())}
    return {name: 100 * value for name, value in found.items()}


def rare(found: Values, data: SegmentationDataset, classes: Sequence[int] | None = None) -> Values:
    """The values, with the mean IoU of those classes that have fewer pixels than the median class."""
    shares = balance.count(data).shares()
    few = (shares < shares[shares > 0].median()).nonzero()[:, 0].tolist() if classes is None else classes
    each = [found[f"IoU of {data.classes.names[index]}, %"] for index in few]
    return found | {RARE: float(np.nanmean(each))}


def skips(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """FCN-32s, then a skip added and a third as many steps more, twice; and as many more without skips."""
    data, test, third = learning(name, o), judging(name, o), o["steps"] // 3
    net, found = fitted(fcn(test.classes, seed, 32), data, o, seed), {}
    found["FCN-32s"] = judged(net, test, o)
    control = copy.deepcopy(net)
    for arm in ("FCN-16s", "FCN-8s"):
        fitted(net.add_skip(), data, o, seed, steps=third, lr=LOWER)
        found[arm] = judged(net, test, o)
    fitted(control, data, o, seed, steps=2 * third, lr=LOWER)
    return found | {"FCN-32s, as long": judged(control, test, o)}


def starts(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """FCN-8s with both skips from the first: all layers, the score layers alone, and from random weights."""
    (arm,), data, test = arms, learning(name, o), judging(name, o)
    net = fcn(test.classes, seed, pretrained="scratch" not in arm)
    if "only" in arm:
        net.freeze()
    rate = RATES if arm == "FCN-8s at once" else {"": 3e-3}
    return {arm: judged(fitted(net, data, o, seed, lr=rate), test, o)}


def score_layer(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """FCN-32s of which only the score layer learns: a linear classifier of ImageNet's features."""
    test = judging(name, o)
    net = fitted(fcn(test.classes, seed, 32).freeze(), learning(name, o), o, seed, lr={"": 3e-3})
    return {arms[0]: judged(net, test, o)}


def more_images(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """FCN-8s at once from a quarter of the images."""
    test, data = judging(name, o), learning(name, o)
    few = data.subset(range(seed % 4, len(data), 4))
    return {arms[0]: judged(fitted(fcn(test.classes, seed), few, o, seed), test, o)}


def imbalance(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """The same training with class weights, with images drawn by their classes, or with neither."""
    (arm,), data, test = arms, learning(name, o), judging(name, o)
    counts, more = balance.count(data), {}
    if "weights" in arm and arm != "no weights":
        more["loss"] = partial(cross_entropy, weights=balance.median_frequency(counts))
    elif "sampling" in arm:
        more["weights"] = sampling.class_balanced(counts)
    net = fitted(fcn(test.classes, seed), data, o, seed, **more)
    return {arm: rare(judged(net, test, o), data)}


def class_shares(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """As many images in both arms: every class as often, or one of them in a tenth as many images or objects.

    Scenes have a dial for it, of pets some dogs are left out. Both are judged on balanced images.
    """
    (arm,), number = arms, o["images"]
    even = arm == "balanced images"
    if name == "scenes":
        data = decoded(name, number, tuple(o["size"]), 1.0 if even else 0.1)
        test = images(name, "test", o["judged"], 1.0)
    else:
        data, test = (some_dogs(part, n, share) for part, n, share in (
            ("train", number, 0.5 if even else 0.05), ("test", o["judged"], 0.5)))  # fmt: skip
    few = [test.classes.index("seahorse" if name == "scenes" else "dog")]
    return {arm: rare(judged(fitted(fcn(test.classes, seed), data, o, seed), test, o), data, few)}


def some_dogs(part: str, number: int, share: float) -> SegmentationDataset:
    """`number` pets, of which a share are dogs, both spread over the split."""
    data = load("pets", part)
    of = balance.count(data).of("images")
    cats, dogs = (of[:, data.classes.index(name)].nonzero()[:, 0].tolist() for name in ("cat", "dog"))
    few = round(number * share)
    spread = [np.linspace(0, len(those) - 1, n).round().astype(int).tolist()
              for those, n in ((dogs, few), (cats, number - few))]  # fmt: skip
    return data.subset([*(dogs[i] for i in spread[0]), *(cats[i] for i in spread[1])])


def blurred(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """The seed blurs a third of the training images; they stay, or our score removes a third."""
    (arm,), source, test = arms, learning(name, o), judging(name, o)
    rng, pixels = np.random.default_rng(seed), source.images.clone()
    for index in rng.permutation(len(source))[: len(source) // 3]:
        pixels[index] = spoiled(pixels[index], o["sigma"], 0, rng)
    data: SegmentationDataset = InMemoryDataset(source.source, pixels, source.masks)
    if "removed" in arm:
        order = np.nan_to_num(np.array([blur(image) for image in pixels]), nan=1).argsort(kind="stable")
        data = data.subset(sorted(order[: len(source) - len(source) // 3].tolist()))
    return {arm: judged(fitted(fcn(test.classes, seed), data, o, seed), test, o)}


def spoiled(image: Tensor, sigma: float, noise: float, rng: np.random.Generator) -> Tensor:
    """Blurred, then noisy, as a lens comes before a sensor."""
    pixels = image.permute(1, 2, 0).numpy().astype(np.float32)
    pixels = cv2.GaussianBlur(pixels, (0, 0), sigma) if sigma else pixels
    pixels = pixels + noise * rng.standard_normal(pixels.shape, dtype=np.float32)
    return torch.from_numpy(pixels.round().clip(0, 255).astype(np.uint8)).permute(2, 0, 1)


def blur_score(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """Area under the ROC curve: a blur of 2 pixels against none, both with noise of 10 grey levels."""
    rng, found = np.random.default_rng(seed), {}
    measures = dict(zip(arms, (blur, lambda image: -laplacian_variance(image))))
    each: dict[str, list[list[float]]] = {arm: [[], []] for arm in arms}
    for image, _ in images(name, "test", o["judged"]):
        for which, sigma in enumerate((0, 2)):
            noisy = spoiled(image.as_subclass(Tensor), sigma, 10, rng)
            for arm, measure in measures.items():
                each[arm][which].append(measure(noisy))
    for arm, (sharp, soft) in each.items():
        ranks = rankdata(np.nan_to_num([*sharp, *soft], nan=1.0))[len(sharp) :].sum()
        area = (ranks - len(soft) * (len(soft) + 1) / 2) / (len(sharp) * len(soft))  # Mann-Whitney
        found[arm] = {"ROC area, %": 100 * float(area)}
    return found


def strides(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """The truth on a coarse grid, by one pixel or by the shares of each cell; the seed chooses the images."""
    test = some(name, "test", o["judged"], seed)
    oracles = (OracleStride(int(arm.split(",")[0].split()[1]), soft="shares" in arm) for arm in arms)
    return {arm: values(evaluate(oracle, test)) for arm, oracle in zip(arms, oracles)}


def some(name: str, part: str, number: int, seed: int) -> SegmentationDataset:
    """`number` images spread over a split, others for each of three seeds."""
    if name == "scenes":
        return Scenes(number, split=part, seed=seed)
    whole = load(name, part).spread(3 * number)
    return whole.subset(range(seed % 3, len(whole), 3))


def touching(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """Objects counted as connected pieces of the classes of the true masks."""
    data = Scenes(o["judged"], split="test", seed=seed)
    pairs = [(len(data.instances(i)), len(true_regions(data[i][1])[0])) for i in range(len(data))]
    wrong = 100 * sum(objects != pieces for objects, pieces in pairs) / len(pairs)
    objects, pieces = (float(sum(numbers)) for numbers in zip(*pairs))
    return {arms[0]: {"images with a wrong count, %": wrong, "objects": objects, "connected pieces": pieces}}


class FromCache:
    """A fitted region segmenter that reads the features of an image from the cache."""

    def __init__(self, segmenter: RegionSegmenter) -> None:
        self.segmenter, self.name = segmenter, segmenter.name

    def predict(self, image: Tensor) -> Tensor:
        """(3, H, W) -> (H, W)."""
        mine = self.segmenter
        proposals, features = mine.extractor.cached(image)
        mask = paste_regions(
            proposals, mine.svms.scores(features), threshold=mine.threshold, fill_class=mine.fill_class
        )
        return resize_mask(mask, (image.shape[1], image.shape[2]))


def region_kinds(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """The region method with each kind of features, and FCN-8s from the same images, which the seed draws."""
    data, val = some(name, "train", o["images"], seed), images(name, "val", o["judged"] // 2)
    test, found = images(name, "test", o["judged"]), {}
    features = RegionFeatures(size=o["crop"], precision=PRECISION)
    for kind in ("joined", "full", "foreground"):  # joined has the features of both
        mine = RegionSegmenter(test.classes, features=features, kind=kind, number=o["number"], seed=seed)
        found[kind] = values(evaluate(FromCache(mine.fit(data, val)), test))
    net = fitted(fcn(test.classes, seed), data, o, seed, lr=RATE)
    return found | {"FCN-8s on the same images": judged(net, test, o)}


def ceilings(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """What a perfect classifier of regions could reach: for each object the region that overlaps it most."""
    test, found = images(name, "test", o["judged"]), {}
    for arm, number in zip(arms, (2000, o["number"])):
        best: list[Tensor] = []
        made = {}
        for index, (image, mask) in enumerate(test):
            small, mask = shrink_to(image), mask.as_subclass(Tensor)
            proposals = propose(small, number, seed=seed)
            truth = resize_mask(mask, small.shape[1:])
            background = test.classes.background
            shapes, kinds = true_regions(truth, background=background)
            masks = shapes.masks()
            objects = Instances(
                masks, kinds, boxes.from_masks(masks) if len(masks) else torch.zeros(0, 4).long()
            )
            pasted = oracle_paste(proposals, objects, background=background or 0, void=truth == VOID)
            made[index] = resize_mask(pasted.long(), mask.shape)
            if len(masks):
                best.append(overlap_by_number(proposals.overlaps_many(masks, truth == VOID))[-1])
        each = torch.cat(best)
        scores = evaluate(Listed(made), test)
        found[arm] = values(scores) | {
            "ABO, %": 100 * each.mean().item(),
            "recall at .5, %": 100 * recall(each),
        }
    return found


class Listed:
    """Masks that were made before, in the order of the data set."""

    name = "given masks"

    def __init__(self, masks: dict[int, Tensor]) -> None:
        self.masks = iter(masks.values())

    def predict(self, image: Tensor) -> Tensor:
        """The next mask."""
        return next(self.masks)


def times(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """Seconds of `predict` for one image, of the region method and of FCN-8s, nothing cached, in turns.

    The SVMs are random: a trained one takes as long. Photographs are seen as they are, scenes at 240 x 320.
    """
    size = {"size": (240, 320)} if name == "scenes" else {}
    test = (
        Scenes(o["judged"], split="test", seed=seed, **size)
        if size
        else some(name, "test", o["judged"], seed)
    )
    net = NetSegmenter(fcn(test.classes, seed).eval(), test.classes)
    features, rng = RegionFeatures(size=o["crop"], precision=PRECISION), torch.Generator().manual_seed(seed)
    wide = (
        2
        * features.extract(torch.zeros(3, 64, 64, dtype=torch.uint8), propose(test[0][0], 2), "full").shape[1]
    )
    seconds: dict[str, list[float]] = {"FCN-8s, s": [], "2000 regions, s": [], "default regions, s": []}
    there = []
    net.predict(test[0][0])
    for image, _ in test:
        for what, number in zip(seconds, (0, 2000, o["number"])):
            mine = net
            if number:
                mine = RegionSegmenter(test.classes, features=features, number=number, seed=seed)
                mine.svms = LinearSVMs(torch.randn(len(test.classes), wide, generator=rng),
                                       torch.zeros(len(test.classes)))  # fmt: skip
                mine.threshold = 0.0
            began = time.perf_counter()
            mine.predict(image)
            seconds[what].append(time.perf_counter() - began)
        there.append(len(propose(shrink_to(image), 2000, seed=seed)))
    return {arms[0]: {name: float(np.mean(each)) for name, each in seconds.items()}
            | {"regions that there are": float(np.mean(there))}}  # fmt: skip


def searches(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """Our proposals and OpenCV's selective search, by boxes, since OpenCV's have no masks; one thread."""
    test = some(name, "test", o["judged"], seed)
    kinds = [test.classes.index(one) for one in (THINGS if name == "camvid" else ("cat", "dog"))]
    overlaps: dict[str, list[Tensor]] = {arm: [] for arm in arms}
    seconds, counts = {arm: [] for arm in arms}, {arm: [] for arm in arms}
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    for image, mask in test:
        small = shrink_to(image)
        truth = resize_mask(mask.as_subclass(Tensor), small.shape[1:])
        objects = [piece for kind in kinds for piece in pieces(truth == kind, 100)]
        if not objects:
            continue
        wanted = boxes.from_masks(torch.stack(objects))
        for arm, search in zip(arms, (our_boxes, opencv_boxes)):
            began = time.process_time()
            found = search(small, seed)
            seconds[arm].append(time.process_time() - began)
            overlaps[arm].append(overlap_by_number(boxes.iou(found, wanted)))
            counts[arm].append(len(found))
    cv2.setNumThreads(threads)
    fewest = [min(numbers) for numbers in zip(*counts.values())]
    return {
        arm: {
            "ABO, %": 100 * torch.cat([one[-1] for one in overlaps[arm]]).mean().item(),
            "ABO at the same number, %": 100
            * torch.cat([one[n - 1] for one, n in zip(overlaps[arm], fewest)]).mean().item(),
            "boxes": float(np.mean(counts[arm])),
            "an image, s": float(np.mean(seconds[arm])),
        }
        for arm in arms
    }


def our_boxes(image: Tensor, seed: int) -> Tensor:
    """The boxes of our proposals in their order, each once: different regions may have the same box."""
    found = propose(image, 2000, seed=seed).boxes
    first = np.unique(found.numpy(), axis=0, return_index=True)[1]
    return found[np.sort(first)]


def opencv_boxes(image: Tensor, seed: int) -> Tensor:
    """The boxes of OpenCV's selective search, which has no seed."""
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(np.ascontiguousarray(image.permute(1, 2, 0).numpy()[..., ::-1]))  # blue, green, red
    search.switchToSelectiveSearchQuality()
    found = torch.from_numpy(search.process().astype(np.int64))  # x, y, width, height
    found[:, 2:] += found[:, :2]
    return found


def pieces(mask: Tensor, smallest: int) -> list[Tensor]:
    """The 8-connected pieces of a mask that have at least `smallest` pixels."""
    numbers = numbered_pieces(mask)
    found = [numbers == number for number in range(1, int(numbers.max()) + 1)]
    return [piece for piece in found if piece.sum() >= smallest]


class Objects(SegmentationDataset):
    """Another data set's images, with some classes as objects and all others as background.

    An object is a connected piece of a class: two cars that touch are one, and a car behind a pole is two.

    Args:
        dataset: images with masks.
        names: the classes that are objects, such as ("car", "pedestrian", "bicyclist") of CamVid.
        smallest: pixels; a smaller piece becomes void, since nobody would draw a box around it.
    """

    def __init__(self, dataset: SegmentationDataset, names: Sequence[str], *, smallest: int = 50) -> None:
        self.dataset, self.smallest = dataset, smallest
        self.name, self.split = f"{dataset.name} objects", dataset.split
        self.classes = Classes.of("background", *names)
        self.table = torch.zeros(VOID + 1, dtype=torch.uint8)
        self.table[VOID] = VOID
        for number, name in enumerate(names, 1):
            self.table[dataset.classes.index(name)] = number

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        image, mask = self.dataset[index]
        return image, Mask(self._pieces(mask)[0])

    def sample_id(self, index: int) -> str:
        """The image's name in the data set that it comes from."""
        return self.dataset.sample_id(index)

    def instances(self, index: int) -> Instances:
        """The connected pieces of each class, as objects."""
        _, masks, classes = self._pieces(self.dataset[index][1])
        found = boxes.from_masks(masks) if len(masks) else torch.zeros(0, 4, dtype=torch.int64)
        return Instances(masks, classes, found)

    def _pieces(self, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The mask of objects (H, W), and each object: masks (M, H, W) bool, classes (M,)."""
        mapped = self.table[mask.as_subclass(Tensor).long()]
        masks, classes = [], []
        for number in range(1, len(self.classes)):
            for piece in pieces(mapped == number, 1):
                if int(piece.sum()) < self.smallest:
                    mapped[piece] = VOID
                else:
                    masks.append(piece)
                    classes.append(number)
        stacked = torch.stack(masks) if masks else torch.zeros(0, *mapped.shape, dtype=torch.bool)
        return mapped, stacked, torch.tensor(classes, dtype=torch.int64)


@cache
def boxed(name: str, part: str, number: int) -> SegmentationDataset:
    """Images with objects that have boxes; of CamVid, connected pieces."""
    data = images(name, part, number)
    return Objects(data, THINGS) if name == "camvid" else data


@cache
def labelled(name: str, number: int, scheme: str) -> PseudoLabels:
    """Training images with masks made from boxes."""
    more = {"propose": propose} if scheme in ("m-and-g+", "boxsup") else {}
    return pseudo_labels(boxed(name, "train", number), scheme, **more)


def of_labels(found: Quality) -> Values:
    """How good labels are."""
    return {LABEL: 100 * found.filled.mean_iou, "ignored, %": 100 * found.ignored}


def minutes(name: str, number: int, indices: Sequence[int]) -> Values:
    """The time to draw masks for the images `indices` and boxes for the others, at published prices.

    Images of which nothing is drawn are passed as a smaller `number`.
    """
    objects = [len(one.boxes) for one in load_boxes(boxed(name, "train", number))]
    masks = sum(objects[index] for index in indices)
    return {"labelling, min": (masks * MASK + (sum(objects) - masks) * BOX) / 60}


SCHEMES = {"filled boxes": "rectangles", "Box-i": "box-i", "GrabCut+": "grabcut+", "M-and-G+": "m-and-g+",
           "GrabCut+-i": "grabcut+-i", "BoxSup, round 0": "boxsup"}  # fmt: skip


def from_boxes(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """The same net from true masks, or from masks made of boxes by a scheme."""
    (arm,), number, test = arms, o["images"], boxed(name, "test", o["judged"])
    data: SegmentationDataset = boxed(name, "train", number)
    more = minutes(name, number, range(number) if arm == "full supervision" else ())
    if arm != "full supervision":
        data = labelled(name, number, SCHEMES[arm])
        more |= of_labels(quality(data))
    net = fitted(fcn(test.classes, seed), data, o, seed, lr=RATE)
    return {arm: judged(net, test, o) | more}


def label_cost(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """The same net from the masks of some images, drawn by the seed, alone or with boxes for the others."""
    (arm,), number, test = arms, o["images"], boxed(name, "test", o["judged"])
    whole = boxed(name, "train", number)
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(seed)).tolist()
    drawn = sorted(order[: round(len(whole) / int(arm.split()[-1]))])
    data = whole.subset(drawn)
    cost = minutes(name, number, drawn)["labelling, min"]
    if arm.startswith("boxes"):
        made = labelled(name, number, "grabcut+")
        masks = (whole[i][1] if i in drawn else made.packed[i] for i in range(len(whole)))
        data = made.relabelled(masks, arm)
    else:
        objects = sum(len(load_boxes(whole)[index].boxes) for index in drawn)
        cost = objects * MASK / 60
    net = fitted(fcn(test.classes, seed), data, o, seed, lr=RATE)
    return {arm: judged(net, test, o) | {"labelling, min": cost}}


def later_rounds(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """A round: train on labels, predict, clean or not, train again. From filled boxes, or from GrabCut+."""
    (arm,), number, test = arms, o["images"], boxed(name, "test", o["judged"])
    labels = labelled(name, number, "grabcut+" if "GrabCut" in arm else "rectangles")
    more = {"relabel": naive} if arm == "naive recursion" else {}
    torch.manual_seed(seed)
    first, second = rounds(
        partial(fcn, test.classes, seed), labels, max_rounds=2, min_change=0, seed=seed,
        size=tuple(o["size"]), steps=o["steps"], batch_size=BATCH, lr=RATE, precision=PRECISION, **more,
    )  # fmt: skip
    before = {"label mIoU before, %": 100 * first.quality.filled.mean_iou}
    return {arm: values(evaluate(second.segmenter, test)) | of_labels(second.quality) | before}


def goals(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """FCN-8s by the clock, on whole splits; settings were chosen on the validation split."""
    settings: Options = {"seconds": 118, "size": (192, 192), "batch_size": 8, "augment": Augment()}
    goal, limit, scale = 90.0, 120.0, 1.0
    if name == "camvid":  # a pole is two pixels wide: it is judged on larger images
        settings = {"seconds": 596, "size": (240, 320), "batch_size": 6, "augment": Augment(zoom=(0.9, 2.0))}
        goal, limit, scale = 60.0, 600.0, 1.5
    data, test = load(name, "train"), load(name, "test")
    net = fcn(test.classes, seed)
    began = time.monotonic()
    finish(train(net, data, lr=RATE, schedule=cosine, seed=seed, **settings), arms[0])
    seconds = time.monotonic() - began
    found = values(evaluate(NetSegmenter(net, test.classes, scale=scale), test))
    return {arms[0]: found | {"goal, %": goal, "seconds": seconds, "limit, s": limit}}


def peers(name: str, seed: int, arms: Sequence[str], o: Options) -> Found:
    """A net of another library, trained as its own tutorial does, or ours; from the same ImageNet weights."""
    (arm,) = arms
    peer, seconds = arm.removesuffix(" s").rsplit(", ", 1)
    peer = "seglib FCN-8s" if peer == "FCN-8s" else peer
    command = [sys.executable, str(ROOT / "benchmarks/peers.py"), peer, name, "imagenet", seconds, str(seed)]
    home = {"SEGLIB_DATA": str(Path(os.environ["SEGLIB_DATA"]).absolute())}
    ran = subprocess.run(command, env=os.environ | home, stdout=subprocess.PIPE, text=True, check=True)
    row = json.loads(ran.stdout.splitlines()[-1])
    return {arm: {MIOU: 100 * row["miou"], "steps": row["steps"], "seconds": row["used"]}}
