"""What the monitor shows of a training run: charts, bars and words, and the same packed for the browser."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator
from torch import Tensor

from seglib.labels import VOID, percent
from seglib.widgets import pack
from seglib.widgets.chart import Axis, Chart, Line, column, points, share_tick, significant, ticks
from seglib.widgets.monitor.record import Point, Record, Validation, curve, memory

STATUS = ("training", "paused", "finished", "stopped", "failed")
SPAN = 20  # points that the smoothed curve is an average over
SHARES = Axis(0.001, 1.0, (0.01, 0.1, 1.0))  # logarithmic, so that rare classes can be seen too


def loss_chart(record: Record, status: str) -> Chart:
    """The loss of each step, from 0 to its largest smoothed value."""
    drawn = curve(record.losses)
    losses = [loss for _, loss in drawn]
    means = smooth(losses, min(SPAN, 1 + len(drawn) / 20))
    right = last_step(record, status)
    top = 1.08 * max(means, default=1.0)
    high = top if top > 0 else 1.0  # a loss function may be negative
    last = f"{means[-1]:.3f}" if means else "–"
    across = [step / right for step, _ in drawn]
    each = Line("each step", points(across, [loss / high for loss in losses]), faint=True)
    smoothed = Line("smoothed", points(across, [mean / high for mean in means]))
    words = f"{means[0]:.3f} at first, {last} now, smoothed." if means else "no step yet."
    up = [(tick / high, f"{tick:g}") for tick in [0.0, *ticks(high)]]
    return Chart(f"Loss {last}", (each, smoothed), _across(right), up, words)


def score_chart(record: Record, status: str) -> Chart:
    """Mean IoU at each validation; the y axis ends at the next ten per cent above the best."""
    right = last_step(record, status)
    best = max((score for _, score in record.scores if not math.isnan(score)), default=0.0)
    high = min(max(math.ceil(10 * best + 0.5) / 10, 0.2), 1.0)
    last = percent(record.scores[-1][1], 1) if record.scores else "–"
    line = points([step / right for step, _ in record.scores], [score / high for _, score in record.scores])
    up = [(tick / high, f"{100 * tick:.0f} %") for tick in [0.0, *ticks(high)]]
    words = score_words(record.scores)
    return Chart(f"Mean IoU {last}", (Line("mean IoU", line),), _across(right), up, words)


def score_words(scores: Sequence[Point]) -> str:
    """The first, the last and the best mean IoU."""
    if not scores:
        return "no validation yet."
    known = [scores[0], scores[-1]] if len(scores) > 1 else [scores[-1]]
    words = ", ".join(f"{percent(score, 1)} after step {step:,.0f}" for step, score in known)
    step, best = max(scores, key=lambda point: -1 if math.isnan(point[1]) else point[1])
    if step != scores[-1][0]:
        words += f", the best {percent(best, 1)} after step {step:,.0f}"
    return f"{words}."


def last_step(record: Record, status: str) -> float:
    """The step at the right edge of both charts: the last, or while training at most twice the steps done."""
    step = record.step
    if step is None:
        return 1.0
    if status not in ("training", "paused"):
        return max(step.number, 1)
    # The total may be an estimate that changes: rounded up, the axis stays where it is.
    right = max(MaxNLocator(20, steps=[1, 2, 5, 10]).tick_values(0, step.total)[-1], step.number)
    while right > max(2 * step.number, 20):
        right /= 2
    return float(right)


def _across(right: float) -> list[tuple[float, str]]:
    marks = ticks(right) if right > 4 else range(1, int(right) + 1)
    return [(tick / right, f"{tick:,.0f}") for tick in marks]


def smooth(values: Sequence[float], span: float) -> list[float]:
    """Exponential moving averages over about `span` values, without a bias towards the first values.

    Example:
        >>> smooth([4.0, 4.0, 1.0], 2)
        [4.0, 4.0, 2.2857142857142856]
    """
    keep = 1 - 1 / max(span, 1)
    total = weight = 0.0
    means = []
    for value in values:
        total, weight = keep * total + value, keep * weight + 1
        means.append(total / weight)
    return means


def tiles(record: Record) -> list[tuple[str, str]]:
    """The numbers of the last step, as (name, text)."""
    step = record.step
    if step is None:
        return []
    return [
        ("Step", f"{step.number:,} of {step.total:,}"),
        ("Time", duration(step.seconds)),
        ("Time left", duration(step.seconds_left)),
        ("Images/s", significant(step.images_per_second)),
        ("Learning rate", f"{step.learning_rate:.2g}"),
        ("Memory", memory()),
    ]


def looked_at(record: Record, number: int) -> Validation | None:
    """The validation nearest to step `number`, the last one for -1; None before the first."""
    if number < 0 or not record.validations:
        return record.validations[-1] if record.validations else None
    return min(record.validations, key=lambda one: abs(one.number - number))


def columns(validation: Validation) -> list[dict[str, Any]]:
    """IoU of every class, and its share of the pixels: of the batches if counted, true and predicted."""
    scores = validation.scores
    known = scores.confusion.sum().clamp(min=1)
    true, predicted = (scores.confusion.sum(dim=axis) / known for axis in (1, 0))

    log = "of the pixels of the validation images, on a logarithmic axis"
    shown = [
        ("IoU", scores.iou, Axis(0.0, 1.0, (0.5, 1.0)), "Intersection over union"),
        ("True share", true, SHARES, f"The class's share {log}"),
        ("Predicted share", predicted, SHARES, f"What the net takes for the class, as a share {log}"),
    ]
    if validation.seen is not None:
        batches = "The class's share of the pixels in the batches until then, on a logarithmic axis"
        shown.insert(1, ("Batches", validation.seen, SHARES, batches))
    return [
        column(title, values.tolist(), axis, lambda value: percent(value, 1), share_tick, hint)
        for title, values, axis, hint in shown
    ]


def right_share(pred: Tensor, mask: Tensor) -> float:
    """The share of an image's pixels that are right, void left out; NaN where all is void."""
    known = mask != VOID
    return ((pred == mask) & known).sum().item() / count if (count := known.sum().item()) else math.nan


def validation_words(validation: Validation) -> str:
    """One validation in a sentence: mean IoU, the best and the worst class."""
    scores = validation.scores
    known = [(iou, name) for name, iou in zip(scores.classes, scores.iou.tolist()) if not math.isnan(iou)]
    mean = percent(scores.mean_iou, 1)
    head = f"After step {validation.number:,} ({duration(validation.seconds)}): mean IoU {mean}"
    (low, worst), (high, best) = min(known, default=(0, "")), max(known, default=(0, ""))
    if low == high:
        return f"{head}."
    return f"{head}, best {best} ({percent(high, 1)}), worst {worst} ({percent(low, 1)})."


def progress(record: Record, status: str) -> str:
    """How far the training run is: "step 20 of 100, 3 s, 12 s left"."""
    step = record.step
    if step is None:
        return "before the first step"
    if status == "finished":
        return f"{step.number:,} steps, {duration(step.seconds)}"
    left = f", {duration(step.seconds_left)} left" if status == "training" else ""
    return f"step {step.number:,} of {step.total:,}, {duration(step.seconds)}{left}"


def description(record: Record, status: str) -> str:
    """All of it in words."""
    lines = [f"{status.capitalize()}: {progress(record, status)}."]
    if record.step is not None:
        lines += [f"Loss: {loss_chart(record, status).words}", f"Mean IoU: {score_words(record.scores)}"]
    if record.validations:
        lines.append(validation_words(record.validations[-1]))
    return "\n".join([*lines, *record.messages])


def duration(seconds: float) -> str:
    """Seconds in words.

    Example:
        >>> duration(8.26), duration(75), duration(4000), duration(math.nan)
        ('8 s', '1 min 15 s', '1 h 06 min', '–')
    """
    if not math.isfinite(seconds):
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


# What is sent to the browser.


def now(record: Record, status: str, failure: str) -> dict[str, Any]:
    """What changes once a second: a few words, and two curves as bytes, some kilobytes in all."""
    return {
        "progress": progress(record, status),
        "tiles": tiles(record),
        "done": round(record.step.done if record.step else 0.0, 4),
        "failure": failure,
        "messages": record.messages[-20:],
        "charts": [loss_chart(record, status).pack(), score_chart(record, status).pack()],
        "right": last_step(record, status),
    }


def fixed(record: Record) -> dict[str, Any]:
    """What never changes after the first validation: classes, images and their truth."""
    classes = record.validations[0].scores.classes
    return {
        "classes": pack.names_and_colors(classes),
        "void": classes.void_color,
        "images": [pack.thumbnail(image, mask) for image, mask in zip(*record.images)],
    }


def packed(validation: Validation, record: Record) -> dict[str, Any]:
    """A validation: bars and words of every class, and the label maps of the few images."""
    shown = [] if validation.preds is None else zip(validation.preds, record.images[1])
    return {
        "number": validation.number,
        "title": f"{validation.number:,}, mean IoU {percent(validation.scores.mean_iou, 1)}",
        "words": validation_words(validation),
        "columns": columns(validation),
        "frames": [
            {"labels": pack.deflate(pred), "right": percent(right_share(pred, mask))} for pred, mask in shown
        ],
    }
