"""One round of weak supervision: a net is trained on labels, and says what the next labels could be."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from seglib.data.dataset import SegmentationDataset
from seglib.evaluate import Scores, evaluate
from seglib.segmenters import NetSegmenter
from seglib.train import finish, train
from seglib.weak import round_files
from seglib.weak.given import Size
from seglib.weak.labelled import Labelled
from seglib.weak.next_labels import next_labels
from seglib.weak.quality import Quality, quality
from seglib.weak.relabel import Relabel

MakeNet = Callable[[], nn.Module]


@dataclass(frozen=True)
class Round:
    """One round: labels, and the net that was trained on them.

    Attributes:
        number: 0 for the labels that were given.
        labels: what the net was trained on.
        net: trained, in evaluation mode. Where one net goes through all rounds, the next one changes it.
        segmenter: the net as a `Segmenter`, which sees images at the size of the training.
        quality: of the labels; None where every pixel of the true masks is void, so that nobody knows.
        scores: of the net on the validation images; None without.
        foreseen: quality of the labels that this net and the rules give the validation images, made as the
            next round's are; None without validation images, or where these have no boxes.
        changed: share of the pixels, 0..1, whose label differs from the round before; NaN for the first.
        seconds: that training and measuring took; those of another run are not counted.
        why: why this is the last round, or "".
    """

    number: int
    labels: Labelled
    net: nn.Module = field(repr=False)
    segmenter: NetSegmenter = field(repr=False)
    quality: Quality | None
    scores: Scores | None
    foreseen: Quality | None
    changed: float
    seconds: float
    why: str = ""

    def __str__(self) -> str:
        """The round in a line."""
        parts = [f"round {self.number}"]
        if self.quality:
            parts.append(f"labels: mean IoU {100 * self.quality.filled.mean_iou:.1f} %")
        if not math.isnan(self.changed):
            parts.append(f"{100 * self.changed:.1f} % of the pixels changed")
        if self.scores:
            parts.append(f"net: mean IoU {100 * self.scores.mean_iou:.1f} %")
        if self.foreseen:
            parts.append(f"labels from it: mean IoU {100 * self.foreseen.filled.mean_iou:.1f} %")
        return ", ".join(parts) + (f". The last: {self.why}" if self.why else "")


@dataclass
class Plan:
    """What stays the same in all rounds; see `seglib.weak.rounds.rounds` for each of it."""

    make_net: MakeNet | nn.Module
    relabel: Relabel
    keep: frozenset[int]
    most: int
    val: SegmentationDataset | None
    judged: Labelled | None  # the same images as `val`, with their boxes, where they have some
    still: float
    size: Size
    label_scale: float
    seed: int
    jobs: int | None
    training: dict[str, Any]
    shelf: round_files.Shelf

    def net(self) -> nn.Module:
        """The one that was handed in, or a fresh one: every round's begins with the same weights."""
        if isinstance(self.make_net, nn.Module):
            return self.make_net
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.make_net()

    def trained(self, number: int, labels: Labelled, changed: float) -> Round:
        """A round: from the disk, or trained, measured and kept."""
        began, net = time.monotonic(), self.net()
        segmenter = NetSegmenter(net, labels.classes, name=f"{labels.scheme}, trained", size=self.size)
        if (kept := self.shelf.result(number, net)) is not None:
            net.eval()
            scores = round_files.scores_from_dict(kept["scores"], labels.classes)
            found, foreseen = (
                round_files.quality_from_dict(kept.get(name), labels.classes)
                for name in ("quality", "foreseen")
            )
        else:
            checkpoint = self.shelf.checkpoint(number)
            steps = train(net, labels, size=self.size, seed=self.seed, checkpoint=checkpoint, **self.training)
            finish(steps, f"round {number}")
            scores = None if self.val is None else evaluate(segmenter, self.val)
            found, foreseen = _measured(labels), self._foreseen(segmenter, number + 1)
            result = {
                "scores": round_files.scores_to_dict(scores),
                "quality": round_files.quality_to_dict(found),
                "foreseen": round_files.quality_to_dict(foreseen),
            }
            self.shelf.keep_result(number, net, result)
        return Round(
            number, labels, net, segmenter, found, scores, foreseen, changed, time.monotonic() - began
        )

    def labels_after(self, one: Round) -> Labelled:
        """The labels of the next round: from the disk, or made and kept."""
        number = one.number + 1
        if (known := self.shelf.labels(number, one.labels)) is not None:
            return known
        first = one.labels.scheme.split(", round ")[0]
        labels = self._next(one.labels, one.segmenter, number, self.keep, f"{first}, round {number}")
        self.shelf.keep_labels(number, labels)
        return labels

    def _foreseen(self, segmenter: NetSegmenter, number: int) -> Quality | None:
        """How good the labels of the next round would be, on images whose true masks may be looked at."""
        if self.judged is None:
            return None
        return _measured(
            self._next(self.judged, segmenter, number, frozenset(), f"labels of val, round {number}")
        )

    def _next(
        self, labels: Labelled, segmenter: NetSegmenter, number: int, keep: frozenset[int], name: str
    ) -> Labelled:
        """What the net and the rules make of some images with boxes."""
        scale, jobs = self.label_scale, self.jobs
        return next_labels(
            labels, segmenter, self.relabel, name, number=number, scale=scale, keep=keep, jobs=jobs
        )


def changed_share(labels: Labelled, before: Labelled) -> float:
    """Share of all pixels, 0..1, that have another label than before.

    Raises:
        ValueError: the images are not the same.
    """
    if len(labels) != len(before):
        raise ValueError(f"{labels.name} has {len(labels)} images, {before.name} {len(before)}")
    pairs = [(labels.mask(index), before.mask(index)) for index in range(len(labels))]
    return sum(int((new != old).sum()) for new, old in pairs) / sum(new.numel() for new, _ in pairs)


def _measured(labels: Labelled) -> Quality | None:
    """The quality of labels, or None where no pixel of the truth is known."""
    found = quality(labels)
    return found if found.filled.confusion.any() else None
