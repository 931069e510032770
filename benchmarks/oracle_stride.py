"""What does a coarse output cost? The truth at stride 4, 8, 16 and 32, enlarged and scored against itself.

FCN's appendix A (Long, Shelhamer, Darrell 2015) published mean IoU 98.5, 96.4, 92.8, 86.1 on VOC, as
approximate upper bounds. The same is measured here on scenes and on whatever photographs are on this machine,
keeping one pixel per cell, or the shares of the classes ("soft"): neither is an upper bound. "void kept"
samples void as if it were a class, so that it spills over pixels that have one and is wrong there; nothing
else here does that.

    SEGLIB_DATA=... python benchmarks/oracle_stride.py [--images 100]
"""

from __future__ import annotations

import argparse
import itertools

import torch
from torch import Tensor

from seglib.data.catalog import found, load
from seglib.data.dataset import SegmentationDataset
from seglib.evaluate import OracleStride, Scores, evaluate
from seglib.labels import VOID
from seglib.metrics import confusion_matrix
from seglib.tables import Table

STRIDES = (4, 8, 16, 32)
PUBLISHED = (98.5, 96.4, 92.8, 86.1)
SPLITS = {"scenes": "val", "pets": "test", "camvid": "val", "voc": "val"}


def mean_iou_with_void_kept(dataset: SegmentationDataset, stride: int) -> float:
    """Mean IoU in % where the oracle samples void as class K: wrong wherever the truth is another class."""
    num_classes, oracle = len(dataset.classes), OracleStride(stride)
    cm = torch.zeros(num_classes + 1, num_classes + 1, dtype=torch.long)
    for image, mask in dataset:
        truth = mask.as_subclass(Tensor).long()
        pred = oracle.predict(image, truth.where(truth != VOID, num_classes))
        cm += confusion_matrix(pred, truth, num_classes + 1)
    both, true, predicted = cm.diagonal(), cm.sum(1), cm.sum(0)
    return 100 * (both / (true + predicted - both))[:num_classes].nanmean().item()


def report(dataset: SegmentationDataset) -> None:
    """One table, and whether the two relations hold in it."""
    scores = [evaluate(OracleStride(stride), dataset) for stride in STRIDES]
    rows = [
        [f"stride {stride}", *percent(score), mean_iou_with_void_kept(dataset, stride), published]
        for stride, score, published in zip(STRIDES, scores, PUBLISHED)
    ]
    rows += [
        [one.name, *percent(one)] for one in (evaluate(OracleStride(s, soft=True), dataset) for s in STRIDES)
    ]
    rows.append([scores[0].baseline.name, *percent(scores[0].baseline)[:2]])
    cells = [[name, *(f"{value:.1f}" for value in values)] for name, *values in rows]
    columns = ["%", "pixel accuracy", "mIoU", "Boundary IoU", "mIoU, void kept", "VOC mIoU"]
    padded = [row + [""] * (len(columns) - len(row)) for row in cells]
    title = f"\n{dataset.name} {dataset.split}, {len(dataset)} images"
    print(Table(title, columns, padded, note=scores[0].policy))
    area, rim = ([100.0, *(percent(score)[column] for score in scores)] for column in (1, 2))
    falls = all(fine > coarse for fine, coarse in itertools.pairwise(area))
    print("mIoU falls with every doubling of the stride:", yes_or_no(falls))
    for stride, here, there in zip(STRIDES, itertools.pairwise(area), itertools.pairwise(rim)):
        lost, more = here[0] - here[1], there[0] - there[1]
        print(
            f"in the step to {stride:2} mIoU loses {lost:4.1f}, Boundary IoU {more:4.1f}; more:",
            yes_or_no(more > lost),
        )
    print("over all steps Boundary IoU loses more:", yes_or_no(rim[0] - rim[-1] > area[0] - area[-1]))


def percent(score: Scores) -> list[float]:
    return [100 * value for value in (score.pixel_accuracy, score.mean_iou, score.mean_boundary_iou)]


def yes_or_no(holds: bool) -> str:
    return "yes" if holds else "NO"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100, help="of each data set, evenly spread")
    wanted = parser.parse_args().images
    torch.set_num_threads(1)
    for name in ("scenes", *(name for name in found() if name in SPLITS)):
        report(load(name, split=SPLITS[name]).spread(wanted))


if __name__ == "__main__":
    main()
