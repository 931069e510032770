"""The board without a browser: a figure of its bars, and its words."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from seglib.draw import HATCHES
from seglib.widgets.balance.reading import State, columns, says


def image(state: State) -> bytes:
    """The columns on show as a PNG: a panel for each, a bar for each class, its number beside it."""
    classes = state.board.survey.counts.classes
    shown = columns(state)
    figure = Figure(figsize=(2.0 + 1.5 * len(shown), 0.7 + 0.27 * len(classes)), layout="constrained")
    panels = figure.subplots(1, len(shown), sharey=True)
    colors = [[channel / 255 for channel in color] for color in classes.colors]
    places = range(len(classes))
    for panel, column in zip(panels, shown):
        bars = panel.barh(places, column.lengths, color=colors, edgecolor="grey", height=0.7)
        for place, bar in enumerate(bars):
            bar.set_hatch(HATCHES[place % len(HATCHES)])
        panel.bar_label(bars, column.texts, padding=3, fontsize=8)
        panel.set_title(column.title, fontsize=9)
        panel.set_xlim(0, 1.6)  # room for the numbers
        panel.set_xticks([])
        panel.spines[["top", "right", "bottom"]].set_visible(False)
    panels[0].set_yticks(places, list(classes), fontsize=9)
    panels[0].invert_yaxis()
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100, facecolor="white", metadata={"Software": None})
    return file.getvalue()


def description(state: State) -> str:
    """The source, each class with its numbers, and what is looked at."""
    survey = state.board.survey
    shown = columns(state)
    head = f"Class balance of {survey.dataset.name} {survey.dataset.split}, {len(survey.counts):,} images"
    if survey.rare:
        often = survey.settings[state.setting].frequency
        head += f", {survey.rare} drawn {often:g} times as often as any other class"
    lines = [
        f"{name}: " + ", ".join(f"{column.title.lower()} {column.texts[place]}" for column in shown)
        for place, name in enumerate(survey.counts.classes)
    ]
    return "\n".join([f"{head}.", *lines, says(state)])
