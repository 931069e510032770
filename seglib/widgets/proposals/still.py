"""The explorer without a browser: a figure of what is on show, and its words."""

from __future__ import annotations

import io

from matplotlib.figure import Figure
from torch import Tensor

from seglib.regions.features import crops
from seglib.widgets.old_chart import draw_chart, show_image
from seglib.widgets.proposals.curves import recall_chart, similarity_chart
from seglib.widgets.proposals.painting import compose
from seglib.widgets.proposals.reading import NONE, State, bars, paste_step, says


def cropped(state: State) -> tuple[Tensor, Tensor] | None:
    """What the net is shown of the region on show: full and foreground, (3, s, s); None without one."""
    facts = state.facts
    if state.region == NONE:
        return None
    full, foreground = crops(facts.image, facts.regions.subset([state.region]), size=facts.side)
    return full[0], foreground[0]


def image(state: State) -> bytes:
    """The image, and beside it the two crops, or the chart where there is no region, as a PNG."""
    height, width = state.facts.image.shape[1:]
    room = min(max(4 * width / height, 2), 8)  # inches; a very long image becomes smaller
    figure = Figure(figsize=(room + 2.6, 4.2), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(room, 2.4))
    show_image(figure.add_subplot(grid[:, 0]), compose(state), state.view)
    pair = cropped(state)
    if pair is None:
        stop = state.facts.counts.index(state.left)
        draw_chart(figure.add_subplot(grid[0, 1]), similarity_chart(state.facts), stop)
    else:
        for place, (crop, title) in enumerate(zip(pair, ("full box", "foreground"))):
            show_image(figure.add_subplot(grid[place, 1]), crop.round().byte(), title)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100, facecolor="white", metadata={"Software": None})
    return file.getvalue()


def description(state: State) -> str:
    """The image and its proposals, every object with its overlap, and what is looked at."""
    facts = state.facts
    height, width = facts.image.shape[1:]
    lines = [
        f"Proposals of an image, {width} x {height} pixels: {facts.total:,} regions; "
        f"grouping begins with {len(facts.tree.merges) + 1:,} superpixels."
    ]
    if facts.names:
        chart = recall_chart(facts)
        lines.append(f"{chart.title}, {chart.words}.")
        overlaps = zip(facts.names, facts.overlaps[-1].tolist())
        lines.append(f"Best overlap: {', '.join(f'{name} {overlap:.3f}' for name, overlap in overlaps)}.")
    if len(facts.picked):
        lines.append(f"The last that is pasted, {paste_step(facts, len(facts.picked))}")
    if (shown := bars(facts, state.region)) is not None:
        pairs = ", ".join(f"{name} {text}" for name, text in zip(shown.names, shown.texts))
        lines.append(f"Scores of the region on show: {pairs}.")
    return "\n".join([*lines, f"On show, {state.view}: {says(state)}"])
