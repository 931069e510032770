"""The refinement explorer without a browser: a figure of what is on show, and its words."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from seglib.widgets.old_chart import draw_chart, show_image
from seglib.widgets.refinement.curves import round_chart
from seglib.widgets.refinement.painting import panels
from seglib.widgets.refinement.reading import State, says, titles
from seglib.widgets.refinement.words import measured, rate


def image(state: State) -> bytes:
    """The two images, and beside them the chart where there are rounds, as a PNG."""
    height, width = state.facts.image.shape[1:]
    room = min(max(3.6 * width / height, 2), 6)  # inches; a very long image becomes smaller
    charted = bool(state.facts.steps) and state.view != "schemes"
    widths = [room, room, *[3.2] * charted]
    figure = Figure(figsize=(sum(widths), 4.2), layout="constrained")
    axes = figure.subplots(1, len(widths), width_ratios=widths)
    for axis, panel, title in zip(axes, panels(state), titles(state)):
        show_image(axis, panel, title)
    if charted:
        draw_chart(axes[2], round_chart(state.facts), state.round)
        axes[2].legend(fontsize=7)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100, facecolor="white", metadata={"Software": None})
    return file.getvalue()


def description(state: State) -> str:
    """The image, its boxes, every scheme and every round with its measures, and what is on show."""
    facts = state.facts
    height, width = facts.image.shape[1:]
    boxes = f"with boxes around {', '.join(facts.names)}" if facts.names else "without boxes"
    lines = [f"Labels made from boxes, for an image of {width} x {height} pixels {boxes}."]
    for name, shot in facts.schemes.items():
        ignored = "" if shot.quality is None else f", ignored {rate(shot.quality.ignored)}"
        lines.append(f"{name}: {measured(shot.quality)}{ignored}.")
    if facts.steps:
        lines.append(f"By round: {round_chart(facts).words}.")
    return "\n".join([*lines, f"On show, {state.view}: {says(state)}"])
