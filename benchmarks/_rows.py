"""Numbers that several tables of training runs share."""

from __future__ import annotations

import statistics

from seglib.evaluate import Scores


def rim(scores: Scores) -> float:
    """Mean Boundary IoU in %, without the background."""
    return 100 * scores.mean_boundary_iou


def spread(values: list[float]) -> str:
    """Mean and standard deviation; of one value, the value."""
    return f"{statistics.mean(values):.1f}" + (f" ± {statistics.stdev(values):.1f}" if values[1:] else "")


def held(relation: str, gains: list[float]) -> None:
    """Whether a relation held, and by how much in each seed."""
    verdict = "yes" if min(gains) > 0 else "NO" if max(gains) <= 0 else "not in every seed"
    print(f"{relation}: {verdict} ({', '.join(f'{gain:+.1f}' for gain in gains)})", flush=True)
