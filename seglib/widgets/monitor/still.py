"""The monitor without a browser: a figure of its curves, its classes and its images."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from seglib import draw
from seglib.widgets.monitor import reading
from seglib.widgets.monitor.reading import Chart
from seglib.widgets.monitor.record import Moment, Record

LINE = "#1565c0"


def image(record: Record, status: str, moment: int) -> bytes:
    """Both curves above, the few images with their predictions at one moment below; a PNG."""
    at = reading.looked_at(record, moment)
    shown = at is not None and at.preds is not None and record.images is not None
    figure = Figure(figsize=(9, 5.2 if shown else 2.6), layout="constrained")
    parts = figure.subfigures(2 if shown else 1, 1, squeeze=False)[:, 0]
    charts = reading.loss_chart(record, status), reading.score_chart(record, status)
    for panel, chart in zip(parts[0].subplots(1, 2), charts):
        _curve(panel, chart)
    if at is not None and shown:
        _images(parts[1], record, at)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=80, facecolor="white", metadata={"Software": None})
    return file.getvalue()


def _curve(panel: Any, chart: Chart) -> None:
    thin = len(chart.smooth) > 0
    if len(chart.line):
        mark = None if thin or len(chart.line) > 40 else "o"
        panel.plot(*chart.line.T, color=LINE, alpha=0.35 if thin else 1, linewidth=1, marker=mark)
    if thin:
        panel.plot(*chart.smooth.T, color=LINE, linewidth=2)
    panel.set(xlim=(0, 1), ylim=(0, 1), title=chart.title, xlabel="step")
    panel.set_xticks(*zip(*chart.across)) if chart.across else panel.set_xticks([])
    panel.set_yticks(*zip(*chart.up)) if chart.up else panel.set_yticks([])
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)


def _images(part: Any, record: Record, at: Moment) -> None:
    assert record.images is not None and at.preds is not None
    part.suptitle(f"Predictions after step {at.number:,}", fontsize=10)
    panels = part.subplots(1, len(at.preds), squeeze=False)[0]
    for panel, image, mask, pred in zip(panels, *record.images, at.preds):
        over = draw.overlay(image, pred, at.scores.classes)
        panel.imshow(np.asarray(over.permute(1, 2, 0)))
        panel.set_title(f"{reading.cent(reading.right_share(pred, mask), 0)} right", fontsize=9)
        panel.set_axis_off()
