"""What notebooks do with their results: a leaderboard in text and bars, and the worst images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from torch import Tensor

from seglib.data.dataset import SegmentationDataset
from seglib.draw import bars, overlay, show_images
from seglib.evaluate import Scores
from seglib.metrics import confusion_matrix, mean_iou
from seglib.tables import Table

BOUNDARY = "Boundary IoU of the objects"


def outline_iou(scores: Scores) -> float:
    """Boundary IoU in %, averaged over the objects' classes; the background has no outline of its own."""
    return 100 * scores.mean_boundary_iou


def leaderboard(table: Mapping[str, Scores], notes: Mapping[str, str] | None = None) -> None:
    """Print mIoU and Boundary IoU of the objects, a row for each segmenter, and draw both as bars.

    Args:
        table: what was judged -> its scores, all on the same images.
        notes: what was judged -> words at the end of its row.
    """
    rows = [
        [name, f"{100 * scores.mean_iou:.1f}", f"{outline_iou(scores):.1f}", (notes or {}).get(name, "")]
        for name, scores in table.items()
    ]
    print(Table("Scores on the same images", ["", "mIoU %", f"{BOUNDARY} %", ""], rows))
    measures = {
        "mIoU (%)": {name: 100 * scores.mean_iou for name, scores in table.items()},
        f"{BOUNDARY} (%)": {name: outline_iou(scores) for name, scores in table.items()},
    }
    bars(measures, alt=f"mIoU and {BOUNDARY} as bars: {', '.join(table)}. The text above has the numbers.")


def measures(scores: Scores, rare: Tensor) -> dict[str, float]:
    """Four measures in %: mIoU, mean IoU of the rare classes, class accuracy, pixel accuracy.

    Args:
        scores: of one segmenter.
        rare: (K,) bool, which classes are rare; one that neither occurs nor is predicted is left out.
    """
    shares = {
        "mIoU": scores.mean_iou,
        "rare IoU": float(scores.iou[rare].nanmean()),
        "class accuracy": scores.mean_accuracy,
        "pixel accuracy": scores.pixel_accuracy,
    }
    return {name: 100 * share for name, share in shares.items()}


def league(table: Mapping[str, Sequence[Scores]], rare: Tensor) -> None:
    """Print the four measures of each recipe, and below them those of the laziest answer.

    Args:
        table: recipe -> scores of one run or more, all on the same images; of several, mean and standard
            deviation.
        rare: (K,) bool, which classes are rare.
    """
    rows = {name: [measures(one, rare) for one in runs] for name, runs in table.items()}
    lazy = next(iter(table.values()))[0].baseline
    rows[lazy.name] = [measures(lazy, rare)]
    lines = []
    for name, runs in rows.items():
        columns = [[run[measure] for run in runs] for measure in runs[0]]
        lines.append([name, *(f"{mean(c):.1f}" + (f" ± {stdev(c):.1f}" if c[1:] else "") for c in columns)])
    several = ", mean ± standard deviation of several runs" * any(len(runs) > 1 for runs in rows.values())
    print(Table(f"Scores in %{several}", ["", *rows[lazy.name][0]], lines))


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
    titles = [f"{i}: {what}" for i in worst for what in ("truth", name)]
    found = "image" if len(worst) == 1 else f"{len(worst)} images"
    alt = f"The {found} on which {name} does worst, next to the truth."
    show_images(shown, titles=titles, columns=4, alt=alt)
