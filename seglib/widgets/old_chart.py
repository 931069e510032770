"""A chart over the stops of a slider: what curve.js draws in the browser and a figure without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

DASHES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Chart:
    """Lines over the stops of a slider, as shares of the chart's width and height.

    Attributes:
        title: what is drawn.
        lines: (name, heights 0..1 or None at each stop).
        across: ticks below, (place, text).
        up: ticks beside.
        words: the chart in words.
    """

    title: str
    lines: tuple[tuple[str, tuple[float | None, ...]], ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    words: str


def packed_chart(chart: Chart) -> dict[str, Any]:
    """As curve.js takes it."""
    return {
        "title": chart.title,
        "lines": [
            {"name": name, "heights": [None if y is None else round(y, 4) for y in line]}
            for name, line in chart.lines
        ],
        "across": chart.across,
        "up": chart.up,
        "words": chart.words,
    }


def heights(chart: Chart) -> torch.Tensor:
    """(L, T) float32 the lines of a chart; NaN where there is no value."""
    return torch.tensor([[torch.nan if y is None else y for y in line] for _, line in chart.lines])


def draw_chart(axes: Any, chart: Chart, stop: int) -> None:
    """The lines of a chart on matplotlib axes, and where the slider stands."""
    places = torch.linspace(0, 1, len(chart.lines[0][1])).tolist()
    for (name, _), line, dash in zip(chart.lines, heights(chart), DASHES):
        axes.plot(places, line.tolist(), dash, color="black", linewidth=1, label=name)
    axes.axvline(places[stop], color="grey", linestyle=":")
    axes.set_title(chart.title, fontsize=9)
    axes.set_xticks([place for place, _ in chart.across], [text for _, text in chart.across], fontsize=7)
    axes.set_yticks([place for place, _ in chart.up], [text for _, text in chart.up], fontsize=7)
    axes.set_ylim(0, 1.05)


def show_image(axes: Any, image: Tensor, title: str) -> None:
    """(3, H, W) uint8 on matplotlib axes."""
    axes.imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()
