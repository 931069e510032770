"""What the board shows in a given state, as numbers and words: pure, without a browser."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from seglib.widgets.balance import scale
from seglib.widgets.balance.cuts import Cut
from seglib.widgets.balance.quantities import Quantity, quantities
from seglib.widgets.balance.schemes import Option, options
from seglib.widgets.balance.survey import Survey
from seglib.widgets.balance.thumbs import Thumbs

VIEWS, AXES = ("classes", "blur"), ("linear", "log")


@dataclass(frozen=True)
class Column:
    """A column as it is seen: for each class a number in words and the length of its bar, 0..1."""

    title: str
    texts: tuple[str, ...]
    lengths: tuple[float, ...]
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Board:
    """Everything that the board can show."""

    survey: Survey
    thumbs: Thumbs
    cuts: tuple[Cut, ...]

    @cached_property
    def options(self) -> list[Option]:
        """Every way to weigh."""
        return options(self.survey.counts)

    @cached_property
    def quantities(self) -> dict[str, Quantity]:
        """Every column by its key."""
        return quantities(self.survey, self.options, self.cuts)


@dataclass(frozen=True)
class State:
    """All that decides what is on show.

    Attributes:
        board: what there is to show.
        view: "classes" or "blur".
        axis: "linear" or "log".
        selected: index of the class that is looked at.
        option: how classes are weighed.
        setting: stop of the rarity dial.
        cut: which cut for blur.
    """

    board: Board
    view: str
    axis: str
    selected: int
    option: Option
    setting: int
    cut: int

    @property
    def keys(self) -> list[str]:
        """The columns on show, from left to right."""
        if self.view == "blur":
            return ["pixels before", "images before", "lost"]
        counted = [unit for unit in ("pixels", "images", "objects") if unit in self.board.quantities]
        weighed = [f"weight {self.option.key}", f"loss {self.option.key}"]
        return [*counted, *weighed, f"beside {self.selected}"]


def columns(state: State) -> list[Column]:
    """The bars and numbers on show."""
    stop = state.cut if state.view == "blur" else state.setting
    return [_column(state.board.quantities[key], stop, state.axis) for key in state.keys]


def _column(quantity: Quantity, stop: int, name: str) -> Column:
    row = quantity.values[min(stop, len(quantity.values) - 1)].tolist()
    axis = quantity.axes[name]
    return Column(
        quantity.title,
        tuple(map(quantity.text, row)),
        tuple(map(axis.place, row)),
        tuple(quantity.ticks(name)),
    )


def says(state: State) -> str:
    """What is on show in a few sentences."""
    if state.view == "blur":
        return cut_words(state.board, state.cut)
    words = class_words(state.board, state.setting, state.selected)
    weight, part = (
        _column(state.board.quantities[f"{kind} {state.option.key}"], state.setting, "linear").texts
        for kind in ("weight", "loss")
    )
    if weight[state.selected] == "–":
        return words
    return (
        f"{words} {state.option.words}: weight {weight[state.selected]}, {part[state.selected]} of the loss."
    )


def class_words(board: Board, setting: int, place: int) -> str:
    """How much there is of one class at one stop of the dial."""
    counts = board.survey.settings[setting].counts
    name, images = counts.classes.names[place], counts.total("images")[place].item()
    if not images:
        return f"{name}: in none of the {len(counts)} images."
    parts = [
        f"{scale.share_text(counts.shares()[place].item())} of the pixels",
        f"in {images:,} of {len(counts):,} images",
    ]
    if counts.objects is not None and (objects := counts.total("objects")[place].item()):
        parts.append(f"{objects:,} object{'s' * (objects > 1)}")
    around = counts.total()[place].item() / counts.pixels_around[place].item()
    rim = board.thumbs.rim(setting, place)
    return (
        f"{name}: {', '.join(parts)}. Where it is, it fills {scale.share_text(around)} of the image; "
        f"{scale.share_text(rim)} of its pixels, in the images below, lie on its edge."
    )


def cut_words(board: Board, place: int) -> str:
    """What one cut drops, and which classes it hits."""
    cut = board.cuts[place]
    names = board.survey.counts.classes.names
    if not cut.dropped:
        return f"Nothing is dropped of {len(board.survey.counts):,} images."
    hit = [
        f"{name} ({scale.share_text(lost)})"
        for name, lost, much in zip(names, cut.lost.tolist(), cut.much.tolist())
        if much
    ]
    share = scale.share_text(cut.part)
    first = (
        f"{cut.dropped:,} of {len(board.survey.counts):,} images go ({share}), with a blur of "
        f"{scale.blur_text(cut.threshold)} or more."
    )
    if not hit:
        return f"{first} No class loses much more than chance would take."
    return f"{first} Hit much harder than by chance: {', '.join(hit)}."
