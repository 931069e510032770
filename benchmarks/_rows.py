"""What the tables of trainings share."""

from __future__ import annotations

import statistics

from seglib.scores import Scores


def rim(scores: Scores) -> float:
    """Mean Boundary IoU in %, without the background: its boundary is mostly the frame of the picture."""
    first = 0 if scores.classes.background is None else 1
    return 100 * float(scores.boundary_iou[first:].nanmean())


def spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values) if len(values) > 1 else 0:.1f}"
