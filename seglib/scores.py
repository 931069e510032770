"""What the judge found: counts that add up, the scores made of them, and the table that shows them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from seglib import metrics
from seglib.boundary import boundary_iou
from seglib.labels import Classes
from seglib.metrics import Present
from seglib.tables import Table


@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """The scores of one segmenter on one data set. All of them are made of counts, so halves can be added.

    Scores are 0..1, NaN where there is nothing to score; the table shows per cent.

    Attributes:
        name: the segmenter's name.
        data: the data set's name and split.
        classes: K classes.
        confusion: (K, K) int64 pixels, row = true class, column = predicted class.
        boundary: (K, 2) int64 rim pixels, intersection and union; None where it was not measured.
        outlines: (K + 1, 2) float64, sum of boundary F1 and number of images, for each class and, last, for
            the images' means over their classes; None where it was not measured.
        images: number of images.
        seconds: time inside `predict`, all images together.
        present: which classes the means are over: "union", "truth" or "all".
        sees_truth: the segmenter is an oracle.
    """

    name: str
    data: str
    classes: Classes
    confusion: Tensor
    boundary: Tensor | None
    outlines: Tensor | None
    images: int
    seconds: float
    present: Present = "union"
    sees_truth: bool = False

    @property
    def pixel_accuracy(self) -> float:
        """Share of pixels that got their true class."""
        return metrics.pixel_accuracy(self.confusion)

    @property
    def mean_accuracy(self) -> float:
        """Mean over true classes of the share of their pixels that was found."""
        return metrics.mean_accuracy(self.confusion)

    @property
    def iou(self) -> Tensor:
        """(K,) IoU of each class."""
        return metrics.iou(self.confusion)

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes that `policy` names."""
        return metrics.mean_iou(self.confusion, self.present)

    @property
    def frequency_weighted_iou(self) -> float:
        """IoU weighted by the classes' share of true pixels."""
        return metrics.frequency_weighted_iou(self.confusion)

    @property
    def dice(self) -> Tensor:
        """(K,) Dice of each class."""
        return metrics.dice(self.confusion)

    @property
    def boundary_iou(self) -> Tensor:
        """(K,) Boundary IoU of each class."""
        return self.iou * math.nan if self.boundary is None else boundary_iou(self.boundary)

    @property
    def mean_boundary_iou(self) -> float:
        """Mean Boundary IoU over the classes that `policy` names, as far as they have an outline."""
        if self.present == "all":
            return self.boundary_iou.nan_to_num(0).mean().item()
        return self.boundary_iou[metrics.averaged(self.confusion, self.present)].nanmean().item()

    @property
    def boundary_f1(self) -> Tensor:
        """(K,) boundary F1 of each class: mean over the images in which it has an outline."""
        return (
            self.iou * math.nan if self.outlines is None else (self.outlines[:, 0] / self.outlines[:, 1])[:-1]
        )

    @property
    def mean_boundary_f1(self) -> float:
        """Boundary F1 as published: mean over images of the mean over their true classes."""
        return float("nan") if self.outlines is None else (self.outlines[-1, 0] / self.outlines[-1, 1]).item()

    @property
    def seconds_per_image(self) -> float:
        """Time inside `predict`, for one image."""
        return self.seconds / self.images

    @property
    def policy(self) -> str:
        """Which classes the means are over, in a sentence."""
        return metrics.policy(self.confusion, self.classes, self.present)

    @property
    def baseline(self) -> Scores:
        """What background everywhere scores; where there is no background, the most frequent class."""
        truth = self.confusion.sum(dim=1)
        index = int(truth.argmax()) if self.classes.background is None else self.classes.background
        confusion = torch.zeros_like(self.confusion)
        confusion[:, index] = truth
        return dataclasses.replace(
            self, name=f"all {self.classes.names[index]}", confusion=confusion, boundary=None, outlines=None,
            seconds=0.0, sees_truth=False,
        )  # fmt: skip

    def __add__(self, other: Scores) -> Scores:
        """The scores of both parts together, as if they had been judged in one go."""
        for field in ("name", "classes", "present"):
            if getattr(self, field) != getattr(other, field):
                raise ValueError(
                    f"these scores differ in {field}: {getattr(self, field)} and {getattr(other, field)}"
                )
        if (self.boundary is None) != (other.boundary is None):
            raise ValueError("one of these scores was made with boundary=True and the other without")
        return dataclasses.replace(
            self,
            data=self.data if self.data == other.data else f"{self.data} + {other.data}",
            confusion=self.confusion + other.confusion,
            boundary=None
            if self.boundary is None or other.boundary is None
            else self.boundary + other.boundary,
            outlines=None
            if self.outlines is None or other.outlines is None
            else self.outlines + other.outlines,
            images=self.images + other.images,
            seconds=self.seconds + other.seconds,
        )

    def row(self, name: str | None = None) -> dict[str, str | float]:
        """One line of a leaderboard: scores in per cent, time in milliseconds.

        Args:
            name: what to call it, by default the segmenter's name; an oracle is marked as one.
        """
        return {
            "method": f"{name or self.name}{' (oracle)' * self.sees_truth}",
            "mean IoU %": 100 * self.mean_iou,
            "mean Boundary IoU %": 100 * self.mean_boundary_iou,
            "boundary F1 %": 100 * self.mean_boundary_f1,
            "pixel accuracy %": 100 * self.pixel_accuracy,
            "mean accuracy %": 100 * self.mean_accuracy,
            "ms per image": 1000 * self.seconds_per_image,
        }

    @property
    def table(self) -> Table:
        """The scores beside those of the baseline, in per cent, and which classes were averaged."""
        base, nothing = self.baseline, float("nan")
        rows = [
            ("pixel accuracy", self.pixel_accuracy, nothing, base.pixel_accuracy),
            ("mean accuracy", self.mean_accuracy, nothing, base.mean_accuracy),
            ("frequency-weighted IoU", self.frequency_weighted_iou, nothing, base.frequency_weighted_iou),
            ("boundary F1", self.mean_boundary_f1, nothing, nothing),
            ("mean IoU", self.mean_iou, self.mean_boundary_iou, base.mean_iou),
        ]
        per_class = zip(self.classes, self.iou.tolist(), self.boundary_iou.tolist(), base.iou.tolist())
        rows += [(f"IoU of {name}", *values) for name, *values in per_class]
        oracle = "; an oracle: it sees the truth" * self.sees_truth
        milliseconds = 1000 * self.seconds_per_image
        return Table(
            f"{self.name} on {self.data}, {self.images} images, {milliseconds:.1f} ms each{oracle}",
            ["%", "score", "Boundary IoU", base.name],
            [
                [label, *("" if math.isnan(value) else f"{100 * value:.1f}" for value in values)]
                for label, *values in rows
            ],
            note=self.policy,
        )

    def __str__(self) -> str:
        """The table as text."""
        return str(self.table)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        return self.table._repr_html_()
