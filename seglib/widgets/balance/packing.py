"""What travels to the browser, once: every column, sentence and thumbnail; nothing is computed there."""

from __future__ import annotations

from typing import Any

from seglib.widgets.balance.cuts import Cut
from seglib.widgets.balance.quantities import Quantity
from seglib.widgets.balance.reading import AXES, Board, class_words, cut_words
from seglib.widgets.balance.scale import blur_text, share_text
from seglib.widgets.balance.schemes import BETAS, SCHEMES, UNITS


def packed(board: Board) -> dict[str, Any]:
    """The board as board.js unpacks it."""
    survey = board.survey
    classes = survey.counts.classes
    return {
        "images": len(survey.counts),
        "source": f"{survey.dataset.name} {survey.dataset.split}",
        "classes": [{"name": name, "color": color} for name, color in zip(classes.names, classes.colors)],
        "rare": survey.rare,
        "objects": survey.counts.objects is not None,
        "schemes": [[name, title, formula] for name, (title, formula) in SCHEMES.items()],
        "units": [unit for unit in UNITS if unit != "objects" or survey.counts.objects is not None],
        "betas": list(BETAS),
        "ways": {option.key: option.words for option in board.options},
        "quantities": {key: _quantity(quantity) for key, quantity in board.quantities.items()},
        "settings": [_setting(board, place) for place in range(len(survey.settings))],
        "cuts": [_cut(board, place, cut) for place, cut in enumerate(board.cuts)],
        "thumbs": board.thumbs.sheet,
    }


def _quantity(quantity: Quantity) -> dict[str, Any]:
    """Texts, and the lengths of the bars on both axes, at every stop for every class."""
    rows = quantity.values.tolist()
    axes = {
        name: {
            "lengths": [[round(axis.place(value), 5) for value in row] for row in rows],
            "ticks": [[round(at, 5), text] for at, text in quantity.ticks(name)],
        }
        for name, axis in ((name, quantity.axes[name]) for name in AXES)
    }
    texts = [[quantity.text(value) for value in row] for row in rows]
    return {"title": quantity.title, "texts": texts, "axes": axes}


def _setting(board: Board, place: int) -> dict[str, Any]:
    """One stop of the dial: words and images of every class, as [thumbnail, share, what it is called]."""
    setting = board.survey.settings[place]
    known = setting.counts.pixels[:, :-1].sum(dim=1).clamp(min=1)
    shown = [
        [
            [
                board.thumbs.number[place, index],
                share_text((setting.counts.pixels[index, k] / known[index]).item()),
                setting.dataset.sample_id(index),
            ]
            for index in images
        ]
        for k, images in enumerate(board.thumbs.shown[place])
    ]
    words = [class_words(board, place, k) for k in range(len(shown))]
    return {"frequency": setting.frequency, "words": words, "shown": shown}


def _cut(board: Board, place: int, cut: Cut) -> dict[str, Any]:
    """One cut: its words, the images on both sides, and what chance would take, as lengths of bars."""
    survey, axis = board.survey, board.quantities["lost"].axes["linear"]
    assert survey.sharpness is not None

    def crops(indices: tuple[int, ...]) -> list[list[Any]]:
        scores = survey.sharpness.scores  # type: ignore[union-attr]
        number, name = board.thumbs.number, survey.dataset.sample_id
        return [[number["blur", i], f"blur {blur_text(scores[i])}", name(i)] for i in indices]

    return {
        "dropped": cut.dropped,
        "blur": blur_text(cut.threshold) if cut.dropped else "",
        "words": cut_words(board, place),
        "stays": crops(cut.stays),
        "goes": crops(cut.goes),
        "part": axis.place(cut.part),
        "chance": [[round(axis.place(end), 5) for end in ends] for ends in cut.chance.tolist()],
        "much": cut.much.tolist(),
    }
