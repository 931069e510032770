"""What notebooks do with their results: a leaderboard in text and bars, and the worst images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from seglib.data.dataset import SegmentationDataset
from seglib.draw import bars, overlay, show_images
from seglib.evaluate import Scores
from seglib.metrics import confusion_matrix, mean_iou

BOUNDARY = "Boundary IoU of the objects"


def outline_iou(scores: Scores) -> float:
    """Boundary IoU in %, averaged over the objects' classes; the background has no outline of its own."""
    return 100 * scores.mean_boundary_iou


def leaderboard(table: Mapping[str, Scores], notes: Mapping[str, str] | None = None) -> None:
    """Print mIoU and Boundary IoU of the objects, a line for each segmenter, and draw both as bars.

    Args:
        table: what was judged -> its scores, all on the same images.
        notes: what was judged -> words at the end of its line.
    """
    width = max(map(len, table))
    for name, scores in table.items():
        line = f"{name:{width}}  mIoU {100 * scores.mean_iou:5.1f}   {BOUNDARY} {outline_iou(scores):5.1f}"
        print(f"{line}   {(notes or {}).get(name, '')}".rstrip())
    measures = {
        "mIoU (%)": {name: 100 * scores.mean_iou for name, scores in table.items()},
        f"{BOUNDARY} (%)": {name: outline_iou(scores) for name, scores in table.items()},
    }
    bars(measures, alt=f"mIoU and {BOUNDARY} as bars: {', '.join(table)}. The text above has the numbers.")


def failures(preds: Sequence[Tensor], dataset: SegmentationDataset, name: str, number: int = 4) -> None:
    """Show the images with the lowest mIoU, each with its truth.

    Args:
        preds: a prediction (H, W) for every sample.
        dataset: the samples.
        name: who predicted; the title above each prediction.
        number: how many images.
    """
    masks = [dataset[index][1] for index in range(len(dataset))]
    ious = [mean_iou(confusion_matrix(p, mask, len(dataset.classes))) for p, mask in zip(preds, masks)]
    worst = sorted(range(len(dataset)), key=lambda index: ious[index])[:number]
    shown = [
        overlay(dataset[i][0], labels, dataset.classes) for i in worst for labels in (masks[i], preds[i])
    ]
    titles = [f"{what} {i}" for i in worst for what in ("truth", name)]
    alt = f"The {len(worst)} images on which {name} does worst, each next to its truth."
    show_images(shown, titles=titles, columns=4, alt=alt)
