"""What the monitor shows of a training, as numbers and words: pure, without a browser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from seglib.labels import VOID
from seglib.widgets.monitor import scale
from seglib.widgets.monitor.record import Moment, Point, Record
from seglib.widgets.monitor.scale import Places, cent, duration, number

STATUS = ("training", "paused", "finished", "stopped", "failed")
SPAN = 20  # points that the smoothed curve is an average over


@dataclass(frozen=True)
class Chart:
    """A curve as it is drawn: places are shares of the chart's width and height.

    Attributes:
        title: with the last value.
        line: the points, (N, 2).
        smooth: the same, smoothed; empty where the points are few.
        across: (place, text) of the ticks of the x axis, which counts steps.
        up: those of the y axis.
        right: the step at the right edge.
        words: the curve in a sentence.
    """

    title: str
    line: Places
    smooth: Places
    across: list[tuple[float, str]]
    up: list[tuple[float, str]]
    right: float
    words: str


@dataclass(frozen=True)
class Row:
    """One class at one moment: IoU, true and predicted share of the pixels.

    As lengths of bars, 0..1, logarithmic from 0.1 % to 100 % for the shares, and in words.
    """

    name: str
    iou: float
    true: float
    predicted: float
    texts: tuple[str, str, str]


def loss_chart(record: Record, status: str) -> Chart:
    """The loss of each step, from 0 to its largest smoothed value."""
    points = record.losses.points()
    means = scale.smooth([value for _, value in points], min(SPAN, 1 + len(points) / 20))
    right = _right(record, status)
    top = 1.08 * max(means, default=1.0)
    high = top if top > 0 else 1.0  # a loss of one's own may be below 0
    smoothed = [(step, mean) for (step, _), mean in zip(points, means)]
    last = f"{means[-1]:.3f}" if means else "–"
    words = f"Loss: {means[0]:.3f} at first, {last} now, smoothed." if means else "Loss: no step yet."
    return Chart(
        f"Loss {last}",
        scale.places(points, right, high),
        scale.places(smoothed, right, high),
        _across(right),
        [(tick / high, f"{tick:g}") for tick in scale.ticks(high)],
        right,
        words,
    )


def score_chart(record: Record, status: str) -> Chart:
    """Mean IoU at each validation; the y axis ends at the next ten per cent above the best."""
    points, right = record.scores, _right(record, status)
    best = max((score for _, score in points if not math.isnan(score)), default=0.0)
    high = min(max(math.ceil(10 * best + 0.5) / 10, 0.2), 1.0)
    last = cent(points[-1][1]) if points else "–"
    return Chart(
        f"Mean IoU {last}",
        scale.places([point for point in points if not math.isnan(point[1])], right, high),
        scale.places([], right, high),
        _across(right),
        [(tick / high, f"{100 * tick:.0f} %") for tick in scale.ticks(high)],
        right,
        score_words(points),
    )


def score_words(points: Sequence[Point]) -> str:
    """The first, the last and the best mean IoU."""
    if not points:
        return "Mean IoU: no validation yet."
    (first, begin), (last, end) = points[0], points[-1]
    best_step, best = max(points, key=lambda point: -1 if math.isnan(point[1]) else point[1])
    words = f"Mean IoU: {cent(end)} after step {last:,.0f}"
    if len(points) > 1:
        words = f"Mean IoU: {cent(begin)} after step {first:,.0f}, {cent(end)} after step {last:,.0f}"
    return (
        f"{words}, the best {cent(best)} after step {best_step:,.0f}." if best_step != last else f"{words}."
    )


def tiles(record: Record) -> list[tuple[str, str]]:
    """The numbers of the last step, as (name, text)."""
    step = record.step
    if step is None:
        return []
    speed = step.images_per_second
    return [
        ("Step", f"{step.number:,} of {step.total:,}"),
        ("Time", duration(step.seconds)),
        ("Time left", duration(step.seconds_left)),
        ("Images/s", "–" if math.isnan(speed) else number(speed)),
        ("Learning rate", f"{step.learning_rate:.2g}"),
        ("Memory", record.memory or "–"),
    ]


def looked_at(record: Record, moment: int) -> Moment | None:
    """The validation nearest to step `moment`, the last one for -1; None while there is none."""
    if moment < 0 or not record.moments:
        return record.moments[-1] if record.moments else None
    return min(record.moments, key=lambda one: abs(one.number - moment))


def rows(moment: Moment) -> list[Row]:
    """Every class at one validation."""
    scores = moment.scores
    known = scores.confusion.sum().clamp(min=1)
    true, predicted = scores.confusion.sum(dim=1) / known, scores.confusion.sum(dim=0) / known
    return [
        Row(name, 0.0 if math.isnan(iou) else iou, _length(t), _length(p), (cent(iou), cent(t), cent(p)))
        for name, iou, t, p in zip(scores.classes, scores.iou.tolist(), true.tolist(), predicted.tolist())
    ]


def _length(share: float) -> float:
    """Where a share lies on a logarithmic axis from 0.1 % to 100 %: rare classes matter, too."""
    return max(1 + math.log10(share) / 3, 0.0) if share else 0.0


def right_share(pred: Tensor, mask: Tensor) -> float:
    """The share of an image's pixels that are right, void left out; NaN where all is void."""
    known = mask != VOID
    return ((pred == mask) & known).sum().item() / count if (count := known.sum().item()) else math.nan


def moment_words(moment: Moment) -> str:
    """One validation in a sentence: mean IoU, the best and the worst class."""
    scores = moment.scores
    ious = {name: iou for name, iou in zip(scores.classes, scores.iou.tolist()) if not math.isnan(iou)}
    head = f"After step {moment.number:,} ({duration(moment.seconds)}): mean IoU {cent(scores.mean_iou)}"
    if not ious:
        return f"{head}."
    best, worst = max(ious, key=ious.__getitem__), min(ious, key=ious.__getitem__)
    if best == worst:
        return f"{head}."
    return f"{head}, best {best} ({cent(ious[best])}), worst {worst} ({cent(ious[worst])})."


def says(record: Record, status: str) -> str:
    """How far the training is, in a sentence."""
    step = record.step
    if step is None:
        return {"failed": "The training failed before its first step."}.get(status, "The training begins.")
    where = f"step {step.number:,} of {step.total:,}, {duration(step.seconds)}"
    if status == "finished":
        return f"Finished after {step.number:,} steps, {duration(step.seconds)}."
    if status == "training":
        return f"Training: {where}, {duration(step.seconds_left)} left."
    ends = {"paused": "Paused after", "stopped": "Stopped after", "failed": "Failed after"}
    return f"{ends[status]} {where}."


def description(record: Record, status: str) -> str:
    """The whole of it in words."""
    lines = [says(record, status)]
    if record.step is not None:
        lines += [loss_chart(record, status).words, score_words(record.scores)]
    if record.moments:
        lines.append(moment_words(record.moments[-1]))
    return "\n".join([*lines, *(f"Step {at:,}: {text}" for at, text in record.messages)])


def _right(record: Record, status: str) -> float:
    """The step at the right edge of both charts: while training the whole, or as much as is half full."""
    step = record.step
    if step is None:
        return 1.0
    if status not in ("training", "paused"):
        return max(step.number, 1)
    right = max(scale.round_up(step.total), step.number)
    while right > max(2 * step.number, 20):
        right /= 2
    return right


def _across(right: float) -> list[tuple[float, str]]:
    marks = scale.ticks(right) if right > 4 else [float(k) for k in range(1, int(right) + 1)]
    return [(tick / right, f"{tick:,.0f}") for tick in marks]
